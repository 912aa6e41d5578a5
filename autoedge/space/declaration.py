"""Search space files: which knobs a runtime has, declared in YAML, with levels that depend on the target."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.errors import SpaceError
from autoedge.space.columns import INACTIVE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.candidate import Scalar
    from autoedge.device import Device

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_BYTES = 2**20
_NEEDED = ("version", "name", "runtime", "formats", "knobs")
_FILE_KEYS = {*_NEEDED, "description"}
_KNOB_KEYS = {"levels", "default", "part", "ordered", "probed", "when", "about"}
_OF_TARGET = ("cores", "physical_cores")
_TAKEN = ("model", "runtime", "target")  # they stand beside the knobs wherever a candidate is written down
_OPEN = "open"
_LONG, _LONGEST = 80, 400  # of what is wrong, in a message


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
        probed: Name of the runtime that says on each machine which levels it can really use; empty where all can be.
        open: Whether a target may have levels of its own beside those that are listed.
    """

    name: str
    levels: tuple[Scalar, ...] | Mapping[str, int | str]
    default: Scalar | None
    recipe: bool
    ordered: bool
    when: Mapping[str, Any]
    probed: str = ""
    open: bool = False

    @property
    def of_the_target(self) -> bool:
        """Whether its levels hang on the target."""
        return bool(self.probed) or not isinstance(self.levels, tuple)

    def levels_on(self, device: Device) -> tuple[Scalar, ...]:
        """The levels on a probed target."""
        if isinstance(self.levels, tuple):
            offered = self.offers_on(device)
            usable = (level for level in self.levels if level == self.default or offered.get(str(level)) == "")
            own = (level for level, reason in offered.items() if self.open and not reason)
            return tuple(dict.fromkeys([*usable, *own])) if self.probed else self.levels
        first, last = (_number(self.levels[end], device) for end in ("from", "to"))
        doubled = [min(first, last)]
        while doubled[-1] * 2 < last:
            doubled.append(doubled[-1] * 2)
        return tuple(doubled) if doubled[-1] == last else (*doubled, last)

    def offers_on(self, device: Device) -> Mapping[str, str]:
        """What the runtime said there of each level: why it cannot be used, or nothing."""
        return device.offers.get(self.probed, {}).get(self.name, {}) if self.probed else {}

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
    except (OSError, UnicodeDecodeError, RecursionError, YAMLError, ValueError) as error:
        raise SpaceError(f"{path}: cannot be read: {' '.join(str(error).split())[:_LONGEST]}") from error
    try:
        return _parse(data)
    except SpaceError as error:
        raise SpaceError(f"{path}: {error}") from error


def _parse(data: Any) -> SpaceFile:
    if not isinstance(data, dict):
        raise SpaceError(f"a search space file is a mapping of {', '.join(_NEEDED)}, but it holds none")
    _known(data, _FILE_KEYS, "the file")
    for key in _NEEDED:
        if key not in data:
            raise SpaceError(f"{key} is missing; a search space file has {', '.join(_NEEDED)}")
    if data["version"] != 1:
        raise SpaceError(f"version must be 1, but got {_shown(data['version'])}")
    for key in ("name", "runtime"):
        if not (isinstance(data[key], str) and _NAME.fullmatch(data[key])):
            raise SpaceError(f"{key} must match {_NAME.pattern}, but got {_shown(data[key])}")
    formats = data["formats"]
    if not (isinstance(formats, list) and formats and all(isinstance(f, str) and f.startswith(".") for f in formats)):
        raise SpaceError(f"formats must be a list of suffixes such as .onnx, but got {_shown(formats)}")
    if not isinstance(data["knobs"], dict) or not data["knobs"]:
        raise SpaceError(f"knobs must be a mapping from names to knobs, but got {_shown(data['knobs'])}")
    knobs: dict[str, KnobRule] = {}
    for name, body in data["knobs"].items():
        knobs[name] = _knob(name, body, knobs, data["runtime"])
    return SpaceFile(data["name"], data["runtime"], tuple(formats), tuple(knobs.values()))


