"""``autoedge replay`` as a function: figures, processes, interrupts."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoedge.campaign.campaign import read_campaign, write_campaign
from autoedge.campaign.card import Card
from autoedge.campaign.limit import Limit
from autoedge.campaign.table import Table
from autoedge.errors import DataError, IntentError
from autoedge.search.replaying import replay as replay_one
from autoedge.search.scoring import volume_shares
from autoedge.workflows import replay as module
from autoedge.workflows.replay import ReplayState, replay
from autoedge.workflows.replay_processes import Job, Processes


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Two boards with forty candidates each."""
    rows = [
        {
            "board": board,
            "model": model,
            "batch": batch,
            "latency_ms": speed * (1 + size) ** 2 * (1 + 1 / batch),
            "accuracy": 1 - 1 / (2 + size) + 0.001 * math.sin(batch),
        }
        for board, speed in (("a", 1.0), ("b", 3.0))
        for size, model in enumerate("pqrstuvw")
        for batch in (1, 2, 4, 8, 16)
    ]
    card = {
        "schema_version": 1,
        "name": "boards",
        "rows": "rows.parquet",
        "target": "board",
        "knobs": {"model": {"type": "categorical"}, "batch": {"type": "int"}},
        "objectives": {"latency_ms": {"direction": "minimize", "scale": "log"}, "accuracy": {"direction": "maximize"}},
    }
    write_campaign(tmp_path / "boards", Card.model_validate(card), pd.DataFrame(rows))
    return tmp_path / "boards"


def without_times(document: dict[str, Any]) -> dict[str, Any]:
    """The figures that do not depend on the machine; checks that the times are there."""
    for strategy in document["strategies"].values():
        for run in strategy["seeds"]:
            assert all(ms > 0 for ms in run.pop("proposal_ms"))
    return document


def test_the_document(campaign: Path) -> None:
    """Every run tells its seed, a share after each measurement, and when it reached 90, 95 and 99 %."""
    document = replay(campaign, target="a", strategies=["random", "tpe", "random"], budget=12, seeds=2)
    table = Table(read_campaign(campaign), "a")
    assert document["schema_version"] == 1
    assert (document["campaign"], document["target"], document["budget"], document["rows"]) == ("boards", "a", 12, 40)
    assert document["true_hypervolume"] == pytest.approx(table.true_hypervolume, abs=1e-6)
    assert document["objectives"] == {"latency_ms": "minimize", "accuracy": "maximize"}
    assert (document["constraints"], document["history"], document["notes"], document["interrupted"]) == (
        [],
        [],
        [],
        False,
    )
    assert list(document["strategies"]) == ["random", "tpe"]
    for name, strategy in document["strategies"].items():
        assert strategy["history"] is False
        assert [run["seed"] for run in strategy["seeds"]] == [0, 1]
        for run in strategy["seeds"]:
            assert run.keys() == {"seed", "hypervolume", "proposal_ms", "to_90", "to_95", "to_99"}
            rows = replay_one(table, name, seed=run["seed"], budget=12).rows
            assert run["hypervolume"] == pytest.approx(volume_shares(table, rows), abs=1e-6)
            assert len(run["proposal_ms"]) == 12
            reached = [count for count, share in enumerate(run["hypervolume"], 1) if share >= 0.9]
            assert run["to_90"] == (reached[0] if reached else None)


def test_figures_do_not_depend_on_the_number_of_processes(campaign: Path) -> None:
    """One process or three: the same rows, in the order of strategies and seeds."""
    asked: dict[str, Any] = {"target": "b", "strategies": ["surrogate", "nsga2"], "budget": 12, "seeds": 2}
    one, three = (without_times(replay(campaign, **asked, jobs=jobs)) for jobs in (1, 3))
    assert one == three


def test_constraints(campaign: Path) -> None:
    """The limited metric is no objective; the first and the best feasible are told, and the regret, null before."""
    document = replay(campaign, target="a", strategies=["random"], budget=40, seeds=3, constraints=["accuracy >= 0.8"])
    table = Table(read_campaign(campaign), "a", [Limit.parse("accuracy >= 0.8")])
    assert document["constraints"] == ["accuracy >= 0.8"]
    assert document["objectives"] == {"latency_ms": "minimize"}
    for run in document["strategies"]["random"]["seeds"]:
        rows = replay_one(table, "random", seed=run["seed"], budget=40).rows
        first = next(count for count, row in enumerate(rows, 1) if table.feasible[row])
        best = rows.index(int(np.where(table.feasible, table.points[:, 0], np.inf).argmin())) + 1
        assert (run["to_first_feasible"], run["to_best_feasible"]) == (first, best)
        assert run["regret"][: first - 1] == [None] * (first - 1)
        assert run["regret"][best - 2] is None or run["regret"][best - 2] > 0
        assert set(run["regret"][best - 1 :]) == {0}


