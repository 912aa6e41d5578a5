"""Racing: what may be stopped, what never is, and real runs that stop candidates."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autoedge
from autoedge.agent.looks import FIRST_BLOCK, WINDOW
from autoedge.bench.foresight import Foresight, Scatter
from autoedge.intent.constraint import read_constraint
from autoedge.measurement import Phase, Source, Status, Value
from autoedge.metric import METRICS
from autoedge.store.store import Store
from autoedge.workflows.events import Measured
from autoedge.workflows.racing import ERROR, Race

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.measurement import Measurement

    Intent = Callable[..., Path]

OBJECTIVES = tuple(METRICS[name] for name in ("latency_p50", "accuracy"))
NOTHING = Foresight({}, {})


def _race(*constraints: str, rivals: dict[str, dict[str, float]] | None = None, **changes: Any) -> Race:
    limits = tuple(read_constraint(text) for text in constraints)
    reference = {"latency_p50_ms": 10.0, "accuracy": 0.9, "size_mib": 2.0}
    fields = {"objectives": OBJECTIVES, "rivals": rivals or {}, "reference": reference, "foresight": NOTHING}
    return Race(limits, **{**fields, **changes})


def _figures(**ends: tuple[float, float]) -> dict[str, Value]:
    return {
        METRICS[name].key: Value((low + high) / 2, low, high, Source.DERIVED, "test", 1)
        for name, (low, high) in ends.items()
    }


# -- rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "figures", "broken"),
    [
        ("latency_p50 <= 5 ms", {"latency_p50": (5.1, 6.0)}, True),
        ("latency_p50 <= 5 ms", {"latency_p50": (4.9, 6.0)}, False),
        ("latency_p50 <= 50 % of baseline", {"latency_p50": (5.1, 6.0)}, True),
        ("latency_p50 <= 50 % of baseline", {"latency_p50": (4.9, 6.0)}, False),
        ("latency_p95 <= 5 ms", {"latency_p50": (5.1, 6.0)}, True),  # the tail is no faster than the median
        ("latency_p95 <= 5 ms", {"latency_p50": (4.0, 6.0)}, False),
        ("latency_p95 <= 5 ms", {"latency_p50": (5.1, 6.0), "latency_p95": (4.9, 8.0)}, False),
        ("throughput >= 100 / s", {"throughput": (50.0, 99.0)}, True),
        ("throughput >= 100 / s", {"throughput": (50.0, 101.0)}, False),
        ("accuracy >= 80 %", {"accuracy": (0.1, 0.79)}, True),
        ("accuracy >= 80 %", {"accuracy": (0.1, 0.8)}, False),
        ("accuracy drop <= 5 %", {"accuracy": (0.1, 0.84)}, True),
        ("accuracy drop <= 5 %", {"accuracy": (0.1, 0.86)}, False),
        ("latency_p95 sustained <= 5 ms", {"latency_p95": (50.0, 60.0)}, False),  # only a soak tells
        ("memory_peak <= 1 MiB", {"latency_p50": (5.1, 6.0)}, False),  # nothing is known of it
    ],
)
def test_a_limit_is_surely_broken_where_no_figure_in_the_interval_keeps_it(
    constraint: str, figures: dict[str, tuple[float, float]], *, broken: bool
) -> None:
    """The better end of the interval decides, against the limit, the reference's share or the reference's value."""
    reason = _race(constraint).why_broken(_figures(**figures))
    assert bool(reason) is broken
    assert not broken or constraint in reason


def test_an_estimate_breaks_no_limit_that_asks_for_a_measurement() -> None:
    """A constraint with source measured is undecided on an estimate, so nothing is stopped over it."""
    limit = read_constraint("energy <= 1 mJ", Source.MEASURED)
    figures = {"energy_mj": Value(5.0, 4.0, 6.0, Source.ESTIMATED, "test", 1)}
    race = Race((limit,), OBJECTIVES, {}, {}, NOTHING)
    assert race.why_broken(figures) == ""
    assert Race((read_constraint("energy <= 1 mJ"),), OBJECTIVES, {}, {}, NOTHING).why_broken(figures)


@pytest.mark.parametrize(
    ("figures", "dominated"),
    [
        ({"latency_p50": (1.1, 1.3), "accuracy": (0.9, 0.9)}, True),  # slower, and as accurate
        ({"latency_p50": (1.1, 1.3), "accuracy": (0.2, 0.91)}, False),  # may yet turn out more accurate
        ({"latency_p50": (0.9, 1.3), "accuracy": (0.5, 0.5)}, False),  # may be faster
        ({"latency_p50": (1.0, 1.0), "accuracy": (0.9, 0.9)}, False),  # an equal dominates nobody
        ({"latency_p50": (1.1, 1.3)}, False),  # nothing is known of its accuracy
    ],
)
def test_a_rival_dominates_surely_where_no_figure_in_the_intervals_beats_it(
    figures: dict[str, tuple[float, float]], *, dominated: bool
) -> None:
    """Better in one objective at least and worse in none, wherever in their intervals the candidate's figures lie."""
    race = _race(rivals={"rival": {"latency_p50_ms": 1.0, "accuracy": 0.9}})
    assert race.why_dominated(_figures(**figures)) == ("surely dominated by rival" if dominated else "")


