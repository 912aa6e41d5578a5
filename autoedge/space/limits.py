"""What an intent allows of each knob, held against what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import SpaceError
from autoedge.space.columns import RUNTIME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autoedge.candidate import Scalar
    from autoedge.device import Device
    from autoedge.space.declaration import SpaceFile
    from autoedge.space.facts import ModelFacts


def checked_limits(
    files: Sequence[SpaceFile],
    devices: Mapping[str, Device],
    limits: Mapping[str, Sequence[Scalar]],
    models: Sequence[ModelFacts],
) -> dict[str, Sequence[Scalar]]:
    """The limits with each level once.

    Args:
        files: The knobs.
        devices: The probed targets by name; a level need be one on some target only, for some runtime only.
        limits: As written in the intent.
        models: What they are as given.

    Raises:
        SpaceError: A limit names no knob or no level; says which there are.
    """
    from rapidfuzz.process import extractOne

    offered: dict[str, tuple[Scalar, ...]] = {"model": tuple(model.name for model in models)}
    offered[RUNTIME] = _once(file.runtime for file in files)
    for rule in (rule for file in files for rule in file.knobs):
        here = [level for device in devices.values() for level in rule.levels_on(device)]
        offered[rule.name] = _once([*offered.get(rule.name, ()), *here])
    if "precision" in offered:
        offered["precision"] = _once([*offered["precision"], *_as_given(models)])
    for name, levels in limits.items():
        if name not in offered:
            spaces = " and ".join(f"'{file.name}'" for file in files)
            what = f"the space {spaces} has" if len(files) == 1 else f"the spaces {spaces} have"
            near = extractOne(name, list(offered))
            raise SpaceError(f"search.knobs: {what} no knob '{name}'; nearest is '{near[0]}'")
        typed = {(type(level), level) for level in offered[name]}  # since True is 1 and 1.0 is, too
        wrong = [level for level in levels if (type(level), level) not in typed and not _extends(files, name, level)]
        if wrong or not levels:
            known, given = (", ".join(map(str, each)) for each in (offered[name], wrong))
            raise SpaceError(f"search.knobs.{name}: must be among {known}, but got {given or 'nothing'}")
    return {name: _once(levels) for name, levels in limits.items()}


def _as_given(models: Sequence[ModelFacts]) -> list[Scalar]:
    return [form.precision for model in models for form in model.forms]


def _once(levels: Iterable[Scalar]) -> tuple[Scalar, ...]:
    return tuple(dict.fromkeys(levels))


def _extends(files: Sequence[SpaceFile], name: str, level: Scalar) -> bool:
    """A count may be one that no file lists (batch 32), unless the target sets its end (threads)."""
    rules = [rule for file in files for rule in file.knobs if rule.name == name]
    listed = bool(rules) and all(rule.ordered and not rule.of_the_target for rule in rules)
    return listed and isinstance(level, int) and not isinstance(level, bool) and level >= 1
