"""Champion or challenger: which is kept, decided on rows that neither of them saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoedge.surrogate.saved.card import Comparison, Judged
from autoedge.surrogate.saved.exam import exam_of
from autoedge.surrogate.saved.rows import joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.surrogate.saved.exam import Exam
    from autoedge.surrogate.saved.rows import Rows
    from autoedge.surrogate.saved.surrogate import Surrogate

    Array = NDArray[np.float64]

MARGIN = 1.05
"""An error above the champion's may at most be so many times it, all metrics together."""
LEVEL = 0.95
NEGLIGIBLE = 0.005
"""Errors below half a percent count as half a percent: nobody should prefer one of them to another."""
FEWEST_ROWS = 10
FEWEST_CLUSTERS = 8
RESAMPLES = 2_000
_DIGITS = 6


def judge(champion: Surrogate, challenger: Surrogate, recorded: Exam, fresh: Exam) -> Comparison:
    """Decide whether the challenger is not worse.

    Both are judged on the rows that the champion was judged on before, and again on these together with the held-out
    rows of the challenger; neither of the two was trained on any of them. The first keeps a challenger from being
    believed on its own word: where its rows are wrong, so are the rows that it brings to be judged on. Each time

    - the errors of all metrics together must not be above the champion's, or else be shown to be at most 1.05 times
      these: the upper end of a one-sided 95 % interval, by a bootstrap over pairs of errors in which rows of one model
      on one target stay together (paired cluster bootstrap: Efron and Tibshirani 1993, chapter 8), and
    - no single metric may be worse beyond chance, 5 % shared over the metrics.

    An error is absolute, on the scale of the champion's metric, and at least 0.005 (half a percent); where a surrogate
    says nothing, its mean is taken.

    Args:
        champion: Of now.
        challenger: Knows other rows.
        recorded: Kept with the champion.
        fresh: Held out of the challenger's rows.
    """

    def verdict(reason: str = "", *, promoted: bool = False, told: _Told | None = None) -> Comparison:
        return Comparison(
            champion=champion.card.model_sha256,
            promoted=promoted,
            reason=reason,
            ratio=None if told is None else round(told.ratio, _DIGITS),
            at_most=None if told is None else round(told.at_most, _DIGITS),
            metrics=() if told is None else told.metrics,
        )

    if champion.card.held_out_rule != challenger.card.held_out_rule:
        return verdict("the champion held out other rows, so there are none that neither saw; choose another --out")
    lost = [name for name in champion.metrics if name not in challenger.metrics]
    if lost:
        return verdict(f"it does not know {', '.join(lost)}, which the champion knows")
    before, together = recorded.rows(), all_rows(recorded, fresh)
    exams = [rows for rows in (before, together) if len(rows) >= FEWEST_ROWS]
    if not exams:
        return verdict(f"only {len(together)} rows are held out, and {FEWEST_ROWS} are needed to judge; add rows")
    told = [_tell(champion, challenger, rows) for rows in exams]
    for one in told:
        worse = [metric.metric for metric in one.metrics if metric.worse]
        if worse:
            return verdict(f"it is worse beyond chance on {', '.join(worse)}", told=one)
        if one.ratio > 1.0 and one.at_most > MARGIN:
            return verdict(
                f"its error is {one.ratio:.3f} times the champion's, and may be {one.at_most:.3f} times: more than "
                f"{MARGIN} at {LEVEL:.0%}",
                told=one,
            )
    shown = told[0]
    return verdict(
        f"its error is {shown.ratio:.3f} times the champion's, at most {shown.at_most:.3f} times at {LEVEL:.0%}",
        promoted=True,
        told=shown,
    )


def all_rows(recorded: Exam, fresh: Exam) -> Rows:
    """Both exams; where both hold the same configuration on the same target, what was recorded first counts."""
    new = fresh.rows()
    new = new.take(~np.isin(new.identities.astype(str), np.array(recorded.identity, dtype=str)))
    return joined([recorded.rows(), new])


