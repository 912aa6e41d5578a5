"""Search space files that have a name: those that ship with AutoEdge, and those of installed plugins."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from autoedge.catalog import catalog_folder
from autoedge.errors import SpaceError
from autoedge.registry import places

GROUP = "autoedge.search_spaces"
"""Entry points of this group name packages; each ``*.yaml`` that lies in one is a search space file."""


def known_spaces() -> dict[str, Path]:
    """By name, which is the file's without its suffix: the shipped ones first, then those of plugins.

    A plugin's package is found, not imported.

    Raises:
        SpaceError: Two files have one name, or a plugin's package is not there.
    """
    folders = [catalog_folder("search_spaces"), *(_folder(*entry) for entry in sorted(places(GROUP).items()))]
    known: dict[str, Path] = {}
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.glob("*.yaml")):
            other = known.setdefault(path.stem, path)
            if other != path:
                raise SpaceError(f"the name of a search space stands for one file, but {other} and {path} share it")
    return known


def _folder(plugin: str, package: str) -> Path:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # what is above it is no package, or it is no name at all
        spec = None
    places_of_it = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places_of_it:
        raise SpaceError(
            f"the plugin '{plugin}' names the package {package} for its search spaces, but it is not there: "
            "install the plugin again"
        )
    return Path(places_of_it[0])
