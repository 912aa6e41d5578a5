"""Sequences brought to one length."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import DataError
from autoedge.preprocessing.steps import read_steps, steps_form
from autoedge.preprocessing.tokens import TokenSteps


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (TokenSteps(3), [5, 6, 7]),
        (TokenSteps(3, truncate="left"), [7, 0, 8]),
        (TokenSteps(7), [5, 6, 7, 0, 8, 0, 0]),
        (TokenSteps(7, side="left"), [0, 5, 6, 7, 0, 8, 0]),
        (TokenSteps(), [5, 6, 7, 0, 8, 0]),
        (TokenSteps(7, mask=True), [1, 1, 1, 1, 1, 0, 0]),
        (TokenSteps(2, mask=True), [1, 1]),
        (TokenSteps(8, pad=9), [5, 6, 7, 0, 8, 0, 9, 9]),
    ],
)
def test_by_hand(steps: TokenSteps, expected: list[int]) -> None:
    """Padding at the side is taken off, the end is cut, and padding fills up; inner padding tokens stay."""
    assert steps([np.array([5, 6, 7, 0, 8, 0])]).astype(int).tolist() == [expected]


@given(
    items=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    length=st.integers(1, 14),
    side=st.sampled_from(["left", "right"]),
    truncate=st.sampled_from(["left", "right"]),
)
def test_against_plain_lists(items: list[int], length: int, side: str, truncate: str) -> None:
    """Any sequence comes out as the same done with Python's lists, and its mask says which are tokens."""
    real = list(items)
    while real and real[-1 if side == "right" else 0] == 0:
        real.pop(-1 if side == "right" else 0)
    real = real[:length] if truncate == "right" else real[-length:]
    ground = [0] * (length - len(real))
    expected = real + ground if side == "right" else ground + real
    ones = [1] * len(real)
    steps = TokenSteps(length, 0, side, truncate)
    got = steps([np.array(items, np.int32)])
    assert (got.dtype, got[0].tolist()) == (np.int32, expected)
    assert steps.shape((len(items),)) == (length,)
    mask = TokenSteps(length, 0, side, truncate, mask=True)([np.array(items)])[0]
    assert mask.astype(int).tolist() == (ones + ground if side == "right" else ground + ones)


def test_further_axes_stay() -> None:
    """A series of vectors is padded with whole vectors."""
    series = np.array([[[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]])
    assert TokenSteps(4)(series).tolist() == [[[1, 0], [0, 2], [0, 0], [0, 0]]]
    assert TokenSteps(4).shape((3, 2)) == (4, 2)


def test_steps_read_back() -> None:
    """The JSON form of steps gives equal steps."""
    steps = TokenSteps(7, -1, "left", "left", mask=True)
    assert read_steps(json.loads(json.dumps(steps_form(steps)))) == steps


@pytest.mark.parametrize(
    "wrong",
    [{"length": 0}, {"length": 2.5}, {"length": 10**9}, {"side": "up"}, {"truncate": None}, {"pad": "x"}, {"evil": 1}],
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    """Steps that a stranger wrote are checked."""
    with pytest.raises(DataError):
        read_steps({"kind": "tokens", **wrong})


def test_samples_that_are_no_sequences() -> None:
    """Scalars, text and a padding that the data's type cannot hold are told."""
    with pytest.raises(DataError, match="an array of numbers"):
        TokenSteps(3)(np.array([1, 2]))
    with pytest.raises(DataError, match="an array of numbers"):
        TokenSteps(3)(np.array([["a", "b"]]))
    with pytest.raises(DataError, match="pad is a number of the data's type, uint8, but got -1"):
        TokenSteps(3, pad=-1)(np.zeros((1, 2), np.uint8))
