"""Uncertainty by parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.uncertainty import expanded, rectangular, rounding, standard_error, total


def test_limits_and_steps() -> None:
    """A limit a is a / sqrt(3) whatever its sign, a step q is q / sqrt(12)."""
    assert rectangular(-0.3) == pytest.approx(0.3 / math.sqrt(3))
    assert rounding(0.3) == pytest.approx(0.3 / math.sqrt(12))


@given(st.dictionaries(st.sampled_from("abc"), st.floats(0, 1e6), min_size=1))
def test_known_parts_take_two(parts: dict[str, float]) -> None:
    """Parts that nobody estimated are combined by squares and doubled."""
    assert expanded(parts) == pytest.approx(2 * total(parts))


def test_estimated_parts_take_student() -> None:
    """A part of few degrees of freedom is widened by Student's quantile, and no other part is."""
    assert expanded({"a": 1.0}, {"a": 4}) == pytest.approx(2.7764, rel=1e-4)
    assert expanded({"a": 1.0, "known": 3.0}, {"a": 4, "other": 1}) == pytest.approx(math.hypot(2.7764, 6.0), rel=1e-4)
    assert expanded({"a": 1.0}, {"a": 1e9}) == 2
    assert expanded({"a": 0.0}, {"a": 1}) == 0
    assert math.isnan(expanded({"a": math.nan}, {"a": 1}))


def test_standard_error_of_independent_values() -> None:
    """Of independent values it is about s / sqrt(n), for few and for very many."""
    dice = np.random.default_rng(0)
    for n in (200, 50_000):
        error, worth = standard_error(dice.normal(5, 2, n))
        assert error == pytest.approx(2 / math.sqrt(n), rel=0.35)
        assert 1 <= worth <= n


def test_standard_error_of_dependent_values() -> None:
    """Values that come in tens are worth a tenth of their number."""
    values = np.repeat(np.random.default_rng(1).normal(0, 1, 100), 10)
    error, worth = standard_error(values)
    assert worth == pytest.approx(100, rel=0.3)
    assert error == pytest.approx(0.1, rel=0.35)
    assert standard_error([3.0, 3.0, 3.0])[0] == 0
