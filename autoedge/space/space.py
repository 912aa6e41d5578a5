"""The space of one intent on its targets."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from autoedge.candidate import Candidate, Configuration, Scalar
from autoedge.errors import SpaceError
from autoedge.space.columns import INACTIVE, TARGET, Axis, Knob, enumerate_columns, holds
from autoedge.space.limits import checked_limits
from autoedge.space.lookup import Lookup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.device import Device
    from autoedge.space.declaration import KnobRule, SpaceFile


@dataclass(frozen=True)
class ModelFacts:
    """What the space must know of a model.

    Attributes:
        name: The user's.
        precision: What the model as given is: ``fp32``.
        fixed_batch: The only batch size that it takes, None when free.
        features: Known numbers: MACs, parameters, ...
        refused: By precision level, why there is no such variant.
    """

    name: str
    precision: str
    fixed_batch: int | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """A part of the space that is not searched, and why; no model or no target stands for all of them."""

    model: str
    what: str
    reason: str
    target: str = ""

    def __str__(self) -> str:
        where = " on ".join(name for name in (self.model, self.target) if name)
        return f"{where}: no {self.what} ({self.reason})"


class Space:
    """All candidates of an intent on its targets, as columns.

    Where there are several targets, ``target`` is one more knob, and each target has the levels that its own device
    allows (threads up to its own cores).

    Args:
        file: The knobs.
        models: In the user's order.
        devices: The probed targets by name, in the user's order.
        limits: By knob, the levels that the intent allows.

    Raises:
        SpaceError: A limit names no knob or no level, or nothing is left.

    Attributes:
        knobs: By name, ``model`` first.
        codes: int32 of shape (candidates, knobs), level numbers.
        left_out: What is not searched.
    """

    def __init__(
        self,
        file: SpaceFile,
        models: Sequence[ModelFacts],
        devices: Mapping[str, Device],
        limits: Mapping[str, Sequence[Scalar]],
    ) -> None:
        self._file = file
        self._models = {model.name: model for model in models}
        self._devices = dict(devices)
        self.left_out: list[LeftOut] = []
        precisions = {model.name: model.precision for model in models}
        self._limited = checked_limits(file, devices, limits, precisions)
        self._precisions = {
            level
            for rule in file.knobs
            for device in devices.values()
            if rule.name == "precision"
            for level in rule.levels_on(device)
        }
        self._offered = {
            name: {rule.name: tuple(self._limited.get(rule.name) or rule.levels_on(device)) for rule in file.knobs}
            for name, device in devices.items()
        }
        self._axes = [Axis(Knob("model", tuple(self._models), ordered=False), {})]
        if len(devices) > 1:
            self._axes.append(Axis(Knob(TARGET, tuple(devices), ordered=False), {}))
        self._axes += [self._axis(rule) for rule in file.knobs]
        self.knobs = {axis.knob.name: axis.knob for axis in self._axes}
        self.codes = self._enumerated()
        self._lookup = Lookup(self.codes, [len(knob.levels) for knob in self.knobs.values()])

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets, in the user's order."""
        return tuple(self._devices)

    def _axis(self, rule: KnobRule) -> Axis:
        levels = tuple(dict.fromkeys(level for offered in self._offered.values() for level in offered[rule.name]))
        if rule.name == "precision" and "precision" not in self._limited:
            levels = tuple(dict.fromkeys([*levels, *(model.precision for model in self._models.values())]))
        if rule.name == "batch":
            fixed = {model.fixed_batch for model in self._models.values() if model.fixed_batch is not None}
            levels = (*levels, *sorted(fixed - set(levels)))
        if rule.ordered:
            levels = tuple(sorted(levels, key=float))
        elif rule.when:
            levels = (INACTIVE, *levels)
        return Axis(Knob(rule.name, levels, rule.ordered), rule.when)

    def _enumerated(self) -> np.ndarray:
        parts = []
        usable = [name for name in self._devices if self._has_levels(name)]
        for model in self._models.values():
            if model.name in self._limited.get("model", self._models):
                levels = self._levels_of(model)
                parts += [self._part(levels, target) for target in usable if levels is not None]
        codes = np.concatenate(parts) if parts else np.zeros((0, len(self._axes)), np.int32)
        if len(codes) == 0:
            reasons = "; ".join(map(str, self.left_out))
            raise SpaceError(f"no candidate is left{': ' + reasons if reasons else ''}; widen search.knobs")
        return codes

    def _has_levels(self, target: str) -> bool:
        """Whether limits leave a target something of every knob: four threads are nothing for two cores."""
        device = self._devices[target]
        for rule in self._file.knobs:
            levels = rule.levels_on(device)
            asked = self._limited.get(rule.name)
            if asked is not None and not isinstance(rule.levels, tuple) and not set(asked) & set(levels):
                reason = f"it has {', '.join(map(str, levels))}"
                self.left_out.append(LeftOut("", f"{rule.name} {', '.join(map(str, asked))}", reason, target))
                return False
        return True

    def _levels_of(self, model: ModelFacts) -> dict[str, np.ndarray] | None:
        """By knob, the level numbers of one model wherever it runs; None when limits leave none."""
        allowed = {"model": np.array([list(self._models).index(model.name)])}
        if "precision" in self.knobs:
            levels = self.knobs["precision"].levels
            for level in levels:
                if level in model.refused and level != model.precision:
                    self.left_out.append(LeftOut(model.name, str(level), model.refused[str(level)]))
            usable = [i for i, level in enumerate(levels) if self._can_be(model, str(level))]
            if not usable:
                self.left_out.append(LeftOut(model.name, "candidate", f"it is {model.precision} and limits leave none"))
                return None
            allowed["precision"] = np.array(usable, int)
        if "batch" in self.knobs and model.fixed_batch is not None:
            levels = self.knobs["batch"].levels
            allowed["batch"] = np.array([levels.index(model.fixed_batch)])
            if len(levels) > 1:
                self.left_out.append(LeftOut(model.name, "other batch", f"its batch is fixed at {model.fixed_batch}"))
        return allowed

    def _part(self, levels: Mapping[str, np.ndarray], target: str) -> np.ndarray:
        """The candidates of one model on one target."""
        allowed = dict(levels)
        if TARGET in self.knobs:
            allowed[TARGET] = np.array([self.targets.index(target)])
        for rule in self._file.knobs:
            if rule.name not in allowed:
                mine = set(self._offered[target][rule.name])
                if not isinstance(rule.levels, tuple):
                    mine &= set(rule.levels_on(self._devices[target]))
                known = self.knobs[rule.name].levels
                allowed[rule.name] = np.array([i for i, level in enumerate(known) if level in mine], int)
        return enumerate_columns(self._axes, allowed)

    def _can_be(self, model: ModelFacts, level: str) -> bool:
        if level == model.precision:
            return True
        makeable = level in self._precisions and level in self._limited.get("precision", self._precisions)
        return makeable and model.precision == "fp32" and level not in model.refused

    def candidate(self, row: int) -> Candidate:
        """The candidate of a row."""
        values = {knob.name: knob.levels[code] for knob, code in zip(self.knobs.values(), self.codes[row], strict=True)}
        return self._candidate(values, str(values.get(TARGET, self.targets[0])))

    def default(self, model: str, target: str) -> Candidate:
        """A model as given, batch 1 (or its own), the runtime's defaults there; it may lie outside the search."""
        facts = self._models[model]
        values: dict[str, Scalar] = {"model": model}
        for rule in self._file.knobs:
            value = facts.precision if rule.name == "precision" else rule.default_on(self._devices[target])
            if rule.name == "batch" and facts.fixed_batch is not None:
                value = facts.fixed_batch
            values[rule.name] = INACTIVE if value is None else value
        return self._candidate(values, target)

    def _candidate(self, values: Mapping[str, Scalar], target: str) -> Candidate:
        recipe: dict[str, Scalar] = {}
        knobs: dict[str, Scalar] = {}
        for rule in self._file.knobs:
            applying = recipe.keys() | knobs.keys()
            if all(name in applying and holds(condition, values[name]) for name, condition in rule.when.items()):
                (recipe if rule.recipe else knobs)[rule.name] = values[rule.name]
        configuration = Configuration(str(values["model"]), recipe, self._file.runtime, knobs)
        return Candidate(configuration, target)

    def row(self, candidate: Candidate) -> int | None:
        """The row of a candidate; None when it lies outside."""
        configuration = candidate.configuration
        if candidate.target not in self._devices or configuration.runtime != self._file.runtime:
            return None
        values = {"model": configuration.model, **configuration.recipe, **configuration.knobs}
        if TARGET in self.knobs:
            values[TARGET] = candidate.target
        if not values.keys() <= self.knobs.keys():
            return None
        levels = [values.get(name, knob.levels[0]) for name, knob in self.knobs.items()]
        if any(level not in knob.levels for level, knob in zip(levels, self.knobs.values(), strict=True)):
            return None
        row = self._lookup.find([k.levels.index(level) for level, k in zip(levels, self.knobs.values(), strict=True)])
        # A missing knob was looked up as one that does not apply: it may not be missing.
        known = row is not None and self.candidate(row).candidate_id == candidate.candidate_id
        return row if known else None

    def rows_on(self, target: str) -> np.ndarray:
        """Which rows are candidates on a target: bool of shape (candidates,)."""
        if TARGET not in self.knobs:
            return np.full(len(self), target in self._devices)
        levels = self.knobs[TARGET].levels
        code = levels.index(target) if target in levels else -1
        return np.asarray(self.codes[:, list(self.knobs).index(TARGET)] == code)

    def features(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Names and values, float (candidates, features), of what is known of a candidate before measuring.

        They are the model's and, where there are several targets, the device's: what differs between them.
        """
        names = tuple(sorted({name for model in self._models.values() for name in model.features}))
        table = np.array([[model.features.get(name, np.nan) for name in names] for model in self._models.values()])
        table = table.reshape(len(self._models), len(names))
        unknown = np.isnan(table)
        if unknown.any():  # what is not known of a model must not tell it apart
            table = np.where(unknown, np.nanmean(np.where(unknown.all(0), 0.0, table), axis=0), table)
        of_model = table[self.codes[:, 0]]
        if TARGET not in self.knobs:
            return names, of_model
        device_names, devices = _device_features(list(self._devices.values()))
        return (*names, *device_names), np.hstack([of_model, devices[self.codes[:, 1]]])


def _device_features(devices: Sequence[Device]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values, float (devices, features), of what tells devices apart."""
    columns: dict[str, list[float]] = {
        "device_log_cores": [math.log2(device.cores) for device in devices],
        "device_log_physical_cores": [math.log2(device.physical_cores) for device in devices],
        "device_log_memory": [math.log10(device.memory_mib) for device in devices],
    }
    for arch in sorted({device.arch for device in devices})[1:]:
        columns[f"device_arch_{arch}"] = [float(device.arch == arch) for device in devices]
    telling = {name: column for name, column in columns.items() if len(set(column)) > 1}
    return tuple(telling), np.array(list(telling.values())).reshape(len(telling), len(devices)).T