def all_of(recorded: Exam, fresh: Exam) -> Exam:
    """What the challenger is to be kept with once it is promoted."""
    return exam_of(all_rows(recorded, fresh))


@dataclass(frozen=True)
class _Told:
    """What one exam says, as in ``Comparison``."""

    ratio: float
    at_most: float
    metrics: tuple[Judged, ...]


def _tell(champion: Surrogate, challenger: Surrogate, rows: Rows) -> _Told:
    mine, theirs = (_losses(one, champion, rows) for one in (challenger, champion))
    known = np.asarray(np.isfinite(theirs).any(axis=0))
    names = [name for name, kept in zip(champion.metrics, known.tolist(), strict=True) if kept]
    mine, theirs = mine[:, known], theirs[:, known]
    clusters = _clusters(rows)
    drawn_mine, drawn_theirs = (_resampled(losses, clusters) for losses in (mine, theirs))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(drawn_mine == drawn_theirs, 1.0, drawn_mine / drawn_theirs)
    seen = np.isfinite(ratios)
    together = np.array([float(row[kept].mean()) for row, kept in zip(ratios, seen, strict=True) if kept.any()])
    share = (1 - LEVEL) / max(1, len(names))
    judged = []
    for place, name in enumerate(names):
        low = float(np.quantile(ratios[seen[:, place], place], share)) if seen[:, place].any() else 1.0
        judged.append(
            Judged(
                metric=name,
                rows=int(np.isfinite(theirs[:, place]).sum()),
                champion=round(float(np.nanmean(theirs[:, place])), _DIGITS),
                challenger=round(float(np.nanmean(mine[:, place])), _DIGITS),
                worse=low > 1.0,
            )
        )
    means = np.nanmean(mine, axis=0), np.nanmean(theirs, axis=0)
    ratio = float(np.mean(np.where(means[0] == means[1], 1.0, means[0] / np.maximum(means[1], 1e-12))))
    at_most = float(np.quantile(together, LEVEL)) if together.size else ratio
    return _Told(ratio, at_most, tuple(judged))


def _losses(surrogate: Surrogate, champion: Surrogate, rows: Rows) -> Array:
    """Absolute errors on the champion's scales, shape (n, metrics of the champion); NaN where nothing was measured."""
    answers = surrogate.answer(rows.inputs, len(rows))
    losses = np.full((len(rows), len(champion.metrics)), np.nan)
    for place, (name, scale) in enumerate(champion.metrics.items()):
        if name not in rows.metrics:
            continue
        own = surrogate.metrics[name]
        said = answers[name][0]
        said = np.where(np.isfinite(said), said, own.centre)
        if own.log != scale.log:
            said = np.exp(said) if own.log else np.log(np.maximum(said, np.exp(scale.centre - 10 * scale.spread)))
        values = rows.metrics[name]
        values = np.log(np.where(values > 0, values, np.nan)) if scale.log else values
        floor = NEGLIGIBLE * (1.0 if scale.log else scale.spread)
        losses[:, place] = np.maximum(np.abs(said - values), floor)
    return losses


def _clusters(rows: Rows) -> NDArray[np.intp]:
    """Numbers from 0: rows of one model on one target err alike; where such groups are too few, each row by itself."""
    codes, found = pd.factorize(rows.targets + "\n" + rows.groups, sort=True)
    return np.asarray(codes if len(found) >= FEWEST_CLUSTERS else np.arange(len(rows)), dtype=np.intp)


def _resampled(losses: Array, clusters: NDArray[np.intp]) -> Array:
    """Mean loss by metric in each resample of whole clusters: shape (resamples, metrics), the same draws every time."""
    count = int(clusters.max()) + 1
    told = np.isfinite(losses)
    sums, sizes = (np.zeros((count, losses.shape[1])) for _ in range(2))
    np.add.at(sums, clusters, np.where(told, losses, 0.0))
    np.add.at(sizes, clusters, told)
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = (weights @ sums) / (weights @ sizes)
    return means
