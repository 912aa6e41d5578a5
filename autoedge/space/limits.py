"""What an intent allows of each knob, held against what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.candidate import Scalar
    from autoedge.device import Device
    from autoedge.space.declaration import SpaceFile


def checked_limits(
    file: SpaceFile,
    devices: Mapping[str, Device],
    limits: Mapping[str, Sequence[Scalar]],
    precisions: Mapping[str, str],
) -> dict[str, Sequence[Scalar]]:
    """The limits with each level once.

    Args:
        file: The knobs.
        devices: The probed targets by name; a level need be one on some target only.
        limits: As written in the intent.
        precisions: By model, what it is as given.

    Raises:
        SpaceError: A limit names no knob or no level; says which there are.
    """
    from rapidfuzz.process import extractOne

    offered: dict[str, tuple[Scalar, ...]] = {"model": tuple(precisions)}
    for rule in file.knobs:
        offered[rule.name] = tuple(dict.fromkeys(one for device in devices.values() for one in rule.levels_on(device)))
    if "precision" in offered:
        offered["precision"] = tuple(dict.fromkeys([*offered["precision"], *precisions.values()]))
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
