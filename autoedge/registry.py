"""Names to classes through entry points; the built-ins come through the same door as plugins."""

from __future__ import annotations

from importlib import metadata


def places(group: str) -> dict[str, str]:
    """Where the classes of a group lie, without importing them: ``{"onnxruntime": "module:Class"}``.

    Args:
        group: Entry point group, ``autoedge.runtimes``.
    """
    return {entry.name: entry.value for entry in metadata.entry_points(group=group)}
