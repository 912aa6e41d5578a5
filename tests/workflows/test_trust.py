"""Models that are pickles: opened where the intent and the command line both say so, and nowhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from autoedge.store.store import Store

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Intent = Callable[..., Path]

LINES = {
    "models": "[model.joblib]",
    "constraints": "[accuracy >= 50 %]",
    "budget": "{measurements: 16}",
    "search": "{space: scikit-learn, strategy: random, seed: 0, knobs: {threads: [1], batch: [1, 4]}}",
}


class _MakesAFolder:
    """Its pickle makes a folder when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def pickled(place: Path) -> Path:
    """A small classifier of the evaluation data, pickled."""
    with np.load(place / "calib.npz") as data:
        model = LogisticRegression().fit(data["x"].astype(np.float64), data["y"])
    joblib.dump(model, place / "model.joblib")
    return place / "model.joblib"


@pytest.mark.parametrize("command", ["select", "space"])
@pytest.mark.parametrize("agreed", ["nowhere", "intent", "command line"])
def test_a_pickle_without_trust_is_never_opened(
    place: Path, write_intent: Intent, autoedge: Command, command: str, agreed: str
) -> None:
    """Unless both agree it is exit 2, the message says what to do instead, and nothing in the file is executed."""
    joblib.dump(_MakesAFolder(place / "made"), place / "model.joblib")
    intent = write_intent(**LINES, trust="true" if agreed == "intent" else "false")
    done = autoedge(command, "--intent", intent, *(["--trust", place] if agreed == "command line" else []))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in ("model.joblib", "skops", "trust: true", "--trust"):
        assert part in done.stderr
    assert not (place / "made").exists()
    assert not (place / "runs").exists()


def test_trust_in_another_place_is_none(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """``--trust`` of a folder where neither the intent nor the model lies does not count."""
    joblib.dump(_MakesAFolder(place / "made"), place / "model.joblib")
    (place / "elsewhere").mkdir()
    done = autoedge("select", "--intent", write_intent(**LINES, trust="true"), "--trust", place / "elsewhere")
    assert done.returncode == 2, done.stderr
    assert not (place / "made").exists()


def test_a_trusted_pickle_is_measured(pickled: Path, write_intent: Intent, autoedge: Command, place: Path) -> None:
    """Where both agree, select measures it on scikit-learn and builds its bundle; looking at it again takes trust."""
    intent = write_intent(**LINES, trust="true")
    done = autoedge("select", "--intent", intent, "--out", "run", "--trust", pickled)
    assert done.returncode in (0, 4), done.stderr
    store = Store(place / "run" / "study.db")
    rows = store.measurements()
    store.close()
    assert [row.reason for row in rows if not row.ok] == []
    assert len(rows) >= 3 + 6  # the baseline, and confirm rounds
    assert (place / "run" / "bundle" / "bundle.json").is_file()
    shown = ["show", "run", "--candidate", rows[0].config_id]
    assert autoedge(*shown, "--trust", pickled).returncode == 0
    refused = autoedge(*shown)
    assert refused.returncode == 2, refused.stderr
    assert "--trust" in refused.stderr
