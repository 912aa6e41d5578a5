"""What a device says of itself, checked: it is text from outside."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from autoedge.device import Device
from autoedge.intent.problem import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 200
_MACHINE = re.compile(r"[0-9a-f]{16}")


def device_from(said: Mapping[str, Any], runtimes: Mapping[str, str]) -> Device:
    """The device that an agent describes.

    Args:
        said: What it answered.
        runtimes: Those that it was asked for; it cannot offer others.

    Raises:
        ValueError: It does not describe a device.
    """
    try:
        values: dict[str, Any] = {}
        for field in fields(Device):
            if field.name == "wrap":
                continue  # ours to say
            value = said[field.name]
            if field.name == "runtimes":
                values[field.name] = {name: _text(value[name]) for name in runtimes if name in value}
            else:
                values[field.name] = _text(value) if field.type == "str" else _count(value)
    except (KeyError, TypeError) as error:
        raise ValueError(f"lacks {error}") from error
    if not _MACHINE.fullmatch(values["machine"]):
        raise ValueError("machine is no hash")
    return Device(**values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text, but says {value!r}"[:_LONGEST])
    return escaped(value[:_LONGEST])


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise TypeError(f"a count, but says {value!r}"[:_LONGEST])
    return value
