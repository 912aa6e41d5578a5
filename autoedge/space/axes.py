"""Knobs of several search space files side by side, as the columns of one space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoedge.errors import SpaceError
from autoedge.space.columns import INACTIVE, RUNTIME, TARGET, Axis, Knob, holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autoedge.candidate import Scalar
    from autoedge.device import Device
    from autoedge.space.declaration import KnobRule, SpaceFile
    from autoedge.space.facts import ModelFacts


def merged_knobs(
    files: Sequence[SpaceFile],
    models: Sequence[ModelFacts],
    devices: Mapping[str, Device],
    limits: Mapping[str, Sequence[Scalar]],
) -> list[Knob]:
    """One knob a name, with the levels of all files that have it; ``model`` first, then target and runtime if several.

    A knob that some candidates lack has ``none`` as its first level; where its levels are ascending numbers, the least
    of them stands for that.

    Args:
        files: One a runtime.
        models: In the user's order.
        devices: By target, in the user's order.
        limits: By knob, the levels that the intent allows.

    Raises:
        SpaceError: Two files mean different things by one name.
    """
    knobs = [Knob("model", tuple(model.name for model in models), ordered=False)]
    if len(devices) > 1:
        knobs.append(Knob(TARGET, tuple(devices), ordered=False))
    if len(files) > 1:
        knobs.append(Knob(RUNTIME, tuple(file.runtime for file in files), ordered=False))
    rules: dict[str, list[KnobRule]] = {}
    for rule in (rule for file in files for rule in file.knobs):
        rules.setdefault(rule.name, []).append(rule)
    for name, alike in rules.items():
        if len({(rule.ordered, rule.recipe) for rule in alike}) > 1:
            raise SpaceError(f"knob '{name}' is not the same in all search spaces: ordered and part must agree")
        knobs.append(_knob(alike, models, devices, limits, everywhere=len(alike) == len(files)))
    return knobs


def _knob(
    alike: Sequence[KnobRule],
    models: Sequence[ModelFacts],
    devices: Mapping[str, Device],
    limits: Mapping[str, Sequence[Scalar]],
    *,
    everywhere: bool,
) -> Knob:
    """One knob of the space, of the rules of one name."""
    name, ordered = alike[0].name, alike[0].ordered
    levels = list(limits.get(name) or [one for rule in alike for on in devices.values() for one in rule.levels_on(on)])
    forms = [form for model in models for form in model.forms]
    if name == "precision" and name not in limits:
        levels += [form.precision for form in forms]
    levels += sorted({level for form in forms for level in form.only.get(name, ())} - set(levels), key=str)
    levels = list(dict.fromkeys(levels))
    if ordered:
        levels.sort(key=float)
    elif not everywhere or any(rule.when for rule in alike):
        levels.insert(0, INACTIVE)
    return Knob(name, tuple(levels), ordered)


def axes_of(file: SpaceFile, knobs: Sequence[Knob]) -> list[Axis]:
    """The knobs as one file's candidates have them: those that it lacks never apply."""
    rules = {rule.name: rule for rule in file.knobs}
    beside = {"model", TARGET, RUNTIME}
    return [
        Axis(knob, {} if knob.name in beside else rules[knob.name].when if knob.name in rules else None)
        for knob in knobs
    ]


def trimmed(file: SpaceFile, devices: Iterable[Device], limits: Mapping[str, Sequence[Scalar]]) -> SpaceFile:
    """A file without the knobs that no machine leaves a choice: the runtime does the same without being told.

    So a knob for accelerators is no part of a configuration where there is none.

    Args:
        file: The knobs.
        devices: The probed targets.
        limits: By knob, the levels that the intent allows; one that names more than the default keeps its knob.
    """
    kept: list[KnobRule] = []
    dropped: dict[str, Scalar | None] = {}
    on = [device for device in devices if file.runtime in device.runtimes]
    for rule in file.knobs:
        usual = {rule.default}
        offered = {level for device in on for level in rule.levels_on(device)}
        idle = bool(rule.probed) and offered <= usual and set(limits.get(rule.name, ())) <= usual
        gone = {name: condition for name, condition in rule.when.items() if name in dropped}
        if idle or any(
            dropped[name] is None or not holds(each, dropped[name] or INACTIVE) for name, each in gone.items()
        ):
            dropped[rule.name] = rule.default if idle else None
        else:
            kept.append(replace(rule, when={name: each for name, each in rule.when.items() if name not in dropped}))
    return replace(file, knobs=tuple(kept))
