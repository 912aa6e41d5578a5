"""Hold an intent against its files before anything is measured: models, data, shapes, labels, outputs."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.task import Task, file_hash, read_labels
from autoedge.errors import DataError, IntentError, ModelError
from autoedge.intent.constraint import read_constraint
from autoedge.metric import METRICS
from autoedge.models.inspect import inspect_model
from autoedge.preprocessing.fit import fit_array
from autoedge.preprocessing.npz import Npz
from autoedge.space.space import ModelFacts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.intent.constraint import Constraint
    from autoedge.intent.resolved import Intent
    from autoedge.models.info import ModelInfo, Tensor

_REDUCIBLE = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN", "Attention"})
_LABELLED = ("accuracy", "f1_macro")
_LOSSY = ("fp16", "int8-dynamic", "int8-static")


@dataclass(frozen=True)
class Prepared:
    """An intent whose files are known to fit together.

    Attributes:
        intent: As loaded.
        infos: Models by name.
        task: For the bench.
        facts: For the space, in the user's order.
        constraints: The intent's, and the workload's rate as one more.
        calibration: The user's calibration data.
        calibration_hash: SHA-256 of it, empty without.
    """

    intent: Intent
    infos: Mapping[str, ModelInfo]
    task: Task
    facts: tuple[ModelFacts, ...]
    constraints: tuple[Constraint, ...]
    calibration: Path | None
    calibration_hash: str


def prepare(intent: Intent) -> Prepared:
    """Look into every file that an intent names.

    Raises:
        IntentError: Models or data do not fit together; all problems at once.
        ModelError: A single problem with one model.
        DataError: A single problem with the data.
    """
    infos: dict[str, ModelInfo] = {}
    problems: list[ModelError | DataError] = []
    for entry in intent.models:
        try:
            infos[entry.name] = inspect_model(entry.path)
        except ModelError as error:
            problems.append(error)
    data, labels = None, None
    try:
        if intent.data.evaluation is not None:
            data = Npz(intent.data.evaluation)
            labels = read_labels(data)
        if intent.data.calibration is not None:
            Npz(intent.data.calibration)
    except DataError as error:
        problems.append(error)
    scores: dict[str, str] = {}
    for name, info in infos.items():
        try:
            _check_inputs(name, info, data, labels)
            if data is not None:
                scores[name] = score_output(name, info, labels, intent.scores)
        except (ModelError, DataError) as error:
            problems.append(error)
    if problems:
        raise problems[0] if len(problems) == 1 else IntentError(*map(str, problems))
    intent = _judged_by(intent, labelled=labels is not None)
    return Prepared(
        intent=intent,
        infos=infos,
        task=_task(intent, data, labels, scores, infos[intent.baseline]),
        facts=tuple(_facts(intent, entry.name, infos[entry.name]) for entry in intent.models),
        constraints=_constraints(intent),
        calibration=intent.data.calibration,
        calibration_hash=file_hash(intent.data.calibration) if intent.data.calibration else "",
    )


def _judged_by(intent: Intent, *, labelled: bool) -> Intent:
    """The intent with quality told by what the data allow: without labels, agreement with the reference.

    Raises:
        DataError: A limit on a quality that the data cannot show.
    """
    have, lack = (_LABELLED, ("agreement",)) if labelled else (("agreement",), _LABELLED)
    for constraint in intent.constraints:
        if constraint.metric.name in lack:
            advice = f"limit {have[0]} instead" if labelled else "add one label a sample as 'y', or limit agreement"
            raise DataError(
                f"{intent.data.evaluation or intent.path}: '{constraint.text}' cannot be seen in these data; {advice}"
            )

    def shown(name: str) -> str:
        return have[0] if name in lack else name

    weights: dict[str, float] = {}
    for name, weight in intent.prefer.weights.items():
        weights[shown(name)] = weights.get(shown(name), 0.0) + weight
    prefer = replace(
        intent.prefer,
        weights=weights,
        order=tuple(dict.fromkeys(shown(name) for name in intent.prefer.order)),
    )
    objectives = dict.fromkeys(METRICS[shown(metric.name)] for metric in intent.objectives)
    return replace(intent, objectives=tuple(objectives), prefer=prefer)


def _task(
    intent: Intent, data: Npz | None, labels: np.ndarray | None, scores: Mapping[str, str], reference: ModelInfo
) -> Task:
    samples = (
        0 if data is None else max((header.shape[0] for header in data.arrays.values() if header.shape), default=0)
    )
    data_hash = file_hash(intent.data.evaluation) if intent.data.evaluation else ""
    made_of = f"{reference.sha256} {data_hash} {scores.get(intent.baseline)}"
    return Task(
        data=intent.data.evaluation,
        data_hash=data_hash,
        labels=labels,
        scores=scores,
        rate=intent.rate,
        battery_wh=intent.battery_wh,
        idle_power={target.name: target.idle_power for target in intent.targets},
        reference=intent.baseline,
        seed=intent.search.seed,
        samples=samples,
        reference_key=hashlib.sha256(made_of.encode()).hexdigest()[:32],
    )


def _constraints(intent: Intent) -> tuple[Constraint, ...]:
    """A candidate slower than the workload is infeasible, whatever else was asked for."""
    if intent.rate is None:
        return intent.constraints
    pace = replace(read_constraint(f"throughput >= {intent.rate:.12g} / s"), key="workload_rate")
    return (*intent.constraints, pace)


def _check_inputs(name: str, info: ModelInfo, data: Npz | None, labels: np.ndarray | None) -> None:
    for tensor in info.inputs:
        if len(tensor.shape) == 0:
            raise ModelError(f"model '{name}': input '{tensor.name}' is a scalar, but a batch axis is needed")
        free = [dim for dim in tensor.shape[1:] if not isinstance(dim, int)]
        if data is None and free:
            raise DataError(
                f"model '{name}': input '{tensor.name}' has free dimensions beside the batch; "
                "give data: {evaluation: FILE.npz} to say how large they are"
            )
    if data is None:
        return
    arrays = data.match([tensor.name for tensor in info.inputs])
    for tensor in info.inputs:
        header = data.arrays[arrays[tensor.name]]
        try:
            fit_array(np.empty((0, *header.shape[1:]), header.dtype), tensor.shape, tensor.dtype)
        except DataError as error:
            raise DataError(f"{data.path}: array '{arrays[tensor.name]}', model '{name}': {error}") from error
        count = header.shape[0]
        if count == 0:
            raise DataError(f"{data.path}: array '{arrays[tensor.name]}', model '{name}': holds no samples")
        if labels is not None and len(labels) != count:
            raise DataError(f"{data.path}: one label a sample is needed, but 'y' has {len(labels)} for {count} samples")


def score_output(name: str, info: ModelInfo, labels: np.ndarray | None, wanted: str | None) -> str:
    """The output with one column a class.

    Args:
        name: The model's.
        info: What it gives.
        labels: To tell the columns by.
        wanted: ``outputs.scores`` of the intent.

    Raises:
        DataError: There is none, or there are several; says which outputs there are.
    """
    known = ", ".join(f"{tensor.name} {tensor.dtype}" for tensor in info.outputs)
    classes = 2 if labels is None else int(labels.max()) + 1
    floating = [tensor for tensor in info.outputs if tensor.dtype.startswith("float") and wanted in (None, tensor.name)]
    if wanted is not None and not floating:
        raise DataError(f"model '{name}': outputs.scores names '{wanted}', but scores are floating; it gives {known}")
    fitting = [tensor for tensor in floating if _columns(tensor) is None or (_columns(tensor) or 0) >= classes]
    if len(fitting) == 1:
        return fitting[0].name
    if not fitting and len(floating) == 1 and labels is not None:
        raise DataError(
            f"model '{name}': labels go up to {classes - 1}, so scores need {classes} columns, "
            f"but '{floating[0].name}' has {_columns(floating[0])}; check 'y' or the model"
        )
    what = "several outputs could hold" if fitting else "no floating output holds"
    raise DataError(f"model '{name}': {what} one score a class ({known}); name it with outputs: {{scores: NAME}}")


def _columns(tensor: Tensor) -> int | None:
    """Scores a sample; None when the model does not say."""
    sizes = [dim for dim in tensor.shape[1:] if dim != 1]
    if len(tensor.shape) == 0 or any(not isinstance(dim, int) for dim in sizes):
        return None
    return math.prod(dim for dim in sizes if isinstance(dim, int)) if len(tensor.shape) > 1 else 1


def _facts(intent: Intent, name: str, info: ModelInfo) -> ModelFacts:
    sizes = {tensor.shape[0] for tensor in info.inputs if isinstance(tensor.shape[0], int)}
    if len(sizes) > 1:
        raise ModelError(f"model '{name}': its inputs fix different batch sizes {sorted(sizes)}")
    numbers = {
        "log_macs": info.macs,
        "log_parameters": info.parameters,
        "log_activations": info.activation_peak_bytes,
        "log_size": info.size_bytes,
    }
    features = {key: math.log10(value + 1) for key, value in numbers.items() if value is not None}
    fixed = int(next(iter(sizes))) if sizes else None
    return ModelFacts(name, info.precision, fixed, features, _refused(intent, info))


def _refused(intent: Intent, info: ModelInfo) -> dict[str, str]:
    if info.precision != "fp32":
        return dict.fromkeys(_LOSSY, f"the model as given is {info.precision}")
    if not _REDUCIBLE & set(info.operators):
        return dict.fromkeys(_LOSSY, "it has no convolution or matrix product to make smaller")
    if intent.data.evaluation is None and not intent.lossy:
        return dict.fromkeys(_LOSSY, "what it loses cannot be seen without data.evaluation (or say lossy: allow)")
    if intent.data.calibration is None:
        return {"int8-static": "it needs data.calibration"}
    return {}
