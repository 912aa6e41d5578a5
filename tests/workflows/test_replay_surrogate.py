"""``autoedge replay --surrogate``: strategies that start from a saved surrogate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from autoedge.campaign.campaign import write_campaign
from autoedge.campaign.card import Card
from autoedge.errors import SurrogateError
from autoedge.workflows.replay import replay
from autoedge.workflows.retrain import retrain

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path


def _write(folder: Path, speed: float) -> Path:
    """Sixty candidates of one board, with latencies and memories that follow from the model's size."""
    rows = [
        {
            "model": model,
            "batch": batch,
            "threads": threads,
            "log_macs": 5.0 + size / 2,
            "latency_ms": speed * 4.0**size * batch**0.8 / threads**0.6,
            "memory_mib": 20.0 + 3.0**size + 2 * batch * threads,
        }
        for size, model in enumerate("pqrst")
        for batch in (1, 2, 4, 8)
        for threads in (1, 2, 4)
    ]
    card = {
        "schema_version": 1,
        "name": folder.name,
        "rows": "rows.parquet",
        "knobs": {"model": {"type": "categorical"}, "batch": {"type": "int"}, "threads": {"type": "int"}},
        "features": {"log_macs": {}},
        "objectives": {
            "latency_ms": {"direction": "minimize", "scale": "log"},
            "memory_mib": {"direction": "minimize"},
        },
    }
    write_campaign(folder, Card.model_validate(card), pd.DataFrame(rows))
    return folder


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """The board that is asked about."""
    return _write(tmp_path / "slow", 3.0)


@pytest.fixture
def surrogate(tmp_path: Path) -> Path:
    """Trained on another board."""
    retrain([str(_write(tmp_path / "fast", 1.0))], tmp_path / "mine")
    return tmp_path / "mine"


def test_the_surrogate_starts_from_it(slow: Path, surrogate: Path) -> None:
    """It finds more at once, the document tells of the surrogate, and others run as they would without."""
    names = ["surrogate", "random"]
    cold = replay(slow, strategies=names, budget=4, seeds=2)
    told = replay(slow, strategies=names, budget=4, seeds=2, surrogate=surrogate)
    assert cold["surrogate"] is None
    assert told["surrogate"]["metrics"] == ["latency_ms", "memory_mib"]
    assert told["surrogate"]["sources"] == ["fast"]
    assert told["surrogate"]["sha256"] == json.loads((surrogate / "card.json").read_text())["model_sha256"]
    assert [each["surrogate"] for each in told["strategies"].values()] == [True, False]
    assert told["notes"] == ["a surrogate is for strategies that can learn from it; without it: random"]

    def volumes(document: dict[str, object], name: str) -> list[list[float]]:
        return [run["hypervolume"] for run in document["strategies"][name]["seeds"]]  # type: ignore[index]

    assert volumes(cold, "random") == volumes(told, "random")
    for before, after in zip(volumes(cold, "surrogate"), volumes(told, "surrogate"), strict=True):
        assert sum(after) > sum(before)


def test_one_that_knows_the_answers_is_told_of(slow: Path, tmp_path: Path) -> None:
    """A surrogate trained on these rows is noted, whatever they were called, and so is one of the same name."""
    frame = pd.read_parquet(slow / "rows.parquet").assign(board="pi4")
    card = Card.model_validate_json((slow / "campaign.json").read_text()).model_copy(update={"target": "board"})
    write_campaign(slow, card, frame)
    write_campaign(tmp_path / "other", card.model_copy(update={"name": "other"}), frame)
    retrain([str(tmp_path / "other")], tmp_path / "mine")
    document = replay(slow, strategies=["surrogate"], budget=2, seeds=1, surrogate=tmp_path / "mine")
    assert "trained on these rows, as other: it knows beforehand" in " ".join(document["notes"])
    frame.iloc[1:].to_parquet(slow / "rows.parquet")
    document = replay(slow, strategies=["surrogate"], budget=2, seeds=1, surrogate=tmp_path / "mine")
    assert not any("trained on" in note for note in document["notes"])
    retrain([str(slow)], tmp_path / "fewer")
    frame.to_parquet(slow / "rows.parquet")
    document = replay(slow, strategies=["surrogate"], budget=2, seeds=1, surrogate=tmp_path / "fewer")
    assert any("trained on a campaign of the same name, slow" in note for note in document["notes"])


def test_a_folder_without_a_surrogate_is_refused(slow: Path, tmp_path: Path) -> None:
    """Before anything is replayed."""
    with pytest.raises(SurrogateError, match="holds no surrogate"):
        replay(slow, strategies=["random"], budget=2, seeds=1, surrogate=tmp_path)


def test_the_command_says_so(
    slow: Path, surrogate: Path, autoedge: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The text marks what started from the surrogate, and names its rows and objectives."""
    done = autoedge("replay", "--campaign", slow, "--strategy", "surrogate,random", "--budget", 3, "--seeds", 1,
                    "--surrogate", surrogate)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "surrogate (*): " in done.stdout
    assert "latency_ms, memory_mib" in done.stdout
    assert "surrogate *" in done.stdout
    gone = autoedge("replay", "--campaign", slow, "--surrogate", slow)
    assert gone.returncode == 2
    assert "holds no surrogate" in gone.stderr
