"""How far a surrogate is off on rows that it did not see: whole targets and whole models left out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoedge.surrogate.figures import rank_correlation, relative_errors
from autoedge.surrogate.saved.columns import matrix_of
from autoedge.surrogate.saved.fitting import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.saved.columns import Column
    from autoedge.surrogate.saved.fitting import Scale
    from autoedge.surrogate.saved.rows import Rows

    Array = NDArray[np.float64]

MOST_TARGETS = 20
FOLDS = 5


@dataclass(frozen=True)
class Error:
    """How far predictions of one metric were off; see ``autoedge.surrogate.figures``.

    Attributes:
        rows: Judged.
        rmse: On the scale of the metric: natural logarithms where it is positive.
        median_ape: Median relative error; None where all that was measured is 0.
        mape: Mean of the same.
        within_10pct: Share of rows less than that off.
        spearman: Rank correlation within a target, mean over the targets; None where no target has two values.
    """

    rows: int
    rmse: float
    median_ape: float | None
    mape: float | None
    within_10pct: float | None
    spearman: float | None


def error_of(values: Array, predicted: Array, scale: Scale, targets: NDArray[np.object_]) -> Error | None:
    """Judge predictions; None where no value is known.

    Args:
        values: Shape (n,), as measured, NaN where not known.
        predicted: Shape (n,), on the scale.
        scale: Of the metric.
        targets: Shape (n,): where each was measured.
    """
    known = np.isfinite(scale.of(values)) & np.isfinite(predicted)
    if not known.any():
        return None
    values, predicted, targets = values[known], predicted[known], targets[known]
    off = predicted - scale.of(values)
    parts = pd.DataFrame({"value": values, "predicted": predicted}).groupby(targets, sort=True)
    ranks = [rank_correlation(part["predicted"].to_numpy(), part["value"].to_numpy()) for _, part in parts]
    told = [rank for rank in ranks if np.isfinite(rank)]
    relative = asdict(relative_errors(scale.back(predicted), values))
    return Error(
        rows=int(known.sum()),
        rmse=float(np.sqrt(np.mean(off**2))),
        spearman=float(np.mean(told)) if told else None,
        **{name: figure if np.isfinite(figure) else None for name, figure in relative.items()},
    )


def left_out(
    rows: Rows,
    columns: Sequence[Column],
    scales: dict[str, Scale],
    folds: NDArray[np.intp],
    on_fold: Callable[[int, int], None] = lambda _, __: None,
) -> Mapping[str, Error | None]:
    """Train without each fold and judge on it.

    Args:
        rows: With all metrics of ``scales``.
        columns: The inputs.
        scales: By metric.
        folds: Shape (n,): numbers from 0.
        on_fold: Told which fold of how many begins.
    """
    predicted = np.full((len(rows), len(scales)), np.nan)
    count = int(folds.max()) + 1
    for fold in range(count):
        on_fold(fold, count)
        out = folds == fold
        rest = rows.take(~out)
        taught = [name for name in scales if np.isfinite(rest.metrics[name]).any()]
        if not taught:
            continue
        model = fit(rest, columns, {name: scales[name] for name in taught})
        part = rows.take(out)
        places = [list(scales).index(name) for name in taught]
        predicted[np.ix_(out, places)] = model.predict(matrix_of(columns, part.inputs, len(part)))
    return {
        name: error_of(rows.metrics[name], predicted[:, place], scale, rows.targets)
        for place, (name, scale) in enumerate(scales.items())
    }


def target_folds(rows: Rows) -> NDArray[np.intp] | None:
    """Each target in turn (beyond 20, that many groups of targets); None where there is but one."""
    return _folds(rows.targets, MOST_TARGETS)


def model_folds(rows: Rows) -> NDArray[np.intp] | None:
    """Five groups of models, whole models together on all targets; None where there is but one."""
    return _folds(rows.groups, FOLDS)


def row_folds(rows: Rows) -> NDArray[np.intp]:
    """Five groups of configurations: for one model on one target, where nothing larger can be left out."""
    return np.arange(len(rows)) % min(FOLDS, len(rows))


def _folds(names: NDArray[np.object_], most: int) -> NDArray[np.intp] | None:
    codes, levels = pd.factorize(names, sort=True)
    if len(levels) < 2:  # noqa: PLR2004 - something must be left
        return None
    # Neighbours in the alphabet are often kin: dealing them out like cards puts them into different folds.
    return np.asarray(codes % min(most, len(levels)), dtype=np.intp)
