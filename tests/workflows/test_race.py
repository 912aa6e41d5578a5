"""Races: what may be stopped, and what never is."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.agent.looks import FIRST_BLOCK, WINDOW
from autoedge.bench.evidence import Spread
from autoedge.bench.foresight import Foresight, Scatter
from autoedge.bench.sight import Sight
from autoedge.decide.verdict import Verdict, decide
from autoedge.intent.constraint import read_constraint
from autoedge.measurement import Source, Value
from autoedge.metric import METRICS
from autoedge.workflows.race import ERROR, Race, Rival
from autoedge.workflows.racing import race_on

OBJECTIVES = tuple(METRICS[name] for name in ("latency_p50", "accuracy"))
NOTHING = Foresight({}, {})


def _race(*constraints: str, rivals: dict[str, Rival] | None = None, **changes: Any) -> Race:
    limits = tuple(read_constraint(text) for text in constraints)
    reference = {"latency_p50_ms": 10.0, "accuracy": 0.9, "size_mib": 2.0}
    fields = {"objectives": OBJECTIVES, "rivals": rivals or {}, "reference": reference, "foresight": NOTHING}
    return Race(limits, **{**fields, **changes})


def _figures(**ends: tuple[float, float]) -> Sight:
    figures = {
        METRICS[name].key: Value((low + high) / 2, low, high, Source.DERIVED, "test", 1)
        for name, (low, high) in ends.items()
    }
    return Sight().knowing(figures)


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
    figures = Sight().knowing({"energy_mj": Value(5.0, 4.0, 6.0, Source.ESTIMATED, "test", 1)})
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
    race = _race(rivals={"rival": Rival({"latency_p50_ms": 1.0, "accuracy": 0.9})})
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
    known = {f"r{i}": Rival({"latency_p50_ms": one, "accuracy": two}) for i, (one, two) in enumerate(rivals)}
    race = _race(f"latency_p50 <= {limits[0]!r} ms", f"accuracy >= {limits[1]!r}", rivals=known)
    if latency <= limits[0] and accuracy >= limits[1]:
        assert race.why_broken(figures) == ""
    if not any(one <= latency and two >= accuracy and (one, two) != truth for one, two in rivals):
        assert race.why_dominated(figures) == ""


def _drawn_spread(generator: np.random.Generator, true: float, dof: int) -> tuple[float, int]:
    """A standard deviation as a few processes would show it."""
    return true * math.sqrt(generator.chisquare(dof) / dof), dof


@pytest.mark.parametrize(
    ("limits", "rivals"),
    [
        (("latency_p50 <= 1 ms", "memory_peak <= 1 MiB"), 0),
        (("latency_p50 <= 50 % of baseline",), 0),
        ((), 1),
        ((), 20),
        ((), 40),
        (("memory_peak <= 1 MiB",), 20),
    ],
)
def test_wrong_stops_are_as_rare_as_promised(limits: tuple[str, ...], rivals: int) -> None:
    """At most the stated share is stopped over two looks though it is on every limit and no rival would dominate it.

    Candidates are on every limit and level with all rivals. All that is known was measured: blocks, the candidate, each
    rival and the reference in one process each, the spreads in a few. 3,000 candidates, and three standard errors on
    top. Whether a rival dominates is told by the full figures of the candidate's own process.
    """
    generator, trials, wrong = np.random.default_rng(0), 3000, 0
    keys = ("latency_p50_ms", "memory_peak_mib")
    constraints = tuple(map(read_constraint, limits))
    for _ in range(trials):
        between = {key: _drawn_spread(generator, 0.02, 6) for key in keys}
        foresight = Foresight({key: Scatter(-0.05, *_drawn_spread(generator, 0.03, 8)) for key in keys}, between)
        known = {f"r{i}": Rival({keys[0]: math.exp(generator.normal(0, 0.02))}) for i in range(rivals)}
        reference = {keys[0]: 2 * math.exp(generator.normal(0, 0.02))}
        race = Race(constraints, OBJECTIVES[:1], known, reference, foresight)
        process = {key: generator.normal(0, 0.02) for key in keys}  # both looks are at the same process
        dominated = any(rival.values[keys[0]] < math.exp(process[keys[0]]) for rival in known.values())
        mistakes = []
        for look, bias, scatter in ((FIRST_BLOCK, 0.05, 0.03), (WINDOW, 0.0, 0.0)):
            seen = {key: math.exp(process[key] + generator.normal(bias, scatter)) for key in keys}
            sight = race.expected(look, seen, fill_ms=0.0, calls=100)
            mistakes.append(race.why_broken(sight) or ("" if dominated else race.why_dominated(sight)))
        wrong += any(mistakes)
    assert wrong / trials <= ERROR + 3 * math.sqrt(ERROR * (1 - ERROR) / trials)


def test_a_rival_at_the_edge_of_a_limit_stops_nothing_with_more_room() -> None:
    """A rival whose interval holds a limit may yet break it: who has more room there goes on, who has less does not."""
    limit = read_constraint("memory_peak <= 64 MiB")
    at_edge = Rival({"latency_p50_ms": 10.0, "accuracy": 0.9}, {limit.key: 0.1 / 64})
    race = Race((limit,), OBJECTIVES, {"rival": at_edge}, {}, NOTHING)
    slower = {"latency_p50": (10.2, 10.8), "accuracy": (0.9, 0.9)}
    assert race.why_dominated(_figures(**slower, memory_peak=(38.0, 42.0))) == ""
    assert race.why_dominated(_figures(**slower)) == ""  # its memory is not known
    assert race.why_dominated(_figures(**slower, memory_peak=(63.95, 66.0))) == "surely dominated by rival"
    inside = Rival(at_edge.values)
    surely = Race((limit,), OBJECTIVES, {"rival": inside}, {}, NOTHING)
    assert surely.why_dominated(_figures(**slower, memory_peak=(38.0, 42.0))) == "surely dominated by rival"


def test_nobody_is_its_own_rival() -> None:
    """A candidate that ran once already is not held against itself."""
    rivals = {"one": Rival({"latency_p50_ms": 1.0, "accuracy": 0.9})}
    race = _race(rivals=rivals)
    slower = _figures(latency_p50=(1.1, 1.3), accuracy=(0.9, 0.9))
    assert race.why_dominated(slower)
    assert race.without("one").why_dominated(slower) == ""


def test_what_is_held_against_a_measured_figure_is_known_less_well() -> None:
    """Intervals grow from a limit to the reference; against rivals only the rest of this process is not known.

    Stored and read back they are the same, and after the whole window nothing is unknown of this process.
    """
    foresight = Foresight({"latency_p50_ms": Scatter(-0.05, 0.03, 8)}, {"latency_p50_ms": (0.02, 6)})
    rivals = {f"r{i}": Rival({"latency_p50_ms": 1.0, "accuracy": 0.9}) for i in range(5)}
    race = _race("latency_p50 <= 5 ms", rivals=rivals, foresight=foresight)
    sight = race.expected(FIRST_BLOCK, {"latency_p50_ms": 1.0, "size_mib": 2.0}, fill_ms=0.0, calls=10)
    widths = [
        one["latency_p50_ms"].high - one["latency_p50_ms"].low
        for one in (sight.alone, sight.to_reference, sight.to_rivals)
    ]
    assert widths[2] < widths[0] < widths[1]
    window = race.expected(WINDOW, {"latency_p50_ms": 1.0}, fill_ms=0.0, calls=10).to_rivals["latency_p50_ms"]
    assert window.low == window.value == window.high
    assert Sight.of(sight.alone, {"ends": sight.ends()}) == sight


def test_something_is_stopped_all_the_same() -> None:
    """The rules have power: a candidate twice as slow as its limit is stopped at the first block."""
    foresight = Foresight({"latency_p50_ms": Scatter(-0.05, 0.03, 8)}, {"latency_p50_ms": (0.02, 2)})
    race = _race("latency_p50 <= 5 ms", foresight=foresight)
    assert race.why_broken(race.expected(FIRST_BLOCK, {"latency_p50_ms": 10.0}, fill_ms=0.0, calls=100))


def test_processes_that_lie_apart_keep_no_dominated_candidate_alive() -> None:
    """A rival dominates by what this process would say in full: one odd baseline does not end all racing over rivals.

    A limit is another matter: the same figure may keep it in the next process. So is a result of several processes.
    """
    foresight = Foresight({"latency_p50_ms": Scatter(0.0, 0.02, 20)}, {"latency_p50_ms": (0.3, 2)})
    race = Race(
        (read_constraint("latency_p50 <= 1.1 ms"),),
        OBJECTIVES[:1],
        {"rival": Rival({"latency_p50_ms": 1.0})},
        {},
        foresight,
    )
    sight = race.expected(FIRST_BLOCK, {"latency_p50_ms": 1.3}, fill_ms=0.0, calls=100)
    assert race.why_broken(sight) == ""
    assert race.why_dominated(sight) == "surely dominated by rival"
    several = replace(race, processes=3)
    assert several.why_dominated(several.expected(FIRST_BLOCK, {"latency_p50_ms": 1.3}, fill_ms=0.0, calls=100)) == ""


class _KnownRun:
    """As much of a run as a race needs: one candidate that kept a limit in the search, and what confirm rounds said."""

    def __init__(self, confirmed_ms: float | None) -> None:
        self.search_cost = 1
        self.intent = SimpleNamespace(search=SimpleNamespace(racing=True), objectives=OBJECTIVES[:1])
        self.prepared = SimpleNamespace(constraints=(read_constraint("latency_p50 <= 5 ms"),))
        self.measurements: list[Any] = []
        self._confirmed_ms = confirmed_ms

    def rows(self, _candidate: str, _phases: object) -> list[Any]:
        return [] if self._confirmed_ms is None else [SimpleNamespace(ok=True, started=1.0, session="s", target="t")]

    def reference_on(self, _target: str) -> Any:
        return SimpleNamespace(candidate_id="reference")

    def explored(self, _candidate: str) -> None:
        return None

    def confirmed(self, candidate: str, _session: str) -> Any:
        return None if candidate == "reference" else self._evidence(self._confirmed_ms or 0.0)

    def _evidence(self, latency_ms: float) -> Any:
        value = Value(latency_ms, latency_ms * 0.9, latency_ms * 1.1, Source.MEASURED, "test", 1)
        return SimpleNamespace(candidate_id="rival", processes=1, value=lambda _key: value)

    def verdict(self, evidence: Any, _reference: object) -> Verdict:
        return Verdict("rival", tuple(decide(one, evidence.value("")) for one in self.prepared.constraints))

    def feasible(self, verdict: Verdict) -> bool:
        return all((one.slack or 0.0) >= 0 for one in verdict.decisions)

    def keeping(self, _target: str) -> list[tuple[Any, Verdict]]:
        found = self._evidence(4.9)
        return [(found, self.verdict(found, None))]

    def spread_on(self, _target: str) -> Spread:
        return Spread({})


@pytest.mark.parametrize(("confirmed_ms", "races"), [(None, True), (4.8, True), (5.2, False)])
def test_who_failed_the_confirm_rounds_is_no_rival(confirmed_ms: float | None, *, races: bool) -> None:
    """A limit kept in the search and broken in confirm rounds ends a rival; till then its narrow room is told."""
    run: Any = _KnownRun(confirmed_ms)
    race = race_on(run, "t")
    assert (race is not None) is races
    if race is not None:
        limit = run.prepared.constraints[0]
        assert race.rivals["rival"].tight == {limit.key: pytest.approx(0.1 / 5)}
