"""All that can be told of a machine beside what a candidate needs to know: for people who look at a new target."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from autoedge.agent.conditions import snapshot
from autoedge.agent.kernels import timed_kernels


def survey() -> dict[str, Any]:
    """Look around; takes some seconds, and nothing else should run meanwhile.

    Returns:
        ``conditions`` (see ``snapshot``), ``disk_free_mib`` where the agent keeps its files, and ``kernels`` (see
        ``timed_kernels``).
    """
    return {
        "conditions": snapshot(),
        "disk_free_mib": shutil.disk_usage(str(Path.cwd())).free // 2**20,
        "kernels": timed_kernels(),
    }
