"""The task of an intent: what its section, the outputs and the ground truth say together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autoedge.intent.problem import Loc, shown, suggestion
from autoedge.intent.resolved import COUNTED, TaskOptions
from autoedge.metric import METRICS, QUALITY, TASK_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.intent.schema import IntentFile
    from autoedge.metric import Metric

_FUNCTION = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):[A-Za-z_]\w*")
_FILE = re.compile(r".+\.py:[A-Za-z_]\w*", re.DOTALL)
_INSTALLED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OUTPUTS = {task: (name,) for task, name in COUNTED.items()} | {
    "detection": ("scores", "boxes", "classes", "box_format", "box_units", "class_numbers")
}


def metrics_of(task: str, options: TaskOptions) -> tuple[str, ...]:
    """Names of the metrics that tell how well a task is done, the usual one first."""
    if task == "custom":
        return ("custom_loss",) if options.direction == "minimize" else ("custom",)
    return TASK_METRICS[task]


def foreign_to(task: str, options: TaskOptions, metric: Metric) -> str | None:
    """Why a metric cannot be told of a task, or None."""
    if metric.name not in QUALITY or task not in TASK_METRICS or metric.name in metrics_of(task, options):
        return None
    why = f"{metric.name} is no metric of {task}, which has {', '.join(metrics_of(task, options))}"
    if task == "custom" and metric.name in TASK_METRICS[task]:
        return f"{why}; task.direction says which way is better"
    return why


def read_options(file: IntentFile, folder: Path) -> TaskOptions:
    """What the task section and the outputs say, as far as it can be meant; see :func:`task_problems`."""
    task, outputs = file.task, file.outputs
    return TaskOptions(
        top_k=tuple(dict.fromkeys(task.top_k or ())),
        metric=task.metric and _absolute(folder, task.metric),
        direction=task.direction or "maximize",
        boxes=outputs.boxes,
        classes=outputs.classes,
        box_format=outputs.box_format or "xyxy",
        box_units=outputs.box_units or "pixel",
        class_numbers=outputs.class_numbers or "category_id",
    )


def counted_output(file: IntentFile) -> str | None:
    """The name of the output that counts, where the intent says it."""
    name: str | None = getattr(file.outputs, COUNTED.get(file.task.type, "scores"))
    return name


def task_problems(file: IntentFile, given: Callable[..., bool]) -> Iterator[tuple[Loc, str]]:
    """What does not fit the kind of task, with its place.

    Args:
        file: The intent.
        given: Tells whether it says something under some keys.
    """
    task = file.task.type
    if task not in TASK_METRICS:
        rule = f"takes {', '.join(TASK_METRICS)}"
        yield ("task", "type"), f"{rule}, but got {shown(task)}{suggestion(task, TASK_METRICS)}"
        return
    yield from _misplaced(file, given)
    if task == "custom":
        yield from _custom(file, given)
    if task == "detection":
        if not (given("outputs", "boxes") and given("outputs", "scores")):
            yield ("task",), "detection needs the names of two outputs; add outputs: {boxes: NAME, scores: NAME}"
        if given("data", "evaluation") and not given("data", "annotations"):
            yield ("data",), "detection needs the boxes to find; add annotations: FILE.json in COCO's form"


def _misplaced(file: IntentFile, given: Callable[..., bool]) -> Iterator[tuple[Loc, str]]:
    """Keys that belong to another kind of task."""
    task = file.task.type
    owners = {"top_k": "classification", "metric": "custom", "direction": "custom"}
    for key, owner in owners.items():
        if task != owner and given("task", key):
            yield ("task", key), f"{key} is for {owner}, but the task is {task}; take it out"
    for key in type(file.outputs).model_fields:
        if key not in _OUTPUTS[task] and given("outputs", key):
            yield ("outputs", key), f"{task} has {', '.join(_OUTPUTS[task])} here, but got {key}"
    if task != "detection" and given("data", "annotations"):
        yield ("data", "annotations"), f"annotations are for detection, but the task is {task}; take them out"


def _custom(file: IntentFile, given: Callable[..., bool]) -> Iterator[tuple[Loc, str]]:
    metric = file.task.metric
    if metric is None:
        if not given("task", "metric"):
            yield ("task",), "custom needs metric: module:function, or the name of an installed metric"
    elif _is_code(metric) and not file.trust:
        yield ("task", "metric"), f"{shown(metric)} is foreign code; say trust: true, and --trust on the command line"
    elif not _is_code(metric) and not _INSTALLED.fullmatch(metric):
        yield ("task", "metric"), f"takes module:function or the name of an installed metric, but got {shown(metric)}"


def _is_code(metric: str) -> bool:
    return bool(_FUNCTION.fullmatch(metric) or _FILE.fullmatch(metric))


def _absolute(folder: Path, metric: str) -> str:
    """``module:function`` as ``/path/module.py:function`` where the module lies beside the intent."""
    found = _FUNCTION.fullmatch(metric)
    name = metric.rpartition(":")[2]
    place = folder / (found["module"].replace(".", "/") + ".py" if found else metric.rpartition(":")[0])
    if not (found or _FILE.fullmatch(metric)) or not place.is_file():
        return metric
    return f"{place.resolve()}:{name}"


def default_objective(task: str, options: TaskOptions) -> str:
    """What is made better by default, beside speed and memory."""
    if task not in TASK_METRICS:
        return "accuracy"
    name = metrics_of(task, options)[0]
    return METRICS[name].name
