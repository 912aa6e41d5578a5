"""Candidates as numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoedge.surrogate.encoding import Encoded, encode, is_logarithmic


def test_one_knob_counts_at_most_one() -> None:
    """Two categories lie 1 apart, as do the ends of a number's range; columns know their knob."""
    encoded = encode(np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0]]), [3, 0])
    assert encoded.groups.tolist() == [0, 0, 0, 1]
    assert np.linalg.norm(encoded.matrix[0] - encoded.matrix[1]) == pytest.approx(1.0)
    assert np.linalg.norm(encoded.matrix[1] - encoded.matrix[2]) == pytest.approx(np.sqrt(2.0))


@given(arrays(float, 6, elements=st.floats(1e-3, 1e9) | st.just(np.nan)))
def test_features_become_shares_of_their_range(column: np.ndarray) -> None:
    """Any known numbers, also with gaps, are encoded from 0 to 1."""
    matrix = encode(np.zeros((6, 1)), [0], column[:, None]).matrix
    assert matrix.shape == (6, 2)
    assert matrix.min() >= 0.0
    assert matrix.max() <= 1.0 + 1e-12


def test_counts_over_decades_are_taken_as_logarithms() -> None:
    """Skewed positive values are logarithmic; shares near 1 and values around 0 are not."""
    assert is_logarithmic(np.array([1.0, 10.0, 100.0, 1000.0]))
    assert not is_logarithmic(np.array([0.5, 0.9, 0.95, 0.97]))
    assert not is_logarithmic(np.array([-1.0, 10.0, 1000.0]))
    assert not is_logarithmic(np.array([5.0]))


def test_broken_encodings_are_refused() -> None:
    """Every column has a group, and numbers are finite."""
    with pytest.raises(ValueError, match="each column has its group"):
        Encoded(np.zeros((2, 2)), np.zeros(1, dtype=int))
    with pytest.raises(ValueError, match="finite"):
        Encoded(np.full((2, 1), np.nan), np.zeros(1, dtype=int))
