"""The candidates that a user would have on a device that is not there, as far as its recorded results tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.campaign.levels import as_words
from autoedge.device import Device
from autoedge.errors import SurrogateError
from autoedge.space.columns import INACTIVE
from autoedge.space.space import Space
from autoedge.surrogate.saved.elsewhere import Elsewhere
from autoedge.surrogate.saved.rows import MODEL, known_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.candidate import Candidate
    from autoedge.space.declaration import SpaceFile
    from autoedge.surrogate.saved.elsewhere import Expected
    from autoedge.surrogate.saved.rows import Rows
    from autoedge.workflows.prepare import Prepared

RUNTIME = "runtime"
_CORES = "device_log_cores"
_PHYSICAL = "device_log_physical_cores"
_THREADS = "threads"
_MOST_CORES = 1024


@dataclass(frozen=True)
class Unowned:
    """Candidates on a recorded target, with what they are expected to measure.

    Attributes:
        candidates: That its results tell apart and know the levels of.
        expected: By metric, in the order of the candidates.
        learned: The results, learned.
        notes: What could not be taken into account.
    """

    candidates: list[Candidate]
    expected: Mapping[str, Expected]
    learned: Elsewhere
    notes: tuple[str, ...]


def unowned(target: str, rows: Rows, prepared: Prepared, files: Sequence[SpaceFile], metrics: Sequence[str]) -> Unowned:
    """Predict the candidates of an intent on a target from its results.

    Args:
        target: Its name.
        rows: Its results.
        prepared: The intent, its models known.
        files: The search spaces.
        metrics: Keys of what is wanted.

    Raises:
        SurrogateError: Its results and the candidates have too little in common.
        SpaceError: The intent's knobs allow nothing on such a device.
    """
    device = _device(rows, [file.runtime for file in files])
    space = Space(files, prepared.facts, {target: device}, prepared.intent.search.knobs)
    inputs = _inputs(space)
    features = space.features()[0]
    models = known_models(inputs.pop(MODEL), {name: inputs[name] for name in features})
    learned = Elsewhere(rows, list(inputs), metrics)
    kept = np.ones(len(space), dtype=bool)
    if len(set(rows.groups)) == 1:
        kept = learned.recorded(models)
        if not kept.any():
            raise SurrogateError("its results are of a single model, which says nothing of another")
    elif not set(features) & set(learned.shared):
        names = ", ".join(features) or "none of these models"
        raise SurrogateError(f"its results know no feature of models ({names}), and so say nothing of others")
    notes: list[str] = []
    for name in learned.shared:
        levels = learned.levels(name)
        known = np.isin(inputs[name].astype(str), levels) if levels else np.isfinite(inputs[name])
        if not known.any():
            notes.append(f"{name} has no level in common with its results, and is taken as unknown")
        else:
            kept = kept & known
    if not kept.any():
        raise SurrogateError("its results know no combination of levels that these candidates have")
    if not kept.all():
        notes.append(
            f"{len(kept) - kept.sum()} candidates have levels or models that its results do not know: left out"
        )
    varied = [name for name, knob in space.knobs.items() if len(knob.levels) > 1 and name not in learned.shared]
    untold = [name for name in varied if name != MODEL]
    if untold:
        notes.append(f"its results do not tell the levels of {', '.join(untold)} apart")
    rows_kept = _distinct({name: inputs[name] for name in learned.shared}, models, kept, _defaults_first(space, target))
    expected = learned.predict({name: inputs[name][rows_kept] for name in learned.shared}, models[rows_kept])
    return Unowned([space.candidate(int(row)) for row in rows_kept], expected, learned, tuple(notes))


def _device(rows: Rows, runtimes: Sequence[str]) -> Device:
    """As much of the device as its results tell: how many threads there may be. It is taken to have all runtimes."""

    def cores(name: str) -> int | None:
        known = rows.inputs.get(name, np.zeros(0))
        known = known[np.isfinite(known)] if known.dtype != object else np.zeros(0)
        return round(2 ** min(float(known.max()), math.log2(_MOST_CORES))) if len(known) else None

    threads = rows.inputs.get(_THREADS, np.ones(1))
    most = int(min(np.nanmax(threads), _MOST_CORES)) if threads.dtype != object else 1
    logical = max(1, cores(_CORES) or most)
    return Device(
        "", "", "", logical, min(logical, cores(_PHYSICAL) or logical), 0, "", "", dict.fromkeys(runtimes, "")
    )


def _inputs(space: Space) -> dict[str, NDArray[Any]]:
    """By column, knobs and features of all candidates, named as campaigns name them."""
    inputs: dict[str, NDArray[Any]] = {}
    for (name, knob), codes in zip(space.knobs.items(), space.codes.T, strict=True):
        levels = np.array(knob.levels, dtype=float) if knob.ordered else as_words(knob.levels)
        inputs[name] = levels[codes]
    inputs[RUNTIME] = space.runtimes
    names, features = space.features()
    return inputs | dict(zip(names, features.T, strict=True))


def _defaults_first(space: Space, target: str) -> NDArray[np.intp]:
    """Candidates, those with the most default levels first: they stand for what cannot be told apart."""
    away = np.zeros(len(space), dtype=int)
    names = list(space.knobs)
    for model, _ in enumerate(space.knobs[MODEL].levels):
        configuration = space.default(str(space.knobs[MODEL].levels[model]), target).configuration
        usual = {**configuration.recipe, **configuration.knobs}
        mine = space.codes[:, 0] == model
        for place, name in enumerate(names[1:], start=1):
            levels = space.knobs[name].levels
            level = usual.get(name, INACTIVE)
            code = levels.index(level) if level in levels else -1
            away[mine] += space.codes[mine, place] != code
    return np.argsort(away, kind="stable")


def _distinct(
    shared: Mapping[str, NDArray[Any]], models: NDArray[np.object_], kept: NDArray[np.bool_], order: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The first of each kind, in ``order``."""
    columns = [np.unique(column.astype(str), return_inverse=True)[1] for column in (models, *shared.values())]
    order = order[kept[order]]
    kinds = np.column_stack(columns)[order]
    return np.sort(order[np.unique(kinds, axis=0, return_index=True)[1]])