def _knob(name: Any, body: Any, above: Mapping[str, KnobRule], runtime: str) -> KnobRule:
    where = f"knobs.{name if isinstance(name, str) else _shown(name)}"
    if not (isinstance(name, str) and _NAME.fullmatch(name)) or name in _TAKEN:
        raise SpaceError(f"{where}: a knob's name matches {_NAME.pattern} and is none of {', '.join(_TAKEN)}")
    if not isinstance(body, dict):
        raise SpaceError(f"{where} must be a mapping, but got {_shown(body)}")
    _known(body, _KNOB_KEYS, where)
    recipe, ordered, default = body.get("part") == "recipe", body.get("ordered", False), body.get("default")
    if "part" in body and not recipe:
        raise SpaceError(f"{where}.part can only be recipe, but got {_shown(body['part'])}")
    _flags(body, where)
    if default is not None and not _is_plain(default):
        raise SpaceError(f"{where}.default must be a plain value, but got {_shown(default)}")
    if not recipe and default is None:
        raise SpaceError(f"{where} needs a default: what the runtime does when it is told nothing")
    if "levels" not in body:
        raise SpaceError(f"{where} needs levels")
    levels = _levels(body["levels"], f"{where}.levels")
    if ordered and isinstance(levels, tuple) and not all(map(_is_number, levels)):
        raise SpaceError(f"{where}.ordered takes numbers, but its levels are {', '.join(map(str, levels))}")
    conditions = _conditions(body.get("when", {}), f"{where}.when", above)
    probed = runtime if body.get("probed") else ""
    return KnobRule(name, levels, default, recipe, ordered, conditions, probed, body.get("probed") == _OPEN)


def _flags(body: Mapping[str, Any], where: str) -> None:
    for key in ("ordered", "probed"):
        if not isinstance(body.get(key, False), bool) and (key, body[key]) != ("probed", _OPEN):
            raise SpaceError(f"{where}.{key} is true or false, but got {_shown(body[key])}")
    if body.get("probed") and not isinstance(body.get("levels"), list):
        raise SpaceError(f"{where}.probed takes levels as a list")


def _levels(levels: Any, where: str) -> tuple[Scalar, ...] | Mapping[str, int | str]:
    if isinstance(levels, list):
        if not levels or not all(map(_is_plain, levels)):
            raise SpaceError(f"{where} must be a list of plain values, but got {_shown(levels)}")
        twice = [level for level, count in Counter(levels).items() if count > 1]
        if twice:
            raise SpaceError(f"{where} names {twice[0]} twice")
        if INACTIVE in levels:
            raise SpaceError(f"{where}: '{INACTIVE}' stands for a knob that does not apply; use another word")
        return tuple(levels)
    if not (isinstance(levels, dict) and levels.keys() == {"from", "to"} and all(map(_is_end, levels.values()))):
        raise SpaceError(f"{where} must be a list or {{from, to}} of whole numbers or {', '.join(_OF_TARGET)}")
    numbers = [end for end in (levels["from"], levels["to"]) if end not in _OF_TARGET]
    if any(number < 1 for number in numbers) or numbers != sorted(numbers):
        raise SpaceError(f"{where}: a range begins at 1 or above and never descends, but got {_shown(numbers[0])}")
    return dict(levels)


def _conditions(when: Any, where: str, above: Mapping[str, KnobRule]) -> Mapping[str, Any]:
    if not isinstance(when, dict):
        raise SpaceError(f"{where} must be a mapping from knobs to levels, but got {_shown(when)}")
    for name, condition in when.items():
        if name not in above:
            raise SpaceError(f"{where} may only name knobs above it, but names {_shown(name)}")
        least = condition.get("min") if isinstance(condition, dict) and len(condition) == 1 else None
        listed = isinstance(condition, list) and all(map(_is_plain, condition))
        if not (listed and condition) and not _is_number(least):
            raise SpaceError(f"{where}.{name} must be a list of levels or {{min: number}}, but got {_shown(condition)}")
        if not listed and not above[name].ordered:
            raise SpaceError(f"{where}.{name}: min takes an ordered knob, but '{name}' is none")
    return dict(when)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return value.isprintable() and len(value) <= _LONG
    return isinstance(value, bool) or _is_number(value)


def _is_end(value: Any) -> bool:
    return value in _OF_TARGET or (isinstance(value, int) and not isinstance(value, bool))


def _shown(value: Any) -> str:
    """A value for a message: nested ones by their kind alone, since aliases make a small file's text endless."""
    return f"a {type(value).__name__}" if isinstance(value, list | dict | tuple | set) else repr(value)[:_LONG]


def _known(body: Mapping[str, Any], known: set[str], where: str) -> None:
    extra = [key for key in body if key not in known]
    if extra:
        raise SpaceError(f"{where} has the unknown key {_shown(extra[0])}; known are {', '.join(sorted(known))}")
