"""What a bundle takes along of AutoEdge: the very code that fed and ran the model when it was measured."""

from __future__ import annotations

import re
from importlib.resources import files

PACKAGE = "bundle_parts"
"""Name of the copy, so that a bundle and an installed AutoEdge never get in each other's way."""

RUNTIMES = ("onnxruntime",)
"""Runtimes that ``run.py`` knows how to start."""

_COPIED = (
    "errors.py",
    "preprocessing/__init__.py",
    "preprocessing/fit.py",
    "preprocessing/npz.py",
    "runtimes/__init__.py",
    "runtimes/base.py",
    "runtimes/onnxruntime.py",
)
_ABOUT = '''"""Parts of AutoEdge, unchanged but for the name of the package; Apache License 2.0."""
'''
_IMPORT = re.compile(r"^(\s*from )autoedge(?=[. ])", re.MULTILINE)


def sources() -> dict[str, bytes]:
    """The Python files of a bundle by their place in it."""
    root = files("autoedge")
    copied = {f"{PACKAGE}/{place}": _renamed(root.joinpath(place).read_text(encoding="utf-8")) for place in _COPIED}
    copied["run.py"] = _renamed(root.joinpath("deploy/template_run.py").read_text(encoding="utf-8"))
    return {f"{PACKAGE}/__init__.py": _ABOUT.encode(), **copied}


def _renamed(source: str) -> bytes:
    return _IMPORT.sub(rf"\g<1>{PACKAGE}", source).encode()
