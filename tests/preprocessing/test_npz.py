"""Reading npz files by rows."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import DataError
from autoedge.preprocessing import npz as npz_module
from autoedge.preprocessing.npz import Npz

if TYPE_CHECKING:
    from pathlib import Path


@given(rows=st.integers(1, 30), step=st.integers(1, 12), stop=st.none() | st.integers(1, 40), fortran=st.booleans())
def test_pieces_add_up_to_the_array(
    tmp_path_factory: pytest.TempPathFactory, rows: int, step: int, stop: int | None, *, fortran: bool
) -> None:
    """Pieces are the array's rows in order, for any step and end, in either memory order."""
    array = np.arange(rows * 6, dtype=np.int32).reshape(rows, 2, 3)
    path = tmp_path_factory.mktemp("npz") / "data.npz"
    np.savez_compressed(path, x=np.asfortranarray(array) if fortran else array)
    pieces = list(Npz(path).rows("x", step, stop))
    np.testing.assert_array_equal(np.concatenate(pieces), array[: rows if stop is None else stop])
    assert all(len(piece) == step for piece in pieces[:-1])


def test_objects_are_refused(tmp_path: Path) -> None:
    """A pickled object in an npz file is an error before anything is unpickled."""
    path = tmp_path / "evil.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="holds Python objects"):
        Npz(path)


def test_a_bomb_is_refused_by_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that would unpack beyond the limit is refused without unpacking it."""
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, x=np.zeros(100_000))
    monkeypatch.setattr(npz_module, "MAX_BYTES", 10_000)
    with pytest.raises(DataError, match="must unpack to at most"):
        Npz(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_what_is_no_npz_is_named(tmp_path: Path, content: bytes) -> None:
    """Empty, foreign and broken files are one clear error that names the file."""
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.npz: not a readable npz file"):
        Npz(path)


def test_a_damaged_entry_is_named(tmp_path: Path) -> None:
    """Bytes flipped inside an array are found while reading, not passed on."""
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).random((1000, 10)))
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("x.npy")
    raw = bytearray(path.read_bytes())
    raw[info.header_offset + info.compress_size // 2] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(DataError):
        list(Npz(path).rows("x", 100))


def test_inputs_find_their_arrays(tmp_path: Path) -> None:
    """Array x feeds the only input whatever its name; several inputs take one array each by name; gaps are named."""
    path = tmp_path / "data.npz"
    np.savez(path, x=np.zeros((3, 2)), a=np.zeros((3, 1)), b=np.zeros((3, 1)), short=np.zeros((2, 1)))
    data = Npz(path)
    assert data.match(["image"]) == {"image": "x"}
    assert data.match(["a", "b"]) == {"a": "a", "b": "b"}
    with pytest.raises(DataError, match="missing: c"):
        data.match(["a", "c"])
    with pytest.raises(DataError, match="same number of samples"):
        data.match(["a", "short"])
