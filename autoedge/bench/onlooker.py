"""Look on while a candidate is measured, and say when enough has been seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from autoedge.agent.evaluation import joined
from autoedge.agent.frames import NONSENSE
from autoedge.agent.looks import EVALUATE, EVALUATION, FIRST_BLOCK, GO, STOP, WINDOW
from autoedge.bench.foresight import fill, look_values
from autoedge.bench.sight import Sight
from autoedge.measurement import Source, Value
from autoedge.metric import METRICS, QUALITY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.agent.frames import Frame
    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.quality import QualityBook

_WORST = {
    METRICS[name].key: Value.exact(0.0, "the worst there is")
    for name in QUALITY
    if METRICS[name].dimension == "fraction"  # a plain number may come as bad as it likes
}


class Judge(Protocol):
    """Knows what a candidate must keep and must beat; asked from the thread that measures."""

    def expected(self, look: str, values: Mapping[str, float], *, fill_ms: float, calls: int) -> Sight:
        """What a full measurement would say, each figure with the intervals that its comparisons need."""

    def why_broken(self, sight: Sight) -> str:
        """Which limit is broken wherever in their intervals the figures lie; empty where none is."""

    def why_dominated(self, sight: Sight) -> str:
        """Which candidate is better wherever in their intervals the figures lie; empty where none is."""


class Onlooker:
    """Answers the looks of one measurement.

    Args:
        judge: Decides.
        key: As the host sent it along with the job.
        power: For the energy estimate; None where a meter tells it.
        quality: Turns outputs into metrics.
        reference_file: Of the reference's outputs, for what is told against them.
        known: Quality metrics of outputs that this candidate should share; empty where there are none.
        evaluates: Whether the job has an evaluation.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        key: Mapping[str, Any],
        power: PowerEstimate | None,
        quality: QualityBook,
        reference_file: str | None,
        known: Mapping[str, Value],
        evaluates: bool,
    ) -> None:
        self._judge = judge
        self._key = key
        self._power = power
        self._quality = quality
        self._reference_file = reference_file
        self._known = {key: replace(value, source=Source.DERIVED) for key, value in known.items()}
        self._evaluates = evaluates
        self._timed = False
        self._scores: list[np.ndarray[Any, Any]] = []
        self._of_data: Mapping[str, Value] = {}
        self._of_calls = Sight()
        self.calls_ns: np.ndarray[Any, Any] = np.empty(0, np.int64)
        self.reason = ""

    @property
    def sight(self) -> Sight:
        """What has been seen so far, as a full measurement would have it; nothing of it was measured in full."""
        return self._of_calls.knowing(self._of_data)

    @property
    def scores(self) -> np.ndarray[Any, Any] | None:
        """Outputs of all samples, where they were all seen."""
        seen = sum(map(len, self._scores))
        return joined(self._scores) if seen and seen == self._quality.samples else None

    def __call__(self, look: Frame) -> str:
        """One of ``autoedge.agent.looks.ANSWERS``; a look that makes no sense stops nothing."""
        try:
            return self._answer(look)
        except NONSENSE:
            return GO

    def _answer(self, look: Frame) -> str:
        name = look.body["name"]
        if name == FIRST_BLOCK:
            self._scores, self._of_data = [], {}
        if name == EVALUATION:
            self._take_outputs(look)
        else:
            self._take_calls(name, look)
        if self._spares(look):
            self.reason = self._judge.why_broken(self.sight) or self._judge.why_dominated(self.sight)
        if self.reason:
            return STOP
        return EVALUATE if name == FIRST_BLOCK and self._evaluates and self._hinges_on_outputs() else GO

    def _spares(self, look: Frame) -> bool:
        """Whether anything is left that a stop would spare: what is all but measured is worth more than no time."""
        name = look.body["name"]
        self._timed = self._timed or name == WINDOW
        if not self._timed:
            return True
        missing = sum(map(len, self._scores)) < self._quality.samples
        if name == WINDOW:
            metered = self._power is None  # the energy windows are to come
            return metered or (
                self._evaluates and not self._known and missing
            )  # a probe of known outputs takes no time
        return missing and look.body["evaluated"] != "probe"

    def _hinges_on_outputs(self) -> bool:
        """Whether outputs as they are known, or as bad as can be, would be the end of it."""
        judge, seen = self._judge, self.sight
        if self._known and judge.why_broken(seen.knowing(self._known)):
            return True
        return bool(judge.why_dominated(seen.knowing(self._known or _WORST)))

    def _take_calls(self, name: str, look: Frame) -> None:
        self.calls_ns = look.arrays["calls_ns"]
        values = look_values(look.body, self.calls_ns, self._key, self._power)
        self._of_calls = self._judge.expected(name, values, fill_ms=fill(self._key), calls=len(self.calls_ns))

    def _take_outputs(self, look: Frame) -> None:
        if look.body["evaluated"] == "probe":
            self._of_data = self._known
            return
        if sum(map(len, self._scores)) + len(look.arrays["scores"]) > self._quality.samples:
            raise ValueError("more outputs than there are samples")
        self._scores.append(look.arrays["scores"])
        self._of_data = self._quality.outlook(joined(self._scores), self._reference_file)
