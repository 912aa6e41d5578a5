"""From an intent file of the right shape to what it means: units, names, files, and whether the parts fit."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from autoedge.intent.constraint import Constraint, metric_named, read_constraint
from autoedge.intent.fit import clash, missing_for, no_objective
from autoedge.intent.input_meaning import read_inputs
from autoedge.intent.operation import read_carbon, read_fleet
from autoedge.intent.paths import absolute_file, data_path, history_folder, surrogate_folder
from autoedge.intent.problem import Loc, Problems, RuleError, shown, suggestion
from autoedge.intent.resolved import (
    ADDRESS,
    NAME,
    Budget,
    DataEntry,
    Intent,
    Limits,
    ModelEntry,
    Preference,
    ProtocolEntry,
    SearchEntry,
    TargetEntry,
    name_from,
    target_name,
)
from autoedge.intent.schema import PROTOCOL_OVERRIDES, Lexicographic, ModelItem, TargetItem
from autoedge.intent.task import counted_output, default_objective, foreign_to, read_options, task_problems
from autoedge.intent.trust import is_trusted
from autoedge.intent.units import dimension_of, quantity
from autoedge.measurement import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from autoedge.candidate import Scalar
    from autoedge.intent.operation_sections import BatterySection
    from autoedge.intent.schema import ConstraintItem
    from autoedge.intent.shape import Shape
    from autoedge.intent.units import Dimension
    from autoedge.metric import Metric

P = ParamSpec("P")
T = TypeVar("T")


def read_meaning(path: Path, shape: Shape, problems: Problems, trust: Iterable[Path] = ()) -> Intent:
    """The intent that a file means.

    Args:
        path: Where the file lies.
        shape: Its parts of the right shape.
        problems: What is wrong so far.
        trust: Files and folders whose code may be loaded.

    Raises:
        IntentError: Anything is wrong.
    """
    fields = _Reader(path.parent, shape, problems).read()
    problems.raise_if_any()
    place = (fields["task_options"].metric or "").rpartition(":")[0]
    trust = tuple(trust)
    trusted = fields["trust"] and is_trusted(path, Path(place) if place.endswith(".py") else None, trust)
    return Intent(path=path, trusted=trusted, trust_paths=tuple(trust), **fields)


class _Reader:
    """Goes through the sections; what it cannot read it adds to the problems and leaves as None."""

    def __init__(self, folder: Path, shape: Shape, problems: Problems) -> None:
        self._folder = folder
        self._shape = shape
        self._file = shape.file
        self._problems = problems
        self._options = read_options(shape.file, folder)

    def read(self) -> dict[str, Any]:
        """The fields of the intent but its path; some are None when there are problems."""
        file = self._file
        models = self._models()
        objectives = self._objectives()
        return {
            "name": file.name,
            "task": self._task(),
            "models": models,
            "data": self._data(),
            "inputs": read_inputs(file.inputs or {}, self._wrong, intact=self._shape.intact("inputs")),
            "targets": self._targets(),
            "baseline": self._baseline(models),
            "constraints": self._constraints(),
            "objectives": objectives,
            "prefer": self._prefer(objectives),
            "rate": self._amount(("workload", "rate"), file.workload.rate, "rate"),
            "battery_wh": self._battery(),
            "carbon": read_carbon(file.carbon, self._amount, self._wrong, self._shape.given),
            "fleet": read_fleet(file.fleet, self._wrong, self._shape.given),
            "budget": self._budget(),
            "limits": self._limits(),
            "search": self._search(),
            "protocol": self._protocol(),
            "scores": counted_output(file),
            "lossy": file.lossy == "allow",
            "trust": file.trust,
            "task_options": self._options,
        }

    def _wrong(self, loc: Loc, message: str) -> None:
        node = self._shape.tree.at(loc)
        self._problems.add(node.line, node.loc if node is not self._shape.tree else loc, message)

    def _try(self, loc: Loc, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return read(*args, **kwargs)
        except RuleError as error:
            self._wrong(loc, str(error))
            return None

    def _amount(
        self, loc: Loc, text: str | float | None, dimension: Dimension, unit: str | None = None, *, zero: bool = False
    ) -> float | None:
        """A positive quantity (or zero, where allowed)."""
        if text is None:
            return None
        number = self._try(loc, quantity, text, dimension, unit)
        if number is not None and not (number > 0 or (zero and number == 0)):
            self._wrong(loc, f"takes {'zero or more' if zero else 'more than zero'}, but got {shown(text)}")
            return None
        return number

    def _task(self) -> str:
        for loc, message in () if self._shape.lacks("task") else task_problems(self._file, self._shape.given):
            self._wrong(loc, message)
        return self._file.task.type

    def _unfit(self, metric: Metric) -> tuple[str | None, ...]:
        """Why a metric cannot be asked for in this intent; all None where it can."""
        foreign = None if self._shape.lacks("task") else foreign_to(self._file.task.type, self._options, metric)
        return missing_for(metric, self._shape.given), foreign

    def _models(self) -> tuple[ModelEntry, ...]:
        if self._shape.lacks("models"):
            return ()
        seen: set[str] = set()
        entries: list[ModelEntry] = []
        for index, item in enumerate(self._file.models):
            loc: Loc = ("models", index)
            text, name = (item.path, item.name) if isinstance(item, ModelItem) else (item, None)
            path = self._try((*loc, "path"), absolute_file, self._folder, text)
            name = name or name_from(Path(text).stem)
            if name in seen:
                hint = f"give one a name of its own: {{path: ..., name: {name[:62]}-2}}"
                self._wrong(loc, f"each model has its own name, but {name} stands here again; {hint}")
            seen.add(name)
            entries.append(ModelEntry(name, path or self._folder))
        return tuple(entries)

    def _baseline(self, models: tuple[ModelEntry, ...]) -> str | None:
        names = [model.name for model in models]
        name = self._file.baseline or (names[0] if names else None)
        # Where a model's file is missing, its path is wrong, and so may be the name that comes from it.
        sure = names and self._shape.intact("models") and all(model.path != self._folder for model in models)
        if name not in names and sure:
            hint = suggestion(str(name), names)
            self._wrong(("baseline",), f"takes the name of a model, but got {shown(name)}{hint}")
        return name

    def _data(self) -> DataEntry:
        data = self._file.data
        texts = {key: getattr(data, key) for key in ("evaluation", "calibration", "annotations")}
        return DataEntry(
            *(
                self._try(("data", key), absolute_file if key == "annotations" else data_path, self._folder, one)
                if one
                else None
                for key, one in texts.items()
            )
        )

    def _targets(self) -> tuple[TargetEntry, ...]:
        entries: dict[str, TargetEntry] = {}
        for index, item in enumerate(self._file.targets):
            loc: Loc = ("targets", index)
            text, idle = (item.name, item.idle_power) if isinstance(item, TargetItem) else (item, None)
            power = self._amount((*loc, "idle_power"), idle, "power", zero=True)
            name = target_name(text)
            is_address = re.fullmatch(ADDRESS, text, re.ASCII) is not None
            if not is_address and not re.fullmatch(NAME, text):
                rule = "takes local, the name of a target in the targets file, or ssh://user@host:port"
                self._wrong(loc, f"{rule}, but got {shown(text)}")
            elif name in entries:
                self._wrong(loc, f"each target stands once, but {name} stands here again")
            else:
                entries[name] = TargetEntry(name, power, text if is_address else None)
        return tuple(entries.values())

    def _constraints(self) -> tuple[Constraint, ...]:
        constraints: list[Constraint] = []
        for index, item in enumerate(self._file.constraints):
            loc: Loc = ("constraints", index)
            constraint = self._constraint(loc, item)
            if constraint is None:
                continue
            for message in (*self._unfit(constraint.metric), clash(constraint, constraints)):
                if message:
                    self._wrong(loc, message)
            constraints.append(constraint)
        return tuple(constraints)

    def _constraint(self, loc: Loc, item: str | ConstraintItem) -> Constraint | None:
        if isinstance(item, str):
            return self._try(loc, read_constraint, item)
        place = self._shape.tree.at(loc).loc
        limits = [key for key in ("max", "min") if self._shape.given(*place, key)]
        if len(limits) != 1:
            got = "both" if limits else "neither"
            self._wrong(loc, f"a constraint has max or min, but {shown(item.metric)} has {got}")
        elif item.max is not None or item.min is not None:
            limit = f"<= {_plain(item.max)}" if item.max is not None else f">= {_plain(item.min)}"
            source = Source(item.source) if item.source else None
            return self._try(loc, read_constraint, f"{item.metric} {limit}", source, item.decide)
        return None

    def _objectives(self) -> tuple[Metric, ...]:
        names = self._file.objectives
        if names is None:
            usual = default_objective(self._file.task.type, self._options)
            names = ["latency_p95", "memory_peak", *([usual] if self._shape.given("data", "evaluation") else [])]
        metrics: list[Metric] = []
        for index, name in enumerate(names):
            loc: Loc = ("objectives", index)
            metric = self._try(loc, metric_named, name)
            if metric is None:
                continue
            for message in (*self._unfit(metric), no_objective(metric)):
                if message:
                    self._wrong(loc, message)
            if metric in metrics:
                self._wrong(loc, f"each objective stands once, but {name} stands here again")
            metrics.append(metric)
        return tuple(metrics)

    def _prefer(self, objectives: tuple[Metric, ...]) -> Preference | None:
        prefer = self._file.prefer
        if isinstance(prefer, str):
            return Preference("knee")
        before = len(self._problems)
        if isinstance(prefer, Lexicographic):
            places: dict[Loc, str] = {("prefer", "lexicographic", i): n for i, n in enumerate(prefer.lexicographic)}
        else:
            places = {("prefer", name): name for name in prefer}
        seen: set[str] = set()
        for loc, name in places.items():
            self._check_preferred(loc, name, objectives)
            if name in seen:
                self._wrong(loc, f"each objective stands once, but {name} stands here again")
            seen.add(name)
        if len(self._problems) > before:
            return None
        if isinstance(prefer, Lexicographic):
            return Preference("lexicographic", order=tuple(prefer.lexicographic))
        return Preference("weights", weights=dict(prefer))

    def _check_preferred(self, loc: Loc, name: str, objectives: tuple[Metric, ...]) -> None:
        metric = self._try(loc, metric_named, name)
        all_read = self._shape.intact("objectives") and len(objectives) >= len(self._file.objectives or ())
        if metric and all_read and metric not in objectives:
            names = ", ".join(objective.name for objective in objectives)
            self._wrong(loc, f"a preference names objectives ({names}), but got {name}; add it to objectives")

    def _battery(self) -> float | None:
        battery = self._file.battery
        if battery is None:
            return None
        usable = self._fraction(("battery", "usable"), battery.usable, "above 0 and at most 1", lambda x: 0 < x <= 1)
        energy = self._capacity(battery)
        if energy is None or usable is None:
            return None
        if not 0 < energy * usable < math.inf:
            self._wrong(("battery",), f"holds a finite amount above 0 Wh, but got {shown(energy * usable)} Wh")
        return energy * usable

    def _capacity(self, battery: BatterySection) -> float | None:
        """In Wh."""
        loc: Loc = ("battery", "capacity")
        capacity = battery.capacity
        voltage = self._amount(("battery", "voltage"), battery.voltage, "voltage")
        if isinstance(capacity, float):
            rule = "takes a charge or an energy with its unit"
            self._wrong(loc, f"{rule}, but got {shown(capacity)}; write {shown(capacity)} mAh")
            return None
        if dimension_of(capacity, "charge", "energy") == "energy":
            return self._amount(loc, capacity, "energy", "Wh")
        charge = self._amount(loc, capacity, "charge")
        if charge is not None and not self._shape.given("battery", "voltage"):
            self._wrong(loc, f"a charge needs the voltage, but got {shown(capacity)} alone; add voltage: 3.7 V")
        return charge * voltage if charge is not None and voltage is not None else None  # Ah x V = Wh

    def _fraction(self, loc: Loc, text: str | float, rule: str, holds: Callable[[float], bool]) -> float | None:
        share = self._try(loc, quantity, text, "fraction")
        if share is None or holds(share):
            return share
        self._wrong(loc, f"takes a fraction {rule}, but got {shown(text)}")
        return None

    def _budget(self) -> Budget | None:
        budget = self._file.budget
        time = self._amount(("budget", "time"), budget.time, "time", "s")
        reserve = self._fraction(("budget", "reserve"), budget.reserve, "from 0 to below 1", lambda x: 0 <= x < 1)
        return Budget(budget.measurements, time, reserve) if reserve is not None else None

    def _limits(self) -> Limits:
        limits = self._file.limits
        time = self._amount(("limits", "time"), limits.time, "time", "s")
        return Limits(time, self._amount(("limits", "memory"), limits.memory, "bytes"))

    def _search(self) -> SearchEntry | None:
        search = self._file.search
        knobs: dict[str, tuple[Scalar, ...]] = {}
        for name, value in (search.knobs or {}).items():
            values = tuple(value) if isinstance(value, list) else (value,)
            seen: set[tuple[bool, Scalar]] = set()  # to Python True is 1, to a knob it is not
            for index, one in enumerate(values):
                if (isinstance(one, bool), one) in seen:
                    loc: Loc = ("search", "knobs", name, index)
                    self._wrong(loc, f"each value stands once, but {shown(one)} stands here again")
                seen.add((isinstance(one, bool), one))
            knobs[name] = values
        spaces = self._spaces(search.space)
        surrogate = self._try(("search", "surrogate"), surrogate_folder, self._folder, search.surrogate)
        history = [
            self._try(("search", "history", index), history_folder, self._folder, word)
            for index, word in enumerate(search.history or [])
        ]
        known = tuple(word for word in history if word is not None)
        if spaces is None:
            return None
        return SearchEntry(spaces, search.strategy, search.seed, knobs, search.racing, surrogate or "none", known)

    def _spaces(self, written: str | list[str]) -> tuple[str, ...] | None:
        """Names as they are, paths made absolute."""
        found: list[str] = []
        for index, text in enumerate([written] if isinstance(written, str) else written):
            loc: Loc = ("search", "space") if isinstance(written, str) else ("search", "space", index)
            is_path = "/" in text or text.endswith((".yaml", ".yml"))
            path = self._try(loc, absolute_file, self._folder, text) if is_path else text
            if path is None:
                return None
            if str(path) in found:
                self._wrong(loc, f"each search space stands once, but {shown(text)} stands here again")
                return None
            found.append(str(path))
        return tuple(found)

    def _protocol(self) -> ProtocolEntry:
        protocol = self._file.protocol
        if isinstance(protocol, str):
            return ProtocolEntry(protocol)
        overrides: dict[str, float | int] = {}
        for name in PROTOCOL_OVERRIDES:
            value = getattr(protocol, name)
            number = self._seconds(("protocol", name), value) if isinstance(value, str | float) else value
            if number is not None:
                overrides[name] = number
        return ProtocolEntry(protocol.preset, overrides)

    def _seconds(self, loc: Loc, text: str | float) -> float | None:
        return self._amount(loc, f"{text} s" if isinstance(text, float) else text, "time", "s")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else repr(value).removesuffix(".0")
