"""Choosing the candidate from which the most is expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoedge.pareto import nondominated
from autoedge.search.improvement import Improvement
from autoedge.search.told import Told
from autoedge.surrogate.encoding import is_logarithmic
from autoedge.surrogate.ensemble import Ensemble
from autoedge.surrogate.threads import one_thread
from autoedge.surrogate.trees import Forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.search.informed import Informed
    from autoedge.surrogate.encoding import Encoded
    from autoedge.surrogate.foreseen import Expectation

    Array = NDArray[np.float64]

SCREENED = 256  # candidates that get the full treatment
QUICK_DRAWS = 8
DRAWS = 48
MARGIN = 0.1  # the reference lies this share of the range beyond the worst value
HOPELESS = 0.01  # below this chance of feasibility, less violation counts instead


@dataclass(frozen=True)
class Evidence:
    """What was measured.

    Attributes:
        rows: The measured candidates.
        values: Shape (n, objectives).
        signs: Shape (objectives,): 1 to minimise, -1 to maximise.
        constraints: Shape (n, constraints), satisfied up to 0, NaN where unknown.
        failed: The candidates that failed.
        pending: The candidates being measured.
    """

    rows: Encoded
    values: Array
    signs: Array
    constraints: Array
    failed: Encoded
    pending: Encoded

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which rows violate nothing that is known of them."""
        return np.asarray(((self.constraints <= 0) | np.isnan(self.constraints)).all(axis=1))

    @property
    def best(self) -> NDArray[np.intp]:
        """The non-dominated feasible rows; where nothing is feasible, those of least violation."""
        feasible = np.flatnonzero(self.feasible)
        if len(feasible):
            return feasible[nondominated(self.values[feasible] * self.signs)]
        return np.argsort(np.nan_to_num(np.maximum(self.constraints, 0.0)).sum(axis=1))[:3]


def choose(evidence: Evidence, candidates: Encoded, *, seed: int, informed: Informed | None = None) -> int | None:
    """The row of the candidate with the largest expected feasible hypervolume improvement.

    All candidates are screened with the cheaper models and few draws; the most promising are judged by all models
    and many. While nothing feasible is known, the chance of feasibility counts alone.

    Args:
        evidence: What was measured; nothing at all only where ``informed`` is complete.
        candidates: What may be chosen, encoded as the evidence is.
        seed: The same arguments and seed give the same choice.
        informed: What other targets say of the candidates.

    Returns:
        The row; None when no candidate promises anything.
    """
    with one_thread():
        judge = _Judge(evidence, candidates, seed, informed)
        rows = np.arange(len(candidates.matrix))
        if len(rows) > SCREENED:
            rough = judge.scores(candidates, QUICK_DRAWS)
            rows = np.sort(np.argsort(-rough, kind="stable")[:SCREENED])
        scores = judge.scores(candidates.take(rows), DRAWS)
    return int(rows[np.argmax(scores)]) if np.ptp(scores) > 0 else None


class _Judge:
    """Scores candidates by what the surrogate expects of them."""

    def __init__(self, evidence: Evidence, candidates: Encoded, seed: int, informed: Informed | None) -> None:
        self._seed = seed
        self._objectives = _Objectives(evidence, candidates, informed)
        self._limits = _Limits(evidence)
        targets = np.hstack([self._objectives.targets, self._limits.targets])
        told = self._objectives.told(self._limits.targets)
        self._ensemble = Ensemble(evidence.rows, targets, seed=seed, told=told)
        self._any_feasible = bool(evidence.feasible.any()) or not len(targets)
        self._mishap = _mishap(evidence, seed)
        front = self._objectives.targets[evidence.feasible]
        if len(evidence.pending.matrix):
            # Kriging believer (Ginsbourger, Le Riche and Carraro 2010): what is being measured comes out as expected.
            believed = self._ensemble.predict(evidence.pending).mean[:, : front.shape[1]]
            front = np.vstack([front, believed])
        rng = np.random.default_rng(seed)
        self._improvement = Improvement(
            front, np.full(front.shape[1], 1 + MARGIN), floor=np.full(front.shape[1], -0.25), rng=rng
        )

    def scores(self, candidates: Encoded, draws: int) -> Array:
        """Shape (n,), larger is better."""
        rng = np.random.default_rng(self._seed)
        drawn = self._ensemble.predict(candidates).sample(draws, rng)
        count = self._objectives.targets.shape[1]
        violation = self._limits.violation(drawn[:, :, count:], self._objectives.raw(drawn[:, :, :count]))
        feasible = violation <= 0
        survives = self._survives(candidates)
        chance = feasible.mean(axis=0) * survives
        if self._any_feasible:
            gain = (self._improvement(drawn[:, :, :count]) * feasible).mean(axis=0) * survives
            # Where nothing promises anything, what keeps the limits and is known least.
            return np.asarray(gain if gain.max() > 0 else chance * drawn[:, :, :count].std(axis=0).mean(axis=1))
        return np.asarray(chance if chance.max() > HOPELESS else -violation.mean(axis=0))

    def _survives(self, candidates: Encoded) -> Array | float:
        """The chance that a measurement succeeds; 0 below half of the best, as failures cost what measurements do."""
        if self._mishap is None:
            return 1.0
        chance = 1.0 - self._mishap.predict(candidates)[0][:, 0]
        return np.where(chance >= chance.max() / 2, chance, 0.0)


