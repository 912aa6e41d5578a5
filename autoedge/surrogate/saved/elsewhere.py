"""What one recorded target would measure of candidates that never ran there, and how far off that may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.columns import columns_of, matrix_of
from autoedge.surrogate.saved.fitting import FEWEST_ROWS, enough_of, fit, scale_of
from autoedge.surrogate.saved.held_out import left_out, model_folds, row_folds
from autoedge.surrogate.saved.rows import MODEL, TARGET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.saved.columns import Column
    from autoedge.surrogate.saved.fitting import Regression, Scale
    from autoedge.surrogate.saved.held_out import Error
    from autoedge.surrogate.saved.rows import Rows

    Array = NDArray[np.float64]

BAND = 1.96  # standard deviations, 95 %


@dataclass(frozen=True)
class Expected:
    """What candidates are expected to measure: estimates, shape (n,), in the unit of the metric.

    Attributes:
        value: NaN where it cannot be known.
        low: Lower end of the band in which 95 % of held-out rows lie.
        high: Upper end.
    """

    value: Array
    low: Array
    high: Array


class Elsewhere:
    """The results of one target, learned in what they share with the candidates asked about.

    Args:
        rows: Of the target.
        names: Inputs that the candidates have.
        metrics: Wanted; others are not learned.

    Raises:
        SurrogateError: Nothing is shared, or no wanted metric has enough rows.

    Attributes:
        shared: Names of the columns that it goes by.
        of_models: By metric, the error on models that were left out; None where there is but one model.
        of_rows: By metric, the error on configurations that were left out.
    """

    def __init__(self, rows: Rows, names: Sequence[str], metrics: Sequence[str]) -> None:
        known = [column for column in columns_of(rows) if column.name in names and column.name not in (TARGET, MODEL)]
        self._columns: tuple[Column, ...] = tuple(known)
        self.shared = [column.name for column in known]
        if not known:
            raise SurrogateError("its results share no knob and no known feature with these candidates")
        self._recorded = set(rows.inputs[MODEL].tolist()) if MODEL in rows.inputs else set()
        taught = [metric for metric in enough_of(rows) if metric in metrics]
        if not taught:
            raise SurrogateError(f"its results have fewer than {FEWEST_ROWS} measured rows of {', '.join(metrics)}")
        self._scales: dict[str, Scale] = {metric: scale_of(rows.metrics[metric]) for metric in taught}
        folds = model_folds(rows)
        self.of_models: Mapping[str, Error | None] = {} if folds is None else left_out(rows, known, self._scales, folds)
        self.of_rows = left_out(rows, known, self._scales, row_folds(rows))
        self._model: Regression = fit(rows, known, self._scales)

    @property
    def metrics(self) -> list[str]:
        """What it predicts."""
        return list(self._scales)

    def levels(self, name: str) -> tuple[str, ...]:
        """The recorded levels of a category among the shared columns; empty for a number."""
        return next(column.levels for column in self._columns if column.name == name)

    def recorded(self, models: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Which models, by name and features, the target has results of."""
        return np.array([model in self._recorded for model in models], dtype=bool)

    def predict(self, inputs: Mapping[str, Any], models: NDArray[np.object_]) -> dict[str, Expected]:
        """By metric, what to expect of candidates.

        The band is the held-out error on configurations for models that were recorded, and on whole models for others;
        a model cannot be known where the results are of a single other one.

        Args:
            inputs: By column.
            models: One a candidate, as ``autoedge.surrogate.saved.rows.known_models`` says them.
        """
        matrix = matrix_of(self._columns, inputs, len(models))
        predicted = self._model.predict(matrix)
        recorded = self.recorded(models)
        found = {}
        for place, (name, scale) in enumerate(self._scales.items()):
            here, other = (_rmse(errors.get(name)) for errors in (self.of_rows, self.of_models))
            off = BAND * np.where(recorded, here, np.maximum(here, other))
            mean = np.where(np.isfinite(off), predicted[:, place], np.nan)
            found[name] = Expected(scale.back(mean), scale.back(mean - off), scale.back(mean + off))
        return found


def _rmse(error: Error | None) -> float:
    return np.nan if error is None else error.rmse
