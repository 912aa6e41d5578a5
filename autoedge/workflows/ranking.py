"""Which of several devices suits an intent best, by what is expected of its candidates there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import IntentError
from autoedge.measurement import Source
from autoedge.metric import METRICS, OF_FINALISTS, QUALITY, by_key
from autoedge.surrogate.saved.fitting import FEWEST_ROWS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from autoedge.intent.constraint import Constraint
    from autoedge.workflows.prepare import Prepared
    from autoedge.workflows.unowned import Unowned

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Wish:
    """What of an intent can be predicted at all.

    Attributes:
        objectives: Keys of metrics.
        constraints: Absolute limits on metrics of a device.
        not_predicted: What else it asks for, and why that is left to measuring.
    """

    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    not_predicted: tuple[tuple[str, str], ...]

    @property
    def metrics(self) -> list[str]:
        """Keys, objectives first."""
        return list(dict.fromkeys([*self.objectives, *(limit.metric.key for limit in self.constraints)]))


def wish_of(prepared: Prepared, known: Collection[str]) -> Wish:
    """Split the intent into what results of devices can tell and what they cannot.

    Args:
        prepared: The intent.
        known: Keys of the metrics that at least one device's results know.

    Raises:
        IntentError: No objective is left.
    """
    untold: dict[str, str] = {}
    for metric in (*prepared.intent.objectives, *(limit.metric for limit in prepared.constraints)):
        if metric.name in QUALITY:
            untold[metric.name] = "it belongs to the model and the data, not to the device: measure it on any machine"
        elif metric.name in OF_FINALISTS or metric.name == "battery_life":
            untold[metric.name] = "it depends on the workload, which the history did not have"
        elif metric.key not in known:
            untold[metric.name] = f"no history knows {metric.key}"
    objectives = tuple(metric.key for metric in prepared.intent.objectives if metric.name not in untold)
    if not objectives:
        reasons = "; ".join(f"{what}: {why}" for what, why in untold.items())
        raise IntentError(
            f"{prepared.intent.path}: none of its objectives can be predicted ({reasons}); "
            f"the history knows {', '.join(sorted(known)) or 'nothing'}"
        )
    limits = []
    for limit in prepared.constraints:
        if limit.relative != "absolute":
            untold[limit.text] = "it is relative to the baseline, whose figure there is an estimate too"
        elif limit.source is Source.MEASURED:
            untold[limit.text] = "an estimate does not count for it"
        elif limit.metric.name not in untold:
            limits.append(limit)
    return Wish(objectives, tuple(limits), tuple(untold.items()))


def lacking_in(one: Unowned, wish: Wish) -> str:
    """Why a device cannot be compared with others; empty where it can."""
    lacking = [key for key in wish.objectives if key not in one.expected]
    if lacking:
        return f"its results have fewer than {FEWEST_ROWS} measured rows of {', '.join(lacking)}"
    values = np.column_stack([one.expected[key].value for key in wish.objectives])
    if not np.isfinite(values).all(axis=1).any():
        unknown = [key for key, column in zip(wish.objectives, values.T, strict=True) if not np.isfinite(column).all()]
        return f"its results tell {', '.join(unknown)} of none of these candidates"
    return ""


def ranked_devices(found: Mapping[str, Unowned], wish: Wish, prepared: Prepared) -> list[tuple[str, NDArray[np.intp]]]:
    """Devices, best first, each with the numbers of its candidates, best first.

    Candidates that are expected to keep all limits come first, then those of which a limit is unknown, then those that
    are expected to break one; then the intent's preference decides.

    Args:
        found: By device; each has a candidate of which all objectives are known.
        wish: What they are ranked by.
        prepared: The intent.
    """
    scores = _scores(found, wish, prepared)
    ranked = []
    for name, one in found.items():
        ranks = np.column_stack([_limits(one, wish), scores[name]])
        order = np.lexsort(ranks.T[::-1])
        order = order[np.isfinite(ranks[order]).all(axis=1)]
        ranked.append((tuple(ranks[order[0]]), name, order))
    return [(name, order) for _, name, order in sorted(ranked, key=lambda one: (one[0], one[1]))]


def _limits(one: Unowned, wish: Wish) -> Array:
    """How candidates stand to the limits, smaller is better: shape (candidates, 2).

    First 0 where all are kept, 1 where one is unknown and none broken, 2 where one is broken; then by how much limits
    are broken: the sum over them, as shares of each.
    """
    broken = np.zeros(len(one.candidates))
    unknown = np.zeros(len(one.candidates), dtype=bool)
    for limit in wish.constraints:
        expected = one.expected.get(limit.metric.key)
        value = np.full(len(broken), np.nan) if expected is None else expected.value
        over = value / limit.limit - 1.0 if limit.sense == "max" else 1.0 - value / limit.limit
        unknown |= np.isnan(value)
        broken += np.nan_to_num(np.maximum(over, 0.0))
    return np.column_stack([np.where(broken > 0, 2.0, unknown), broken])


def _scores(found: Mapping[str, Unowned], wish: Wish, prepared: Prepared) -> dict[str, Array]:
    """By device, shape (candidates, ranks), smaller is better: one weighted mean, or one objective after the other.

    Objectives are scaled to 0 .. 1 over all candidates of all devices, positive ones as logarithms.
    """
    prefer = prepared.intent.prefer
    columns = {}
    for key in wish.objectives:
        every = np.concatenate([one.expected[key].value for one in found.values()])
        log = bool((every[np.isfinite(every)] > 0).all())
        every = np.log(every) if log else every
        low, high = np.nanmin(every), np.nanmax(every)
        minimised = by_key(key).direction == "minimize"
        for name, one in found.items():
            value = np.log(one.expected[key].value) if log else one.expected[key].value
            share = (value - low) / (high - low) if high > low else value * 0.0
            columns[name, key] = share if minimised else 1.0 - share
    if prefer.kind == "lexicographic":
        order = [METRICS[name].key for name in prefer.order if METRICS[name].key in wish.objectives]
        order += [key for key in wish.objectives if key not in order]
        return {name: np.column_stack([columns[name, key] for key in order]) for name in found}
    weights = np.array([prefer.weights.get(by_key(key).name, 1.0) for key in wish.objectives])
    return {
        name: (np.column_stack([columns[name, key] for key in wish.objectives]) @ weights / weights.sum())[:, None]
        for name in found
    }
