"""LightGBM's text form as a model file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.errors import ModelError
from autoedge.models import lightgbm_file
from autoedge.models.info import Tensor
from autoedge.models.inspect import inspect_model
from autoedge.models.variants import make_variant

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.models.cache import VariantCache

RANDOM = np.random.default_rng(0)
X = np.column_stack([RANDOM.standard_normal((300, 4)), RANDOM.integers(0, 12, 300)])
Y = (X[:, 0] > 0).astype(int) + (X[:, 4] % 3 == 0)


def trained(**options: Any) -> lightgbm.LGBMClassifier:
    """A small classifier of three classes that splits on numbers and on categories."""
    model = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=6, verbose=-1, **options)
    return model.fit(X, Y, categorical_feature=[4])


TEXT = trained().booster_.model_to_string()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to be written to."""
    return tmp_path / "model.txt"


def test_what_is_known_of_a_model(file: Path) -> None:
    """Columns, classes, trees and the numbers in them are those that LightGBM tells of it."""
    file.write_text(TEXT)
    info = inspect_model(file)
    table = lightgbm.Booster(model_str=TEXT).trees_to_dataframe()
    assert info.format == ".txt"
    assert info.precision == "fp64"
    assert info.inputs == (Tensor("x", "float64", (None, 5)),)
    assert info.outputs == (Tensor("probabilities", "float64", (None, 3)),)
    assert info.parameters == len(table)
    assert info.operators == {"lightgbm.Tree": 9}
    assert (info.macs, info.size_bytes) == (0, file.stat().st_size)


def test_what_is_packed_predicts_the_same(file: Path) -> None:
    """Under the header of our own the model predicts bit by bit what it did, and nothing else of the file is left."""
    for model in (trained(), trained(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5)):
        model.booster_.save_model(file)
        sha256 = lightgbm_file.pack(file, file.with_name("packed"))
        kept = file.with_name("packed").read_text()
        assert np.array_equal(lightgbm.Booster(model_str=kept).predict(X), model.booster_.predict(X))
        assert "parameters" not in kept
        assert sha256 == lightgbm_file.look(file).sha256


def test_the_variant_as_given(file: Path, cache: VariantCache) -> None:
    """The variant for LightGBM itself is the packed text, tried before it is handed out."""
    file.write_text(TEXT)
    info = inspect_model(file)
    variant = make_variant(file, info, {"precision": "fp64"}, runtime="lightgbm", cache=cache)
    assert variant.path.read_text() == lightgbm_file.read(file).text
    made, given = lightgbm.Booster(model_file=variant.path), lightgbm.Booster(model_str=TEXT)
    assert np.array_equal(made.predict(X), given.predict(X))


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        (r"^left_child=\S+", "left_child=99999", "tree 0 is not sound"),
        (r"^left_child=-1", "left_child=-1_0", "else than numbers"),
        (r"^split_feature=\S+", "split_feature=5", "looks at none"),
        (r"^max_feature_idx=4", "max_feature_idx=1", "looks at none"),
        (r"^max_feature_idx=4", "max_feature_idx=99999999999", "max_feature_idx is a whole number"),
        (r"^max_feature_idx=4", "max_feature_idx=9999999", "columns"),
        (r"^num_class=3", "num_class=2", "one tree a class"),
        (r"^num_tree_per_iteration=3", "num_tree_per_iteration=0", "one tree a class"),
        (r"^num_class=3", "num_class=", "num_class is a whole number"),
        (r"num_class:3", "num_class:30000", "contradict"),
        (r"^objective=.*", "objective=binary sigmoid:1", "contradict"),
        (r"^objective=.*", "objective=magic", "none that LightGBM writes"),
        (r"^objective=.*", "objective=multiclass num_class:-1", "none that LightGBM writes"),
        (r"^is_linear=0", "is_linear=1", "linear models"),
        (r"^Tree=8$", "Trees=8", "not sound|whole number of rounds"),
    ],
)
def test_what_would_lead_outside_is_refused(file: Path, line: str, wrong: str, message: str) -> None:
    """No number that LightGBM would follow blindly gets to it."""
    bad, count = re.subn(line, wrong, TEXT, count=1, flags=re.MULTILINE)
    assert count == 1
    file.write_text(bad)
    with pytest.raises(ModelError, match=message):
        lightgbm_file.look(file)


def test_other_texts_are_refused(file: Path) -> None:
    """A text that is no model, a pointer to one and a binary file are told as what they are."""
    for content, said in (
        (b"dear diary\n", "taken for a LightGBM model in text form, and it is none"),
        (b"", "and it is none"),
        (b"tree\nTree=0\n", "max_feature_idx"),
        (b"\xff\xfe\x00", "no LightGBM model in text form"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ):
        file.write_bytes(content)
        with pytest.raises(ModelError, match=rf"model\.txt: .*{said}"):
            inspect_model(file)


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1), cut=st.integers(0, 40), put=st.text("0123456789.-=_ \neinfaTr", max_size=12))
def test_any_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: float, cut: int, put: str
) -> None:
    """A text with some part replaced is refused with our own error, or still predicts numbers."""
    file = tmp_path_factory.mktemp("damage") / "model.txt"
    at = int(place * TEXT.index("end of trees"))
    file.write_text(TEXT[:at] + put + TEXT[at + cut :])
    try:
        kept = lightgbm_file.read(file)
    except ModelError:
        return
    found = lightgbm.Booster(model_str=kept.text).predict(np.zeros((3, kept.columns)))
    assert np.isfinite(found).all()
