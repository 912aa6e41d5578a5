"""LightGBM as a runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pytest

from autoedge.errors import ModelError
from autoedge.models import lightgbm_file
from autoedge.runtimes.lightgbm import LightGbm

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((400, 6))
Y = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int) + (X[:, 2] > 0)


def packed(model: Any, folder: Path) -> Path:
    """A model's text as a target gets it."""
    model.booster_.save_model(folder / "given.txt")
    lightgbm_file.pack(folder / "given.txt", folder / "packed")
    return folder / "packed"


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("threads", [None, 1, 2])
def test_probabilities(classes: int, threads: int | None, tmp_path: Path) -> None:
    """A classifier's probabilities are those of LightGBM's own wrapper, a column a class, on any number of threads."""
    model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(X, np.minimum(Y, classes - 1))
    session = LightGbm().load(packed(model, tmp_path), {} if threads is None else {"threads": threads})
    assert [(port.name, port.shape) for port in session.inputs] == [("x", (None, 6))]
    assert [(port.name, port.shape) for port in session.outputs] == [("probabilities", (None, classes))]
    (found,) = session.bind(["probabilities"])({"x": X})
    assert np.array_equal(found, model.booster_.predict(X) if classes == 3 else model.predict_proba(X))


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("regression", {}),
        ("regression", {"reg_sqrt": True}),
        ("poisson", {}),
        ("quantile", {}),
        ("cross_entropy", {}),
        ("regression", {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
    ],
)
def test_predictions(objective: str, options: dict[str, Any], tmp_path: Path) -> None:
    """A regressor's predictions are its own, whatever becomes of the sum of leaves."""
    model = lightgbm.LGBMRegressor(objective=objective, n_estimators=5, verbose=-1, **options).fit(X, Y / 2)
    session = LightGbm().load(packed(model, tmp_path), {"threads": 1})
    assert [(port.name, port.shape) for port in session.outputs] == [("predictions", (None, 1))]
    (found,) = session.bind(["predictions"])({"x": X})
    assert np.array_equal(found, model.predict(X)[:, np.newaxis])


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    """A file that is none of LightGBM's, a missing one and an unknown knob are told in one sentence."""
    (tmp_path / "other").write_text("hello")
    for name, knobs, said in (
        ("other", {}, "cannot load the model"),
        ("none", {}, "cannot load the model"),
        ("other", {"arena": "on"}, "no knob arena"),
    ):
        with pytest.raises(ModelError, match=said):
            LightGbm().load(tmp_path / name, knobs)
