"""Hold an intent against its files before anything is measured: models, data, shapes, labels, outputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autoedge.bench.packing import data_file
from autoedge.bench.presets import too_short_at_rate
from autoedge.bench.task import Task, file_hash
from autoedge.errors import DataError, IntentError, ModelError
from autoedge.intent.constraint import read_constraint
from autoedge.metric import METRICS
from autoedge.models.cache import VariantCache
from autoedge.models.formats import FORMATS
from autoedge.models.inspect import inspect_model
from autoedge.models.model_inputs import sample_shapes
from autoedge.preprocessing.data import open_data
from autoedge.preprocessing.npz import Npz
from autoedge.space.facts import LeftOut, ModelFacts
from autoedge.workflows.fed_data import check_fed, check_used
from autoedge.workflows.folder import cache_root
from autoedge.workflows.model_facts import facts_of
from autoedge.workflows.model_forms import FormFile, check_trusted, forms_of
from autoedge.workflows.task_outputs import columns, outputs_of
from autoedge.workflows.task_setup import evaluator_for, read_truth, seen_and_not, task_identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    from autoedge.bench.tasks.base import Evaluator
    from autoedge.intent.constraint import Constraint
    from autoedge.intent.resolved import Intent
    from autoedge.models.info import ModelInfo
    from autoedge.preprocessing.data import Data


@dataclass(frozen=True)
class Prepared:
    """An intent whose files are known to fit together.

    Attributes:
        intent: As loaded.
        infos: Models by name, as the user's own files.
        forms: By model, the files that there are of it, the user's own first.
        task: For the bench.
        facts: For the space, in the user's order.
        constraints: The intent's, and the workload's rate as one more.
        calibration: The user's calibration data.
        calibration_hash: SHA-256 of it, empty without.
        samples: Shape of one sample of each array in the evaluation data; None without data.
        warnings: What the user should know of models that were converted.
        left_out: Models that nothing here can look into, with what to install.
    """

    intent: Intent
    infos: Mapping[str, ModelInfo]
    forms: Mapping[str, tuple[FormFile, ...]]
    task: Task
    facts: tuple[ModelFacts, ...]
    constraints: tuple[Constraint, ...]
    calibration: Path | None
    calibration_hash: str
    samples: Mapping[str, tuple[int, ...]] | None = None
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def prepare(intent: Intent) -> Prepared:
    """Look into every file that an intent names.

    Raises:
        IntentError: Models or data do not fit together; all problems at once.
        ModelError: A single problem with one model.
        DataError: A single problem with the data.
    """
    _check_rate(intent)
    intent, left_out = _readable(intent)
    infos: dict[str, ModelInfo] = {}
    problems: list[ModelError | DataError] = []
    for entry in intent.models:
        try:
            check_trusted(entry, intent)
            infos[entry.name] = inspect_model(entry.path)
        except ModelError as error:
            problems.append(error)
    data, labels, calibration = None, None, None
    try:
        check_used(intent, infos)
        if intent.data.evaluation is not None:
            data = open_data(data_file(intent.data.evaluation, VariantCache(cache_root())))
            labels = read_truth(intent, data)
        if intent.data.calibration is not None:
            calibration = data_file(intent.data.calibration, VariantCache(cache_root()))
            open_data(calibration)
    except DataError as error:
        problems.append(error)
    scores: dict[str, tuple[str, ...]] = {}
    for name, info in infos.items():
        try:
            check_fed(intent, name, info, data, labels)
            if data is not None:
                scores[name] = _outputs(intent, name, info, labels)
        except (ModelError, DataError) as error:
            problems.append(error)
    evaluator = _evaluator(intent, labels, data, problems)
    if problems:
        raise problems[0] if len(problems) == 1 else IntentError(*map(str, problems))
    intent = _judged_by(intent, labelled=labels is not None)
    samples = data.path if isinstance(data, Npz) else None
    cache = VariantCache(cache_root())
    forms = {entry.name: forms_of(entry.path, infos[entry.name], cache, samples) for entry in intent.models}
    return Prepared(
        intent=intent,
        infos=infos,
        forms={name: each.files for name, each in forms.items()},
        task=replace(_task(intent, data, labels, scores, infos[intent.baseline]), judged_by=evaluator),
        facts=tuple(facts_of(intent, entry.name, forms[entry.name]) for entry in intent.models),
        constraints=with_pace(intent),
        calibration=calibration,
        calibration_hash=file_hash(calibration) if calibration else "",
        samples=sample_shapes(data),
        left_out=left_out,
        warnings=tuple(f"{name}: {each.warning}" for name, each in forms.items() if each.warning),
    )


def _check_rate(intent: Intent) -> None:
    """Refuse a limit that would stay undecided whatever is measured."""
    names = [constraint.metric.name for constraint in intent.constraints]
    problem = too_short_at_rate(intent.protocol.preset, intent.protocol.overrides, names, intent.rate)
    if problem is not None:
        raise IntentError(f"{intent.path}: {problem}")


def _readable(intent: Intent) -> tuple[Intent, tuple[LeftOut, ...]]:
    """The intent without the models whose format takes a package that is not installed here.

    The reference stays: without it nothing can be told, and the error that comes says what to install.
    """
    kept, left = [], []
    for entry in intent.models:
        known = FORMATS.get(entry.path.suffix.lower())
        if known is None or not known.missing or entry.name == intent.baseline:
            kept.append(entry)
        else:
            left.append(LeftOut(entry.name, "candidate", known.missing))
    return replace(intent, models=tuple(kept)), tuple(left)


def _judged_by(intent: Intent, *, labelled: bool) -> Intent:
    """The intent with quality told by what the data allow: without labels, agreement with the reference.

    Raises:
        DataError: A limit on a quality that the data cannot show.
    """
    have, lack = seen_and_not(intent, labelled=labelled)
    for constraint in intent.constraints:
        if constraint.metric.name in lack:
            advice = f"limit {have[0]} instead" if labelled else f"add one label a sample as 'y', or limit {have[0]}"
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
    intent: Intent,
    data: Data | None,
    labels: np.ndarray | None,
    outputs: Mapping[str, tuple[str, ...]],
    reference: ModelInfo,
) -> Task:
    # Of a detection the scores are the second of the outputs that count together.
    scores = {name: several[min(1, len(several) - 1)] for name, several in outputs.items()}
    together = {name: several for name, several in outputs.items() if len(several) > 1}
    data_hash = file_hash(data.path) if data else ""
    made_of = f"{reference.sha256} {data_hash} {together.get(intent.baseline) or scores.get(intent.baseline)}"
    return Task(
        data=data.path if data else None,
        data_hash=data_hash,
        labels=labels if intent.task in ("classification", "embedding") else None,
        scores=scores,
        rate=intent.rate,
        battery_wh=intent.battery_wh,
        idle_power={target.name: target.idle_power for target in intent.targets},
        reference=intent.baseline,
        seed=intent.search.seed,
        samples=_samples(data),
        together=together,
        identity=task_identity(intent),
        reference_key=hashlib.sha256(made_of.encode()).hexdigest()[:32],
    )


def _samples(data: Data | None) -> int:
    return 0 if data is None else max((header.shape[0] for header in data.arrays.values() if header.shape), default=0)


def _evaluator(
    intent: Intent, labels: np.ndarray | None, data: Data | None, problems: list[ModelError | DataError]
) -> Evaluator | None:
    if problems:
        return None  # what it would say of them is said already
    try:
        return evaluator_for(intent, labels, _samples(data))
    except DataError as error:
        problems.append(error)
        return None


def _outputs(intent: Intent, name: str, info: ModelInfo, labels: np.ndarray | None) -> tuple[str, ...]:
    if intent.task == "classification":
        return (score_output(name, info, labels, intent.scores),)
    return outputs_of(intent, name, info, labels)


def with_pace(intent: Intent) -> tuple[Constraint, ...]:
    """The limits of an intent and, where there is a workload, its rate: who is slower is infeasible."""
    if intent.rate is None:
        return intent.constraints
    pace = replace(read_constraint(f"throughput >= {intent.rate:.12g} / s"), key="workload_rate")
    return (*intent.constraints, pace)


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
    real = [tensor for tensor in info.outputs if tensor.dtype.startswith("float") or tensor.scale]
    floating = [tensor for tensor in real if wanted in (None, tensor.name)]
    if wanted is not None and not floating:
        raise DataError(f"model '{name}': outputs.scores names '{wanted}', but scores are floating; it gives {known}")
    fitting = [tensor for tensor in floating if columns(tensor) is None or (columns(tensor) or 0) >= classes]
    if len(fitting) == 1:
        return fitting[0].name
    if not fitting and len(floating) == 1 and labels is not None:
        raise DataError(
            f"model '{name}': labels go up to {classes - 1}, so scores need {classes} columns, "
            f"but '{floating[0].name}' has {columns(floating[0])}; check 'y' or the model"
        )
    what = "several outputs could hold" if fitting else "no floating output holds"
    raise DataError(f"model '{name}': {what} one score a class ({known}); name it with outputs: {{scores: NAME}}")
