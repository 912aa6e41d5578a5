"""What is known of one candidate: its valid measurements of one phase, as figures at any confidence level."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoedge.bench.combine import between_spread, combine, drift_between, ratio, single
from autoedge.bench.intervals import z_quantile
from autoedge.errors import DataError
from autoedge.measurement import Phase, Result, Source, Value
from autoedge.metric import METRICS, PAIRED, QUALITY, SUSTAINED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autoedge.bench.quality import QualityBook
    from autoedge.intent.constraint import Constraint
    from autoedge.measurement import Measurement
    from autoedge.metric import Metric

# Data decide these, not processes: more processes add nothing.
_OF_DATA = frozenset({*QUALITY, "size_mib"})
# A soak decides these, one process of its own; processes of a candidate lie apart in them as in the plain metric.
_OF_SOAK = {METRICS[name].key: METRICS[name.removesuffix("_sustained")].key for name in SUSTAINED}


@dataclass(frozen=True)
class Spread:
    """How far processes of one candidate lie apart, pooled over the candidates that ran in several.

    Attributes:
        by_metric: Between processes of one occasion: log standard deviation and degrees of freedom by metric key.
        drift: Between occasions (baselines, search, confirm rounds), likewise: what a shared machine does to all
            processes of one occasion alike.
    """

    by_metric: Mapping[str, tuple[float, int]]
    drift: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, groups: Iterable[Sequence[Measurement]]) -> Spread:
        """From groups of measurements: one group for each candidate and occasion."""
        known = [group for group in groups if group]
        keys = sorted({key for group in known for key in group[0].metrics if key not in _OF_DATA})
        processes = {key: between_spread([_values(group, key) for group in known if len(group) > 1]) for key in keys}
        occasions: dict[str, list[Sequence[Measurement]]] = {}
        for group in known:
            occasions.setdefault(group[0].candidate_id, []).append(group)
        repeated = [several for several in occasions.values() if len(several) > 1]
        drift = {
            key: drift_between([[v for group in several if (v := _values(group, key))] for several in repeated])
            for key in keys
        }
        return cls({key: value for key, value in processes.items() if value[1]}, drift)


def _values(measurements: Sequence[Measurement], key: str) -> list[float]:
    return [measurement.metrics[key].value for measurement in measurements if key in measurement.metrics]


class Evidence:
    """One candidate's valid measurements of one phase.

    Args:
        candidate_id: Whose they are.
        measurements: At least one, all valid, of one phase and protocol.
        spread: Between processes, for figures that rest on a single one.
        soak: The candidate's valid soak, where there is one.
    """

    def __init__(
        self, candidate_id: str, measurements: Sequence[Measurement], spread: Spread, soak: Measurement | None = None
    ) -> None:
        self.candidate_id = candidate_id
        self.measurements = tuple(measurements)
        self.soak = soak
        self._spread = spread

    @property
    def processes(self) -> int:
        """Fresh processes behind the figures."""
        return len(self.measurements)

    @property
    def phase(self) -> Phase:
        """Where the figures come from."""
        return self.measurements[0].phase

    @property
    def scores_file(self) -> str | None:
        """File of the outputs on the evaluation data."""
        return next((m.details["scores"] for m in self.measurements if "scores" in m.details), None)

    def result(self) -> Result:
        """All figures with 95 % intervals."""
        everything = [*self.measurements, *([self.soak] if self.soak else [])]
        keys = dict.fromkeys(key for measurement in everything for key in measurement.metrics)
        values = {key: value for key in keys if (value := self.value(key)) is not None}
        flags = tuple(dict.fromkeys(flag for measurement in everything for flag in measurement.flags))
        return Result(self.candidate_id, self.phase, self.processes, values, flags)

    def value(self, key: str, level: float = 0.95) -> Value | None:
        """One figure with its interval at a level; None where no process, or not every process, has it."""
        if key in _OF_SOAK:
            return self._sustained(key, level)
        values = [m.metrics[key] for m in self.measurements if key in m.metrics]
        if not values or len(values) < self.processes:
            return None
        first = values[0]
        if key in _OF_DATA:
            return first
        if first.source is Source.ESTIMATED:
            return _averaged(values)
        if len(values) == 1:
            return self._of_one(first, key, level)
        drift = self._spread.drift.get(key, (0.0, 0))
        middle, low, high = combine([value.value for value in values], level=level, drift=drift)
        low, high = min(low, middle), max(high, middle)
        systematic = max(m.details.get("systematic", {}).get(key, 0.0) for m in self.measurements) * abs(middle)
        systematic *= z_quantile(level) / z_quantile(0.95)
        if systematic:  # what the instrument may be off by is the same in every process: more of them do not help
            low, high = middle - math.hypot(middle - low, systematic), middle + math.hypot(high - middle, systematic)
        return Value(
            middle, low, high, first.source, f"geometric mean of processes, t on logs ({first.estimator})", len(values)
        )

    def _sustained(self, key: str, level: float) -> Value | None:
        value = self.soak.metrics.get(key) if self.soak is not None else None
        return None if value is None else self._of_one(value, _OF_SOAK[key], level)

    def _of_one(self, value: Value, key: str, level: float) -> Value:
        """One process's figure, as wide as processes lie apart in a metric."""
        low, high = value.low, value.high
        spread, dof = self._spread.by_metric.get(key, (0.0, 0))
        if dof > 0:
            low, high = single(value.value, low, high, *self._with_drift(key, spread, dof), level=level)
        return Value(value.value, low, high, value.source, f"{value.estimator}, one process", 1)

    def _with_drift(self, key: str, spread: float, dof: int) -> tuple[float, int]:
        """The spread of one process on one occasion: both parts, with Satterthwaite's degrees of freedom."""
        drift, drift_dof = self._spread.drift.get(key, (0.0, 0))
        if not drift_dof or drift == 0:
            return spread, dof
        total = spread**2 + drift**2
        return math.sqrt(total), max(1, int(total**2 / (spread**4 / dof + drift**4 / drift_dof)))

    def against(self, reference: Evidence, constraint: Constraint, quality: QualityBook, level: float) -> Value | None:
        """The figure that a relative constraint is about: a ratio to the reference or a drop below it."""
        metric = constraint.metric
        if self.candidate_id == reference.candidate_id and self.value(metric.key, level) is not None:
            same = 1.0 if constraint.relative == "ratio" else 0.0  # whatever two occasions of it measured
            return Value(same, same, same, Source.DERIVED, "the reference itself", 1)
        if constraint.relative == "ratio":
            return self._ratio(reference, metric, level)
        mine, theirs = self.scores_file, reference.scores_file
        if metric.name in PAIRED and mine is not None and theirs is not None:
            with suppress(DataError):  # outputs that are gone leave the two shares
                return quality.drop(metric.key, mine, theirs, level)
        one, other = reference.value(metric.key, level), self.value(metric.key, level)
        if one is None or other is None:
            return None
        source = Source.ESTIMATED if Source.ESTIMATED in (one.source, other.source) else Source.DERIVED
        return Value(
            one.value - other.value, one.low - other.high, one.high - other.low, source, "difference of intervals", 1
        )

    def _ratio(self, reference: Evidence, metric: Metric, level: float) -> Value | None:
        one, other = self.value(metric.key, level), reference.value(metric.key, level)
        if one is None or other is None or other.value <= 0 or one.value <= 0:
            return None
        estimated = Source.ESTIMATED in (one.source, other.source)
        mine, theirs = (_values(evidence.measurements, metric.key) for evidence in (self, reference))
        if not estimated and metric.key not in _OF_DATA and min(len(mine), len(theirs)) > 1:
            value, low, high = ratio(mine, theirs, level)
            return Value(value, low, high, Source.DERIVED, "ratio of means on logs, Welch", len(mine))
        value = one.value / other.value
        source = Source.ESTIMATED if estimated else Source.DERIVED
        if other.low <= 0 or one.low <= 0:
            return Value(value, value, value, source, "ratio of values", 1)
        spread = math.hypot(*(math.log(v.high / v.low) / 2 for v in (one, other)))
        return Value(value, value * math.exp(-spread), value * math.exp(spread), source, "ratio of intervals", 1)


def _averaged(values: Sequence[Value]) -> Value:
    """An estimate from several processes: its band does not shrink with their number."""
    count = len(values)
    value, low, high = (sum(getattr(v, end) for v in values) / count for end in ("value", "low", "high"))
    return Value(value, min(low, value), max(high, value), Source.ESTIMATED, values[0].estimator, count)
