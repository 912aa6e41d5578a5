"""What a single relaxation would open: only what would really let a candidate through, the smallest step first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.decide.relaxation import relaxations
from autoedge.decide.verdict import Outcome, Verdict, decide
from autoedge.intent.constraint import Constraint, read_constraint
from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Value]

FAST = read_constraint("latency_p95 <= 20 ms")
SMALL = read_constraint("memory_peak <= 64 MiB")
GOOD = read_constraint("accuracy >= 0.9")
MANY = read_constraint("throughput >= 100 / s")


def _verdict(name: str, *held: tuple[Constraint, Value | None]) -> Verdict:
    return Verdict(name, tuple(decide(constraint, figure) for constraint, figure in held))


EVERYONE = ("slow", "less slow", "large", "few", "poor", "wide", "close", "one", "two", "none")


def test_only_a_single_broken_limit_counts(figure: Make) -> None:
    """A candidate that breaks two limits is let through by no single relaxation; one that breaks none needs none."""
    two = _verdict("two", (FAST, figure(30)), (SMALL, figure(80)))
    none = _verdict("none", (FAST, figure(10)), (SMALL, figure(10)))
    one = _verdict("one", (FAST, figure(10)), (SMALL, figure(80)))
    (found,) = relaxations([two, none, one], EVERYONE)
    assert (found.candidate_id, found.constraint, found.limit) == ("one", SMALL, 80)
    assert relaxations([two, none], EVERYONE) == []
    assert relaxations([], EVERYONE) == []


def test_the_smallest_step_comes_first(figure: Make) -> None:
    """Steps are relative to their limits; each constraint is named once, with the candidate that is nearest."""
    verdicts = [
        _verdict("slow", (FAST, figure(40)), (SMALL, figure(1))),
        _verdict("less slow", (FAST, figure(26)), (SMALL, figure(1))),
        _verdict("large", (FAST, figure(1)), (SMALL, figure(70.4))),
    ]
    found = relaxations(verdicts, EVERYONE)
    assert [(each.candidate_id, each.limit) for each in found] == [("large", 70.4), ("less slow", 26)]


def test_the_limit_named_would_let_the_whole_interval_through(figure: Make) -> None:
    """For what is decided by its interval the far end counts, for quality the value."""
    verdicts = [
        _verdict("slow", (FAST, figure(30, 28, 33))),
        _verdict("few", (MANY, figure(80, 75, 84))),
        _verdict("poor", (GOOD, figure(0.8, 0.7, 0.85))),
    ]
    found = relaxations(verdicts, EVERYONE)
    assert {each.candidate_id: each.limit for each in found} == {"slow": 33, "few": 75, "poor": 0.8}


def test_a_single_run_counts_by_its_value(figure: Make) -> None:
    """The interval of a candidate that was not confirmed is wide for want of processes, so its value says how far."""
    (found,) = relaxations([_verdict("slow", (FAST, figure(30, 15, 60)))], [])
    assert found.limit == 30


def test_the_step_is_to_the_limit_named(figure: Make) -> None:
    """An undecided candidate with much room but a wide interval is as far as the end of its interval."""
    wide = _verdict("wide", (FAST, figure(19, 8, 40)), (SMALL, figure(1)))
    close = _verdict("close", (FAST, figure(22, 21, 23)), (SMALL, figure(1)))
    (found,) = relaxations([wide, close], EVERYONE)
    assert (found.candidate_id, found.limit) == ("close", 23)


def test_no_relaxation_makes_a_limit_stricter(figure: Make) -> None:
    """Where the value keeps the limit and only the certainty is missing, there is nothing to relax."""
    assert relaxations([_verdict("maybe", (FAST, figure(12, 8, 40)))], []) == []


def test_what_was_not_measured_cannot_be_relaxed(figure: Make) -> None:
    """No limit lets a missing figure through, nor an estimate where a measurement is asked for."""
    strict = read_constraint("energy <= 5 mJ", source=Source.MEASURED)
    for verdict in (
        _verdict("absent", (FAST, None)),
        _verdict("guessed", (strict, figure(8, 4, 12, "estimated"))),
        _verdict("lucky", (strict, figure(2, 1, 3, "estimated"))),
    ):
        assert relaxations([verdict], [verdict.candidate_id]) == []


FIGURES = st.tuples(*[st.floats(1, 200)] * 3).map(lambda ends: Value(*_sorted(ends), Source.MEASURED, "", 1))


def _sorted(ends: tuple[float, ...]) -> tuple[float, float, float]:
    low, value, high = sorted(ends)
    return value, low, high


@given(st.lists(st.tuples(FIGURES, FIGURES), max_size=6))
def test_every_relaxation_opens_the_space(rows: list[tuple[Value, Value]]) -> None:
    """With the limit moved as told, the confirmed candidate named meets everything; before, it did not."""
    figures = {str(i): row for i, row in enumerate(rows)}
    verdicts = [_verdict(name, *zip((FAST, MANY), row, strict=True)) for name, row in figures.items()]
    for found in relaxations(verdicts, list(figures)):
        moved = [replace(c, limit=found.limit) if c is found.constraint else c for c in (FAST, MANY)]
        held = zip(moved, figures[found.candidate_id], strict=True)
        assert all(decide(constraint, value).outcome is Outcome.MET for constraint, value in held)


@pytest.mark.parametrize("text", ["accuracy drop <= 1 %", "latency_p50 <= 50 % of baseline"])
def test_relative_limits_are_relaxed_in_their_own_terms(figure: Make, text: str) -> None:
    """A drop is relaxed in points and a ratio as a share."""
    (found,) = relaxations([_verdict("c", (read_constraint(text), figure(0.6, 0.55, 0.65)))], ["c"])
    assert found.limit == (0.6 if "drop" in text else 0.65)
