"""Which optional packages are installed, and what to say where they are not."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def version_of(package: str) -> str | None:
    """Version of an installed distribution, None when it is missing."""
    found = next(iter(metadata.distributions(name=package)), None)
    return None if found is None else found.version


def what_to_install(packages: Sequence[str], extra: str) -> str:
    """One sentence on what is missing of some packages; empty when nothing is.

    Args:
        packages: Distributions that are needed.
        extra: AutoEdge's extra that installs them.
    """
    lacking = [name for name in packages if version_of(name) is None]
    return f"it takes {' and '.join(lacking)}: pip install 'autoedge[{extra}]'" if lacking else ""
