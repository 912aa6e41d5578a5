"""LightGBM's text from untrusted hands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.trees_text import trees_of

if TYPE_CHECKING:
    from autoedge.surrogate.saved.training import Trained


def _sizes(taught: Trained) -> tuple[int, int]:
    return len(taught.card.columns), len(taught.card.metrics)


def test_sound_text_predicts_the_same(taught: Trained) -> None:
    """What is kept of LightGBM's own text predicts bit by bit what the whole text does."""
    kept = trees_of(taught.text, *_sizes(taught))
    matrix = np.random.default_rng(0).uniform(-1, 8, (200, len(taught.card.columns)))
    matrix[::5, 1] = np.nan
    whole, part = (lightgbm.Booster(model_str=text).predict(matrix) for text in (taught.text, kept))
    assert np.array_equal(whole, part)
    assert "parameters" not in kept


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        (r"^left_child=\S+", "left_child=0", "leads back"),
        (r"^left_child=\S+", "left_child=99999", "missing, or hangs"),
        (r"^right_child=\S+", "right_child=-99999", "missing, or hangs"),
        (r"^split_feature=\S+", "split_feature=4000", "looks at none"),
        (r"^split_feature=\S+", "split_feature=-1", "looks at none"),
        (r"^leaf_value=\S+", "leaf_value=nan", "finite"),
        (r"^leaf_value=\S+ ", "leaf_value=", "leaf_value holds"),
        (r"^num_leaves=\d+", "num_leaves=100000000", "leaves"),
        (r"^num_leaves=\d+", "num_leaves=-3", "leaves"),
        (r"^num_cat=\d+", "num_cat=900", "splits on categories"),
        (r"^threshold=.*", "threshold=", "threshold holds"),
        (r"^num_cat=[1-9]\d*", "num_cat=0", "set of its own"),
        (r"^decision_type=\d+", "decision_type=255", "below 16"),
        (r"^threshold=\S+", "threshold=nan", "finite"),
        (r"^is_linear=0", "is_linear=1", "leaves"),
        (r"^shrinkage=\S+", "leaf_coeff=1", "other lines"),
        (r"^Tree=1$", "Tree=7", "is called"),
    ],
)
def test_a_tree_that_points_outside_itself_is_refused(taught: Trained, line: str, wrong: str, message: str) -> None:
    """No index that LightGBM would follow blindly gets to it."""
    bad, count = re.subn(line, wrong, taught.text, count=1, flags=re.MULTILINE)
    assert count == 1
    with pytest.raises(SurrogateError, match=message):
        trees_of(bad, *_sizes(taught))


def test_sets_of_categories_stay_inside(taught: Trained) -> None:
    """The bounds of the sets of categories divide the words that are there."""
    for wrong in ("cat_boundaries=0 90000", "cat_boundaries=5 1"):
        bad = re.sub(r"^cat_boundaries=.*", wrong, taught.text, count=1, flags=re.MULTILINE)
        with pytest.raises(SurrogateError, match="cat_boundaries"):
            trees_of(bad, *_sizes(taught))


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1), cut=st.integers(0, 40), put=st.text("0123456789.-= \neinfaTr", max_size=12))
def test_any_damage_is_refused_or_harmless(taught: Trained, place: float, cut: int, put: str) -> None:
    """A text with some part replaced is refused with our own error, or still predicts numbers."""
    at = int(place * len(taught.text))
    bad = taught.text[:at] + put + taught.text[at + cut :]
    columns, outputs = _sizes(taught)
    try:
        kept = trees_of(bad, columns, outputs)
    except SurrogateError:
        return
    found = lightgbm.Booster(model_str=kept).predict(np.zeros((3, columns)))
    assert np.isfinite(found).all()


def test_other_texts_are_refused() -> None:
    """What is no model at all is told as such."""
    for text in ("", "tree\n", "tree\nTree=0\n", "<html>", "tree\nend of trees\nTree=0\n"):
        with pytest.raises(SurrogateError, match="no LightGBM model"):
            trees_of(text, 3, 1)
