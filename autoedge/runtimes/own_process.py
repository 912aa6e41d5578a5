"""Code that runs a module of AutoEdge in a process of its own, with whatever interpreter the device has."""

from __future__ import annotations

from pathlib import Path

_ROOT = str(Path(__file__).parents[2])
_PACKAGE = __name__.partition(".")[0]


def code_for(module: str) -> str:
    """What ``python -c`` is given to call ``main`` of a module of AutoEdge.

    The folder or archive that AutoEdge lies in may be the site-packages of another interpreter. So it is on the path
    only until ``autoedge`` itself is found, and the interpreter's own packages are what else is imported. The current
    folder is not on the path.
    """
    return (
        f"import sys; sys.path = [{_ROOT!r}, *filter(None, sys.path)]; import {_PACKAGE}; del sys.path[0]; "
        f"from importlib import import_module as found; found({module!r}).main()"
    )
