"""Regression: errors and R2 as scikit-learn tells them, with intervals that hold what they should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from autoedge.bench.tasks.regression import Regression, read_targets
from autoedge.errors import DataError
from autoedge.measurement import Source
from autoedge.preprocessing.npz import Npz

if TYPE_CHECKING:
    from pathlib import Path

    Array = np.ndarray[Any, Any]


def _case(seed: int, samples: int, targets: int, noise: float = 0.5) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    wanted = generator.standard_normal((samples, targets)) * 10 + 1000
    return wanted, (wanted + noise * generator.standard_normal(wanted.shape)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), samples=st.integers(2, 40), targets=st.integers(1, 4))
def test_figures_are_scikit_learns(seed: int, samples: int, targets: int) -> None:
    """MAE, RMSE and R2 are those of scikit-learn, for one target and for several, each within its interval."""
    wanted, told = _case(seed, samples, targets)
    found = Regression(wanted, 0).metrics(told, None, 0.95)
    assert found["mae"].value == pytest.approx(mean_absolute_error(wanted, told))
    rmse = np.sqrt(np.mean(root_mean_squared_error(wanted, told, multioutput="raw_values") ** 2))
    assert found["rmse"].value == pytest.approx(rmse)
    assert found["r2"].value == pytest.approx(r2_score(wanted, told), rel=1e-5, abs=1e-6)
    assert all((one.source, one.n) == (Source.MEASURED, samples) for one in found.values())


def test_intervals_cover() -> None:
    """Of 200 evaluation sets the 95 % intervals hold the true MAE, RMSE and R2 in most: 88 to 99 %."""
    truth = {"mae": 0.5 * np.sqrt(2 / np.pi), "rmse": 0.5, "r2": 1 - 0.25 / (100 + 0.0)}
    covered = dict.fromkeys(truth, 0)
    for seed in range(200):
        wanted, told = _case(seed, 80, 1)
        found = Regression(wanted, seed).metrics(told, None, 0.95)
        for key, value in truth.items():
            covered[key] += found[key].low <= value <= found[key].high
    assert all(176 <= count <= 198 for count in covered.values()), covered


def test_a_higher_level_is_wider_and_equal_seeds_are_equal() -> None:
    """Intervals grow with the level, and the same outputs have the same figures each time."""
    wanted, told = _case(1, 60, 2)
    usual, strict = (Regression(wanted, 3).metrics(told, None, level) for level in (0.95, 0.999))
    for key, one in usual.items():
        assert strict[key].low < one.low < one.value == strict[key].value < one.high < strict[key].high
    assert Regression(wanted, 3).metrics(told, None, 0.95) == usual


def test_targets_that_never_vary_have_no_r2() -> None:
    """A constant target leaves R2 to the others, and is no division by zero where it stands alone."""
    wanted, told = _case(2, 30, 2)
    wanted[:, 1] = 7.0
    found = Regression(wanted, 0).metrics(told, None, 0.95)
    assert found["r2"].value == pytest.approx(r2_score(wanted[:, 0], told[:, 0]), abs=1e-6)
    assert sorted(Regression(wanted[:, 1:], 0).metrics(told[:, 1:], None, 0.95)) == ["mae", "rmse"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (np.zeros((5, 2), np.float32), r"\(5, 2\) and \(6, 2\)"),
        (np.full((6, 2), np.inf, np.float32), "NaN or infinite"),
    ],
)
def test_values_that_do_not_fit_are_refused(told: Array, said: str) -> None:
    """Values of another shape, and such that are not finite, are told with both shapes or the reason."""
    with pytest.raises(DataError, match=said):
        Regression(np.ones((6, 2)), 0).metrics(told, None, 0.95)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((4, 2))}, "regression needs targets, but there is no 'y'"),
        ({"x": np.zeros((4, 2)), "y": np.array(list("abcd"))}, "'y' must hold numbers, but is <U1"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(3)}, "one target a sample is needed, but 'y' has 3 for 4"),
        ({"x": np.zeros((4, 2)), "y": np.array([0, 1, np.nan, 2])}, "'y' of sample 2 is not"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, "holds no samples"),
    ],
)
def test_wrong_targets_are_refused(tmp_path: Path, arrays: dict[str, Array], said: str) -> None:
    """Targets are finite numbers, one row a sample."""
    np.savez(tmp_path / "eval.npz", **arrays)  # type: ignore[arg-type]  # its stubs take the keywords for flags
    with pytest.raises(DataError, match=said):
        read_targets(Npz(tmp_path / "eval.npz"))


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3), (4, 2, 2)])
def test_targets_of_any_shape_are_rows(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Integers or floats of any shape come as samples x targets of float64."""
    np.savez(tmp_path / "eval.npz", x=np.zeros((4, 2)), y=np.arange(np.prod(shape)).reshape(shape))
    targets = read_targets(Npz(tmp_path / "eval.npz"))
    assert targets.dtype == np.float64
    assert targets.tolist() == np.arange(np.prod(shape)).reshape(4, -1).tolist()
