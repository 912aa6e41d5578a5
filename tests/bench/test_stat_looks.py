"""The 5 % error is shared out once over looks and constraints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.combine import combine
from autoedge.bench.looks import LOOKS, level_at

PLANS = st.lists(st.integers(2, 100), min_size=1, max_size=6, unique=True).map(sorted)


@given(PLANS, st.integers(1, 8))
def test_the_error_adds_up_to_five_percent(looks: list[int], constraints: int) -> None:
    """Over all looks and constraints the errors add up to 5 %, and each look is at least 95 % sure."""
    levels = [level_at(look, looks, constraints) for look in looks]
    assert constraints * sum(1 - level for level in levels) == pytest.approx(0.05)
    assert all(0.95 <= level < 1 for level in levels)


def test_the_plan_of_six_ten_and_twenty() -> None:
    """The error is spent in proportion to the processes of each stretch: 6, 4 and 10 of 20."""
    assert [level_at(look) for look in LOOKS] == pytest.approx([0.985, 0.99, 0.975])
    assert level_at(6, (6,)) == pytest.approx(0.95)
    assert level_at(6, LOOKS, 3) == pytest.approx(0.995)


def test_looking_three_times_errs_no_more_than_planned() -> None:
    """Intervals at all three looks hold the truth together in at least 95 %; at a plain 95 % each they do not."""
    draws = np.exp(np.random.default_rng(1).normal(0, 0.03, (2000, 20)))

    def together(levels: list[float]) -> float:
        held = [
            all(low <= 1 <= high for low, high in (combine(run[:m], level=level)[1:] for m, level in plan))
            for run in draws.tolist()
            for plan in [list(zip(LOOKS, levels, strict=True))]
        ]
        return float(np.mean(held))

    assert together([level_at(look) for look in LOOKS]) >= 0.95
    assert together([0.95] * 3) < 0.92


@pytest.mark.parametrize(
    ("look", "looks", "constraints", "rule"),
    [
        (7, LOOKS, 1, "after 6, 10, 20 processes"),
        (6, (), 1, "looks ascend"),
        (6, (6, 6), 1, "looks ascend"),
        (10, (10, 6), 1, "looks ascend"),
        (1, (1, 6), 1, "from two"),
        (6, LOOKS, 0, "at least one constraint"),
    ],
)
def test_decisions_outside_the_plan_are_refused(look: int, looks: tuple[int, ...], constraints: int, rule: str) -> None:
    """A look that was not planned, a plan that does not ascend, and no constraint are errors."""
    with pytest.raises(ValueError, match=rule):
        level_at(look, looks, constraints)
