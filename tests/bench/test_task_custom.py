"""The user's own metric: loaded from its file, called with outputs and labels, and never believed blindly."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.bench.tasks.custom import Custom, installed_metric, load_metric
from autoedge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
LABELS = np.array([1, 0, 1])
OWN = """
import numpy as np
import beside

def share(outputs, labels):
    return float((outputs.reshape(len(outputs), -1).argmax(1) % 2 == labels).mean())

def ends(outputs, labels):
    return share(outputs, labels), 0.1, 0.9

def loss(outputs, labels):
    return -5.0 + beside.NOTHING
loss.direction = "minimize"

def greedy(outputs, labels):
    outputs[:], labels[:] = 0, 0
    return 1.0

def broken(outputs, labels):
    raise KeyError("no such class")

def leaving(outputs, labels):
    raise SystemExit(3)

NUMBER = 5
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A module with metrics, and one beside it that it imports."""
    (tmp_path / "beside.py").write_text("NOTHING = 0\n")
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def _custom(own: Path, name: str, direction: Any = "maximize") -> Custom:
    return Custom(f"own:{name}", load_metric(f"{own}:{name}"), LABELS, direction)


def test_a_number_is_taken_as_it_is(own: Path) -> None:
    """A number alone has no interval, and says so; value, low and high are kept."""
    found = _custom(own, "share").metrics(OUTPUTS, None, 0.95)["custom"]
    assert (found.value, found.low, found.high) == (2 / 3, 2 / 3, 2 / 3)
    assert found.estimator == "own:share, which tells no interval"
    found = _custom(own, "ends").metrics(OUTPUTS, None, 0.95)["custom"]
    assert (found.value, found.low, found.high, found.n) == (2 / 3, 0.1, 0.9, 3)


def test_less_may_be_better(own: Path) -> None:
    """With direction minimize the figure has the name of a loss, and may have any sign."""
    assert _custom(own, "loss", "minimize").metrics(OUTPUTS, None, 0.95)["custom_loss"].value == -5
    with pytest.raises(DataError, match=r"says direction 'minimize', but the intent 'maximize'"):
        _custom(own, "loss")


def test_outputs_and_labels_stay_what_they_were(own: Path) -> None:
    """A function gets copies: what it writes into them changes nothing."""
    before = OUTPUTS.copy()
    _custom(own, "greedy").metrics(OUTPUTS, None, 0.95)
    assert (before == OUTPUTS).all()
    assert LABELS.tolist() == [1, 0, 1]


def test_loading_leaves_nothing_behind(own: Path) -> None:
    """A module may import what lies beside it; the path of modules is afterwards as it was."""
    before = list(sys.path)
    load_metric(f"{own}:share")
    assert sys.path == before
    assert "own" not in sys.modules


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *_: float("nan"), r"returns a finite number, or \(value, low, high\), but got nan"),
        (lambda *_: "good", "returns a finite number"),
        (lambda *_: None, "returns a finite number"),
        (lambda *_: (0.5, 0.4), "returns a finite number"),
        (lambda *_: (0.5, 0.6, 0.7), "low <= value <= high holds, but got 0.6, 0.5, 0.7"),
        (lambda *_: 1 / 0, "metric f failed: ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_function_may_not_say(function: Any, said: str) -> None:
    """Nonsense and exceptions end as bad data that name the metric."""
    with pytest.raises(DataError, match=said):
        Custom("f", function, LABELS, "maximize").metrics(OUTPUTS, None, 0.95)


@pytest.mark.parametrize(
    ("name", "said"),
    [("broken", "failed: KeyError: 'no such class'"), ("leaving", "failed: SystemExit: 3")],
)
def test_failures_are_told(own: Path, name: str, said: str) -> None:
    """An exception of any kind, one that would end the program too, is told with its kind and text."""
    with pytest.raises(DataError, match=said):
        _custom(own, name).metrics(OUTPUTS, None, 0.95)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("gone.py:f", "cannot be loaded: FileNotFoundError"),
        ("no_such_module_anywhere:f", "cannot be loaded: ModuleNotFoundError"),
        ("own.py:missing", "cannot be loaded: AttributeError"),
        ("own.py:NUMBER", "is a function of outputs and labels, but is int"),
        ("bad.py:f", "cannot be loaded: SyntaxError"),
        ("ends.py:f", "cannot be loaded: SystemExit"),
    ],
)
def test_what_cannot_be_loaded_is_told(own: Path, place: str, said: str) -> None:
    """A missing file, module or function, one that is none, and code that fails are told with the place."""
    (own.parent / "bad.py").write_text("def f(:\n")
    (own.parent / "ends.py").write_text("raise SystemExit(1)\n")
    with pytest.raises(DataError, match=said):
        load_metric(str(own.parent / place) if ".py" in place else place)


def test_installed_metrics_come_by_name(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's entry point is found by its name; an unknown name is told with those that there are."""
    info = tmp_path / "metrics_of_ours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: metrics-of-ours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[autoedge.task_metrics]\nours = own:share\n")
    monkeypatch.syspath_prepend(str(own.parent))
    importlib.invalidate_caches()
    assert installed_metric("ours")(OUTPUTS, LABELS) == pytest.approx(2 / 3)
    with pytest.raises(DataError, match=r"metric theirs: is installed by no package \(ours are\)"):
        installed_metric("theirs")
    monkeypatch.delitem(sys.modules, "own")
    monkeypatch.delitem(sys.modules, "beside")
