"""Figures and constraints in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def figure() -> Callable[..., Value]:
    """A figure with its interval; measured unless said otherwise."""

    def made(value: float, low: float | None = None, high: float | None = None, source: str = "measured") -> Value:
        low, high = (value if end is None else end for end in (low, high))
        return Value(value, low, high, Source(source), "test", 6)

    return made
