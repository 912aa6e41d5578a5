"""A model's outputs on the evaluation data, once in a job, with looks while they grow."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.agent.feed import Feed
from autoedge.agent.looks import EVALUATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.agent.looks import Looks
    from autoedge.runtimes.base import Session

_BETWEEN_LOOKS_S = 0.25
_PIECES = 1024


class Evaluation:
    """The evaluation of one loaded model.

    Args:
        job: ``evaluate`` (no, probe, full), ``scores`` (output name), ``tolerance`` and what a feed takes.
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
        call = self._session.bind([self._job["scores"]])
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
            output = np.asarray(call(batch)[0])[:valid]
            pieces.append(output.reshape(valid, -1).astype(np.float32))
            due = self._looks.wanted and samples is None and time.perf_counter() - last > _BETWEEN_LOOKS_S
            if due or len(pieces) == _PIECES:  # many small arrays take many times their data
                whole.append(np.concatenate(pieces))
                pieces = []
            if due:
                last = self._shown(whole)
        whole += [np.concatenate(pieces)] if pieces else []
        if samples is None:
            self._shown(whole)
        return np.concatenate(whole) if whole else np.empty((0, 0), np.float32)

    def _shown(self, whole: list[np.ndarray]) -> float:
        """Show what came since the look before; the time after it."""
        new, self._told = whole[self._told :], len(whole)
        if new and self._looks.wanted:
            self._looks.show(EVALUATION, {"evaluated": "part"}, {"scores": np.concatenate(new)})
        return time.perf_counter()
