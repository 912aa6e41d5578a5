"""Options of meters are held against their limits."""

from __future__ import annotations

import math
from typing import Any

import pytest

from autoedge.errors import MeterError
from autoedge.meters.checked import number


@pytest.mark.parametrize("value", [0, 3, 2.5, 3.3])
def test_numbers_within_the_limits(value: float) -> None:
    """What lies within the limits is taken, both of them included."""
    assert number("volts", value, 0, 3.3) == value


@pytest.mark.parametrize("value", [-1, 3.4, math.nan, math.inf, -math.inf, 10**400, -(10**400), True, "3", None, [3]])
def test_anything_else_is_refused(value: Any) -> None:
    """Numbers beyond the limits, however large, and what is no number are refused in one short line."""
    with pytest.raises(MeterError, match=r"'volts' is a number from 0 to 3\.3, but got ") as refused:
        number("volts", value, 0, 3.3)
    assert len(str(refused.value)) < 100
