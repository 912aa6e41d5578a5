"""Which meters are here, which of them work, and which is the best of those."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autoedge.errors import MeterError
from autoedge.meters.base import Meter
from autoedge.meters.spec import MeterSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from autoedge.meters.surroundings import Surroundings

ORDER = ("hwmon", "jetson", "nvml", "rapl", "pi5-pmic", "battery")
"""Meters that may be chosen without being asked for, best first; instruments that hang outside come before them all."""
_NOT_TRIED = "not opened: bytes on a serial port may disturb whatever else hangs there; choose it to try it"


@dataclass(frozen=True)
class Found:
    """A meter that seems to be here.

    Attributes:
        name: As registered: ``rapl``.
        options: With which it opens.
        spec: What it published when it was tried; None where it could not be.
        reason: Why it could not; empty when it could.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    spec: MeterSpec | None = None
    reason: str = ""

    @property
    def scope(self) -> str:
        """Where it measures; empty where that is not known."""
        return self.spec.scope if self.spec else ""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        spec = self.spec.to_json() if self.spec else None
        return {"name": self.name, "options": self.options, "scope": self.scope, "spec": spec, "reason": self.reason}

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Found:
        """What ``to_json`` gave; KeyError, TypeError or ValueError when it is no such form."""
        spec = None if form["spec"] is None else MeterSpec.from_json(form["spec"])
        return cls(str(form["name"]), dict(form["options"]), spec, str(form["reason"]))


def found(places: Mapping[str, str], around: Surroundings) -> list[Found]:
    """Every meter that is here, those of ``ORDER`` first and in it.

    Each is opened for a moment, except those on serial ports.

    Args:
        places: Names of meters with the place of their class, ``{"rapl": "module:Class"}``.
        around: Where to look.
    """
    known = [name for name in ORDER if name in places]
    return [one for name in [*known, *sorted(places.keys() - set(known))] for one in _of(name, places[name], around)]


def best(candidates: Sequence[Found], scopes: Collection[str] | None = None) -> Found | None:
    """The first of ``ORDER`` that works; None where none does. An estimate is never chosen here.

    Args:
        candidates: From ``found``.
        scopes: Those that will do; a GPU's own meter says nothing of work on the processor. All of them by default.
    """
    usable = [one for one in candidates if one.spec and one.name in ORDER and (scopes is None or one.scope in scopes)]
    return min(usable, key=lambda one: ORDER.index(one.name), default=None)


def opened(place: str, options: Mapping[str, Any]) -> Meter:
    """A meter ready to be entered, which is what connects it.

    Args:
        place: ``module:Class``.
        options: As a user writes them in targets.yaml.

    Raises:
        MeterError: There is no such class, or it has no such options; lists those that it has.
    """
    made = _class(place)
    try:
        return made(**options)
    except TypeError as error:
        taken = ", ".join(inspect.signature(made).parameters) or "none"
        problem = str(error).rpartition("__init__()")[2].strip()
        raise MeterError(f"{made.__name__}: {problem}; its options are: {taken}") from error


def on_device(place: str) -> bool:
    """Whether a meter is a part of the device that it measures, so that the agent there reads it.

    Raises:
        MeterError: There is no such class.
    """
    return _class(place).on_device


def _class(place: str) -> type[Meter]:
    module, _, name = place.partition(":")
    try:
        made = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise MeterError(f"the meter at {place} cannot be loaded: {error}") from error
    if not (isinstance(made, type) and issubclass(made, Meter)):
        raise MeterError(f"{place} is no meter: one derives from autoedge.meters.base.Meter")
    return made


def _of(name: str, place: str, around: Surroundings) -> list[Found]:
    try:
        return [_tried(name, place, options) for options in _class(place).find(around)]
    except Exception as error:  # noqa: BLE001 - one broken driver must not hide the other meters
        return [Found(name, reason=_reason(error))]


def _tried(name: str, place: str, options: dict[str, Any]) -> Found:
    if "port" in options:
        return Found(name, options, reason=_NOT_TRIED)
    try:
        with opened(place, options) as meter:
            return Found(name, options, meter.spec)
    except Exception as error:  # noqa: BLE001 - as above
        return Found(name, options, reason=_reason(error))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, MeterError) else f"{type(error).__name__}: {error}"
