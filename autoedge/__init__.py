"""AutoEdge: choose what to deploy on an edge device by measuring it there."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoedge.search.sampler import SurrogateSampler as SurrogateSampler
    from autoedge.workflows.select import Selection as Selection
    from autoedge.workflows.select import select as select

_EXPORTS = {
    "Selection": "autoedge.workflows.select",
    "SurrogateSampler": "autoedge.search.sampler",
    "select": "autoedge.workflows.select",
}
__all__ = ["Selection", "SurrogateSampler", "select"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: ``import autoedge`` stays fast."""
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
