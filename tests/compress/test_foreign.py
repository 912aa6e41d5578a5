"""The user's code and weights: what is taken, and what is told when they are not what they should be."""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from autoedge.compress import foreign
from autoedge.compress.record import sha256
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("nets", "beside", "bad")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Imports of other tests and of this one are forgotten: each folder has nets of its own."""
    path = list(sys.path)
    for name in NAMES:
        sys.modules.pop(name, None)
    yield
    sys.path[:] = path
    for name in NAMES:
        sys.modules.pop(name, None)


def test_a_module_and_what_lies_beside_it(folder: Path) -> None:
    """The function's model is returned, and every file that it took is named."""
    (folder / "beside.py").write_text("width = 4\n")
    (folder / "nets.py").write_text(
        "import beside\nfrom torch import nn\n\ndef f():\n    return nn.Linear(beside.width, 1)\n"
    )
    model = foreign.build("nets:f", folder)
    assert isinstance(model, nn.Linear)
    assert foreign.imported(folder) == {name: sha256(folder / name) for name in ("beside.py", "nets.py")}


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nots:large", r"lies in the spec's folder, but there is no .*nots\.py"),
        ("json:loads", r"there is no .*json\.py"),
        ("nets:huge", "nets has no huge; it has Fickle, Picky, Residual, broken, fickle, large"),
        ("nets:text", "a model is a torch.nn.Module, but the function returned str"),
        ("nets:broken", "the function failed: KeyError: 'weights'"),
    ],
)
def test_what_is_no_model(folder: Path, place: str, said: str) -> None:
    """The message names what was asked for, and what there is."""
    with pytest.raises(ModelError, match=said):
        foreign.build(place, folder)


def test_a_module_that_cannot_be_imported(folder: Path) -> None:
    """Its own error is told."""
    (folder / "bad.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(ModelError, match="the module failed: ModuleNotFoundError"):
        foreign.build("bad:f", folder)


def test_a_module_whose_name_is_taken(folder: Path) -> None:
    """A file that is called like an installed package is not mistaken for it."""
    (folder / "torch.py").write_text("")
    with pytest.raises(ModelError, match="torch is the name of another module; rename the file"):
        foreign.build("torch:f", folder)


def test_weights(tmp_path: Path) -> None:
    """A state dict is put into the model."""
    source, model = nn.Linear(2, 3), nn.Linear(2, 3)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    foreign.load_weights(model, tmp_path / "weights.pt")
    assert torch.equal(model.weight, source.weight)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    """Other shapes and other files are refused."""
    path = tmp_path / "weights.pt"
    torch.save(nn.Linear(2, 4).state_dict(), path)
    with pytest.raises(ModelError, match=r"the weights do not fit the model: .*size mismatch"):
        foreign.load_weights(nn.Linear(2, 3), path)
    torch.save([torch.zeros(1)], path)
    with pytest.raises(ModelError, match="weights are a state dict, but the file holds a list"):
        foreign.load_weights(nn.Linear(2, 3), path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"weights are a state dict as torch\.save writes it"):
        foreign.load_weights(nn.Linear(2, 3), path)


class Evil:
    """Opens a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


def test_weights_never_run_code(tmp_path: Path) -> None:
    """A pickle that would do something is refused, and does nothing."""
    path, touched = tmp_path / "weights.pt", tmp_path / "touched"
    torch.save({"weight": Evil(touched)}, path)
    with pytest.raises(ModelError, match="weights are a state dict"):
        foreign.load_weights(nn.Linear(2, 3), path)
    path.write_bytes(pickle.dumps(Evil(touched)))
    with pytest.raises(ModelError, match="weights are a state dict"):
        foreign.load_weights(nn.Linear(2, 3), path)
    assert not touched.exists()
