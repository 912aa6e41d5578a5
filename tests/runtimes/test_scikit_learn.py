"""scikit-learn as a runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from autoedge.errors import ModelError
from autoedge.runtimes.estimator_soundness import check
from autoedge.runtimes.scikit_learn import ScikitLearn

if TYPE_CHECKING:
    from pathlib import Path

X, Y = make_classification(300, 8, n_informative=5, n_classes=3, random_state=0)
TARGETS = make_regression(300, 8, n_targets=2, random_state=0)[1]
LEFT, RIGHT = "left_child", "right_child"


def saved(estimator: Any, folder: Path) -> Path:
    """A skops file of an estimator."""
    skops.io.dump(estimator, folder / "model.skops")
    return folder / "model.skops"


def ask(path: Path, **knobs: Any) -> np.ndarray:
    """The first output on all samples."""
    session = ScikitLearn().load(path, knobs)
    (found,) = session.bind([session.outputs[0].name])({"x": X})
    return np.asarray(found)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), MLPClassifier((8,), tol=1.0, random_state=0)),
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier())], cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_probabilities(estimator: Any, tmp_path: Path) -> None:
    """A classifier's probabilities are those that it gives by itself, a column a class, from a file without trust."""
    path = saved(estimator.fit(X, Y), tmp_path)
    session = ScikitLearn().load(path, {})
    assert [(port.name, port.shape) for port in session.inputs] == [("x", (None, 8))]
    assert [(port.name, port.shape) for port in session.outputs] == [("probabilities", (None, 3))]
    assert np.array_equal(ask(path), estimator.predict_proba(X))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", [LinearSVC, RidgeClassifier, SVC])
def test_scores_of_those_without_probabilities(kind: Any, classes: int, tmp_path: Path) -> None:
    """They give their decision function, always one column a class, whose largest is the class they predict."""
    estimator = kind().fit(X, np.minimum(Y, classes - 1))
    scores = ask(saved(estimator, tmp_path))
    assert scores.shape == (300, classes)
    assert np.array_equal(scores.argmax(axis=1), estimator.predict(X))


def test_regressors_give_a_matrix(tmp_path: Path) -> None:
    """One value a sample is one column, several are several."""
    for values, columns in ((TARGETS[:, 0], 1), (TARGETS, 2)):
        estimator = DecisionTreeRegressor().fit(X, values)
        predicted = ask(saved(estimator, tmp_path))
        assert np.array_equal(predicted, estimator.predict(X).reshape(300, columns))


def test_threads_reach_every_part(tmp_path: Path) -> None:
    """The knob is n_jobs of each part that has it, and what BLAS and OpenMP may take, before the first call."""
    path = saved(make_pipeline(StandardScaler(), RandomForestClassifier(4, n_jobs=3)).fit(X, Y), tmp_path)
    code = (
        "import sys, pathlib, threadpoolctl; from autoedge.runtimes.scikit_learn import ScikitLearn\n"
        "session = ScikitLearn().load(pathlib.Path(sys.argv[1]), {'threads': 1})\n"
        "forest = session.bind(['probabilities']).__closure__[0].cell_contents.__self__.steps[-1][1]\n"
        "print(forest.n_jobs, {pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "{1}"]


def test_unknown_knobs_are_refused(tmp_path: Path) -> None:
    """A knob that the engine lacks is named."""
    with pytest.raises(ModelError, match="no knob arena"):
        ScikitLearn().load(saved(Ridge().fit(X, Y), tmp_path), {"arena": "on"})


class _WritesAFile:
    """Its pickle writes a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_not_opened_without_trust(tmp_path: Path) -> None:
    """Nothing of a pickle is executed unless the host says that it is trusted, whatever the file is called."""
    made = tmp_path / "made"
    for name in ("model.pkl", "model.skops"):
        joblib.dump(_WritesAFile(made), tmp_path / name)
        for knobs in ({}, {"trusted": "yes"}, {"threads": 1}):
            with pytest.raises(ModelError, match=r"no skops file.*trust"):
                ScikitLearn().load(tmp_path / name, knobs)
    assert not made.exists()
    with pytest.raises(ModelError, match="classifier or a regressor"):
        ScikitLearn().load(tmp_path / "model.pkl", {"trusted": True})
    assert made.exists()


def test_a_trusted_pickle_runs(tmp_path: Path) -> None:
    """Pickles and joblib's compressed ones run once they are trusted, even where no skops file may."""
    estimator = KNeighborsClassifier().fit(X, Y)
    joblib.dump(estimator, tmp_path / "model", compress=3)
    assert np.array_equal(ask(tmp_path / "model", trusted=True), estimator.predict_proba(X))


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (make_pipeline(FunctionTransformer(os.path.basename), Ridge()), "posixpath.basename"),
        (KNeighborsClassifier(), "KNeighborsClassifier"),
        (HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]), "functools.partial"),
    ],
    ids=["function", "neighbours", "categories"],
)
def test_foreign_types_are_named(estimator: Any, named: str, tmp_path: Path) -> None:
    """A skops file with types that are not scikit-learn's own, or not known to be sound, is refused by their names."""
    if "pipeline" in type(estimator).__module__:
        estimator[-1].fit(X, Y)
    else:
        estimator.fit(np.abs(np.round(X)), Y)
    with pytest.raises(ModelError, match=rf"{named}.*may not bring along"):
        ScikitLearn().load(saved(estimator, tmp_path), {})


