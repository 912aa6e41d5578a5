"""Batches for a model: real samples where there are data, generated ones where there are none."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.data import open_data
from autoedge.preprocessing.image_archive import ImageArchive, is_image_archive
from autoedge.preprocessing.inputs import Inputs
from autoedge.preprocessing.pillow import pillow
from autoedge.preprocessing.quantised import quantise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autoedge.preprocessing.decoding import Samples
    from autoedge.runtimes.base import Port

    Batch = Mapping[str, np.ndarray]


_HELD_BYTES = 4 * 2**20
_TIMED = 300


class Feed:
    """Batches of one size for one loaded model.

    Args:
        inputs: What the model takes.
        job: ``data`` (path of an npz file or an archive of images, or None), ``batch``, ``seed`` for generated inputs;
            ``inputs`` (the steps of each input, see ``autoedge.preprocessing.inputs``) and ``shapes`` (by input, the
            shape of a call) where they are known.
    """

    def __init__(self, inputs: Sequence[Port], job: Mapping[str, Any]) -> None:
        self._inputs = inputs
        self._batch = int(job["batch"])
        self._seed = int(job["seed"])
        self._data = None if job["data"] is None else open_data(Path(job["data"]))
        self._prepare = Inputs(job.get("inputs"))
        self._shapes = job.get("shapes") or {}

    def batches(self, most: int) -> list[Batch]:
        """Up to ``most`` different full batches, so that no measurement rests on one lucky sample.

        All of them together take at most a few MiB (one batch at least): they are held while memory is measured.
        """
        source = self._generated(most) if self._data is None else self.stream(most * self._batch)
        batches: list[Batch] = []
        size = 0
        for batch, valid in source:
            size += sum(array.nbytes for array in batch.values())
            if batches and (size > _HELD_BYTES or valid < self._batch):
                break
            batches.append(batch)
        return batches

    def _generated(self, count: int) -> Iterator[tuple[Batch, int]]:
        generator = np.random.default_rng(self._seed)
        for _ in range(count):
            batch = {
                port.name: _generate(port, self._batch, self._shapes.get(port.name, port.shape), generator)
                for port in self._inputs
            }
            yield batch, self._batch

    def stream(self, samples: int | None) -> Iterator[tuple[Batch, int]]:
        """The first samples (None: all) in order, as full batches with the number of real samples in each.

        The last batch repeats its last sample, since some models take one batch size only.
        """
        for rows in self._rows(self._batch, samples):
            valid = len(next(iter(rows.values())))
            yield self._prepare.batch(self._inputs, rows, self._batch), valid

    def _rows(self, step: int, samples: int | None) -> Iterator[dict[str, Samples]]:
        """Samples as they are stored, by input."""
        if self._data is None:
            raise DataError("outputs on evaluation data were asked for, but there are no data")
        lengths = {name: header.shape[0] for name, header in self._data.arrays.items()}
        names = [port.name for port in self._inputs]
        try:
            arrays = self._prepare.match(names, lengths)
        except DataError as error:
            raise DataError(f"{self._data.path}: {error}") from None
        for rows in zip(*(self._data.rows(arrays[name], step, samples) for name in names)):
            yield dict(zip(names, rows))

    @property
    def prepares(self) -> bool:
        """Whether anything is done to samples before the model gets them."""
        quantises = any(port.scale for port in self._inputs)
        encoded = isinstance(self._data, ImageArchive)
        return self._data is not None and (quantises or encoded or self._prepare.declared)

    def timed(self, seconds: float) -> np.ndarray:
        """How long it takes to prepare one item, in ns: decoding, all steps and what makes the model's integers of it.

        Reading is no part of it. The data are gone through as often as it takes.

        Args:
            seconds: Begin no further item after these.

        Returns:
            int64 of up to 300 items.

        Raises:
            DataError: There are no data.
        """
        times: list[int] = []
        clock = time.perf_counter_ns
        end = clock() + int(seconds * 1e9)
        while True:
            for rows in self._rows(1, _TIMED):
                start = clock()
                self._prepare.batch(self._inputs, rows, 1)
                done = clock()
                times.append(done - start)
                if done > end or len(times) == _TIMED:
                    return np.array(times, np.int64)
            if not times:
                return np.array(times, np.int64)


def load_tools(job: Mapping[str, Any]) -> None:
    """Import what a job's data and steps need, so that its memory is not taken for the model's.

    Raises:
        DataError: It is not installed.
    """
    Inputs(job.get("inputs")).load_tools()
    if job["data"] is not None and is_image_archive(Path(job["data"])):
        pillow()


def _generate(port: Port, batch: int, wanted: Sequence[int | str | None], generator: np.random.Generator) -> np.ndarray:
    free = [dim for dim in wanted[1:] if not isinstance(dim, int)]
    if free:
        raise DataError(
            f"input '{port.name}' has free dimensions {free} beside the batch: give data: {{evaluation: ...}}"
        )
    shape = (batch, *(int(dim) for dim in wanted[1:] if dim is not None))
    dtype = np.dtype(port.dtype)
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    if port.scale:
        return quantise(generator.standard_normal(shape), port.dtype, port.scale, port.zero_point)
    if dtype.kind in "iub":
        return generator.integers(0, 2, shape).astype(dtype)
    raise DataError(f"inputs of type {port.dtype} cannot be generated: give data: {{evaluation: ...}}")
