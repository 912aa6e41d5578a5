"""What a bundle takes along of AutoEdge: the very code that fed and ran the model when it was measured."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from autoedge.errors import BundleError
from autoedge.registry import places

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "bundle_parts"
"""Name of the copy, so that a bundle and an installed AutoEdge never get in each other's way."""

_OWN = "autoedge.runtimes."
_TEMPLATE = "deploy/template_run.py"
_ENGINE = "from autoedge.runtimes.onnxruntime import OnnxRuntime as Engine"
_ABOUT = '''"""Parts of AutoEdge, unchanged but for the name of the package; Apache License 2.0."""
'''
_IMPORT = re.compile(r"^(\s*from )autoedge(?=[. ])", re.MULTILINE)
_IMPORTED = re.compile(r"^\s*from autoedge\.([\w.]+) import ([\w, ]+)", re.MULTILINE)


def sources(runtime: str) -> dict[str, bytes]:
    """The Python files of a bundle by their place in it: ``run.py``, and all that it imports of AutoEdge.

    Args:
        runtime: Name of the runtime that executes the model.

    Raises:
        BundleError: It is no runtime of AutoEdge's own, whose code could come along.
    """
    module, name = place_of(runtime)
    root = files("autoedge")
    template = root.joinpath(_TEMPLATE).read_text(encoding="utf-8")
    text = template.replace(_ENGINE, f"from autoedge.{module} import {name} as Engine")
    needed: dict[str, str] = {}
    waiting = list(_imports(text))
    while waiting:
        place = waiting.pop()
        if place not in needed:
            needed[place] = root.joinpath(place).read_text(encoding="utf-8")
            waiting += _imports(needed[place])
    copied = {f"{PACKAGE}/{place}": _renamed(content) for place, content in sorted(needed.items())}
    return {"run.py": _renamed(text), f"{PACKAGE}/__init__.py": _ABOUT.encode(), **copied}


def place_of(runtime: str) -> tuple[str, str]:
    """Module below ``autoedge`` and class of a runtime.

    Raises:
        BundleError: It is no runtime of AutoEdge's own.
    """
    module, _, name = places("autoedge.runtimes").get(runtime, "").partition(":")
    if not module.startswith(_OWN):
        own = ", ".join(sorted(known for known, place in places("autoedge.runtimes").items() if place.startswith(_OWN)))
        raise BundleError(f"bundles are built for {own}, but the candidate runs on {runtime}")
    return module.removeprefix("autoedge."), name


def _imports(source: str) -> Iterator[str]:
    """Files below ``autoedge`` that a source imports, the packages around them included."""
    for module, names in _IMPORTED.findall(source):
        parts = module.split(".")
        yield from ("/".join([*parts[: depth + 1], "__init__.py"]) for depth in range(len(parts) - 1))
        folder = files("autoedge").joinpath(*parts)
        if not folder.is_dir():
            yield "/".join(parts) + ".py"
            continue
        yield "/".join([*parts, "__init__.py"])
        inner = [name.strip() for name in names.split(",")]
        yield from ("/".join([*parts, f"{name}.py"]) for name in inner if folder.joinpath(f"{name}.py").is_file())


def _renamed(source: str) -> bytes:
    return _IMPORT.sub(rf"\g<1>{PACKAGE}", source).encode()
