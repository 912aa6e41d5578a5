"""Search space files: which knobs a runtime has, declared in YAML, with levels that depend on the target."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from autoedge.candidate import Scalar
from autoedge.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.device import Device

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_BYTES = 2**20
_FILE_KEYS = {"version", "name", "description", "runtime", "formats", "knobs"}
_KNOB_KEYS = {"levels", "default", "part", "ordered", "when", "about"}
_OF_TARGET = ("cores", "physical_cores")


@dataclass(frozen=True)
class KnobRule:
    """One knob as declared.

    Attributes:
        name: Unique in its file.
        levels: What it may be: scalars, or ``{"from": 1, "to": "cores"}`` for a range by doubling.
        default: What the runtime does when told nothing; may name a number of the target.
        recipe: Whether it decides how the model file is made.
        ordered: Whether its levels are numbers whose order means something.
        when: By knob name, what that knob must be for this one to apply: a list of levels, or ``{"min": 2}``.
    """

    name: str
    levels: tuple[Scalar, ...] | Mapping[str, int | str]
    default: Scalar | None
    recipe: bool
    ordered: bool
    when: Mapping[str, Any]

    def levels_on(self, device: Device) -> tuple[Scalar, ...]:
        """The levels on a probed target."""
        if isinstance(self.levels, tuple):
            return self.levels
        first, last = (_number(self.levels[end], device) for end in ("from", "to"))
        doubled = [first]
        while doubled[-1] * 2 < last:
            doubled.append(doubled[-1] * 2)
        return tuple(doubled) if doubled[-1] == last else (*doubled, last)

    def default_on(self, device: Device) -> Scalar | None:
        """The default on a probed target."""
        return _number(self.default, device) if self.default in _OF_TARGET else self.default


def _number(value: Any, device: Device) -> int:
    return int(getattr(device, value)) if value in _OF_TARGET else int(value)


@dataclass(frozen=True)
class SpaceFile:
    """One search space file.

    Attributes:
        name: As named in an intent.
        runtime: Which runtime its knobs belong to.
        formats: Suffixes of the model files that it is for.
        knobs: In the order of declaration; conditions look upwards only.
    """

    name: str
    runtime: str
    formats: tuple[str, ...]
    knobs: tuple[KnobRule, ...]


def read_space_file(path: Path) -> SpaceFile:
    """Read and check a search space file.

    Raises:
        SpaceError: Says which key breaks which rule.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SpaceError(f"{path}: a search space file has at most 1 MiB")
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SpaceError(f"{path}: cannot be read: {error}") from error
    try:
        return _parse(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise SpaceError(f"{path}: a search space file needs name, runtime, formats and knobs ({error!r})") from error
    except SpaceError as error:
        raise SpaceError(f"{path}: {error}") from error


def _parse(data: Any) -> SpaceFile:
    if data["version"] != 1:
        raise SpaceError(f"version must be 1, but got {data['version']!r}")
    _known(data, _FILE_KEYS, "the file")
    if not _NAME.fullmatch(str(data["name"])):
        raise SpaceError(f"name must match {_NAME.pattern}, but got {data['name']!r}")
    knobs: list[KnobRule] = []
    for name, body in data["knobs"].items():
        _known(body, _KNOB_KEYS, f"knobs.{name}")
        knobs.append(_knob(str(name), body, {knob.name for knob in knobs}))
    return SpaceFile(str(data["name"]), str(data["runtime"]), tuple(map(str, data["formats"])), tuple(knobs))


def _knob(name: str, body: Mapping[str, Any], above: set[str]) -> KnobRule:
    levels = body["levels"]
    if isinstance(levels, list):
        if not levels or not all(isinstance(level, get_args(Scalar)) for level in levels):
            raise SpaceError(f"knobs.{name}.levels must be a list of plain values, but got {levels!r}")
        levels = tuple(levels)
    elif set(levels) != {"from", "to"} or any(not isinstance(v, int) and v not in _OF_TARGET for v in levels.values()):
        raise SpaceError(f"knobs.{name}.levels must be a list or {{from, to}} of numbers or {', '.join(_OF_TARGET)}")
    when = dict(body.get("when", {}))
    unknown = sorted(set(when) - above)
    if unknown:
        raise SpaceError(f"knobs.{name}.when may only name knobs above it, but names {', '.join(unknown)}")
    recipe = body.get("part") == "recipe"
    default = body.get("default")
    if not recipe and default is None:
        raise SpaceError(f"knobs.{name} needs a default: what the runtime does when it is told nothing")
    return KnobRule(name, levels, default, recipe, bool(body.get("ordered", False)), when)


def _known(body: Mapping[str, Any], known: set[str], where: str) -> None:
    extra = sorted(set(body) - known)
    if extra:
        raise SpaceError(f"{where} has the unknown key {extra[0]!r}; known are {', '.join(sorted(known))}")
