"""Confirm rounds: what was disturbed is made up for, and the budget is the end."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

import autoedge
from autoedge.bench import records
from autoedge.intent.load import load_intent
from autoedge.measurement import Phase, Status
from autoedge.store.store import Store
from autoedge.workflows.events import StageBegan
from autoedge.workflows.opening import opened_run, reopened_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from autoedge.measurement import Measurement


class Disturber:
    """Finds some confirm processes disturbed, as a page fault would; everything else is measured as ever."""

    def __init__(self, patch: pytest.MonkeyPatch, *disturbed: int) -> None:
        self._confirming, self._seen, self._disturbed = False, -1, set(disturbed)
        patch.setattr(records, "_doubt", self._doubt)

    def __call__(self, event: Any) -> None:
        """Take note of the stage."""
        self._confirming |= isinstance(event, StageBegan) and event.stage == "confirm"

    def _doubt(self, *_: object) -> str:
        self._seen += self._confirming
        return "something else took the disk" if self._confirming and self._seen in self._disturbed else ""


def _confirmed(run: Path) -> list[Measurement]:
    store = Store(run / "study.db")
    rows = [row for row in store.measurements() if row.phase is Phase.CONFIRM]
    store.close()
    return rows


LIMITS = "[accuracy >= 50 %, latency_p50 <= 1 s]"
FEW = "{space: onnxruntime-cpu, knobs: {precision: fp32, threads: 1, arena: 'on', batch: 1, graph_level: all}}"


def test_a_disturbed_process_is_made_up_for(
    place: Path, write_intent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One disturbed process of a finalist costs one process more, and the decision rests on six that ended well."""
    disturber = Disturber(monkeypatch, 3)
    intent = write_intent(constraints=LIMITS, budget="{measurements: 20}", search=FEW)
    found = autoedge.select(intent, out=place / "run", on_event=disturber)
    rows = _confirmed(place / "run")
    assert found.verdict["outcome"] == "met"
    assert found.chosen["n_processes"] == 6
    assert Counter(row.status for row in rows)[Status.INVALID] == 1
    well = Counter(row.candidate_id for row in rows if row.ok)
    assert set(well.values()) == {6}
    with reopened_run(place / "run") as run:  # whose budget of time knows the pace from now on
        assert run._confirm_s() == median(row.duration_s for row in rows if row.ok)


def test_the_workloads_rate_counts_before_anything_is_confirmed(place: Path, write_intent: Callable[..., Path]) -> None:
    """Finalists alone run at the rate, so their pace is that of the search and that stretch beside it."""
    with opened_run(load_intent(write_intent(workload="{rate: 200 / s}", search=FEW)), place / "run") as (run, _):
        assert run._confirm_s() == 0.0
    autoedge.select(write_intent(workload="{rate: 200 / s}", search=FEW, budget="{measurements: 4}"), out=place / "run")
    with reopened_run(place / "run") as run:
        done = [row.duration_s for row in run.measurements if row.ok]
        assert run._confirm_s() == median(done) + run.protocol.parameters["rate_seconds"]


def test_a_machine_that_is_always_disturbed_decides_nothing(
    place: Path, write_intent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third more processes than a look has, and then it is left open, with the reason."""
    disturber = Disturber(monkeypatch, *range(100))
    intent = write_intent(constraints=LIMITS, search=FEW, budget="{measurements: 34}")
    found = autoedge.select(intent, out=place / "run", on_event=disturber)
    assert found.verdict["outcome"] == "undecided"
    assert "only 0 processes of" in found.chosen["decisions"][0]["note"]
    tried = Counter(row.candidate_id for row in _confirmed(place / "run"))
    assert max(tried.values()) <= 10 + 10 // 3


def test_the_budget_ends_the_making_up(
    place: Path, write_intent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no process is left, what was disturbed stays so, and the run says that it is undecided."""
    disturber = Disturber(monkeypatch, 0)
    limits = "[accuracy >= 50 %, size <= 50 % of baseline]"  # so that the reference is no finalist
    intent = write_intent(constraints=limits, budget="{measurements: 16}")
    found = autoedge.select(intent, out=place / "run", on_event=disturber)
    assert found.verdict["outcome"] == "undecided"
    assert found.verdict["used"]["measurements"] == 16
    assert "only 5 processes" in found.chosen["decisions"][0]["note"]