def test_history_leaves_out_the_target_itself(campaign: Path) -> None:
    """A note says so, and another who runs without; where nothing is left that is said too."""
    asked: dict[str, Any] = {"target": "a", "budget": 3, "seeds": 1}
    document = replay(campaign, strategies=["random"], history=[str(campaign)], **asked)
    assert document["history"] == ["boards:b"]
    assert document["notes"] == [
        "history boards:a is left out: it is what is asked about",
        "history is for strategies that can learn from it; without it: random",
    ]
    assert document["strategies"]["random"]["history"] is False
    alone = replay(campaign, strategies=["surrogate"], history=[f"{campaign}:a"], **asked)
    assert alone["history"] == []
    assert "no history is left to learn from: every strategy starts from nothing" in alone["notes"]
    assert alone["strategies"]["surrogate"]["history"] is False


def test_history_reaches_the_surrogate(campaign: Path) -> None:
    """With the other board's results it proposes otherwise than without, and the document says that it had them."""
    asked: dict[str, Any] = {"target": "a", "strategies": ["surrogate"], "budget": 6, "seeds": 1}
    warm, cold = (replay(campaign, history=words, **asked) for words in ([str(campaign)], []))
    assert warm["strategies"]["surrogate"]["history"] is True
    assert (
        warm["strategies"]["surrogate"]["seeds"][0]["hypervolume"]
        != cold["strategies"]["surrogate"]["seeds"][0]["hypervolume"]
    )


def test_a_budget_beyond_the_rows_is_told(campaign: Path) -> None:
    """All rows are measured and a note says how many there are."""
    document = replay(campaign, target="a", strategies=["exhaustive"], budget=1000, seeds=1)
    assert document["budget"] == 1000
    assert document["notes"] == ["there are 40 rows: a run measures all of them, not 1000"]
    [run] = document["strategies"]["exhaustive"]["seeds"]
    assert len(run["hypervolume"]) == 40
    assert run["hypervolume"][-1] == 1


