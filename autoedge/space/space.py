"""The space of one intent on one target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from autoedge.candidate import Candidate, Configuration, Scalar
from autoedge.errors import SpaceError
from autoedge.space.columns import INACTIVE, Axis, Knob, enumerate_columns, holds

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
    """A part of the space that is not searched, and why."""

    model: str
    what: str
    reason: str


class Space:
    """All candidates of an intent on one target, as columns.

    Args:
        file: The knobs.
        models: In the user's order.
        device: The probed target.
        target: Its name.
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
        device: Device,
        target: str,
        limits: Mapping[str, Sequence[Scalar]],
    ) -> None:
        self.target = target
        self._file = file
        self._models = {model.name: model for model in models}
        self._device = device
        self.left_out: list[LeftOut] = []
        limited = _checked_limits(file, device, limits, models)
        self._offered = {rule.name: tuple(limited.get(rule.name) or rule.levels_on(device)) for rule in file.knobs}
        self._precisions = {
            level for rule in file.knobs if rule.name == "precision" for level in rule.levels_on(device)
        }
        self._axes = [Axis(Knob("model", tuple(self._models), ordered=False), {})]
        self._axes += [self._axis(rule, limited=rule.name in limited) for rule in file.knobs]
        self.knobs = {axis.knob.name: axis.knob for axis in self._axes}
        parts = [self._part(model) for model in models if model.name in limited.get("model", self._models)]
        self.codes = np.concatenate(parts) if parts else np.zeros((0, len(self._axes)), np.int32)
        if len(self.codes) == 0:
            reasons = "; ".join(f"{left.model}: no {left.what} ({left.reason})" for left in self.left_out)
            raise SpaceError(f"no candidate is left{': ' + reasons if reasons else ''}; widen search.knobs")
        sizes = [len(knob.levels) for knob in self.knobs.values()]
        self._radix = np.cumprod([1, *sizes[:-1]], dtype=np.int64)
        keys = self.codes.astype(np.int64) @ self._radix
        self._order = np.argsort(keys)
        self._keys = keys[self._order]

    def __len__(self) -> int:
        return len(self.codes)

    def _axis(self, rule: KnobRule, *, limited: bool) -> Axis:
        levels = self._offered[rule.name]
        if rule.name == "precision" and not limited:
            levels = tuple(dict.fromkeys([*levels, *(model.precision for model in self._models.values())]))
        if rule.name == "batch":
            fixed = {model.fixed_batch for model in self._models.values() if model.fixed_batch is not None}
            levels = (*levels, *sorted(fixed - set(levels)))
        if rule.ordered:
            levels = tuple(sorted(levels, key=float))
        elif rule.when:
            levels = (INACTIVE, *levels)
        return Axis(Knob(rule.name, levels, rule.ordered), rule.when)

    def _part(self, model: ModelFacts) -> np.ndarray:
        """The candidates of one model."""
        allowed = {"model": np.array([list(self._models).index(model.name)])}
        if "precision" in self.knobs:
            levels = self.knobs["precision"].levels
            for level in levels:
                if level in model.refused and level != model.precision:
                    self.left_out.append(LeftOut(model.name, str(level), model.refused[str(level)]))
            usable = [i for i, level in enumerate(levels) if self._can_be(model, str(level))]
            if not usable:
                self.left_out.append(LeftOut(model.name, "candidate", f"it is {model.precision} and limits leave none"))
            allowed["precision"] = np.array(usable, int)
        if "batch" in self.knobs and model.fixed_batch is not None:
            levels = self.knobs["batch"].levels
            allowed["batch"] = np.array([levels.index(model.fixed_batch)])
            if len(levels) > 1:
                self.left_out.append(LeftOut(model.name, "other batch", f"its batch is fixed at {model.fixed_batch}"))
        elif "batch" in self.knobs:
            offered = self._offered["batch"]
            allowed["batch"] = np.array([i for i, n in enumerate(self.knobs["batch"].levels) if n in offered], int)
        if any(len(levels) == 0 for levels in allowed.values()):
            return np.zeros((0, len(self._axes)), np.int32)
        return enumerate_columns(self._axes, allowed)

    def _can_be(self, model: ModelFacts, level: str) -> bool:
        if level == model.precision:
            return True
        makeable = level in self._offered["precision"] and level in self._precisions
        return makeable and model.precision == "fp32" and level not in model.refused

    def candidate(self, row: int) -> Candidate:
        """The candidate of a row."""
        values = {knob.name: knob.levels[code] for knob, code in zip(self.knobs.values(), self.codes[row], strict=True)}
        return self._candidate(values)

    def default(self, model: str) -> Candidate:
        """A model as given, batch 1 (or its own), the runtime's defaults; it may lie outside the searched space."""
        facts = self._models[model]
        values: dict[str, Scalar] = {"model": model}
        for rule in self._file.knobs:
            value = facts.precision if rule.name == "precision" else rule.default_on(self._device)
            if rule.name == "batch" and facts.fixed_batch is not None:
                value = facts.fixed_batch
            values[rule.name] = INACTIVE if value is None else value
        return self._candidate(values)

    def _candidate(self, values: Mapping[str, Scalar]) -> Candidate:
        recipe: dict[str, Scalar] = {}
        knobs: dict[str, Scalar] = {}
        for rule in self._file.knobs:
            applying = recipe.keys() | knobs.keys()
            if all(name in applying and holds(condition, values[name]) for name, condition in rule.when.items()):
                (recipe if rule.recipe else knobs)[rule.name] = values[rule.name]
        configuration = Configuration(str(values["model"]), recipe, self._file.runtime, knobs)
        return Candidate(configuration, self.target)

    def row(self, candidate: Candidate) -> int | None:
        """The row of a candidate; None when it lies outside."""
        configuration = candidate.configuration
        if candidate.target != self.target or configuration.runtime != self._file.runtime:
            return None
        values = {"model": configuration.model, **configuration.recipe, **configuration.knobs}
        if not values.keys() <= self.knobs.keys():
            return None
        key = 0
        for (name, knob), weight in zip(self.knobs.items(), self._radix, strict=True):
            level = values.get(name, knob.levels[0])
            if level not in knob.levels:
                return None
            key += int(weight) * knob.levels.index(level)
        found = int(np.searchsorted(self._keys, key))
        if found == len(self._keys) or self._keys[found] != key:
            return None
        row = int(self._order[found])
        # A missing knob was looked up as one that does not apply: it may not be missing.
        return row if self.candidate(row).candidate_id == candidate.candidate_id else None

    def features(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Names and values, float (candidates, features), of what is known of a candidate before measuring."""
        names = tuple(sorted({name for model in self._models.values() for name in model.features}))
        table = np.array([[model.features.get(name, np.nan) for name in names] for model in self._models.values()])
        table = table.reshape(len(self._models), len(names))
        unknown = np.isnan(table)
        if unknown.any():  # what is not known of a model must not tell it apart
            table = np.where(unknown, np.nanmean(np.where(unknown.all(0), 0.0, table), axis=0), table)
        return names, table[self.codes[:, 0]]


def _checked_limits(
    file: SpaceFile, device: Device, limits: Mapping[str, Sequence[Scalar]], models: Sequence[ModelFacts]
) -> dict[str, Sequence[Scalar]]:
    from rapidfuzz.process import extractOne

    offered: dict[str, tuple[Scalar, ...]] = {"model": tuple(model.name for model in models)}
    offered |= {rule.name: rule.levels_on(device) for rule in file.knobs}
    if "precision" in offered:
        offered["precision"] = tuple(dict.fromkeys([*offered["precision"], *(model.precision for model in models)]))
    for name, levels in limits.items():
        if name not in offered:
            near = extractOne(name, list(offered))
            raise SpaceError(f"search.knobs: the space '{file.name}' has no knob '{name}'; nearest is '{near[0]}'")
        typed = {(type(level), level) for level in offered[name]}  # since True is 1 and 1.0 is, too
        wrong = [level for level in levels if (type(level), level) not in typed and not _extends(file, name, level)]
        if wrong or not levels:
            known, given = (", ".join(map(str, each)) for each in (offered[name], wrong))
            raise SpaceError(f"search.knobs.{name}: must be among {known}, but got {given or 'nothing'}")
    return {name: tuple(dict.fromkeys(levels)) for name, levels in limits.items()}


def _extends(file: SpaceFile, name: str, level: Scalar) -> bool:
    """A count may be one that the file does not list (batch 32), unless the target sets its end (threads)."""
    rule = next((rule for rule in file.knobs if rule.name == name), None)
    listed = rule is not None and rule.ordered and isinstance(rule.levels, tuple)
    return listed and isinstance(level, int) and not isinstance(level, bool) and level >= 1
