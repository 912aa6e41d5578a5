"""The command ``autoedge replay``."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.campaign.campaign import write_campaign
from autoedge.campaign.card import Card
from autoedge.workflows import replay as module
from autoedge.workflows.replay import ReplayState
from autoedge_cli.main import run
from autoedge_cli.progress_replay import ReplayProgress, told
from autoedge_cli.render_replay import render_replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """One board with twenty candidates."""
    import pandas as pd

    card = {
        "schema_version": 1,
        "name": "boards",
        "rows": "rows.csv",
        "knobs": {"batch": {"type": "int"}, "threads": {"type": "int"}},
        "objectives": {
            "latency_ms": {"direction": "minimize", "scale": "log"},
            "memory_mib": {"direction": "minimize"},
        },
    }
    rows = [
        {"batch": batch, "threads": threads, "latency_ms": batch / threads + threads / 10, "memory_mib": 20 + threads}
        for batch in range(1, 6)
        for threads in range(1, 5)
    ]
    write_campaign(tmp_path / "boards", Card.model_validate(card), pd.DataFrame(rows))
    return tmp_path / "boards"


def replayed(**other: Any) -> dict[str, Any]:
    """A document with one strategy that got far and one that did not, out of strange names."""
    counts = {"to_90": 4, "to_95": None, "to_99": None}
    strong = [
        {"seed": n, "hypervolume": [0.5, 0.8, 0.9, 0.99], "proposal_ms": [9.5] * 4, **counts, "to_95": 4}
        for n in (0, 1)
    ]
    weak = [
        {"seed": n, "hypervolume": [0.1, 0.2, 0.3, 0.4 + n / 10], "proposal_ms": [1.0] * 4, **counts, "to_90": None}
        for n in (0, 1)
    ]
    plain = {
        "schema_version": 1,
        "campaign": "boards",
        "target": "pi\x1b[2J4",
        "budget": 4,
        "rows": 20,
        "objectives": {"latency_ms": "minimize"},
        "constraints": [],
        "history": ["boards:pi5"],
        "notes": ["history is for strategies that can learn from it; without it: random"],
        "interrupted": False,
        "true_hypervolume": 1.1,
        "strategies": {"surrogate": {"history": True, "seeds": strong}, "random": {"history": False, "seeds": weak}},
    }
    return {**plain, **other}


def test_tables(paper: Callable[..., Console], read: Callable[[Console], str]) -> None:
    """Medians with quartiles at a quarter, half and all of the budget, and what was not reached is said."""
    console = paper(80)
    render_replay(console, replayed())
    text = read(console)
    plain = " ".join(text.split())
    assert "strategy after 1 after 2 after 4" in plain
    assert "median (quartiles) of 2 seeds, after so many measurements" in plain
    assert "random 10.0 (10.0..10.0) 20.0 (20.0..20.0) 45.0 (42.5..47.5)" in plain
    assert "surrogate * 4 4 not reached 9.50" in plain
    assert "random not reached not reached not reached 1.00" in plain
    assert "history (*): boards:pi5" in plain
    assert "note: history is for strategies that can learn" in plain
    assert "\\x1b[2J" in plain
    assert "\x1b" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_constraints_have_their_own_table(paper: Callable[..., Console], read: Callable[[Console], str]) -> None:
    """Measurements to the first and the best feasible, and the regret at the end."""
    document = replayed(constraints=["accuracy >= 0.7"], interrupted=True)
    for name, figures in (
        ("surrogate", {"to_first_feasible": 2, "to_best_feasible": 4, "regret": [None, 0.5, 0.1, 0.0]}),
        ("random", {"to_first_feasible": None, "to_best_feasible": None, "regret": [None] * 4}),
    ):
        for one in document["strategies"][name]["seeds"]:
            one |= figures  # noqa: PLW2901 - changed in place
    console = paper(100)
    render_replay(console, document)
    plain = " ".join(read(console).split())
    assert "constraint: accuracy >= 0.7" in plain
    assert "surrogate * 2 4 0.0 %" in plain
    assert "random not reached not reached not reached" in plain
    assert "interrupted: only the runs that were finished count" in plain


def test_the_command_prints_writes_and_draws(
    campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text on standard output, the document and the picture in their files."""
    json_file, plot = tmp_path / "replay.json", tmp_path / "replay.svg"
    words = ["replay", "--campaign", str(campaign), "--strategy", "random, nsga2", "--budget", "8", "--seeds", "2"]
    assert run([*words, "--json", str(json_file), "--plot", str(plot)]) == 0
    assert "Share of the true hypervolume in %" in capsys.readouterr().out
    document = json.loads(json_file.read_text())
    assert {name: len(one["seeds"]) for name, one in document["strategies"].items()} == {"random": 2, "nsga2": 2}
    assert plot.read_text().startswith("<?xml")


def test_json_goes_to_standard_output_alone(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the document is printed there."""
    words = ["--campaign", str(campaign), "--strategy", "random", "--budget", "3", "--seeds", "1", "--json"]
    assert run(["replay", *words]) == 0
    assert json.loads(capsys.readouterr().out)["budget"] == 3


def test_an_interrupted_replay_prints_what_is_finished(
    campaign: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 130, and the document says so."""
    monkeypatch.setattr(module, "replay", lambda *_, **__: replayed(interrupted=True))
    assert run(["replay", "--campaign", str(campaign), "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["interrupted"] is True


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--strategy", "magic"], "a strategy is one of surrogate, tpe"),
        (["--budget", "0"], "--budget"),
        (["--seeds", "0"], "--seeds"),
        (["--jobs", "0"], "--jobs"),
        (["--target", "pi6"], "no target 'pi6'; it has boards"),
        (["--constraint", "memory_mib < 3"], "a constraint is METRIC <= NUMBER"),
        (["--history", "nowhere"], "nowhere: is no campaign"),
        (["--plot", "curves.pdf"], "a picture is a .png or .svg file"),
        (["--json", "no/such/folder.json"], "there is no folder no/such"),
    ],
)
def test_what_cannot_be_meant(
    campaign: Path, words: list[str], problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong words end with exit code 2 and one message, before anything is replayed."""
    monkeypatch.setattr(module, "Processes", None)
    assert run(["replay", "--campaign", str(campaign), *words]) == 2
    assert problem in capsys.readouterr().err


def test_progress_is_one_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal a line tells how far it is, not for every measurement; a closed stream is no error."""
    now = [0.0]
    monkeypatch.setattr("autoedge_cli.progress_replay.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    with ReplayProgress(stream) as progress:
        for second in range(40):
            now[0] = float(second)
            progress(ReplayState(second // 10, 4, {"gp seed 0": second}, 60))
        lines = stream.getvalue().splitlines()
        assert lines == [
            "autoedge: replay: 1 of 4 runs, 15 s, gp seed 0 15/60",
            "autoedge: replay: 3 of 4 runs, 30 s, gp seed 0 30/60",
        ]
        stream.close()
        now[0] = 100.0
        progress(ReplayState(4, 4))


def test_many_runs_at_a_time_are_told_short() -> None:
    """The first few are named, the others counted."""
    running = {f"tpe seed {number}": number for number in range(6)}
    assert told(ReplayState(1, 9, running, 20), 4.0).endswith("tpe seed 3 3/20, and 2 more")
