"""Levels of a category as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.campaign.levels import as_word, as_words


@pytest.mark.parametrize(
    ("level", "word"),
    [
        ("int8", "int8"),
        ("1.10", "1.10"),
        ("01", "01"),
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (np.int64(4), "4"),
        (np.float64(4.0), "4"),
        (0.25, "0.25"),
        (1e22, "10000000000000000000000"),
        (float("inf"), "inf"),
        (True, "True"),
        (np.array([False])[0], "False"),
        (None, "none"),
        (float("nan"), "none"),
        (np.float64("nan"), "none"),
        (pd.NA, "none"),
        (pd.NaT, "none"),
    ],
)
def test_one_form(level: object, word: str) -> None:
    """Each kind of level has one word, whatever type a file gave it."""
    assert as_word(level) == word


@given(one=st.floats(allow_nan=False), other=st.floats(allow_nan=False))
def test_numbers_that_differ_are_told_apart(one: float, other: float) -> None:
    """Words of numbers are the same exactly where the numbers are."""
    assert (as_word(one) == as_word(other)) == (one == other)


@pytest.mark.parametrize("column", [pd.Series([1, 2]), pd.Series([1.0, 2.0]), pd.Series(["1", "2"], dtype="string")])
def test_columns_of_any_type_give_the_same_words(column: pd.Series) -> None:
    """A column says the same as whole numbers, as numbers with a point and as text."""
    assert as_words(column).tolist() == ["1", "2"]


def test_a_missing_level_makes_no_other_one_look_different() -> None:
    """One missing value turns a file's whole numbers into numbers with a point; the others stay the same words."""
    assert as_words(pd.Series([1, None])).tolist() == ["1", "none"]
    assert as_words(pd.Series(["a", None], dtype="string")).tolist() == ["a", "none"]
