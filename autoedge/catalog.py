"""Find the data folders that ship with AutoEdge: installed beside the package, or at the root of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from autoedge.errors import AutoEdgeError

Folder = Literal["search_spaces", "measurements", "surrogate_models"]


def catalog_folder(name: Folder) -> Path:
    """The folder of that name.

    Raises:
        AutoEdgeError: The installation is incomplete.
    """
    package = Path(__file__).parent
    for folder in (package / "_catalog" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise AutoEdgeError(f"this installation of autoedge lacks its folder '{name}': install it again")