POINTS = st.tuples(st.floats(0.1, 10.0), st.floats(0.0, 1.0))
WIDTHS = st.tuples(*[st.floats(0.0, 0.5)] * 4)


@given(truth=POINTS, widths=WIDTHS, limits=POINTS, rivals=st.lists(POINTS, max_size=5))
def test_what_is_feasible_and_not_dominated_is_never_stopped(
    truth: tuple[float, float],
    widths: tuple[float, ...],
    limits: tuple[float, float],
    rivals: list[tuple[float, float]],
) -> None:
    """While intervals hold the true figures, a candidate that keeps all limits and that nobody dominates goes on."""
    latency, accuracy = truth
    figures = _figures(
        latency_p50=(latency * (1 - widths[0]), latency * (1 + widths[1])),
        accuracy=(max(0.0, accuracy - widths[2]), min(1.0, accuracy + widths[3])),
    )
    known = {f"r{i}": {"latency_p50_ms": one, "accuracy": two} for i, (one, two) in enumerate(rivals)}
    race = _race(f"latency_p50 <= {limits[0]!r} ms", f"accuracy >= {limits[1]!r}", rivals=known)
    if latency <= limits[0] and accuracy >= limits[1]:
        assert race.why_broken(figures) == ""
    if not any(one <= latency and two >= accuracy and (one, two) != truth for one, two in rivals):
        assert race.why_dominated(figures) == ""


@pytest.mark.parametrize("rule", ["limits", "rival"])
def test_wrong_stops_are_as_rare_as_promised(rule: str) -> None:
    """Of candidates exactly on every limit, or level with a rival, at most the stated share is stopped over two looks.

    Blocks and processes scatter as the foresight says, with a bias that it knows; 4,000 candidates, and three standard
    errors on top.
    """
    generator, trials, wrong = np.random.default_rng(0), 4000, 0
    keys = ("latency_p50_ms", "memory_peak_mib")
    foresight = Foresight({key: Scatter(-0.05, 0.03, 8) for key in keys}, dict.fromkeys(keys, (0.02, 2)))
    objectives = tuple(METRICS[name] for name in ("latency_p50", "memory_peak"))
    limits = () if rule == "rival" else tuple(map(read_constraint, ("latency_p50 <= 1 ms", "memory_peak <= 1 MiB")))
    rivals = {"rival": dict.fromkeys(keys, 1.0)} if rule == "rival" else {}
    race = Race(limits, objectives, rivals, {}, foresight)
    for _ in range(trials):
        reasons = []
        for look, bias, scatter in ((FIRST_BLOCK, 0.05, math.hypot(0.03, 0.02)), (WINDOW, 0.0, 0.02)):
            seen = {key: math.exp(generator.normal(bias, scatter)) for key in keys}
            figures = race.expected(look, seen, fill_ms=0.0, calls=100)
            reasons.append(race.why_broken(figures) or race.why_dominated(figures))
        wrong += any(reasons)
    assert wrong / trials <= ERROR + 3 * math.sqrt(ERROR * (1 - ERROR) / trials)


def test_something_is_stopped_all_the_same() -> None:
    """The rules have power: a candidate twice as slow as its limit is stopped at the first block."""
    foresight = Foresight({"latency_p50_ms": Scatter(-0.05, 0.03, 8)}, {"latency_p50_ms": (0.02, 2)})
    race = _race("latency_p50 <= 5 ms", foresight=foresight)
    assert race.why_broken(race.expected(FIRST_BLOCK, {"latency_p50_ms": 10.0}, fill_ms=0.0, calls=100))


# -- real runs ---------------------------------------------------------------------------------------------------------

SEARCH = (
    "{strategy: exhaustive, seed: 0, knobs: {precision: [fp32], threads: [1], graph_level: [all], batch: [1, 4]}%s}"
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