class _Objectives:
    """Objectives as targets: minimised, logarithmic where that suits them, and 0 .. 1 over the feasible rows.

    Where other targets say what to expect, the range is that of all candidates.
    """

    def __init__(self, evidence: Evidence, candidates: Encoded, informed: Informed | None) -> None:
        self._signs = evidence.signs
        self._log = np.array([_logarithmic(column, at, informed) for at, column in enumerate(evidence.values.T)])
        numbers = self._numbers(evidence.values)
        self._expected = self._expectations(evidence, numbers, informed)
        known = numbers[evidence.feasible]
        if len(known) < 2 or (np.ptp(known, axis=0) <= 0).any():  # noqa: PLR2004 - one row has no range
            known = numbers
        low, high = known.min(axis=0, initial=np.inf), known.max(axis=0, initial=-np.inf)
        for at, expected in self._expected.items():
            mean = expected.predict(candidates.rows)[0] * self._signs[at]
            low[at], high[at] = min(low[at], mean.min()), max(high[at], mean.max())
        self._low = low
        self._span = np.where(high > low, high - low, 1.0)
        self.targets = (numbers - self._low) / self._span

    def told(self, others: Array) -> Told | None:
        """What other targets say, as a member of the ensemble whose further targets are ``others``; None without."""
        if not self._expected:
            return None
        return Told(
            self._expected, signs=self._signs, low=self._low, span=self._span, targets=self.targets, others=others
        )

    def raw(self, targets: Array) -> Array:
        """Back to the units of the objectives."""
        numbers = (targets * self._span + self._low) * self._signs
        return np.asarray(np.where(self._log, np.exp(np.minimum(numbers * self._log, 700.0)), numbers))

    def _numbers(self, values: Array) -> Array:
        return np.asarray(np.where(self._log, np.log(np.where(self._log, values, 1.0)), values) * self._signs)

    def _expectations(self, evidence: Evidence, numbers: Array, informed: Informed | None) -> dict[int, Expectation]:
        if informed is None:
            return {}
        rows = evidence.rows.rows if evidence.rows.rows is not None else np.zeros(0, dtype=np.intp)
        return {
            at: informed.expected(at, rows, numbers[:, at] * self._signs[at])
            for at, known in enumerate(informed.known)
            if known and informed.log[at] == self._log[at]
        }


def _logarithmic(column: Array, at: int, informed: Informed | None) -> bool:
    if informed is not None and informed.known[at] and (not len(column) or column.min() > 0):
        return informed.log[at]
    return is_logarithmic(column)


class _Limits:
    """Constraints as targets; one that is a straight line of an objective is computed from it and not learned."""

    def __init__(self, evidence: Evidence) -> None:
        self._lines: list[tuple[int, float, float]] = []
        columns = []
        for column in evidence.constraints.T:
            filled = _finite(column)
            if np.ptp(filled) <= 0:
                continue
            line = _line(evidence.values, filled)
            if line is None:
                columns.append(np.arcsinh(filled / np.median(np.abs(filled)).clip(1e-12)))
            else:
                self._lines.append(line)
        self.targets = np.column_stack(columns) if columns else np.zeros((len(evidence.values), 0))

    def violation(self, drawn: Array, raw: Array) -> Array:
        """Sum over the constraints of what exceeds 0, shape (draws, n)."""
        total = np.maximum(drawn, 0.0).sum(axis=2)
        for objective, slope, offset in self._lines:
            total += np.maximum(raw[:, :, objective] * slope + offset, 0.0)
        return np.asarray(total)


def _finite(column: Array) -> Array:
    """A constraint without gaps: infinity becomes twice the largest number there is, an unknown one the median."""
    most = np.abs(column[np.isfinite(column)]).max(initial=0.0) or 1.0
    bounded = np.clip(column, -2.0 * most, 2.0 * most)
    known = ~np.isnan(bounded)
    return np.where(known, bounded, np.median(bounded[known]) if known.any() else 0.0)


def _line(values: Array, limit: Array) -> tuple[int, float, float] | None:
    """The objective of which ``limit`` is a straight line, with slope and offset; None when there is none."""
    if len(values) < 3:  # noqa: PLR2004 - any two points lie on a line
        return None
    for objective, column in enumerate(values.T):
        if np.ptp(column) <= 0:
            continue
        slope, offset = np.polyfit(column, limit, 1)
        if np.abs(column * slope + offset - limit).max() <= 1e-6 * np.ptp(limit):
            return objective, float(slope), float(offset)
    return None


def _mishap(evidence: Evidence, seed: int) -> Forest | None:
    """A model of the chance that a measurement fails; None while none has."""
    if not len(evidence.failed.matrix):
        return None
    matrix = np.vstack([evidence.rows.matrix, evidence.failed.matrix])
    target = np.repeat([0.0, 1.0], [len(evidence.rows.matrix), len(evidence.failed.matrix)])
    return Forest(matrix, target[:, None], seed=seed % 2**31)
