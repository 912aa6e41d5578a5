"""An intent without the places where its user keeps files and devices."""

from __future__ import annotations

import io
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from autoedge.intent.resolved import target_name

_OF_FILES = frozenset({"models", "path", "evaluation", "calibration", "space"})


def without_folders(text: str) -> str:
    """The YAML text with every path cut down to its file name; comments are left out too.

    The address of a device becomes the name under which the rest of the bundle calls it.

    Args:
        text: An intent; one mapping in YAML.
    """
    from ruamel.yaml import YAML

    yaml = YAML(pure=True)
    yaml.width = 1 << 20
    out = io.StringIO()
    yaml.dump(_cut(YAML(typ="safe", pure=True).load(text), of_files=False), out)
    return out.getvalue()


def _cut(value: Any, *, of_files: bool) -> Any:
    if isinstance(value, dict):
        return {key: _cut(item, of_files=key in _OF_FILES) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item, of_files=of_files) for item in value]
    if isinstance(value, str) and (of_files or _absolute(value)):
        return PureWindowsPath(value).name or value  # knows both separators
    return target_name(value) if isinstance(value, str) else value


def _absolute(text: str) -> bool:
    """Whether a value is a path wherever it stands; ``2 / s`` is none."""
    return text.startswith("~") or PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
