"""Which power meters are there, and which one a user means."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError, MeterError
from autoedge.intent.problem import shown, suggestion
from autoedge.meters.finder import Found, found, on_device
from autoedge.meters.surroundings import Surroundings
from autoedge.registry import places
from autoedge.targets.declared import open_target
from autoedge.workflows.targets import known_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.targets.declared import DeclaredTarget

GROUP = "autoedge.meters"
_EXTRAS = {
    "tc66": ("tc66", "cryptography"),
    "nvml": ("nvidia", "pynvml"),
    "joulescope": ("joulescope", "pyjoulescope_driver"),
}
"""By meter: the extra that it needs, and the module that tells whether that is installed."""


@dataclass(frozen=True)
class Kind:
    """A kind of meter that this installation knows.

    Attributes:
        name: As in targets.yaml.
        on_device: Whether it is a part of the device that it measures; otherwise it hangs on this machine.
        extra: The extra of the package that it needs and that is not installed; empty where nothing is missing.
        problem: Why its driver cannot be loaded; empty where it can.
    """

    name: str
    on_device: bool
    extra: str
    problem: str


@dataclass(frozen=True)
class Listing:
    """The meters around.

    Attributes:
        target: Whose device was looked at too; None for this machine alone.
        here: Found on this machine.
        there: Found on the target's device. A device's word: escape it before showing it.
        kinds: All that are known.
    """

    target: str | None
    here: Sequence[Found]
    there: Sequence[Found]
    kinds: Sequence[Kind]

    def plain(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "schema_version": 1,
            "target": self.target,
            "here": [one.to_json() for one in self.here],
            "there": [one.to_json() for one in self.there],
            "kinds": [vars(kind) for kind in self.kinds],
        }


def list_meters(target: str | None = None, file: Path | None = None, around: Surroundings | None = None) -> Listing:
    """The meters on this machine and on a target's device, usable or not, and all known kinds.

    Args:
        target: A target whose device is to be looked at; instruments are looked for on this machine all the same.
        file: The targets file; None for the user's own.
        around: Where to look on this machine.

    Raises:
        IntentError: Nobody knows the target.
        TargetError: It cannot be reached.
    """
    known = places(GROUP)
    kinds = [_kind(name, known[name]) for name in sorted(known)]
    one = None if target is None else known_target(target, file)
    if one is None or one.address is None:
        return Listing(None, found(known, around or Surroundings()), (), kinds)
    outside = {kind.name: known[kind.name] for kind in kinds if not kind.on_device}
    return Listing(one.name, found(outside, around or Surroundings()), _found_there(one, known), kinds)


def _kind(name: str, place: str) -> Kind:
    extra, module = _EXTRAS.get(name, ("", ""))
    missing = extra if extra and find_spec(module) is None else ""
    try:
        return Kind(name, on_device(place), missing, "")
    except MeterError as error:
        return Kind(name, on_device=False, extra=missing, problem=str(error))


def _found_there(one: DeclaredTarget, known: Mapping[str, str]) -> list[Found]:
    listed = []
    with tempfile.TemporaryDirectory(prefix="autoedge-meters-") as folder:
        place = Path(folder)
        with open_target(one, places("autoedge.runtimes"), blobs=place / "blobs", jobs=place / "jobs") as target:
            for form in target.meters(known):
                try:
                    listed.append(Found.from_json(dict(form)))
                except (KeyError, TypeError, ValueError):
                    continue  # a device says what it likes
    return listed


@dataclass(frozen=True)
class Wanted:
    """A meter that is to be read.

    Attributes:
        name: Its kind.
        place: Of its class.
        options: It opens with.
        device: The target whose device it is a part of; None for a meter on this machine.
    """

    name: str
    place: str
    options: Mapping[str, Any]
    device: DeclaredTarget | None = None


def wanted_meter(
    name: str | None, options: Mapping[str, Any], target: str | None = None, file: Path | None = None
) -> Wanted:
    """Which meter a user means: a kind with its options, or the one that a target declares.

    Args:
        name: A kind; None for the target's.
        options: It opens with; beside a target's meter they replace those declared.
        target: Whose declared meter is meant.
        file: The targets file; None for the user's own.

    Raises:
        IntentError: There is no such kind or target, or the target declares no such meter.
        MeterError: Its driver cannot be loaded.
    """
    known = places(GROUP)
    one = None if target is None else known_target(target, file)
    given = {} if one is None or one.meter is None else dict(one.meter)
    kind = str(given.pop("type", "none"))
    given.pop("align", None)
    if name is None and (one is None or kind == "none"):
        whose = "name a meter, or a target with a declared one" if one is None else f"target '{one.name}' declares none"
        raise IntentError(f"which meter? {whose}; `autoedge meters list` shows what is there")
    chosen = kind if name is None else name
    if chosen not in known:
        raise IntentError(f"there is no meter {shown(chosen)}{suggestion(chosen, set(known))}")
    opening = {**(given if chosen == kind else {}), **options}
    there = one if one is not None and one.address is not None and on_device(known[chosen]) else None
    return Wanted(chosen, known[chosen], opening, there)


def option_values(words: Sequence[str]) -> dict[str, Any]:
    """Options written as ``key=value``: a value is JSON where it can be, such as 3.3, true or ["a", "b"], else text.

    Raises:
        IntentError: One has no name.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not (sign and name.isidentifier()):
            raise IntentError(f"an option is written as key=value, but got {shown(word)}")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            values[name] = text
    return values