def test_models_of_other_kinds_are_refused(tmp_path: Path) -> None:
    """What is neither a classifier of one label nor a regressor is told as such, and so is what was never fitted."""
    several = MultiOutputClassifier(GaussianNB()).fit(X, np.stack([Y, Y], axis=1))
    for estimator, said in (
        (StandardScaler().fit(X), "classifier or a regressor"),
        (several, "one of two or more classes"),
        (Ridge(), "how many features"),
    ):
        with pytest.raises(ModelError, match=said):
            ScikitLearn().load(saved(estimator, tmp_path), {})


def _put(tree: Any, field: str, place: int, value: int) -> None:
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][field][place] = value
    tree.__setstate__(state)


def _point_tree_outside(forest: Any) -> None:
    _put(forest.estimators_[2].tree_, LEFT, 0, 10**6)


def _lead_tree_back(forest: Any) -> None:
    _put(forest.estimators_[0].tree_, RIGHT, 0, 0)


def _look_elsewhere(forest: Any) -> None:
    _put(forest.estimators_[0].tree_, "feature", 0, 8)


def _take_fewer_features(forest: Any) -> None:
    forest.estimators_[1] = DecisionTreeClassifier().fit(np.hstack([X, X]), Y)


@pytest.mark.parametrize("harm", [_point_tree_outside, _lead_tree_back, _look_elsewhere, _take_fewer_features])
def test_forests_that_would_read_outside(harm: Any, tmp_path: Path) -> None:
    """A forest whose trees lead out of themselves, in circles or to features that are not there is not run."""
    forest = RandomForestClassifier(4, random_state=0).fit(X, Y)
    harm(forest)
    with pytest.raises(ModelError, match="is not sound"):
        ScikitLearn().load(saved(forest, tmp_path), {})


def _widen(boosted: Any) -> None:
    boosted.estimators_ = np.hstack([boosted.estimators_, boosted.estimators_])


def _other_trees(boosted: Any) -> None:
    boosted.estimators_[0, 0] = DecisionTreeClassifier().fit(X, Y)


@pytest.mark.parametrize("harm", [_widen, _other_trees])
def test_boosting_that_would_write_outside(harm: Any, tmp_path: Path) -> None:
    """Gradient boosting whose trees are more than its answers, or of another kind, is not run."""
    boosted = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    harm(boosted)
    with pytest.raises(ModelError, match="is not sound"):
        ScikitLearn().load(saved(boosted, tmp_path), {})


@pytest.mark.parametrize(("field", "value"), [("left", 0), ("right", 2**31), ("feature_idx", 8), ("is_categorical", 1)])
def test_histograms_that_would_read_outside(field: str, value: int, tmp_path: Path) -> None:
    """Histogram boosting whose nodes point outside is not run."""
    boosted = HistGradientBoostingClassifier(max_iter=2).fit(X, Y)
    nodes = boosted._predictors[1][2].nodes = boosted._predictors[1][2].nodes.copy()
    nodes[field][0] = value
    with pytest.raises(ModelError, match="is not sound"):
        ScikitLearn().load(saved(boosted, tmp_path), {})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("_n_support", lambda counts: counts + 1000),
        ("_dual_coef_", lambda coefficients: coefficients[:, :-1]),
        ("_intercept_", lambda intercept: intercept[:-1]),
        ("support_vectors_", lambda vectors: vectors[:, :-1].copy()),
        ("_probA", lambda scales: scales[:0].copy()),
        ("kernel", lambda _: "precomputed"),
        ("_impl", lambda _: "epsilon_svr"),
    ],
)
@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
def test_machines_that_would_read_outside(name: str, change: Any, tmp_path: Path) -> None:
    """A support vector machine whose arrays are shorter than its classes need is not run."""
    machine = SVC(probability=True).fit(X, Y)
    assert ask(saved(machine, tmp_path)).shape == (300, 3)
    setattr(machine, name, change(getattr(machine, name)))
    with pytest.raises(ModelError, match="is not sound"):
        ScikitLearn().load(saved(machine, tmp_path), {})


TREE = DecisionTreeRegressor(max_leaf_nodes=20, random_state=0).fit(X, TARGETS[:, 0])


@settings(max_examples=200, deadline=None)
@given(
    field=st.sampled_from([LEFT, RIGHT, "feature"]),
    place=st.integers(0, 38),
    value=st.integers(-3, 45) | st.integers(-(2**62), 2**62),
)
def test_any_damage_to_a_tree_is_refused_or_harmless(field: str, place: int, value: int) -> None:
    """A tree with any number in place of an index is refused, or still predicts one of its values for each sample."""
    tree = TREE.tree_
    before = int(tree.__getstate__()["nodes"][field][place])
    _put(tree, field, place, value)
    try:
        check(TREE)
        assert np.isin(TREE.predict(X), tree.value).all()
    except ModelError:
        pass
    finally:
        _put(tree, field, place, before)


def test_names_of_columns_do_not_warn(tmp_path: Path) -> None:
    """An estimator that was fitted on a data frame is asked about arrays without a warning in each call."""
    import pandas as pd

    estimator = make_pipeline(StandardScaler(), RandomForestRegressor(2)).fit(pd.DataFrame(X).add_prefix("c"), Y)
    assert ask(saved(estimator, tmp_path)).shape == (300, 1)


def test_damaged_files(tmp_path: Path) -> None:
    """What is cut short, empty, another archive or missing is told in one sentence."""
    path = saved(Ridge().fit(X, Y), tmp_path)
    whole = path.read_bytes()
    np.savez(tmp_path / "data.npz", x=X)
    for content in (whole[: len(whole) // 2], whole[:40], b"", (tmp_path / "data.npz").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"no (sound )?skops file"):
            ScikitLearn().load(path, {})
    with pytest.raises(ModelError, match="cannot be read"):
        ScikitLearn().load(tmp_path / "none.skops", {})
