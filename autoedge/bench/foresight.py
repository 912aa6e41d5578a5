"""What a full measurement will come to, from a look at its beginning.

Every measurement notes what its first block of warm-up calls said. From those that ran through, the ratio of the full
figure to the first block's is known with its scatter; it holds for the next candidate as it held for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.agent.looks import FIRST_BLOCK
from autoedge.bench.energy_estimate import energy_metrics
from autoedge.bench.percentile import calls_needed, sorted_percentile
from autoedge.bench.usage import Usage
from autoedge.measurement import Source, Value
from autoedge.metric import ENERGY, METRICS, PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.evidence import Spread
    from autoedge.measurement import Measurement

FEWEST = 6
"""Measurements that ran through, before a first block says anything."""
_LEAST_SCATTER = 0.01
_NORMAL = 1.4826  # standard deviations in a median absolute deviation
_FAR = 4.0  # standard deviations
_OF_ENERGY = frozenset(METRICS[name].key for name in ENERGY)
_EXACT = METRICS["size"].key


def look_values(
    body: Mapping[str, Any], calls_ns: np.ndarray[Any, Any], key: Mapping[str, Any], power: PowerEstimate | None
) -> dict[str, float]:
    """Figures of a stretch of calls by metric key, without intervals; quality is not among them.

    Args:
        body: ``cold_start_ns``, ``memory_peak_mib``, ``memory_empty_mib``, ``window_ns`` and the counters of the
            stretch.
        calls_ns: Duration of each call in it.
        key: As the host sent it along with the job.
        power: For the energy estimate; None where a meter tells it.
    """
    fill_ms = fill(key)
    values = {
        f"{name}_ms": sorted_percentile(calls_ns, p) / 1e6 + fill_ms
        for name, p in PERCENTILES.items()
        if len(calls_ns) >= calls_needed(p)
    }
    values |= {
        "throughput_ips": key["batch"] * 1e9 / float(np.mean(calls_ns)),
        "cold_start_ms": body["cold_start_ns"] / 1e6,
        "memory_peak_mib": float(body["memory_peak_mib"]),
        "memory_model_mib": max(0.0, body["memory_peak_mib"] - body["memory_empty_mib"]),
        _EXACT: key["size_bytes"] / 2**20,
    }
    if power is None:
        return values
    usage = Usage.of(body, body["window_ns"] / 1e9, key.get("cores", 1))
    items = len(calls_ns) * key["batch"]
    estimated = energy_metrics(power, usage, items=items, rate=key["rate"], battery_wh=key["battery_wh"])
    return values | {name: value.value for name, value in estimated.items()}


def fill(key: Mapping[str, Any]) -> float:
    """The part of every latency in ms that fills the batch at the workload's rate, known beforehand."""
    return 0.0 if key["rate"] is None else (key["batch"] - 1) / key["rate"] * 1e3


def first_block_values(
    done: Mapping[str, Any], warmup_ns: np.ndarray[Any, Any], key: Mapping[str, Any], power: PowerEstimate | None
) -> dict[str, float]:
    """What the first block of a measurement that ran through had said; nothing where its agent notes none."""
    first = done.get("first_block")
    if first is None:
        return {}
    return look_values({**done, **first}, warmup_ns[: int(first["calls"])], key, power)


@dataclass(frozen=True)
class Scatter:
    """Logarithms of ratios.

    Attributes:
        centre: Their mean.
        deviation: The standard deviation of another one about it.
        dof: Its degrees of freedom.
    """

    centre: float
    deviation: float
    dof: int


