"""Columns of a campaign made from stored results: knobs, known features, metrics with their intervals and sources."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from autoedge.campaign.card import ObjectiveColumn
from autoedge.errors import DataError
from autoedge.measurement import Source
from autoedge.metric import METRICS, by_key
from autoedge.space.columns import INACTIVE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd

    from autoedge.campaign.card import Scale
    from autoedge.device import Device
    from autoedge.workflows.stored_results import StoredResult

    Features = Mapping[str, Mapping[str, float]]

TARGET = "device"
_ARCH = "device_arch_"


def rows_of(
    results: Sequence[StoredResult], features: Features, *, estimates: bool
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """One row a result.

    Args:
        results: At least one.
        features: By model, what is known of it before measuring.
        estimates: Whether estimated figures are kept.

    Returns:
        The rows, the names of the knobs and of the features.

    Raises:
        DataError: A knob has the name of another column.
    """
    import pandas as pd

    knobs, known = _knobs(results), _known(results, features)
    made = [
        (_levels(one, knobs), _numbers(one, known, features), _figures(one, estimates=estimates) | _about(one))
        for one in results
    ]
    twice = sorted({name for levels, numbers, rest in made for name in levels if name in rest or name in numbers})
    if twice and twice != ["runtime_version"]:
        raise DataError(f"a knob is named {', '.join(twice)}, as another column of a campaign is; rename the knob")
    frame = pd.DataFrame([levels | numbers | rest for levels, numbers, rest in made])
    for name in knobs:
        if knob_type(frame[name]) == "categorical":
            frame[name] = frame[name].astype(str)  # a column of a file holds one type
    frame = frame[[TARGET, *frame.columns.drop(TARGET)]]
    return frame.sort_values([TARGET, "candidate_id", "runtime_version"], ignore_index=True), knobs, known


def knob_type(levels: pd.Series[Any]) -> Literal["categorical", "int", "float"]:
    """``int`` or ``float`` where all levels are numbers, and so ordered."""
    kinds = {type(level) for level in levels}
    if kinds <= {int}:
        return "int"
    return "float" if kinds <= {int, float} else "categorical"


def objectives_of(
    frame: pd.DataFrame, asked: Collection[str], usual: Sequence[str]
) -> tuple[dict[str, ObjectiveColumn], list[str]]:
    """The card's objectives, and what is to be said of them.

    Args:
        frame: The rows.
        asked: Names or keys of metrics; none for the usual ones that are not estimated.
        usual: Keys of metrics.

    Raises:
        DataError: No result has such a metric.
    """
    measured = [metric.key for metric in METRICS.values() if metric.key in frame]
    keys = [METRICS[one].key if one in METRICS else one for one in asked]
    unknown = [key for key in keys if key not in measured]
    if unknown:
        raise DataError(f"--objective: no result has {', '.join(unknown)}; there are {', '.join(measured)}")
    notes = []
    if not keys:
        there = [key for key in usual if key in measured]
        estimated = [key for key in there if Source.ESTIMATED in set(frame[f"{key}_source"])]
        keys = [key for key in there if key not in estimated] or measured[:1]
        notes = [f"{key} is estimated: a column of the rows, but no objective" for key in estimated]
    return {key: _objective(key, frame[key]) for key in keys}, notes


def device_features(device: Device | None) -> dict[str, float]:
    """What is known of a device as numbers, named as in ``Space.features``; nothing where the device is not known."""
    if device is None:
        return {}
    return {
        "device_log_cores": math.log2(device.cores),
        "device_log_physical_cores": math.log2(device.physical_cores),
        "device_log_memory": math.log10(device.memory_mib),
        f"{_ARCH}{device.arch}": 1.0,
    }


def _knobs(results: Sequence[StoredResult]) -> list[str]:
    """Names of what a strategy chooses, in the order of the configurations."""
    names = dict.fromkeys(["model", "runtime"])
    for part in ("recipe", "knobs"):
        for one in results:
            names |= dict.fromkeys(getattr(one.configuration, part))
    versions = {(one.configuration.runtime, one.runtime_version) for one in results}
    if len(versions) > len({runtime for runtime, _ in versions}):  # it tells rows of one runtime apart
        names["runtime_version"] = None
    return list(names)


def _known(results: Sequence[StoredResult], features: Features) -> list[str]:
    models = {one.configuration.model for one in results}
    of_models = sorted({name for model in models for name in features.get(model, {})})
    return [*of_models, *dict.fromkeys(name for one in results for name in device_features(one.device))]


def _levels(one: StoredResult, knobs: Sequence[str]) -> dict[str, Any]:
    configuration = one.configuration
    chosen = {
        "model": configuration.model,
        "runtime": configuration.runtime,
        "runtime_version": one.runtime_version,
        **configuration.recipe,
        **configuration.knobs,
    }
    return {name: chosen.get(name, INACTIVE) for name in knobs}


def _numbers(one: StoredResult, names: Sequence[str], features: Features) -> dict[str, float]:
    """Features of the model and the device, NaN where unknown; a device is known not to be of another architecture."""
    other = math.nan if one.device is None else 0.0
    known = {**features.get(one.configuration.model, {}), **device_features(one.device)}
    return {name: known.get(name, other if name.startswith(_ARCH) else math.nan) for name in names}


def _figures(one: StoredResult, *, estimates: bool) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for metric in METRICS.values():
        value = one.result.metrics.get(metric.key)
        if value is not None and (estimates or value.source is not Source.ESTIMATED):
            row[metric.key] = value.value
            row[f"{metric.key}_lo"], row[f"{metric.key}_hi"] = value.low, value.high
            row[f"{metric.key}_source"] = str(value.source)
    return row


def _about(one: StoredResult) -> dict[str, Any]:
    return {
        TARGET: one.device_name,
        "candidate_id": one.result.candidate_id,
        "fingerprint": one.fingerprint,
        "device_cpu": "" if one.device is None else one.device.cpu,
        "device_os": "" if one.device is None else one.device.os,
        "runtime_version": one.runtime_version,
        "protocol_id": one.protocol_id,
        "date": datetime.fromtimestamp(one.started, UTC).date().isoformat(),
        "phase": str(one.result.phase),
        "n_processes": one.result.n_processes,
        "flags": " ".join(one.result.flags),
    }


def _objective(key: str, column: pd.Series[float]) -> ObjectiveColumn:
    metric = by_key(key)
    scale: Scale = (
        "log" if metric.dimension not in ("fraction", "number") and bool((column.dropna() > 0).all()) else "linear"
    )
    return ObjectiveColumn(direction=metric.direction, scale=scale)
