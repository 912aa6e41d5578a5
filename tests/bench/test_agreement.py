"""Bias and mean absolute error with their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from autoedge.bench.agreement import agreement


def test_by_hand() -> None:
    """Errors of +10 %, -10 % and +30 %: bias 10 %, mean absolute error 16.7 %; two of three within what was stated."""
    found = agreement([11, 9, 13], [10, 10, 10], [1, 1, 2])
    assert found is not None
    assert (found.n, found.covered) == (3, 2)
    assert (found.bias, found.mape) == pytest.approx((0.1, 0.5 / 3))
    assert found.bias_interval == pytest.approx((0.1 - 0.4968, 0.1 + 0.4968), abs=1e-3)  # t(2) = 4.303, s = 0.2
    assert found.mape_interval is not None
    assert found.mape_interval[0] == 0.0


def test_few_cases() -> None:
    """A single case has no interval; none at all is nothing to tell."""
    one = agreement([11], [10], [2])
    assert one is not None
    assert one.bias_interval is one.mape_interval is None
    assert agreement([], [], []) is None


def test_intervals_cover_the_truth() -> None:
    """Of many comparisons with a true bias of 5 %, about 95 % of the intervals hold it."""
    dice = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        found = agreement(10 * (1.05 + 0.1 * dice.standard_normal(8)), np.full(8, 10.0), np.ones(8))
        assert found is not None
        assert found.bias_interval is not None
        held += found.bias_interval[0] <= 0.05 <= found.bias_interval[1]
    assert 0.92 <= held / 400 <= 0.98


def test_what_cannot_be_compared_is_refused() -> None:
    """Other lengths, or nothing measured, is an error."""
    with pytest.raises(ValueError, match="of one length"):
        agreement([1, 2], [1], [1])
    with pytest.raises(ValueError, match="above 0"):
        agreement([1], [0], [1])
