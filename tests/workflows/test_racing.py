"""Racing: real runs that stop candidates."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

import autoedge
from autoedge.measurement import Phase, Source, Status
from autoedge.store.store import Store
from autoedge.workflows.events import Measured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.measurement import Measurement

    Intent = Callable[..., Path]

SEARCH = (
    "{space: onnxruntime-cpu, strategy: exhaustive, seed: 0, "
    "knobs: {precision: [fp32], threads: [1], graph_level: [all], batch: [1, 4]}%s}"
)
RACING, PLAIN = SEARCH % "", SEARCH % ", racing: false"


@pytest.fixture(autouse=True)
def _own_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))


@pytest.fixture
def race_intent(write_intent: Intent) -> Intent:
    """An intent whose small model is searched first; its objectives do not depend on the clock."""
    return partial(
        write_intent,
        models="[small.onnx, large.onnx]",
        baseline="large",
        objectives="[size, accuracy]",
        search=RACING,
        budget="{measurements: 30}",
    )


def _searched(place: Path) -> dict[str, list[Measurement]]:
    """Rows of the search by model."""
    store = Store(place / "run" / "study.db")
    try:
        models = {name: one.configuration.model for name, one in store.candidates().items()}
        found: dict[str, list[Measurement]] = {}
        for row in store.measurements():
            if row.phase is Phase.SEARCH:
                found.setdefault(models[row.candidate_id], []).append(row)
        return found
    finally:
        store.close()


def test_a_candidate_that_surely_breaks_a_limit_is_stopped(place: Path, race_intent: Intent) -> None:
    """It is a row that says so, with figures that do not count: not on the front, no failure, no finalist.

    Started again the run measures nothing; with the limit gone, or without racing, the candidate is measured in full.
    """
    events: list[Measured] = []
    result = autoedge.select(
        race_intent(),
        out=place / "run",
        on_event=lambda event: events.append(event) if isinstance(event, Measured) else None,
    )
    stopped = [event for event in events if event.measurement.status is Status.STOPPED]
    assert {event.candidate.configuration.model for event in stopped} == {"large"}
    assert all(event.measurement.reason.startswith("surely breaks size <= 50 %") for event in stopped)
    assert all(row.ok for row in _searched(place)["small"])
    _assert_nothing_was_measured([event.measurement for event in stopped])
    names = {event.candidate.candidate_id for event in stopped}
    assert names.isdisjoint(result.front["candidate_id"])
    assert result.verdict["failed"] == []
    assert result.verdict["used"]["stopped"] == len(names)
    assert result.chosen["configuration"]["model"] == "small"

    before = _searched(place)
    autoedge.select(place / "intent.yaml", out=place / "run")
    assert _searched(place) == before

    changed = race_intent(budget="{measurements: 60}", constraints="[accuracy >= 90 %]", objectives="[accuracy]")
    autoedge.select(changed, out=place / "run")
    again = _searched(place)["large"]
    assert {row.candidate_id for row in again} == names
    assert all(row.ok for row in again)


def test_without_racing_everything_is_measured_in_full(place: Path, race_intent: Intent) -> None:
    """`racing: false` stops nothing, and what was stopped before no longer counts."""
    autoedge.select(race_intent(), out=place / "run")
    assert any(row.status is Status.STOPPED for row in _searched(place)["large"])
    autoedge.select(race_intent(search=PLAIN, budget="{measurements: 60}"), out=place / "run")
    assert all(row.ok for rows in _searched(place).values() for row in rows)


def test_known_outputs_stop_what_shares_them(place: Path, race_intent: Intent) -> None:
    """A model whose outputs are known to be too bad is stopped after a probe with its own knobs that confirms them."""
    _spoil(place / "large.onnx")
    autoedge.select(
        race_intent(baseline="small", constraints="[accuracy >= 90 %]", objectives="[accuracy]"), out=place / "run"
    )
    rows = _searched(place)["large"]
    assert {(row.status, row.details["stopped"]) for row in rows} == {(Status.STOPPED, "evaluation")}
    assert all("surely breaks accuracy >= 90 %" in row.reason for row in rows)
    assert len({row.metrics["accuracy"].value for row in rows}) == 1
    _assert_nothing_was_measured(rows)


def _assert_nothing_was_measured(rows: list[Measurement]) -> None:
    """Figures of what was stopped are derived or estimated, shared outputs included; its file is known."""
    assert rows
    sources = {value.source for row in rows for key, value in row.metrics.items() if key != "size_mib"}
    assert sources <= {Source.DERIVED, Source.ESTIMATED}


def _spoil(path: Path) -> None:
    """Turn a model's scores round, so that it is wrong nearly always."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    for weights in model.graph.initializer:
        if weights.name == "b":
            weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), "b"))
    onnx.save(model, path)


def test_nothing_is_stopped_while_nothing_keeps_every_limit(place: Path, race_intent: Intent) -> None:
    """Where no candidate is feasible all are measured in full, so that the nearest is told from full figures."""
    result = autoedge.select(race_intent(constraints="[size <= 1 % of baseline]"), out=place / "run")
    assert result.exit_code == 1
    assert all(row.ok for rows in _searched(place).values() for row in rows)
