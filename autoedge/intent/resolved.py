"""The intent as everything behind it sees it: every default filled in, every unit canonical, every path absolute."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.candidate import Scalar
    from autoedge.intent.constraint import Constraint
    from autoedge.intent.inputs import InputSpec
    from autoedge.intent.operation import Carbon, Fleet
    from autoedge.metric import Direction, Metric

BoxFormat = Literal["xyxy", "xywh", "cxcywh", "yxyx"]
BoxUnits = Literal["pixel", "relative"]
ClassNumbers = Literal["category_id", "index"]
Preset = Literal["quick", "standard", "strict", "paper-2507.23093"]
NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
COUNTED = {
    "classification": "scores",
    "regression": "values",
    "embedding": "embedding",
    "detection": "scores",
    "custom": "values",
}
"""By task, what an intent calls the one output that counts."""
ADDRESS = r"ssh://(?:\w[\w.-]{0,63}@)?(?:[A-Za-z0-9][\w.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?"
"""User and host never begin with a hyphen, since they become words of a command line."""


def name_from(text: str) -> str:
    """A name made of any text, such as a file's stem."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-")[:64] or "model"


def target_name(text: str) -> str:
    """The name of a target that an intent gives by name or by address: ``ssh://pi@host:22`` is ``pi-host-22``."""
    return name_from(text.removeprefix("ssh://")) if text.startswith("ssh://") else text


def _check_name(what: str, name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise ValueError(f"{what} matches {NAME}, but got {name!r}")


def _check_positive(what: str, number: float | None) -> None:
    if number is not None and not (math.isfinite(number) and number > 0):
        raise ValueError(f"{what} is a positive number, but got {number}")


@dataclass(frozen=True)
class ModelEntry:
    """A model file and the name that stands for it."""

    name: str
    path: Path

    def __post_init__(self) -> None:
        _check_name("the name of a model", self.name)


@dataclass(frozen=True)
class DataEntry:
    """The user's samples, where given: an npz file, a folder of images, or a CSV that lists images."""

    evaluation: Path | None
    calibration: Path | None
    annotations: Path | None = None


@dataclass(frozen=True)
class TaskOptions:
    """What an intent says of its task beyond its kind.

    Attributes:
        top_k: Classification: counts of highest scores among which the label may be.
        metric: Custom: ``/path/module.py:function``, ``module:function``, or the name of an installed metric.
        direction: Custom: which way is better.
        boxes: Detection: name of the output with boxes, samples x boxes x 4.
        classes: Detection: name of the output with their classes; None where there is one class.
        box_format: Detection: what the four numbers of a box are.
        box_units: Detection: pixels of the annotated image, or shares of its width and height.
        class_numbers: Detection: ids of categories, or places in the order of the ids.
    """

    top_k: tuple[int, ...] = ()
    metric: str | None = None
    direction: Direction = "maximize"
    boxes: str | None = None
    classes: str | None = None
    box_format: BoxFormat = "xyxy"
    box_units: BoxUnits = "pixel"
    class_numbers: ClassNumbers = "category_id"


@dataclass(frozen=True)
class TargetEntry:
    """A device to measure on.

    Attributes:
        name: Stands for it everywhere: ``local``, a name of the targets file, or made from the address.
        idle_power: What it draws at rest in W, when the user knows it.
        address: Where it is reached, when the intent says so itself: ``ssh://user@host:port``.
    """

    name: str
    idle_power: float | None
    address: str | None = None

    def __post_init__(self) -> None:
        _check_name("the name of a target", self.name)
        if self.address is not None and not re.fullmatch(ADDRESS, self.address, re.ASCII):
            raise ValueError(f"the address of a target matches {ADDRESS}, but got {self.address!r}")
        if self.address is not None and self.name != target_name(self.address):
            raise ValueError(f"the name of {self.address} is {target_name(self.address)}, but got {self.name!r}")
        if self.idle_power is not None and not (math.isfinite(self.idle_power) and self.idle_power >= 0):
            raise ValueError(f"idle power is at least 0 W, but got {self.idle_power}")


@dataclass(frozen=True)
class Preference:
    """How one point of the front is chosen.

    Attributes:
        kind: The knee, the best weighted sum, or one objective after the other.
        weights: Positive weight by metric name, for ``weights``.
        order: Metric names, most important first, for ``lexicographic``.
    """

    kind: Literal["knee", "weights", "lexicographic"]
    weights: Mapping[str, float] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.weights) != (self.kind == "weights") or bool(self.order) != (self.kind == "lexicographic"):
            raise ValueError(f"weights belong to weights and an order to lexicographic, but got {self}")
        for name, weight in self.weights.items():
            _check_positive(f"the weight of {name}", weight)


