"""verdict.json: the decision and everything that led to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_verdict(document: Mapping[str, Any], path: Path) -> None:
    """Write the verdict; it is the last file of a run, so its presence means that the run is complete."""
    write_whole(path, json.dumps(document, indent=1) + "\n")