@dataclass(frozen=True)
class Foresight:
    """How figures of a look and of a full measurement in a fresh process lie to one another, by metric key.

    Attributes:
        ratios: Full figure over that of the first block.
        between: Between processes: standard deviation of logarithms and degrees of freedom.
        drift: Between occasions, likewise: baselines, search and confirm rounds.
    """

    ratios: Mapping[str, Scatter]
    between: Mapping[str, tuple[float, int]]
    drift: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, measurements: Sequence[Measurement], spread: Spread) -> Foresight:
        """From the valid measurements of one target and protocol.

        Ratios far from all others are drawn in: a neighbour that disturbed one first block in twenty says little about
        the rest.
        """
        logs: dict[str, list[float]] = {}
        for row in measurements:
            fill_ms = float(row.details.get("fill_ms", 0.0))
            for key, early in (row.details.get("first_block") or {}).items():
                added = fill_ms if key.startswith("latency") else 0.0
                late = row.metrics[key].value if key in row.metrics else 0.0
                if early > added and late > added:
                    logs.setdefault(key, []).append(math.log((late - added) / (early - added)))
        ratios = {key: _scatter(np.array(found)) for key, found in logs.items() if len(found) >= FEWEST}
        return cls(ratios, dict(spread.by_metric), {key: one for key, one in spread.drift.items() if one[1]})

    def expected(
        self,
        look: str,
        values: Mapping[str, float],
        *,
        level: float,
        fill_ms: float = 0.0,
        calls: int = 1,
        other: int | None = 0,
    ) -> dict[str, Value]:
        """What a full measurement would say, with the interval that holds it.

        By default one in a fresh process. Held against a figure that was measured too, the interval is that of the
        comparison, laid on this side: the other figure then counts as it stands.

        Args:
            look: Which.
            values: What it said, as :func:`look_values` gives it.
            level: Confidence of each interval.
            fill_ms: The part of latencies that is known beforehand.
            calls: How many it rests on.
            other: Processes behind the figure that it is held against; 0 for a limit, which is exact; None for what
                this very process would say, whatever another one would.

        Returns:
            Values by metric key; what is not known well enough is left out. None of them counts as measured.
        """
        found = {}
        for key, value in values.items():
            if key == _EXACT:
                found[key] = Value.exact(value, "bytes of the model file")
                continue
            added = fill_ms if key.startswith("latency") else 0.0
            parts = self._parts(look, key, other)
            if parts is None or value <= added:
                continue
            centre = self.ratios[key].centre if look == FIRST_BLOCK else 0.0
            half = _half_width(parts, level) if parts else 0.0
            ends = (centre, centre - half, centre + half)
            middle, low, high = (added + (value - added) * math.exp(end) for end in ends)
            source = Source.ESTIMATED if key in _OF_ENERGY else Source.DERIVED
            found[key] = Value(middle, low, high, source, f"expected in full, from a look at the {look}", calls)
        return found

    def _parts(self, look: str, key: str, other: int | None) -> list[tuple[float, int]] | None:
        """The parts of a figure's variance, nothing where it is exact; None where one of them is not known."""
        parts = []
        if look == FIRST_BLOCK:
            if key not in self.ratios:
                return None
            parts.append((self.ratios[key].deviation, self.ratios[key].dof))
        if other is not None:
            if not self.between.get(key, (0.0, 0))[1]:
                return None
            parts += self._between(key, other)
        return parts

    def _between(self, key: str, other: int) -> list[tuple[float, int]]:
        """The parts of the variance that processes add, of both sides of a comparison where there is one.

        Both sides' spread is one estimate, so together they have its degrees of freedom and no more.
        """
        spread, dof = self.between[key]
        if not other:
            return [(spread, dof)]
        drift = [self.drift[key]] if key in self.drift else []
        return [(spread * math.sqrt(1 + 1 / other), dof), *drift]


def _scatter(logs: np.ndarray[Any, np.dtype[np.float64]]) -> Scatter:
    """Mean and standard deviation of the next one, with values far out drawn in (winsorised)."""
    middle = float(np.median(logs))
    reach = _FAR * max(_NORMAL * float(np.median(np.abs(logs - middle))), _LEAST_SCATTER)
    inside = np.clip(logs, middle - reach, middle + reach)
    deviation = float(np.std(inside, ddof=1)) * math.sqrt(1 + 1 / len(logs))
    return Scatter(float(inside.mean()), max(deviation, _LEAST_SCATTER), len(logs) - 1)


def _half_width(parts: Sequence[tuple[float, int]], level: float) -> float:
    """Half of a t interval whose variance has independent parts, with Satterthwaite's degrees of freedom."""
    from scipy.special import stdtrit

    total = sum(deviation**2 for deviation, _ in parts)
    dof = total**2 / sum(deviation**4 / dof for deviation, dof in parts)
    return float(stdtrit(dof, (1 + level) / 2)) * math.sqrt(total)
