"""Read npz files by rows, so that a data set never has to fit in a measured process."""

from __future__ import annotations

import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.fit import match_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_BYTES = 8 * 2**30


class Header(NamedTuple):
    """What an array's header says.

    Attributes:
        shape: With the sample axis first.
        dtype: Element type; never object.
        fortran: Stored by columns.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool


class Npz:
    """An npz file of arrays whose first axis is samples; pickled objects are refused.

    Args:
        path: The file.

    Raises:
        DataError: It is no npz file, holds objects, or would unpack to more than 8 GiB.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                    raise DataError(f"{path}: data must unpack to at most {MAX_BYTES // 2**30} GiB")
                self.arrays = {
                    entry[: -len(".npy")]: self._header(archive, entry)
                    for entry in archive.namelist()
                    if entry.endswith(".npy")
                }
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"{path}: not a readable npz file ({error}); write it with numpy.savez") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error

    def _header(self, archive: zipfile.ZipFile, entry: str) -> Header:
        with archive.open(entry) as stream:
            header = _read_header(stream)
        if header.dtype.hasobject:
            raise DataError(f"{self.path}: array '{entry[:-4]}' holds Python objects; store plain numbers")
        if not header.shape:
            raise DataError(f"{self.path}: array '{entry[:-4]}' is a scalar; its first axis must be samples")
        return header

    def rows(self, name: str, step: int, stop: int | None = None) -> Iterator[np.ndarray]:
        """Consecutive pieces of ``step`` rows of an array, the last one shorter; at most ``stop`` rows in all.

        Raises:
            DataError: The file ends early or does not unpack.
        """
        header = self.arrays[name]
        total = header.shape[0] if stop is None else min(stop, header.shape[0])
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{name}.npy") as stream:
                if header.fortran:
                    whole = np.lib.format.read_array(stream, allow_pickle=False)
                    for start in range(0, total, step):
                        yield whole[start : min(start + step, total)]
                    return
                _read_header(stream)
                width = int(np.prod(header.shape[1:], dtype=np.int64))
                for start in range(0, total, step):
                    count = min(step, total - start)
                    data = stream.read(count * width * header.dtype.itemsize)
                    yield np.frombuffer(data, header.dtype).reshape((count, *header.shape[1:]))
        except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError) as error:
            raise DataError(f"{self.path}: array '{name}' cannot be read: {error}") from error

    def whole(self, name: str) -> np.ndarray:
        """All rows of an array."""
        count = max(1, self.arrays[name].shape[0])
        return next(self.rows(name, count), np.empty(self.arrays[name].shape, self.arrays[name].dtype))

    def match(self, inputs: Sequence[str]) -> dict[str, str]:
        """Which array feeds which model input; see :func:`autoedge.preprocessing.fit.match_inputs`."""
        try:
            return match_inputs(inputs, {name: header.shape[0] for name, header in self.arrays.items()})
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from None


def _read_header(stream: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"npy format version {version} is not known")
    shape, fortran, dtype = readers[version](stream)
    return Header(tuple(shape), dtype, fortran)
