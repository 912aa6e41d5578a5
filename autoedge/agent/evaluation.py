"""A model's outputs on the evaluation data, once in a job, with looks while they grow."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.agent.feed import Feed
from autoedge.agent.looks import EVALUATION
from autoedge.errors import DataError
from autoedge.preprocessing.quantised import reals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.agent.looks import Looks
    from autoedge.runtimes.base import Session

_BETWEEN_LOOKS_S = 0.25
_PIECES = 1024
FILLING = -1.0
"""Stands where a row of outputs has fewer numbers than the widest; of a detection it is a score that none has."""


class Evaluation:
    """The evaluation of one loaded model.

    Args:
        job: ``evaluate`` (no, probe, full), ``tolerance`` and what a feed takes; ``scores``: the output's name, or a
            list of outputs of samples x things x numbers whose numbers are put side by side; ``shaped``: whether the
            one output keeps its shape.
        expected: Scores of the first samples as another candidate with the same outputs gave them, for ``probe``.
        session: The model.
        looks: Shown the scores as they come.
    """

    def __init__(self, job: Mapping[str, Any], expected: np.ndarray | None, session: Session, looks: Looks) -> None:
        self._job = job
        self._expected = expected
        self._session = session
        self._looks = looks
        self._told = 0
        self._found: tuple[Any, bool] | None = None  # a file with the scores, and whether they are all

    @property
    def wanted(self) -> bool:
        """Whether the job asks for it."""
        return bool(self._job["evaluate"] != "no")

    @property
    def done(self) -> bool:
        """Whether it has been made."""
        return self._found is not None

    def make(self) -> None:
        """Run the model on the data; the scores wait in a file, so that they are no part of the memory.

        Raises:
            StoppedError: The host has seen enough.
        """
        scores, whole = self._made()
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed once it is read, or with the process
        np.save(file, scores, allow_pickle=False)
        self._found = file, whole

    def scores(self) -> tuple[np.ndarray, bool]:
        """Scores of all samples and True, or of the first ones and False where they agree with what is expected.

        Raises:
            StoppedError: The host has seen enough.
        """
        if self._found is None:
            return self._made()
        file, whole = self._found
        with file:
            file.seek(0)
            return np.load(file, allow_pickle=False), whole

    def _made(self) -> tuple[np.ndarray, bool]:
        names = self._job["scores"]
        call = self._session.bind(names if isinstance(names, list) else [names])
        feed = Feed(self._session.inputs, self._job)
        if self._job["evaluate"] == "probe" and self._expected is not None:
            probe = self._stream(call, feed, len(self._expected))
            same = probe.shape == self._expected.shape and np.array_equal(probe.argmax(-1), self._expected.argmax(-1))
            if same and np.allclose(probe, self._expected, rtol=0, atol=self._job["tolerance"]):
                self._looks.show(EVALUATION, {"evaluated": "probe"}, {})
                return probe, False
        return self._stream(call, feed, None), True

    def _stream(self, call: Any, feed: Feed, samples: int | None) -> np.ndarray:
        whole: list[np.ndarray] = []
        pieces: list[np.ndarray] = []
        last = time.perf_counter()
        for batch, valid in feed.stream(samples):
            pieces.append(self._rows(call(batch), valid))
            due = self._looks.wanted and samples is None and time.perf_counter() - last > _BETWEEN_LOOKS_S
            if due or len(pieces) == _PIECES:  # many small arrays take many times their data
                whole.append(joined(pieces))
                pieces = []
            if due:
                last = self._shown(whole)
        whole += [joined(pieces)] if pieces else []
        if samples is None:
            self._shown(whole)
        return joined(whole) if whole else np.empty((0, 0), np.float32)

    def _rows(self, outputs: Sequence[np.ndarray], valid: int) -> np.ndarray:
        """The first outputs of a batch as samples x numbers, float32."""
        names = self._job["scores"]
        if not isinstance(names, list):
            output = self._real(names, np.asarray(outputs[0])[:valid])
            shaped = self._job.get("shaped") and output.ndim > 1
            return output.astype(np.float32) if shaped else output.reshape(valid, -1).astype(np.float32)
        arrays = [self._real(name, np.asarray(output)[:valid]) for name, output in zip(names, outputs)]
        things = arrays[0].shape[1] if arrays[0].ndim > 1 else 1
        if any(len(array) < valid or array.size % (valid * max(1, things)) for array in arrays):
            shapes = {name: array.shape for name, array in zip(names, arrays)}
            raise DataError(f"outputs of one task have one row for each thing of a sample, but got {shapes}")
        if not things:
            width = sum(array.shape[2] if array.ndim > 2 else 1 for array in arrays)  # noqa: PLR2004 - numbers of a thing
            return np.full((valid, width), FILLING, np.float32)
        columns = [array.reshape(valid, things, -1).astype(np.float32) for array in arrays]
        return np.concatenate(columns, axis=2).reshape(valid, -1)

    def _real(self, name: str, output: np.ndarray) -> np.ndarray:
        """The real numbers that an output's integers stand for, where the model gives such integers."""
        port = next((port for port in self._session.outputs if port.name == name), None)
        return output if port is None else reals(output, port.scale, port.zero_point)

    def _shown(self, whole: list[np.ndarray]) -> float:
        """Show what came since the look before; the time after it."""
        new, self._told = whole[self._told :], len(whole)
        if new and self._looks.wanted:
            self._looks.show(EVALUATION, {"evaluated": "part"}, {"scores": joined(new)})
        return time.perf_counter()


def joined(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Pieces of outputs as one array; narrower rows are filled up at their end.

    Args:
        pieces: At least one, each samples x numbers, or samples x a shape that is the same in all.
    """
    flat = all(piece.ndim == 2 for piece in pieces)  # noqa: PLR2004 - samples x numbers
    if not flat or len({piece.shape[1] for piece in pieces}) == 1:
        return np.concatenate(pieces)
    widest = max(piece.shape[1] for piece in pieces)
    fill = [np.full((len(piece), widest - piece.shape[1]), FILLING, np.float32) for piece in pieces]
    return np.concatenate([np.hstack(pair) for pair in zip(pieces, fill)])
