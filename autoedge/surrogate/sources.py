"""What other targets say of candidates: their recorded values, and a model of each where nothing was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.surrogate.components import OFFSET, Kernels, Measured, weigh
from autoedge.surrogate.described import describe
from autoedge.surrogate.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.results import Results
    from autoedge.surrogate.described import Described

    Array = NDArray[np.float64]

MOST_ROWS = 1000  # a model learns from at most this many, chosen evenly: the cost grows with the cube
FITTED_ROWS = 200  # of them, how much each kernel counts is fitted to
FEWEST_ROWS = 4  # below this there is no model, only what was recorded
BEYOND = 0.25  # how far outside the source's range of a number, as a share of that range, its model is asked
CHUNK = 512  # candidates predicted at once, so that what is computed stays in the processor's cache


def source_predictions(sources: Sequence[Results], metric: str, candidates: Results) -> Array:
    """What each source that measured the metric says of each candidate.

    Returns:
        Shape (n, k), one column a source that has the metric, on the scale of its values; NaN where it cannot know.
    """
    having = [source for source in sources if metric in source.values]
    columns = [predict_from(source, metric, candidates) for source in having]
    return np.column_stack(columns) if columns else np.zeros((len(candidates), 0))


def predict_from(source: Results, metric: str, candidates: Results) -> Array:
    """What one source says of each candidate, shape (n,).

    Where the candidate itself was recorded, the recorded value (of several, their median). Elsewhere the prediction
    of a Gaussian process on the knobs that both have, the numbers known of both, and how often each level occurs.
    NaN where the source has a level of none of an unordered knob's kind, or where a number lies far outside its range.
    """
    values = source.values[metric]
    known = np.flatnonzero(np.isfinite(values))
    if not len(known) or not any(name in source.knobs for name in candidates.knobs):
        return np.full(len(candidates), np.nan)
    source, values = source.take(known), values[known]
    said = _recorded(source, values, candidates)
    asked = np.flatnonzero(np.isnan(said) & _within(source, candidates))
    if len(asked) and len(values) >= FEWEST_ROWS:
        with one_thread():
            said[asked] = modelled(describe(source, candidates.take(asked)), values)
    return said


def own_kernels(described: Described) -> Kernels:
    """Kernels on what is known of the candidates themselves: linear and smooth, of the numbers and of all."""
    both = described.all
    return Kernels(
        linear=[described.numbers, described.categories],
        smooth=[described.numbers / 1.5, both / 2.0],
        prior=np.log([0.4, 0.05, 0.1, 0.1]),
        noise=float(np.log(0.03)),
        spread=1.5,
    )


def modelled(described: Described, values: Array) -> Array:
    """Predict candidates from others.

    Args:
        described: Candidates with values, then those to predict.
        values: Shape (m,), finite, of the first m candidates; many are thinned out evenly.

    Returns:
        Shape (n - m,).
    """
    size, every = len(values), len(described)
    centre, spread = float(values.mean()), float(values.std())
    if spread == 0:
        return np.full(every - size, centre)
    kernels = own_kernels(described)
    part = _evenly(size, FITTED_ROWS)
    rows = Measured(kernels.between(part, part), values[part] - centre, np.zeros(len(part)), spread, 0.35)
    found = weigh(kernels, rows)
    learned = _evenly(size, MOST_ROWS)
    covariance = np.tensordot(found.variances, kernels.between(learned, learned), axes=1) + OFFSET
    covariance[np.diag_indices(len(learned))] += found.usual_noise
    weights = np.asarray(np.linalg.solve(covariance, (values[learned] - centre) / found.scale), dtype=np.float64)
    said = [
        kernels.mean(found.variances, slice(at, min(at + CHUNK, every)), learned, weights)
        for at in range(size, every, CHUNK)
    ]
    return np.concatenate(said) * found.scale + centre


def _evenly(size: int, most: int) -> NDArray[np.intp]:
    """At most so many of the numbers below ``size``, evenly spread."""
    return np.unique(np.linspace(0, size - 1, min(most, size)).astype(np.intp))


def _recorded(source: Results, values: Array, candidates: Results) -> Array:
    """The values of the very same candidates; NaN elsewhere, and everywhere if one side has a knob more."""
    said = np.full(len(candidates), np.nan)
    if set(source.knobs) != set(candidates.knobs):
        return said
    names = list(candidates.knobs)
    found: dict[tuple[object, ...], list[float]] = {}
    for key, value in zip(_keys(source, names), values, strict=True):
        found.setdefault(key, []).append(value)
    for row, key in enumerate(_keys(candidates, names)):
        if key in found:
            said[row] = np.median(found[key])
    return said


def _keys(results: Results, names: Sequence[str]) -> list[tuple[object, ...]]:
    columns = [
        np.asarray(results.knobs[name], dtype=float if name in results.ordered else str).tolist() for name in names
    ]
    return list(zip(*columns, strict=True))


def _within(source: Results, candidates: Results) -> NDArray[np.bool_]:
    """Which candidates have only levels that the source knows, and numbers not far outside its range."""
    inside = np.ones(len(candidates), dtype=bool)
    for name, column in candidates.knobs.items():
        if name not in source.knobs:
            continue
        if name in source.ordered and name in candidates.ordered:
            inside &= _near(source.knobs[name].astype(float), column.astype(float))
        else:
            inside &= np.isin(np.asarray(column).astype(str), np.asarray(source.knobs[name]).astype(str))
    return inside


def _near(known: Array, asked: Array) -> NDArray[np.bool_]:
    low, high = known.min(), known.max()
    margin = BEYOND * (high - low)
    return np.asarray((asked >= low - margin) & (asked <= high + margin))
