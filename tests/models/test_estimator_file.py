"""scikit-learn's files as model files."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from autoedge.errors import ModelError
from autoedge.models import estimator_file
from autoedge.models.formats import FORMATS
from autoedge.models.info import Tensor
from autoedge.models.inspect import inspect_model
from autoedge.models.variants import make_variant

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.models.cache import VariantCache
    from autoedge.models.info import ModelInfo

X, Y = make_classification(200, 6, n_informative=4, n_classes=3, random_state=0)


def look(estimator: Any, folder: Path) -> ModelInfo:
    """What is known of an estimator, without a process around it."""
    skops.io.dump(estimator, folder / "model.skops")
    return estimator_file.look(folder / "model.skops")


def test_a_pipeline(tmp_path: Path) -> None:
    """Every field of a scaled network is what one counts by hand, found out in a child process."""
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(StandardScaler(), MLPClassifier((5,), tol=1.0)).fit(X, Y), path)
    info = inspect_model(path)
    assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert info.size_bytes == path.stat().st_size
    assert (info.format, info.precision, info.opset, info.ir_version) == (".skops", "fp64", 0, 0)
    assert info.inputs == (Tensor("x", "float64", (None, 6)),)
    assert info.outputs == (Tensor("probabilities", "float64", (None, 3)),)
    assert info.parameters == 6 + 6 + 6 * 5 + 5 + 5 * 3 + 3
    assert info.macs == 6 * 5 + 5 * 3
    assert info.operators == {"sklearn.MLPClassifier": 1, "sklearn.StandardScaler": 1}


def test_parameters_of_each_kind(tmp_path: Path) -> None:
    """Coefficients, thresholds with leaves, and support vectors count, each once."""
    linear = look(LinearRegression().fit(X, np.stack([Y, Y], axis=1)), tmp_path)
    assert (linear.parameters, linear.macs, linear.outputs[0]) == (14, 12, Tensor("predictions", "float64", (None, 2)))
    tree = DecisionTreeRegressor(max_leaf_nodes=7).fit(X, Y)
    assert look(tree, tmp_path).parameters == 6 + 7
    forest = RandomForestClassifier(3, max_leaf_nodes=5, random_state=0).fit(X, Y)
    assert (look(forest, tmp_path).parameters, look(forest, tmp_path).macs) == (3 * (4 + 5 * 3), 0)
    boosted = HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=3).fit(X, Y)
    assert look(boosted, tmp_path).parameters == 4 * (2 + 3)
    machine = SVC().fit(X, Y)
    vectors = len(machine.support_)
    assert look(machine, tmp_path).parameters == vectors * 6 + vectors * 2 + 3
    assert look(machine, tmp_path).outputs[0].name == "scores"
    assert look(RidgeClassifier().fit(X, Y > 0), tmp_path).outputs[0].shape == (None, 2)


@pytest.mark.parametrize("suffix", estimator_file.PICKLED)
def test_pickles_take_trust(suffix: str, tmp_path: Path) -> None:
    """Their formats are marked as code; what is opened is the same as from a skops file, and so is what is packed."""
    assert FORMATS[suffix].code
    assert not FORMATS[".skops"].code
    path = tmp_path / f"model{suffix}"
    joblib.dump(LogisticRegression().fit(X, Y), path)
    info = inspect_model(path)
    assert (info.format, info.parameters, info.operators) == (suffix, 21, {"sklearn.LogisticRegression": 1})
    assert estimator_file.pack(path, tmp_path / "packed") == info.sha256
    assert (tmp_path / "packed").read_bytes() == path.read_bytes()


def test_the_variant_as_given(tmp_path: Path, cache: VariantCache) -> None:
    """A skops file is its own variant for scikit-learn, tried before it is handed out; there is no other precision."""
    path = tmp_path / "model.skops"
    skops.io.dump(LogisticRegression().fit(X, Y), path)
    info = inspect_model(path)
    variant = make_variant(path, info, {"precision": "fp64"}, runtime="scikit-learn", cache=cache)
    assert variant.sha256 == info.sha256
    with pytest.raises(ModelError, match="can become one of fp64, but not 'fp16'"):
        make_variant(path, info, {"precision": "fp16"}, runtime="scikit-learn", cache=cache)


class _WritesAFile:
    """Its pickle writes a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_under_another_name_is_not_opened(tmp_path: Path) -> None:
    """A file that is called .skops and holds a pickle is refused, and nothing in it is executed."""
    joblib.dump(_WritesAFile(tmp_path / "made"), tmp_path / "model.skops")
    with pytest.raises(ModelError, match=r"model\.skops: it is no skops file"):
        inspect_model(tmp_path / "model.skops")
    assert not (tmp_path / "made").exists()


def test_foreign_types_are_named(tmp_path: Path) -> None:
    """A skops file that brings a function along is refused by its name, and the function is not called."""
    made = tmp_path / "made"
    path = tmp_path / "model.skops"
    estimator = make_pipeline(FunctionTransformer(os.mkdir, kw_args={"mode": 0o700}), LinearRegression())
    estimator[-1].fit(X, Y)
    skops.io.dump(estimator, path)
    with pytest.raises(ModelError, match=r"mkdir, which a file from anywhere may not bring along"):
        inspect_model(path)
    assert not made.exists()


def test_what_cannot_be_asked_about_numbers(tmp_path: Path) -> None:
    """An estimator that picks its columns by name says so, instead of failing on the target."""
    import pandas as pd

    columns = ColumnTransformer([("scaled", StandardScaler(), ["c0"])])
    estimator = make_pipeline(columns, LinearRegression()).fit(pd.DataFrame(X).add_prefix("c"), Y)
    with pytest.raises(ModelError, match=r"a row of 6 numbers: .*columns using strings"):
        look(estimator, tmp_path)
