"""Shipped folders and registered classes are found."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from autoedge import catalog
from autoedge.catalog import catalog_folder
from autoedge.errors import AutoEdgeError
from autoedge.registry import places
from autoedge.space.declaration import read_space_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["search_spaces", "measurements", "surrogate_models"])
def test_every_shipped_folder_is_there(name: catalog.Folder) -> None:
    """A complete installation has all three, without Python files that would break an editable one."""
    folder = catalog_folder(name)
    assert folder.is_dir()
    assert not list(folder.rglob("*.py"))


def test_every_shipped_space_is_sound() -> None:
    """Each shipped space file can be read, is named after its file, and belongs to a registered runtime."""
    files = sorted(catalog_folder("search_spaces").glob("*.yaml"))
    assert files
    for path in files:
        file = read_space_file(path)
        assert file.name == path.stem
        assert file.runtime in places("autoedge.runtimes")
        assert all(suffix.startswith(".") for suffix in file.formats)


def test_an_incomplete_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the folder the message says to install again; with it the installed one comes before the checkout's."""
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "autoedge" / "catalog.py"))
    with pytest.raises(AutoEdgeError, match="lacks its folder 'search_spaces': install it again"):
        catalog_folder("search_spaces")
    (tmp_path / "search_spaces").mkdir()
    assert catalog_folder("search_spaces") == tmp_path / "search_spaces"
    installed = tmp_path / "autoedge" / "_catalog" / "search_spaces"
    installed.mkdir(parents=True)
    assert catalog_folder("search_spaces") == installed


def test_registered_runtimes_can_be_made() -> None:
    """Entry points name a module and a class in it; an unknown group holds nothing."""
    found = places("autoedge.runtimes")
    assert "onnxruntime" in found
    for place in found.values():
        module, _, name = place.partition(":")
        assert callable(getattr(import_module(module), name))
    assert places("autoedge.no_such_group") == {}
