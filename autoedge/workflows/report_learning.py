"""What can be learned from a run's own results: which knobs matter, and how well results foretell one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.metric import by_key
from autoedge.surrogate.encoding import encode
from autoedge.surrogate.ensemble import Ensemble
from autoedge.surrogate.figures import rank_correlation, relative_errors
from autoedge.surrogate.threads import one_thread
from autoedge.workflows.report_pairs import changes, seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded
    from autoedge.workflows.report_pairs import Change, Level

    Array = NDArray[np.float64]
    Row = Mapping[str, Any]

FEWEST = 10  # results below which a held-out part says nothing
MOST = 150  # results learned from: the cost of a Gaussian process grows with the cube
FOLDS = 5
SHUFFLES = 16
BAND = 1.96  # standard deviations that hold 95 % of what is to be expected


def learned(
    rows: Sequence[Row], metrics: Sequence[str], features: Mapping[str, Mapping[str, float]], reference: Row
) -> dict[str, Any]:
    """What the surrogate makes of a run's results, held against what it had not seen.

    The predictions of the search are not kept, so that these are made anew: each fifth of the results is predicted by a
    surrogate of the same kind that learned from the other four. How much a knob matters is the total sensitivity index
    of the surrogate that learned from all of them: the share of its variance that is gone when the knob's levels are
    shuffled among the candidates. Beside it stand pairs of measured candidates that differ in that knob alone.

    Args:
        rows: Standings as plain data.
        metrics: Keys.
        features: By model, what is known of it before measuring.
        reference: The reference's standing.

    Returns:
        ``rows``, ``knobs``, ``note`` (why there is nothing; else empty) and ``metrics``: for each ``explained`` (share
        of the variance that held-out predictions explain), ``errors``, ``inside`` (share of values within their 95 %
        band), ``knobs`` with their shares, ``changes`` and ``predicted``.

    Source: M. J. W. Jansen, Computer Physics Communications 117 (1999) 35-43, for the index.
    """
    several = len({row["target"] for row in rows}) > 1
    levels = [_levels(row, several=several) for row in rows]
    knobs = _varied(levels)
    document: dict[str, Any] = {"rows": len(rows), "knobs": knobs, "metrics": [], "note": ""}
    if not knobs:
        return document | {"note": "no knob varied among the measured candidates"}
    shown = changes(levels, _levels(reference, several=several))
    part = np.unique(np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(np.intp))
    matrix, owners = _encoded(rows, levels, knobs, features)
    with one_thread():
        for key in metrics:
            subject = _Subject.of(rows, key, part)
            document["metrics"].append(_of_metric(subject, matrix, owners, knobs, shown))
    if len(rows) < FEWEST:
        document["note"] = f"a surrogate needs {FEWEST} results, there are {len(rows)}; only measured pairs are shown"
    return document


@dataclass(frozen=True)
class _Subject:
    """One metric of all rows.

    Attributes:
        key: Of the metric.
        ids: Of the candidates.
        values: By row, on the scale on which differences count; NaN where unknown.
        log: Whether that scale is logarithmic.
        estimated: Whether some of them are no measurements.
        part: Rows that are learned from.
    """

    key: str
    ids: Sequence[str]
    values: Array
    log: bool
    estimated: bool
    part: NDArray[np.intp]

    @classmethod
    def of(cls, rows: Sequence[Row], key: str, part: NDArray[np.intp]) -> _Subject:
        known = [row["metrics"].get(key) for row in rows]
        values = np.array([np.nan if one is None else one["value"] for one in known], np.float64)
        log = by_key(key).dimension not in ("fraction", "number") and bool((values[np.isfinite(values)] > 0).all())
        estimated = any(one is not None and str(one["source"]) == "estimated" for one in known)
        learned_from = part[np.isfinite(values[part])]
        return cls(key, [row["candidate_id"] for row in rows], np.log(values) if log else values, log, estimated,
                   learned_from)  # fmt: skip

    def plain(self, numbers: Array) -> Array:
        """Back in the metric's unit."""
        return np.exp(numbers) if self.log else numbers


def _of_metric(
    subject: _Subject, matrix: Encoded, owners: NDArray[np.intp], knobs: Sequence[str], shown: Sequence[Change]
) -> dict[str, Any]:
    values = subject.values[subject.part]
    document: dict[str, Any] = {
        "metric": subject.key,
        "log": subject.log,
        "estimated": subject.estimated,
        "rows": len(values),
        "explained": None,
        "knobs": [],
        "predicted": [],
    }
    foretold = np.full(len(subject.values), np.nan)
    if len(values) >= FEWEST and np.ptp(values) > 0:
        mean, std = _held_out(matrix.take(subject.part), values)
        foretold[subject.part] = mean
        document |= _quality(subject, mean, std)
        shares = _importance(matrix.take(subject.part), values, [owners == knob for knob in range(len(knobs))])
        ranked = sorted(zip(knobs, shares, strict=True), key=lambda one: -one[1])
        document["knobs"] = [{"knob": name, "share": round(share, 4)} for name, share in ranked]
    found = [(one, seen(one, subject.values), seen(one, foretold)) for one in shown]
    document["changes"] = [
        {"knob": one.knob, "before": one.before, "after": one.after, **measured, "foretold": said and said["median"]}
        for one, measured, said in found
        if measured is not None
    ]
    return document


