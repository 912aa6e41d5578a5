"""Fitting the user's samples to a model's input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import DataError
from autoedge.preprocessing.fit import fit_array, fitted_shape


@pytest.mark.parametrize(
    ("have", "want", "fitted"),
    [
        ((8, 8), (1, 8, 8), (1, 8, 8)),
        ((1, 8, 8), (8, 8), (8, 8)),
        ((1, 8, 8), (64,), (64,)),
        ((8, 8), ("h", "w"), (8, 8)),
        ((8, 8, 1), (1, None, None), (1, 8, 8)),
        ((64,), (64,), (64,)),
        ((64,), (1, 64), (1, 64)),
        ((2, 3), (1, "flat"), (1, 6)),
        ((), (1,), (1,)),
    ],
)
def test_unit_axes_and_flattening_are_automatic(
    have: tuple[int, ...], want: tuple[int | str | None, ...], fitted: tuple[int, ...]
) -> None:
    """Samples whose shapes differ by unit axes, or that the model takes flat, fit."""
    assert fitted_shape(have, want) == fitted


@pytest.mark.parametrize(("have", "want"), [((8, 8, 3), (3, 8, 8)), ((64,), (1, 8, 8)), ((8, 9), (8, 8)), ((3,), (1,))])
def test_layouts_are_never_guessed(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    """Anything that would be a guess about layout is an error that states both shapes."""
    with pytest.raises(DataError) as caught:
        fitted_shape(have, want)
    assert str(want).replace(",)", ")") in str(caught.value)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_fitting_keeps_every_number_in_order(shape: list[int], data: st.DataObject) -> None:
    """Whatever axes are added or dropped, a sample's numbers keep their order."""
    array = np.arange(2 * int(np.prod(shape)), dtype=np.float32).reshape(2, *shape)
    want: list[int] = [size for size in shape if size != 1]
    for _ in range(data.draw(st.integers(0, 2))):
        want.insert(data.draw(st.integers(0, len(want))), 1)
    fitted = fit_array(array, ("n", *want), "float32")
    np.testing.assert_array_equal(fitted.reshape(-1), array.reshape(-1))


def test_casts_lose_precision_at_most() -> None:
    """Doubles become floats and wide integers narrow ones; fractions never become integers silently."""
    assert fit_array(np.zeros((1, 2)), ("n", 2), "float32").dtype == np.float32
    assert fit_array(np.zeros((1, 2), np.int64), ("n", 2), "int32").dtype == np.int32
    with pytest.raises(DataError, match="takes int64, but the data are float32"):
        fit_array(np.zeros((1, 2), np.float32), ("n", 2), "int64")
