"""Real numbers to integers and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autoedge.errors import DataError
from autoedge.preprocessing.quantised import dequantise, quantise

TYPES = ("int8", "uint8", "int16", "uint16", "int32")
reals = arrays.arrays(np.float32, arrays.array_shapes(max_side=6), elements=st.floats(-1e6, 1e6, width=32))
scales = st.floats(2**-20, 2**20, width=32)


def middle(dtype: str) -> st.SearchStrategy[int]:
    """Zero points of a type."""
    return st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


@given(data=st.data(), array=reals, dtype=st.sampled_from(TYPES), scale=scales)
def test_reals_come_back_within_half_a_step(data: st.DataObject, array: np.ndarray, dtype: str, scale: float) -> None:
    """Inside the range, what comes back differs by at most half a step; outside, it is the nearest end."""
    zero_point = data.draw(middle(dtype))
    integers = quantise(array, dtype, scale, zero_point)
    assert integers.dtype == dtype
    assert integers.shape == array.shape
    low, high = ((end - zero_point) * scale for end in (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)))
    nearest = np.clip(array.astype(np.float64), low, high)
    back = (integers.astype(np.float64) - zero_point) * scale
    assert (np.abs(back - nearest) <= scale * (0.5 + 1e-6) + 1e-9 * np.abs(nearest)).all()


@given(data=st.data(), dtype=st.sampled_from(["int8", "uint8", "int16"]), scale=scales)
def test_integers_survive(data: st.DataObject, dtype: str, scale: float) -> None:
    """Every integer of a type stands for a real number that becomes the same integer again."""
    zero_point = data.draw(middle(dtype))
    integers = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
    back = dequantise(integers, scale, zero_point)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(quantise(back, dtype, scale, zero_point), integers)


def test_halves_go_to_even() -> None:
    """Values in the middle between two steps go to the even one, which favours neither side."""
    np.testing.assert_array_equal(
        quantise(np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5]), "int8", 1.0, 0), [0, 2, 2, 0, -2, -2]
    )


def test_zero_is_exact() -> None:
    """0 becomes the zero point and comes back as 0, so that padding stays padding."""
    assert quantise(np.zeros(1), "uint8", 0.0213, 117)[0] == 117
    assert dequantise(np.array([117], np.uint8), 0.0213, 117)[0] == 0.0


def test_infinities_are_the_ends() -> None:
    """Infinite values are cut to the range like all that lies beyond it."""
    np.testing.assert_array_equal(quantise(np.array([np.inf, -np.inf]), "int8", 0.1, 3), [127, -128])


@pytest.mark.parametrize(
    ("array", "dtype", "scale", "words"),
    [
        (np.array([1.0, np.nan]), "int8", 0.1, "must be numbers"),
        (np.zeros(2), "float32", 0.1, "integers of at most 32 bits, but got float32"),
        (np.zeros(2), "int64", 0.1, "integers of at most 32 bits, but got int64"),
        (np.zeros(2), "int7", 0.1, "that numpy knows, but got int7"),
        (np.zeros(2), "int8", 0.0, "above 0, but got 0"),
        (np.zeros(2), "int8", -1.0, "above 0, but got -1"),
        (np.zeros(2), "int8", float("inf"), "above 0, but got inf"),
    ],
)
def test_bad_inputs(array: np.ndarray, dtype: str, scale: float, words: str) -> None:
    """What cannot be meant is refused with the rule and the value."""
    with pytest.raises(DataError, match=words):
        quantise(array, dtype, scale, 0)


def test_dequantise_takes_integers() -> None:
    """Reals are no integers that stand for reals."""
    with pytest.raises(DataError, match="integers of at most 32 bits, but got float32"):
        dequantise(np.zeros(2, np.float32), 0.1, 0)
