"""Classical models as ONNX."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import joblib
import lightgbm
import numpy as np
import onnx
import pytest
import skops.io
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from autoedge.errors import ModelError
from autoedge.models import estimator_file, lightgbm_file, onnx_twin, to_onnx
from autoedge.models.agreement import Agreement, agreement_of, compare
from autoedge.models.inspect import inspect_model
from autoedge.models.onnx_twin import to_onnx as twin_of
from autoedge.models.thresholds import for_float32
from autoedge.registry import places

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.models.cache import VariantCache

pytestmark = [
    pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Attribute `prob[AB]_` was deprecated:FutureWarning"),  # skl2onnx reads them
    pytest.mark.filterwarnings("ignore::DeprecationWarning:skl2onnx.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:onnxmltools.*"),
]
X, Y = make_classification(600, 8, n_informative=5, n_classes=3, random_state=0)
X = X.astype(np.float32).astype(np.float64)  # numbers that both precisions hold
CLOSE = 1e-5


def converted(model: Any, folder: Path) -> tuple[Agreement, onnx.ModelProto]:
    """A fitted model's ONNX form and how far it agrees on float32 data, without a process around it."""
    if isinstance(model, (lightgbm.LGBMModel, lightgbm.Booster)):
        path, runtime, module = folder / "model.txt", "lightgbm", lightgbm_file
        getattr(model, "booster_", model).save_model(path)
    else:
        path, runtime, module = folder / "model.joblib", "scikit-learn", estimator_file
        joblib.dump(model, path)
    np.savez(folder / "data.npz", x=X.astype(np.float32))
    info = module.look(path)
    to_onnx.convert(path, info, folder / "model.onnx")
    first = (folder / "model.onnx").read_bytes()
    to_onnx.convert(path, info, folder / "model.onnx")
    assert (folder / "model.onnx").read_bytes() == first
    known = places("autoedge.runtimes")
    where = {"original": known[runtime], "converted": known["onnxruntime"]}
    graph = onnx.load_from_string(first)
    (wanted,) = info.outputs
    assert [port.name for port in graph.graph.input] == ["x"]
    assert [port.name for port in graph.graph.output] == [wanted.name]
    onnx.checker.check_model(graph)
    return agreement_of(
        path, folder / "model.onnx", folder / "data.npz", where, trusted=module is estimator_file
    ), graph


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), MLPClassifier((8,), tol=1.0, random_state=0)),
        RandomForestClassifier(10, random_state=0),
        GradientBoostingClassifier(n_estimators=5),
        HistGradientBoostingClassifier(max_iter=10),
        SVC(probability=True),
        SVC(),
        LinearSVC(),
        RidgeClassifier(),
        make_pipeline(StandardScaler(), LinearSVC()),
    ],
    ids=lambda estimator: type(getattr(estimator, "steps", [(0, estimator)])[-1][1]).__name__,
)
@pytest.mark.parametrize("classes", [2, 3])
def test_classifiers(estimator: Any, classes: int, tmp_path: Path) -> None:
    """All scores of a converted classifier, two classes or more, are those of the original on float32 data."""
    agreement, _ = converted(estimator.fit(X, np.minimum(Y, classes - 1)), tmp_path)
    assert (agreement.samples, agreement.same) == (600, 1.0)
    assert agreement.largest < CLOSE


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        DecisionTreeRegressor(max_depth=5),
        GradientBoostingRegressor(n_estimators=5),
        HistGradientBoostingRegressor(max_iter=10),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_regressors(estimator: Any, tmp_path: Path) -> None:
    """All predictions of a converted regressor are those of the original on float32 data."""
    agreement, _ = converted(estimator.fit(X, X[:, 0] ** 2 + Y), tmp_path)
    assert agreement.largest < CLOSE


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("binary", {}),
        ("binary", {"sigmoid": 0.5}),
        ("multiclass", {"num_class": 3}),
        ("multiclassova", {"num_class": 3}),
        ("multiclass", {"num_class": 3, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
        ("regression", {}),
        ("regression_l1", {}),
        ("huber", {}),
        ("fair", {}),
        ("quantile", {}),
        ("mape", {}),
        ("poisson", {}),
        ("gamma", {}),
        ("tweedie", {}),
        ("regression", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_lightgbm(objective: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Whatever LightGBM makes of the sums of its leaves, its ONNX form makes of them too, on float32 data."""
    labels = np.minimum(Y, 1) if objective == "binary" else Y if "num_class" in options else np.abs(X[:, 0]) + 0.1
    settings = {"objective": objective, "verbosity": -1, "num_leaves": 7, **options}
    booster = lightgbm.train(settings, lightgbm.Dataset(X, labels), num_boost_round=10)
    agreement, _ = converted(booster, tmp_path)
    assert agreement.largest < CLOSE
    assert agreement.same == 1.0


def test_what_has_no_form_in_onnx(tmp_path: Path) -> None:
    """A step that the converter does not know, and a loss that it does not, are told with what to do."""
    spline = make_pipeline(SplineTransformer(), Ridge()).fit(X, Y)
    with pytest.raises(ModelError, match=r"skl2onnx cannot convert it to ONNX: .*SplineTransformer"):
        converted(spline, tmp_path)
    with pytest.raises(ModelError, match=r"'regression sqrt' has no form in ONNX"):
        converted(lightgbm.LGBMRegressor(n_estimators=2, reg_sqrt=True, verbose=-1).fit(X, Y), tmp_path)
    joblib.dump(lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(X, Y), tmp_path / "model.pkl")
    info = estimator_file.look(tmp_path / "model.pkl")
    with pytest.raises(ModelError, match=r"save_model\('model.txt'\)"):
        to_onnx.convert(tmp_path / "model.pkl", info, tmp_path / "model.onnx")


def test_the_file_suits_older_runtimes(tmp_path: Path) -> None:
    """What is written is what ONNX Runtime 1.19 reads, and holds nothing that only makes labels."""
    for model in (HistGradientBoostingClassifier(max_iter=2), lightgbm.LGBMClassifier(n_estimators=2, verbose=-1)):
        _, graph = converted(model.fit(X, Y), tmp_path)
        assert graph.ir_version <= 10
        versions = {each.domain: each.version for each in graph.opset_import}
        assert versions[""] <= 18
        assert versions["ai.onnx.ml"] <= 3
        assert len(versions) == len(graph.opset_import)
        assert not {"Cast", "ZipMap", "ArrayFeatureExtractor"} & {node.op_type for node in graph.graph.node}


@given(
    values=hnp.arrays(np.float32, 20, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    steps=st.lists(st.integers(-3, 3), min_size=20, max_size=20),
)
@example(values=np.full(20, np.finfo(np.float32).min), steps=[-1] * 20)
@example(values=np.full(20, np.finfo(np.float32).max), steps=[1] * 20)
def test_thresholds_keep_their_side(values: np.ndarray, steps: list[int]) -> None:
    """Any double near a float32 number, fitted and rounded to float32, has the same float32 numbers at or below it."""
    doubles = values.astype(np.float64)
    thresholds = doubles.copy()
    for place, step in enumerate(steps):
        for _ in range(abs(step)):
            thresholds[place] = np.nextafter(thresholds[place], np.sign(step) * np.inf)
    with np.errstate(over="ignore"):
        rounded = for_float32(thresholds).astype(np.float32)
        above, below = np.nextafter(values, np.float32(np.inf)), np.nextafter(values, np.float32(-np.inf))
    for near in (values, above, below):
        assert np.array_equal(near <= rounded, near.astype(np.float64) <= thresholds)


def test_agreement_is_counted_as_it_says() -> None:
    """Differences are relative to a sample's largest score or the root mean square of all; answers are top classes."""
    original = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    shifted = original + np.array([[0.0, 0.0], [0.0, 0.012], [0.0, 0.0], [-0.1, 0.0]])
    found = compare(original, shifted)
    assert (found.samples, found.apart, found.same) == (4, 0.5, 0.75)
    assert found.largest == pytest.approx(0.1 / np.sqrt((original**2).mean()))
    assert found.refusal.startswith("converted to ONNX it gives the same answer for only 75.00% of 4 samples")
    assert "50.00% of 4 samples differ by more than 0.001" in found.warning
    values = np.array([[0.0], [100.0], [200.0]])
    near = compare(values, values + np.array([[0.5], [0.5], [10.0]]))
    assert near.same == pytest.approx(2 / 3)
    assert compare(values, values) == Agreement(3, 0.0, 0.0, 1.0)
    assert not compare(values, values).refusal + compare(values, values).warning
    for wrong in (values[:2], np.full_like(values, np.nan)):
        with pytest.raises(ModelError, match="converted to ONNX"):
            compare(values, wrong)


def test_a_twin_is_made_once(tmp_path: Path, cache: VariantCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversion and how far it agrees come from the cache the second time; other data are compared anew."""
    path, data, other = tmp_path / "model.skops", tmp_path / "data.npz", tmp_path / "other.npz"
    skops.io.dump(RandomForestClassifier(5, random_state=0).fit(X, Y), path)
    np.savez(data, x=X)
    info = inspect_model(path)
    twin = twin_of(path, info, cache, samples=data)
    written = twin.path.stat().st_mtime_ns
    assert twin.agreement is not None
    assert (twin.agreement.samples, twin.agreement.same) == (600, 1.0)
    np.savez(other, x=X[:100])
    for_others = twin_of(path, info, cache, samples=other).agreement
    assert for_others is not None
    assert for_others.samples == 100
    with monkeypatch.context() as without_processes:
        without_processes.setattr(onnx_twin.child, "run", None)
        assert twin_of(path, info, cache, samples=data) == twin
        assert twin_of(path, info, cache) == replace(twin, agreement=None)
    assert twin.path.stat().st_mtime_ns == written
    look = inspect_model(twin.path)
    assert (look.format, look.outputs[0].name, look.outputs[0].shape) == (".onnx", "probabilities", ("batch", 3))


def test_a_conversion_that_says_something_else_is_refused(tmp_path: Path, cache: VariantCache) -> None:
    """Where float32 cannot tell apart what the original does, the conversion is not handed out."""
    fine = 1e6 + np.arange(600.0)[:, np.newaxis] / 1e4
    path, data = tmp_path / "model.txt", tmp_path / "data.npz"
    lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(fine, np.arange(600) // 50 % 2).booster_.save_model(path)
    np.savez(data, x=fine)
    with pytest.raises(ModelError, match=r"model\.txt: converted to ONNX it gives the same answer for only"):
        twin_of(path, inspect_model(path), cache, samples=data)


def test_data_that_do_not_fit_and_files_that_changed(tmp_path: Path, cache: VariantCache) -> None:
    """Samples of another shape, another file in the model's place, and other formats are told by name."""
    path, data = tmp_path / "model.skops", tmp_path / "data.npz"
    skops.io.dump(Ridge().fit(X, Y), path)
    np.savez(data, x=X[:, :3])
    info = inspect_model(path)
    with pytest.raises(ModelError, match=r"compared with its conversion.*the model takes \(8\)"):
        twin_of(path, info, cache, samples=data)
    skops.io.dump(Ridge(alpha=2).fit(X, Y), path)
    info = inspect_model(path)
    skops.io.dump(Ridge(alpha=3).fit(X, Y), path)
    with pytest.raises(ModelError, match="has changed since it was looked into"):
        twin_of(path, info, cache)
    with pytest.raises(ModelError, match=r"but this is \.onnx"):
        twin_of(path, replace(info, format=".onnx"), cache)
