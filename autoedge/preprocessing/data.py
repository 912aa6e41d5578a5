"""Samples in a file, whatever its form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from autoedge.preprocessing.image_archive import ImageArchive, is_image_archive
from autoedge.preprocessing.npz import Npz

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from autoedge.preprocessing.decoding import Samples
    from autoedge.preprocessing.npz import Header


class Data(Protocol):
    """Named arrays whose first axis is samples, read by rows."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def arrays(self) -> Mapping[str, Header]:
        """What there is; a size of 0 beyond the first axis is one in which samples differ."""

    def match(self, inputs: Sequence[str]) -> dict[str, str]:
        """Which array feeds which model input; see :func:`autoedge.preprocessing.fit.match_inputs`."""

    def rows(self, name: str, step: int, stop: int | None = None) -> Iterator[Samples]:
        """Consecutive pieces of ``step`` samples, the last one shorter; at most ``stop`` in all.

        Raises:
            DataError: The file ends early or does not unpack.
        """

    def whole(self, name: str) -> np.ndarray:
        """All rows of an array.

        Raises:
            DataError: They cannot be read at once.
        """


def open_data(path: Path) -> Data:
    """The samples in an npz file or an archive of images.

    Raises:
        DataError: It is neither, or is damaged.
    """
    return ImageArchive(path) if is_image_archive(path) else Npz(path)