@pytest.mark.parametrize(
    ("change", "error", "problem"),
    [
        ({"strategies": ["surogate"]}, IntentError, "exhaustive, gp, but got surogate; did you mean surrogate?"),
        ({"strategies": [""]}, IntentError, "a strategy is one of "),
        ({"budget": 0}, IntentError, "budget is at least 1, but got 0"),
        ({"seeds": 0}, IntentError, "seeds is at least 1, but got 0"),
        ({"jobs": 0}, IntentError, "jobs is at least 1, but got 0"),
        ({"target": None}, DataError, "campaign boards has several targets: name one with --target: a, b"),
        ({"target": "c"}, DataError, "no target 'c'; it has a, b"),
        ({"constraints": ["accuracy"]}, DataError, "a constraint is METRIC <= NUMBER"),
        ({"constraints": ["energy <= 3"]}, DataError, "a limit is on one of latency_ms, accuracy"),
        ({"constraints": ["accuracy >= 2"]}, DataError, "no row keeps all constraints; accuracy goes from 0.499"),
        ({"history": ["nowhere"]}, DataError, "nowhere: is no campaign"),
    ],
)
def test_what_cannot_be_meant(
    campaign: Path, change: dict[str, Any], error: type[Exception], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mistake is told before any process is started."""
    monkeypatch.setattr(module, "Processes", None)
    asked: dict[str, Any] = {"target": "a", "strategies": ["random"], "budget": 3, "seeds": 1}
    with pytest.raises(error) as caught:
        replay(campaign, **(asked | change))
    assert problem in str(caught.value)


def test_a_strategy_whose_package_is_missing_is_told_at_once(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is replayed, with what to install."""
    monkeypatch.setattr("autoedge.search.strategies.find_spec", lambda _: None)
    monkeypatch.setattr(module, "Processes", None)
    with pytest.raises(IntentError, match=r"gp needs PyTorch: pip install 'autoedge\[gp\]'"):
        replay(campaign, target="a", strategies=["random", "gp"], budget=3, seeds=1)


def test_progress(campaign: Path) -> None:
    """It begins with nothing, counts measurements of what is under way, and ends with all runs."""
    states: list[ReplayState] = []
    replay(campaign, target="a", strategies=["random"], budget=5, seeds=3, jobs=2, on_state=states.append)
    assert states[0] == ReplayState(0, 3)
    assert {count for state in states for count in state.running.values()} >= {1, 2, 3, 4}
    assert {name for state in states for name in state.running} == {f"random seed {seed}" for seed in range(3)}
    assert [state.done for state in states] == sorted(state.done for state in states)
    assert (states[-1].done, dict(states[-1].running)) == (3, {})


def test_an_interrupt_keeps_what_is_finished(campaign: Path) -> None:
    """Runs that were under way do not count, and no process is left behind."""

    def interrupt(state: ReplayState) -> None:
        if state.done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    document = replay(campaign, target="a", strategies=["random", "tpe"], budget=30, seeds=5, on_state=interrupt)
    assert document["interrupted"] is True
    assert sum(len(strategy["seeds"]) for strategy in document["strategies"].values()) == 2
    assert all(len(run["hypervolume"]) == 30 for one in document["strategies"].values() for run in one["seeds"])


def test_an_interrupt_before_anything_is_finished(campaign: Path) -> None:
    """There is nothing to tell of."""

    def interrupt(state: ReplayState) -> None:
        if state.running:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        replay(campaign, target="a", strategies=["random"], budget=30, seeds=5, on_state=interrupt)


def test_a_process_that_dies_is_told(campaign: Path) -> None:
    """Killed from outside, as by a machine without memory: an error with advice, never a wait for ever."""
    table = Table(read_campaign(campaign), "a")
    with Processes(table, (), 1) as processes, pytest.raises(ChildProcessError, match=r"exit code -9.*fewer --jobs"):  # noqa: PT012
        for _ in processes.run([Job("random", seed, 20) for seed in range(1000)]):
            for process in processes._running.values():
                process.kill()


def test_an_error_of_a_strategy_reaches_us(campaign: Path) -> None:
    """What a process raises is raised here: its own kind where users can mend it, else with the traceback."""
    table = Table(read_campaign(campaign), "a")
    with Processes(table, (), 1) as processes, pytest.raises(IntentError, match="but got 'magic'"):
        list(processes.run([Job("magic", 0, 3)]))
    table.values = None  # type: ignore[assignment] - broken on purpose
    with Processes(table, (), 1) as processes, pytest.raises(RuntimeError, match=r"(?s)random, seed 0:.*Traceback"):
        list(processes.run([Job("random", 0, 3)]))


SCRIPT = """
import json, sys
from pathlib import Path
from autoedge.workflows.replay import replay

if __name__ == "__main__":
    tell = lambda state: print(state.done, flush=True)
    document = replay(
        Path(sys.argv[1]), target="a", strategies=["random"], budget=40, seeds=1000, jobs=2, on_state=tell
    )
    print(json.dumps(document["interrupted"]))
"""


def test_an_interrupt_from_the_keyboard(campaign: Path, tmp_path: Path) -> None:
    """It reaches every process of the terminal: ours ends at once, without a word from those that it started."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script), str(campaign)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while int(process.stdout.readline()) < 3:
            pass
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read().splitlines()[-1] == "true"
        assert not process.stderr.read()
    assert process.returncode == 0


def test_the_page_shows_the_document(campaign: Path) -> None:
    """The example of the page has exactly the keys of a document, each explained in the table below it."""
    page = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
    shown = json.loads(page.split("```json")[1].split("```")[0])
    document = replay(campaign, target="a", strategies=["random"], budget=2, seeds=1, constraints=["accuracy >= 0.8"])
    assert shown.keys() == document.keys()
    [one], [real] = shown["strategies"].values(), document["strategies"].values()
    assert one.keys() == real.keys()
    assert one["seeds"][0].keys() == real["seeds"][0].keys()
    for key in (*document, *real["seeds"][0]):
        assert f"`{key}`" in page or f"`{key}." in page
