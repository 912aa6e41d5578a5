"""Campaigns that a run starts from, in the terms of its space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.campaign.campaign import Campaign
from autoedge.campaign.card import ObjectiveColumn
from autoedge.campaign.results import results_of
from autoedge.campaign.table import Table
from autoedge.errors import DataError
from autoedge.measurement import Source
from autoedge.space.columns import RUNTIME, TARGET
from autoedge.surrogate.saved.rows import DEVICE, MODEL, known_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.history import Recorded
    from autoedge.campaign.results import Results
    from autoedge.metric import Metric
    from autoedge.space.space import Space


def measured_in(recorded: Recorded, metrics: Sequence[Metric]) -> list[Results]:
    """What was measured of each metric on one target, one ``Results`` a metric, in the metric's unit.

    Estimates are left out; so are metrics that no row knows.
    """
    campaign, found = recorded.campaign, []
    for metric in metrics:
        if metric.key not in campaign.frame or metric.key in {*campaign.card.knobs, *campaign.card.features}:
            continue
        frame = campaign.frame
        if f"{metric.key}_source" in frame:
            frame = frame[frame[f"{metric.key}_source"] != str(Source.ESTIMATED)]
        objectives = {metric.key: ObjectiveColumn(direction=metric.direction)}
        card = campaign.card.model_copy(update={"objectives": objectives})
        try:
            table = Table(Campaign(card, frame), recorded.target)
        except (DataError, ValueError, TypeError):  # no row is left, or the column holds no numbers
            continue
        found.append(replace(results_of(table), name=recorded.name))
    return found


def in_terms_of(space: Space, results: Results) -> Results | None:
    """Results with the columns of a space, so that the very same candidates are recognised; None where none is alike.

    Rows of other runtimes fall away, and so do knobs that the space lacks and that never varied. A model counts by its
    name together with what is known of it; where the results are of none of the space's models, they tell of models
    by their features alone. Where there are several targets, the results tell the same of each.
    """
    if RUNTIME in results.knobs and RUNTIME not in space.knobs:
        results = results.take(np.flatnonzero(results.knobs[RUNTIME].astype(str) == space.runtimes[0]))
        if not len(results):
            return None
    features = {name: column for name, column in results.features.items() if not name.startswith(DEVICE)}
    knobs = {
        name: column
        for name, column in results.knobs.items()
        if name in space.knobs or len(set(column.astype(str).tolist())) > 1
    }
    if MODEL in knobs:
        models = _models(space, knobs[MODEL], features)
        knobs = {**knobs, MODEL: models} if models is not None else {k: v for k, v in knobs.items() if k != MODEL}
    if not set(knobs) & set(space.knobs):
        return None
    told = replace(results, knobs=knobs, ordered=results.ordered & set(knobs), features=features)
    return told if TARGET not in space.knobs else _of_each_target(told, space.targets)


def _models(
    space: Space, names: NDArray[Any], features: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.object_] | None:
    """Names of the space's models as they are, all others made unmistakable; None where there is no common model."""
    known, matrix = space.features()
    columns = dict(zip(known, matrix.T, strict=True))
    shared = [name for name in columns if name in features and not name.startswith(DEVICE)]
    codes, first = np.unique(space.codes[:, list(space.knobs).index(MODEL)], return_index=True)
    ours = [space.knobs[MODEL].levels[code] for code in codes]
    texts = known_models(ours, {name: columns[name][first] for name in shared})
    theirs = known_models(names, {name: features[name] for name in shared})
    same = np.isin(theirs.astype(str), texts.astype(str))
    if not same.any():
        return None if shared else theirs
    return np.where(same, names.astype(object), np.array([f"{text} elsewhere" for text in theirs], dtype=object))


def _of_each_target(results: Results, targets: Sequence[str]) -> Results:
    every = results.take(np.tile(np.arange(len(results)), len(targets)))
    return replace(every, knobs={**every.knobs, TARGET: np.repeat(np.array(targets, dtype=object), len(results))})