@dataclass(frozen=True)
class Budget:
    """How much may be measured.

    Attributes:
        measurements: Processes in all: baselines, search, failures and confirm rounds.
        time_s: Wall time in s, or no limit.
        reserve: Fraction of both that is kept for the confirm rounds.
    """

    measurements: int
    time_s: float | None
    reserve: float = 0.3

    def __post_init__(self) -> None:
        _check_positive("the number of measurements", self.measurements)
        _check_positive("the time", self.time_s)
        if not 0 <= self.reserve < 1:
            raise ValueError(f"the reserve is at least 0 and below 1, but got {self.reserve}")


@dataclass(frozen=True)
class Limits:
    """What one measurement may use before it is stopped: wall time in s, resident memory in MiB."""

    time_s: float | None
    memory_mib: float | None

    def __post_init__(self) -> None:
        _check_positive("the time limit", self.time_s)
        _check_positive("the memory limit", self.memory_mib)


@dataclass(frozen=True)
class SearchEntry:
    """Where and how to search.

    Attributes:
        space: Search spaces, each once: ``default``, names and paths.
        strategy: Name of the strategy.
        seed: Of everything random.
        knobs: Allowed values by knob; one value fixes it. The space says which knobs there are.
        racing: Whether a measurement of the search ends once its figures can change nothing.
        surrogate: What is known beforehand: ``default`` (the shipped surrogate), ``none``, or a saved one's folder.
        history: ``DIR`` or ``DIR:target,target``: campaigns to start from as well.
    """

    space: tuple[str, ...]
    strategy: str
    seed: int
    knobs: Mapping[str, tuple[Scalar, ...]]
    racing: bool = True
    surrogate: str = "default"
    history: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.space or len(set(self.space)) < len(self.space):
            raise ValueError(f"a search has at least one space, each once, but got {self.space}")
        empty = [name for name, values in self.knobs.items() if not values]
        if empty:
            raise ValueError(f"a knob has at least one value, but {empty[0]} has none")


@dataclass(frozen=True)
class ProtocolEntry:
    """The preset of the measurement protocol, and what is changed in it (seconds in s, the rest counts)."""

    preset: Preset = "standard"
    overrides: Mapping[str, float | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, number in self.overrides.items():
            _check_positive(name, number)


@dataclass(frozen=True)
class Intent:
    """What a deployment must achieve, and with what.

    Attributes:
        path: The file it was read from; two intents that differ in nothing else are equal.
        name: Names the run.
        task: Kind of task, a key of ``autoedge.metric.TASK_METRICS``.
        models: Models to choose from.
        data: Evaluation and calibration files.
        inputs: How samples become the models' inputs, and at which sizes.
        targets: Devices to measure on.
        baseline: Name of the reference model.
        constraints: What must be kept.
        objectives: What is made better within the constraints.
        prefer: How one point of the front is chosen.
        rate: Items that arrive in 1/s, where given.
        battery_wh: Usable energy of the battery in Wh, where given.
        budget: How much may be measured.
        limits: What one measurement may use.
        search: Where and how to search.
        protocol: How to measure.
        scores: Name of the output that counts (class scores, values, an embedding), where given.
        lossy: Whether lossy variants are allowed without evaluation data.
        trust: Whether foreign code may be loaded; the command line must agree.
        task_options: What is said of the task beyond its kind.
        trusted: Whether the command line agreed to the metric's code.
        trust_paths: Files and folders whose code may be loaded, as the command line says.
        carbon: What the device's energy and its making emit, where given.
        fleet: How many devices there will be, and prices, where given.
    """

    path: Path = field(compare=False)
    name: str
    task: str
    models: tuple[ModelEntry, ...]
    data: DataEntry
    targets: tuple[TargetEntry, ...]
    baseline: str
    constraints: tuple[Constraint, ...]
    objectives: tuple[Metric, ...]
    prefer: Preference
    rate: float | None
    battery_wh: float | None
    budget: Budget
    limits: Limits
    search: SearchEntry
    protocol: ProtocolEntry
    scores: str | None
    lossy: bool
    trust: bool
    inputs: tuple[InputSpec, ...] = ()
    task_options: TaskOptions = TaskOptions()
    trusted: bool = field(default=False, compare=False)
    trust_paths: tuple[Path, ...] = field(default=(), compare=False)
    carbon: Carbon | None = None
    fleet: Fleet | None = None

    def __post_init__(self) -> None:
        _check_name("the name of an intent", self.name)
        _check_positive("the rate", self.rate)
        _check_positive("the battery's energy", self.battery_wh)
        for what, keys in (
            ("model", [model.name for model in self.models]),
            ("target", [target.name for target in self.targets]),
            ("objective", [metric.name for metric in self.objectives]),
        ):
            if not keys or len(set(keys)) < len(keys):
                raise ValueError(f"an intent has at least one {what}, each once, but got {keys}")
        if self.baseline not in [model.name for model in self.models]:
            raise ValueError(f"the baseline is one of the models, but got {self.baseline!r}")
        if not {*self.prefer.weights, *self.prefer.order} <= {metric.name for metric in self.objectives}:
            raise ValueError(f"a preference names objectives, but got {self.prefer}")
