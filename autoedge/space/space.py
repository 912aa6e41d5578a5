"""The space of one intent on its targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from autoedge.candidate import Candidate, Configuration, Scalar
from autoedge.errors import SpaceError
from autoedge.space.axes import axes_of, merged_knobs, trimmed
from autoedge.space.columns import INACTIVE, MODEL, RUNTIME, TARGET, enumerate_columns, holds
from autoedge.space.facts import LeftOut
from autoedge.space.forms import allowed_levels, default_form, form_for
from autoedge.space.limits import checked_limits
from autoedge.space.lookup import Lookup
from autoedge.space.screening import SCREENED_BY, Column, Tally, screened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.device import Device
    from autoedge.space.declaration import SpaceFile
    from autoedge.space.facts import ModelFacts

_HERE = "local"
_EXTRAS = {"litert": "litert", "openvino": "openvino", "scikit-learn": "classical"}


class Space:
    """All candidates of an intent on its targets, as columns.

    Where there are several targets, ``target`` is one more knob, and each target has the levels that its own device
    allows (threads up to its own cores); where there are several runtimes, ``runtime`` is one. A runtime runs what it
    can read: a model in the first of its forms whose format the runtime's file names, on targets that have it.

    Args:
        files: The knobs, one file a runtime, the preferred one first.
        models: In the user's order.
        devices: The probed targets by name, in the user's order.
        limits: By knob, the levels that the intent allows.

    Raises:
        SpaceError: A limit names no knob or no level, two files are of one runtime, or nothing is left.

    Attributes:
        knobs: By name, ``model`` first.
        codes: int32 of shape (candidates, knobs), level numbers.
        left_out: What is not searched.
    """

    def __init__(
        self,
        files: Sequence[SpaceFile],
        models: Sequence[ModelFacts],
        devices: Mapping[str, Device],
        limits: Mapping[str, Sequence[Scalar]],
    ) -> None:
        if len({file.runtime for file in files}) < len(files):
            raise SpaceError(f"one search space a runtime, but got {', '.join(file.name for file in files)}")
        self._models = {model.name: model for model in models}
        self._devices = dict(devices)
        self.left_out: list[LeftOut] = []
        self._limited = checked_limits(files, devices, limits, models)
        self._every = {file.runtime: trimmed(file, devices.values(), self._limited) for file in files}
        self._files = self._installed()
        kept = list(self._files.values())
        self.knobs = {knob.name: knob for knob in merged_knobs(kept, models, devices, self._limited)}
        self._axes = {file.runtime: axes_of(file, list(self.knobs.values())) for file in kept}
        self.codes = self._enumerated()
        self._lookup = Lookup(self.codes, [len(knob.levels) for knob in self.knobs.values()])

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets, in the user's order."""
        return tuple(self._devices)

    @property
    def runtimes(self) -> NDArray[np.object_]:
        """Name of the runtime of each candidate, shape (candidates,)."""
        if RUNTIME not in self.knobs:
            return np.full(len(self), next(iter(self._files)), dtype=object)
        levels = np.array(self.knobs[RUNTIME].levels, dtype=object)
        named: NDArray[np.object_] = levels[self.codes[:, list(self.knobs).index(RUNTIME)]]
        return named

    @property
    def recipe_knobs(self) -> set[str]:
        """Names of the knobs that decide how a model file is made."""
        return {rule.name for file in self._files.values() for rule in file.knobs if rule.recipe}

    def _installed(self) -> dict[str, SpaceFile]:
        """By runtime, the files of those that limits allow and some target has."""
        kept = {}
        for runtime in self._limited.get(RUNTIME, tuple(self._every)):
            file = self._every[str(runtime)]
            lacking = [name for name, device in self._devices.items() if file.runtime not in device.runtimes]
            for target in lacking:
                setup = f"autoedge targets setup {target} --runtime {runtime}"
                here = f"pip install 'autoedge[{_EXTRAS[runtime]}]'" if runtime in _EXTRAS else f"install {runtime}"
                advice = f"not installed there: {here if target == _HERE else setup}"
                self.left_out.append(LeftOut("", file.runtime, advice, target, self._size(file, target)))
            if len(lacking) < len(self._devices):
                self._tell_refusals(file)
                kept[file.runtime] = file
        if not kept:
            raise SpaceError(f"no candidate is left: {'; '.join(map(str, self.left_out)) or 'no runtime'}")
        return kept

    def _size(self, file: SpaceFile, target: str) -> int:
        """Candidates that there would be on a target if it had a runtime."""
        device = self._devices[target]
        knobs = merged_knobs([file], list(self._models.values()), {target: device}, self._limited)
        named = {knob.name: knob for knob in knobs}
        total = 0
        for model in self._chosen:
            form = form_for(model, file)
            if form is not None:
                allowed = {MODEL: np.zeros(1, int), **allowed_levels(form, file, device, named, self._limited)}
                total += len(enumerate_columns(axes_of(file, knobs), allowed))
        return total

    def _tell_refusals(self, file: SpaceFile) -> None:
        """What a runtime names on a target and cannot use there."""
        for target, device in self._devices.items():
            for rule in file.knobs:
                asked = self._limited.get(rule.name, rule.levels)
                for level, reason in rule.offers_on(device).items():
                    if reason and level in map(str, asked):
                        self.left_out.append(LeftOut("", f"{rule.name} {level} of {file.runtime}", reason, target))

    @property
    def _chosen(self) -> list[ModelFacts]:
        """The models that limits allow."""
        return [self._models[name] for name in self._models if name in self._limited.get(MODEL, self._models)]

    def _enumerated(self) -> np.ndarray:
        parts = []
        usable = [(target, file) for target in self._devices for file in self._usable_on(target)]
        for model in self._chosen:
            self.left_out += [LeftOut(model.name, what, reason) for what, reason in model.lost.items()]
            self._tell_fixed(model)
            tally = Tally([file.runtime for file in self._files.values() if form_for(model, file) is not None])
            parts += [self._part(model, target, file, tally) for target, file in usable]
            self.left_out += tally.left_out(model.name)
        codes = np.concatenate(parts) if parts else np.zeros((0, len(self.knobs)), np.int32)
        if len(codes) == 0:
            reasons = "; ".join(map(str, self.left_out))
            raise SpaceError(f"no candidate is left{': ' + reasons if reasons else ''}; widen search.knobs")
        return codes

    def _usable_on(self, target: str) -> list[SpaceFile]:
        """Those of the runtimes that a target has, and of whose knobs limits leave it something."""
        files = [file for runtime, file in self._files.items() if runtime in self._devices[target].runtimes]
        return [file for file in files if self._has_levels(file, target)]

    def _has_levels(self, file: SpaceFile, target: str) -> bool:
        """Whether limits leave a target something of every knob: four threads are nothing for two cores."""
        device = self._devices[target]
        for rule in file.knobs:
            levels, asked = rule.levels_on(device), self._limited.get(rule.name)
            if asked is not None and rule.of_the_target and not set(asked) & set(levels):
                reason = f"it has {', '.join(map(str, levels))}"
                self.left_out.append(LeftOut("", f"{rule.name} {', '.join(map(str, asked))}", reason, target))
                return False
        return True

    def _tell_fixed(self, model: ModelFacts) -> None:
        """Knobs that a model leaves no choice, and models of which limits leave nothing."""
        told: dict[str, tuple[Scalar, ...]] = {}
        for file in self._files.values():
            form = form_for(model, file)
            if form is None:
                continue
            told |= {rule.name: form.only[rule.name] for rule in file.knobs if rule.name in form.only}
            asked = self._limited.get("precision")
            levels = next((rule.levels for rule in file.knobs if rule.name == "precision"), None)
            makeable = form.precision == "fp32" and levels is not None and set(levels) & set(asked or levels)
            if levels is not None and asked is not None and form.precision not in asked and not makeable:
                what = "candidate" if len(self._files) == 1 else f"candidate for {file.runtime}"
                self.left_out.append(LeftOut(model.name, what, f"it is {form.precision} and limits leave none"))
        for name, levels in told.items():
            if set(self.knobs[name].levels) - {INACTIVE, *levels}:
                fixed = "is fixed at" if len(levels) == 1 else "is one of"
                reason = f"its {name} {fixed} {', '.join(map(str, levels))}"
                self.left_out.append(LeftOut(model.name, f"other {name}", reason))

    def _part(self, model: ModelFacts, target: str, file: SpaceFile, tally: Tally) -> np.ndarray:
        """The candidates of one model on one target with one runtime."""
        form, device = form_for(model, file), self._devices[target]
        if form is None:
            return np.zeros((0, len(self.knobs)), np.int32)
        allowed = allowed_levels(form, file, device, self.knobs, self._limited)
        for name, level in ((MODEL, model.name), (TARGET, target), (RUNTIME, file.runtime)):
            if name in self.knobs:
                allowed[name] = np.array([self.knobs[name].levels.index(level)])
        codes = enumerate_columns(self._axes[file.runtime], allowed)
        columns = {
            rule.name: Column(self.knobs[rule.name].levels, codes[:, list(self.knobs).index(rule.name)])
            for rule in file.knobs
            if rule.name in SCREENED_BY
        }
        kept = np.ones(len(codes), bool)
        for what, reason, rows in screened(form, file.runtime, device, columns, len(codes)):
            tally.add(what, reason, file.runtime, target, int((rows & kept).sum()))
            kept &= ~rows
        return codes[kept]

    def candidate(self, row: int) -> Candidate:
        """The candidate of a row."""
        values = {knob.name: knob.levels[code] for knob, code in zip(self.knobs.values(), self.codes[row], strict=True)}
        runtime = str(values.get(RUNTIME, next(iter(self._files))))
        return self._candidate(values, str(values.get(TARGET, self.targets[0])), runtime)

    def default(self, model: str, target: str) -> Candidate:
        """A model as given, batch 1 (or its own), the runtime's defaults there; it may lie outside the search.

        The runtime is the first on that target which takes the model as given, else the first that takes it at all,
        whatever limits say.
        """
        facts, device = self._models[model], self._devices[target]
        file, form = default_form(facts, [self._every[one] for one in self._every if one in device.runtimes])
        values: dict[str, Scalar] = {"model": model}
        for rule in file.knobs:
            value = form.precision if rule.name == "precision" else rule.default_on(device)
            only = form.only.get(rule.name, ())
            value = value if value in only or not only else only[0]
            values[rule.name] = INACTIVE if value is None else value
        return self._candidate(values, target, file.runtime)

    def _candidate(self, values: Mapping[str, Scalar], target: str, runtime: str) -> Candidate:
        recipe: dict[str, Scalar] = {}
        knobs: dict[str, Scalar] = {}
        for rule in self._every[runtime].knobs:
            applying = recipe.keys() | knobs.keys()
            if all(name in applying and holds(condition, values[name]) for name, condition in rule.when.items()):
                (recipe if rule.recipe else knobs)[rule.name] = values[rule.name]
        return Candidate(Configuration(str(values["model"]), recipe, runtime, knobs), target)

    def row(self, candidate: Candidate) -> int | None:
        """The row of a candidate; None when it lies outside."""
        configuration = candidate.configuration
        if candidate.target not in self._devices or configuration.runtime not in self._files:
            return None
        values = {"model": configuration.model, **configuration.recipe, **configuration.knobs}
        beside = {TARGET: candidate.target, RUNTIME: configuration.runtime}
        values |= {name: level for name, level in beside.items() if name in self.knobs}
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
