"""Train a surrogate, and say how good it is on what it did not see."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.card import (
    HELD_OUT_RULE,
    ErrorFigures,
    MetricCard,
    SourceCard,
    SurrogateCard,
    TrendCard,
)
from autoedge.surrogate.saved.columns import UNKNOWN, columns_of, matrix_of
from autoedge.surrogate.saved.exam import exam_of
from autoedge.surrogate.saved.fitting import FEWEST_ROWS, fit, learnable, scale_of
from autoedge.surrogate.saved.held_out import error_of, left_out, model_folds, row_folds, target_folds
from autoedge.surrogate.saved.repeated import without_repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.saved.columns import Column
    from autoedge.surrogate.saved.exam import Exam
    from autoedge.surrogate.saved.fitting import Regression, Scale
    from autoedge.surrogate.saved.held_out import Error
    from autoedge.surrogate.saved.rows import Rows

    Array = NDArray[np.float64]
    Progress = Callable[[str], None]

_DIGITS = 6
_MOST_HIDDEN = 2_000


@dataclass(frozen=True)
class Trained:
    """A surrogate before it is written.

    Attributes:
        card: Without a comparison.
        text: Of the model, as LightGBM writes it.
        exam: The rows that it was not trained on.
    """

    card: SurrogateCard
    text: str
    exam: Exam


def train(
    rows: Rows,
    sources: Sequence[SourceCard],
    on_step: Progress = lambda _: None,
    recorded: Rows | None = None,
) -> Trained:
    """Train on all rows but those that are held out, and those that repeat them; the same rows give the same bytes.

    Args:
        rows: Of all sources, as ``autoedge.surrogate.saved.rows.joined`` orders them.
        sources: Where they came from.
        on_step: Told what begins.
        recorded: Further rows to be judged on, those of the champion's exam.

    Raises:
        SurrogateError: There are too few rows to learn anything.
    """
    rows, repeated = without_repeats(rows, recorded)
    kept, unseen = rows.take(~rows.held_out), rows.take(rows.held_out)
    metrics = learnable(kept)
    taught = np.isfinite(np.column_stack([kept.metrics[metric] for metric in metrics]))
    kept = kept.take(np.asarray(taught.any(axis=1)))
    scales = {metric: scale_of(kept.metrics[metric]) for metric in metrics}
    columns = columns_of(kept)
    if not columns:
        raise SurrogateError(
            "no knob or feature differs between the rows, so there is nothing to tell them apart by; "
            "name campaigns with several configurations"
        )
    errors = _errors(kept, columns, scales, on_step)
    on_step(f"training on {len(kept)} rows")
    model = fit(kept, columns, scales)
    exam, text = exam_of(unseen), model.trees.model_to_string()
    card = SurrogateCard(
        schema_version=1,
        model_sha256=_hash(text),
        exam_sha256=_hash(exam.model_dump_json()),
        held_out_rule=HELD_OUT_RULE,
        rows=len(kept),
        held_out_rows=len(unseen),
        newest=rows.newest,
        targets=len(set(kept.targets)),
        models=len(set(kept.groups)),
        sources=tuple(sources),
        columns=columns,
        trend=TrendCard(
            centres=tuple(model.trend.centres.tolist()), slopes=tuple(map(tuple, model.trend.slopes.tolist()))
        ),
        metrics=_metric_cards(model, columns, kept, unseen, errors),
        notes=_notes(rows, kept, unseen, metrics, repeated),
        comparison=None,
        versions=_versions(),
    )
    return Trained(card, text, exam)


def _metric_cards(
    model: Regression,
    columns: Sequence[Column],
    kept: Rows,
    unseen: Rows,
    errors: Mapping[str, Mapping[str, Error | None]],
) -> dict[str, MetricCard]:
    """By metric, how it was learned and how well: on what was left out, and on what no model saw."""
    predicted = model.predict(matrix_of(columns, unseen.inputs, len(unseen))) if len(unseen) else None
    hidden = _hidden(model, columns, matrix_of(columns, kept.inputs, len(kept)))
    return {
        metric: MetricCard(
            log=scale.log,
            centre=scale.centre,
            spread=scale.spread,
            rows=int(np.isfinite(kept.metrics[metric]).sum()),
            unknown=tuple(np.round(hidden[:, place] * scale.spread, _DIGITS).tolist()),
            unseen=_figures(None if predicted is None else _unseen(unseen, metric, predicted[:, place], scale)),
            **{key: _figures(found.get(metric)) for key, found in errors.items()},
        )
        for place, (metric, scale) in enumerate(model.scales.items())
    }


def _errors(
    rows: Rows, columns: Sequence[Column], scales: dict[str, Scale], on_step: Progress
) -> dict[str, Mapping[str, Error | None]]:
    """By key of the card, errors by metric; rows are left out one by one only where nothing larger can be."""
    without_target, without_model = target_folds(rows), model_folds(rows)
    alone = without_target is None and without_model is None and len(rows) > 1
    folds = {
        "without_target": without_target,
        "without_model": without_model,
        "without_row": row_folds(rows) if alone else None,
    }

    def told(key: str) -> Callable[[int, int], None]:
        return lambda fold, count: on_step(f"judging {key.replace('_', ' ')}: {fold + 1} of {count}")

    return {
        key: {} if fold is None else left_out(rows, columns, scales, fold, told(key)) for key, fold in folds.items()
    }


def _unseen(rows: Rows, metric: str, predicted: Array, scale: Scale) -> Error | None:
    if metric not in rows.metrics:
        return None
    return error_of(rows.metrics[metric], predicted, scale, rows.targets)


def _hidden(model: Regression, columns: Sequence[Column], matrix: Array) -> Array:
    """How far predictions move when a column is hidden, in spreads: root mean square, shape (columns, metrics)."""
    # Rows stand in the order of their hashes, so every so manyth is a fair part of them.
    matrix = matrix[:: 1 + (len(matrix) - 1) // _MOST_HIDDEN]
    spreads = np.array([scale.spread for scale in model.scales.values()])
    as_is = model.predict(matrix)
    moved = np.zeros((len(columns), len(spreads)))
    for place, column in enumerate(columns):
        without = matrix.copy()
        without[:, place] = UNKNOWN if column.scale == "category" else np.nan
        moved[place] = np.sqrt(np.mean((model.predict(without) - as_is) ** 2, axis=0)) / spreads
    return moved


def _figures(error: Error | None) -> ErrorFigures | None:
    if error is None:
        return None
    rounded = {name: round(figure, _DIGITS) if figure else figure for name, figure in asdict(error).items()}
    return ErrorFigures(**rounded)


def _notes(rows: Rows, kept: Rows, unseen: Rows, metrics: Sequence[str], repeated: int) -> tuple[str, ...]:
    notes = []
    if repeated:
        notes.append(f"left out, since their figures repeat those of other rows under another name: {repeated} rows")
    targets, models = len(set(kept.targets)), len(set(kept.groups))
    if targets == 1:
        notes.append("all rows are of one target: what it does on another one could not be judged")
    if models == 1:
        notes.append("all rows are of one model: what it does with another one could not be judged")
    if targets == 1 and models == 1:
        notes.append("configurations were left out instead, in five groups")
    few = [name for name in sorted(rows.metrics) if name not in metrics]
    if few:
        notes.append(f"not learned, since fewer than {FEWEST_ROWS} rows know them: {', '.join(few)}")
    if not len(unseen):
        notes.append("none of the rows is held out, so a challenger cannot be judged; name more campaigns or stores")
    return tuple(notes)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("autoedge", "lightgbm", "numpy")}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
