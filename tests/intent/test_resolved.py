"""Resolved intents that cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.intent.resolved import (
    Budget,
    Limits,
    ModelEntry,
    Preference,
    ProtocolEntry,
    SearchEntry,
    TargetEntry,
    name_from,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.intent.resolved import Intent


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (ModelEntry, {"name": "A b", "path": Path("x")}),
        (TargetEntry, {"name": "-o", "idle_power": None}),
        (TargetEntry, {"name": "local", "idle_power": -1.0}),
        (TargetEntry, {"name": "x", "idle_power": None, "address": "ssh://-x"}),
        (TargetEntry, {"name": "y", "idle_power": None, "address": "ssh://x"}),
        (Preference, {"kind": "weights"}),
        (Preference, {"kind": "knee", "order": ("size",)}),
        (Preference, {"kind": "weights", "weights": {"size": 0.0}}),
        (Budget, {"measurements": 0, "time_s": None}),
        (Budget, {"measurements": 1, "time_s": float("inf")}),
        (Budget, {"measurements": 1, "time_s": None, "reserve": 1.0}),
        (Limits, {"time_s": 0.0, "memory_mib": None}),
        (SearchEntry, {"space": ("default",), "strategy": "tpe", "seed": 0, "knobs": {"batch": ()}}),
        (SearchEntry, {"space": (), "strategy": "tpe", "seed": 0, "knobs": {}}),
        (SearchEntry, {"space": ("default", "default"), "strategy": "tpe", "seed": 0, "knobs": {}}),
        (ProtocolEntry, {"overrides": {"latency_calls": 0}}),
    ],
)
def test_parts(kind: type, values: dict[str, Any]) -> None:
    """A part that means nothing cannot be made; the message states the rule and the value."""
    with pytest.raises(ValueError, match=r"but"):
        kind(**values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../up"),
        ("baseline", "none"),
        ("models", ()),
        ("objectives", ()),
        ("targets", (TargetEntry("local", None),) * 2),
        ("prefer", Preference("lexicographic", order=("power",))),
        ("rate", 0.0),
        ("battery_wh", float("nan")),
    ],
)
def test_whole(load: Callable[[str], Intent], minimal: str, field: str, value: Any) -> None:
    """Parts that do not fit one another make no intent."""
    with pytest.raises(ValueError, match="but got"):
        replace(load(minimal), **{field: value})


@pytest.mark.parametrize(
    ("text", "name"), [("small", "small"), ("My Model", "my-model"), ("_x", "x"), ("", "model"), ("日本", "model"),
     ("a" * 99, "a" * 64)]
)  # fmt: skip
def test_names(text: str, name: str) -> None:
    """Any text makes a valid name."""
    assert name_from(text) == name
    assert ModelEntry(name, Path("x")).name == name
