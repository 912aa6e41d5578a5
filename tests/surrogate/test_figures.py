"""The figures that predictions are judged by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.surrogate.figures import rank_correlation, relative_errors


def test_by_hand() -> None:
    """10 % off, 20 % off and 60 % off come to a mean of 30 %, a median of 20 % and one of three that is near."""
    found = relative_errors(np.array([1.09, 1.6, -4.0]), np.array([1.0, 2.0, -10.0]))
    assert found.mape == pytest.approx((0.09 + 0.2 + 0.6) / 3)
    assert found.median_ape == pytest.approx(0.2)
    assert found.within_10pct == pytest.approx(1 / 3)


def test_a_recorded_zero_has_no_relative_error() -> None:
    """Such a row is left out; where all are so there is no figure."""
    some = relative_errors(np.array([1.0, 1.1]), np.array([0.0, 1.0]))
    assert some == relative_errors(np.array([1.1]), np.array([1.0]))
    none = relative_errors(np.array([1.0]), np.array([0.0]))
    assert np.isnan([none.mape, none.median_ape, none.within_10pct]).all()


def test_order_that_nobody_can_tell() -> None:
    """Equal predictions are worth nothing; where what was recorded is equal there is nothing to tell."""
    rising = np.arange(5.0)
    assert rank_correlation(np.ones(5), rising) == 0.0
    assert np.isnan(rank_correlation(rising, np.ones(5)))
    assert rank_correlation(-rising, rising) == pytest.approx(-1.0)


# Whole numbers: neighbouring floats may have one logarithm, and so no order any more.
@given(
    st.lists(st.integers(1, 10_000), min_size=3, max_size=30, unique=True),
    st.randoms(use_true_random=False),
)
def test_only_the_order_counts(values: list[int], random: object) -> None:
    """The rank correlation is the same on any rising scale, and between -1 and 1."""
    recorded = np.array(values, dtype=np.float64)
    predicted = np.array(random.sample(values, len(values)), dtype=np.float64)  # type: ignore[attr-defined]
    found = rank_correlation(predicted, recorded)
    assert found == pytest.approx(rank_correlation(np.log(predicted), recorded**2))
    assert -1.0 - 1e-9 <= found <= 1.0 + 1e-9
