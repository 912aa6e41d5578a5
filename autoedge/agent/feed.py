"""Batches for a model: real samples where there are data, generated ones where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.fit import fit_batch
from autoedge.preprocessing.npz import Npz

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autoedge.runtimes.base import Port

    Batch = Mapping[str, np.ndarray]


_HELD_BYTES = 4 * 2**20


class Feed:
    """Batches of one size for one loaded model.

    Args:
        inputs: What the model takes.
        job: ``data`` (path of an npz file or None), ``batch``, ``seed`` for generated inputs.
    """

    def __init__(self, inputs: Sequence[Port], job: Mapping[str, Any]) -> None:
        self._inputs = inputs
        self._batch = int(job["batch"])
        self._seed = int(job["seed"])
        self._data = None if job["data"] is None else Npz(Path(job["data"]))

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
            yield {port.name: _generate(port, self._batch, generator) for port in self._inputs}, self._batch

    def stream(self, samples: int | None) -> Iterator[tuple[Batch, int]]:
        """The first samples (None: all) in order, as full batches with the number of real samples in each.

        The last batch repeats its last sample, since some models take one batch size only.
        """
        if self._data is None:
            raise DataError("outputs on evaluation data were asked for, but there are no data")
        arrays = self._data.match([port.name for port in self._inputs])
        pieces = [self._data.rows(arrays[port.name], self._batch, samples) for port in self._inputs]
        for rows in zip(*pieces):
            valid = len(rows[0])
            fitted = {
                port.name: fit_batch(piece, port.shape, port.dtype, self._batch)
                for port, piece in zip(self._inputs, rows)
            }
            yield fitted, valid


def _generate(port: Port, batch: int, generator: np.random.Generator) -> np.ndarray:
    free = [dim for dim in port.shape[1:] if not isinstance(dim, int)]
    if free:
        raise DataError(
            f"input '{port.name}' has free dimensions {free} beside the batch: give data: {{evaluation: ...}}"
        )
    shape = (batch, *(int(dim) for dim in port.shape[1:] if dim is not None))
    dtype = np.dtype(port.dtype)
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    if dtype.kind in "iub":
        return generator.integers(0, 2, shape).astype(dtype)
    raise DataError(f"inputs of type {port.dtype} cannot be generated: give data: {{evaluation: ...}}")