def _held_out(matrix: Encoded, values: Array) -> tuple[Array, Array]:
    """Mean and spread for each row from a surrogate that did not learn from it."""
    mean, std = np.empty(len(values)), np.empty(len(values))
    order = np.random.default_rng(0).permutation(len(values))
    for fold in range(FOLDS):
        out = np.sort(order[fold::FOLDS])
        rest = np.setdiff1d(order, out)
        said = Ensemble(matrix.take(rest), values[rest][:, None], seed=0).predict(matrix.take(out))
        mean[out], std[out] = said.mean[:, 0], said.std[:, 0]
    return mean, std


def _quality(subject: _Subject, mean: Array, std: Array) -> dict[str, Any]:
    """How far held-out predictions are off, and each of them with its band."""
    values = subject.values[subject.part]
    said, recorded = subject.plain(mean), subject.plain(values)
    low, high = subject.plain(mean - BAND * std), subject.plain(mean + BAND * std)
    errors = relative_errors(said, recorded)
    figures = {
        "mape": errors.mape,
        "median_ape": errors.median_ape,
        "within_10pct": errors.within_10pct,
        "rank": rank_correlation(said, recorded),
    }
    pairs = zip(subject.part, recorded, said, low, high, strict=True)
    return {
        "explained": float(1.0 - np.mean((mean - values) ** 2) / values.var()),
        "errors": {name: float(figure) if np.isfinite(figure) else None for name, figure in figures.items()},
        "inside": float(((recorded >= low) & (recorded <= high)).mean()),
        "predicted": [
            {"candidate_id": subject.ids[i], **dict(zip(("measured", "predicted", "low", "high"), map(float, each),
                                                        strict=True))}
            for i, *each in pairs
            if np.isfinite(each).all()
        ],
    }  # fmt: skip


def _importance(matrix: Encoded, values: Array, columns: Sequence[NDArray[np.bool_]]) -> list[float]:
    """The total sensitivity index of each knob, whose columns are given; what is known of a model counts as it."""
    surrogate = Ensemble(matrix, values[:, None], seed=0)
    said = surrogate.predict(matrix).mean[:, 0]
    spread = float(said.var())
    if spread <= 0:
        return [0.0] * len(columns)
    generator = np.random.default_rng(0)
    orders = [generator.permutation(len(values)) for _ in range(SHUFFLES)]
    shares = []
    for mine in columns:
        each = []
        for order in orders:
            shuffled = np.where(mine, matrix.matrix[order], matrix.matrix)
            other = surrogate.predict(type(matrix)(shuffled, matrix.groups)).mean[:, 0]
            each.append(float(np.mean((other - said) ** 2)))
        shares.append(float(np.mean(each)) / (2 * spread))
    return shares


def _levels(row: Row, *, several: bool) -> dict[str, Level]:
    made = row["configuration"]
    target = {"target": row["target"]} if several else {}
    return {"model": made["model"], **target, "runtime": made["runtime"], **made["recipe"], **made["knobs"]}


def _varied(levels: Sequence[Mapping[str, Level]]) -> list[str]:
    """Knobs of which some two candidates have different levels."""
    known: dict[str, set[str]] = {}
    for one in levels:
        for name, level in one.items():
            known.setdefault(name, set()).add(str(level))
    return [name for name, words in known.items() if len(words) > 1]


def _encoded(
    rows: Sequence[Row], levels: Sequence[Mapping[str, Level]], knobs: Sequence[str], features: Mapping[str, Any]
) -> tuple[Encoded, NDArray[np.intp]]:
    """Candidates as the surrogate sees them: a number by rank, a category (or what does not always apply) by word.

    Returns:
        The matrix, and for each column the knob that it belongs to; -1 for none.
    """
    columns, categories = [], []
    for name in knobs:
        place, count = _places([one.get(name) for one in levels])
        columns.append(place)
        categories.append(count)
    known = sorted({name for one in features.values() for name in one})
    of_models = [[features.get(row["configuration"]["model"], {}).get(name, np.nan) for name in known] for row in rows]
    numbers = np.array(of_models, np.float64).reshape(len(rows), len(known))
    matrix = encode(np.column_stack(columns), categories, numbers)
    of_model = knobs.index("model") if "model" in knobs else -1
    return matrix, np.where(matrix.groups < len(knobs), matrix.groups, of_model)


def _places(levels: Sequence[Level | None]) -> tuple[Array, int]:
    """Where levels stand: numbers by rank from 0 to 1, others by the number of their word; how many words there are."""
    numbers = [level for level in levels if isinstance(level, int | float)]
    if len(numbers) == len(levels):
        ranks = np.unique(numbers, return_inverse=True)[1].astype(np.float64)
        return ranks / max(1.0, ranks.max()), 0
    words, places = np.unique([str(level) for level in levels], return_inverse=True)
    return places.astype(np.float64), len(words)
