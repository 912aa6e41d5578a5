"""Options as users write them, checked with the rule in the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.errors import MeterError

if TYPE_CHECKING:
    from collections.abc import Collection

_SHOWN = 40


def number(name: str, value: Any, low: float, high: float) -> float:
    """A finite number within limits.

    Raises:
        MeterError: It is none; names the option and the limits.
    """
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not right or not low <= value <= high:  # NaN lies nowhere
        raise MeterError(f"'{name}' is a number from {low:g} to {high:g}, but got {repr(value)[:_SHOWN]}")
    return float(value)


def choice(name: str, value: Any, among: Collection[str]) -> str:
    """One of some words.

    Raises:
        MeterError: It is none of them; lists them.
    """
    if not isinstance(value, str) or value not in among:
        raise MeterError(f"'{name}' is one of {', '.join(among)}, but got {value!r}")
    return value


def word(name: str, value: Any) -> str:
    """A text, perhaps empty.

    Raises:
        MeterError: It is no text.
    """
    if not isinstance(value, str):
        raise MeterError(f"'{name}' is a text, but got {value!r}")
    return value


def flag(name: str, value: Any) -> bool:
    """True or false.

    Raises:
        MeterError: It is neither.
    """
    if not isinstance(value, bool):
        raise MeterError(f"'{name}' is true or false, but got {value!r}")
    return value
