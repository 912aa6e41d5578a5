"""Met when the interval lies inside the limit, not met when outside, else undecided."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.decide.verdict import Decision, Outcome, Verdict, decide, slack
from autoedge.intent.constraint import read_constraint
from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Value]

MET, NOT_MET, UNDECIDED = Outcome.MET, Outcome.NOT_MET, Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("text", "interval", "outcome", "room"),
    [
        ("latency_p95 <= 20 ms", (15, 14, 16), MET, 0.25),
        ("latency_p95 <= 20 ms", (20, 20, 20), MET, 0.0),
        ("latency_p95 <= 20 ms", (19, 18, 20), MET, 0.05),
        ("latency_p95 <= 20 ms", (19, 18, 20.1), UNDECIDED, 0.05),
        ("latency_p95 <= 20 ms", (21, 19, 22), UNDECIDED, -0.05),
        ("latency_p95 <= 20 ms", (21, 20, 22), UNDECIDED, -0.05),
        ("latency_p95 <= 20 ms", (21, 20.1, 22), NOT_MET, -0.05),
        ("throughput >= 100 / s", (120, 110, 130), MET, 0.2),
        ("throughput >= 100 / s", (100, 100, 100), MET, 0.0),
        ("throughput >= 100 / s", (105, 95, 115), UNDECIDED, 0.05),
        ("throughput >= 100 / s", (95, 90, 105), UNDECIDED, -0.05),
        ("throughput >= 100 / s", (90, 85, 99), NOT_MET, -0.1),
        ("latency_p50 <= 50 % of baseline", (0.4, 0.35, 0.45), MET, 0.2),
        ("latency_p50 <= 50 % of baseline", (0.5, 0.45, 0.55), UNDECIDED, 0.0),
        ("latency_p50 <= 50 % of baseline", (0.6, 0.55, 0.65), NOT_MET, -0.2),
    ],
)
def test_the_interval_decides(
    figure: Make, text: str, interval: tuple[float, float, float], outcome: Outcome, room: float
) -> None:
    """For upper and lower limits and ratios: inside, on the edge, across, outside; slack is relative to the limit."""
    decision = decide(read_constraint(text), figure(*interval))
    assert decision.outcome is outcome
    assert decision.slack == pytest.approx(room)
    assert (decision.note != "") == (outcome is UNDECIDED)


@pytest.mark.parametrize(
    ("text", "interval", "outcome", "room"),
    [
        ("accuracy >= 0.95", (0.96, 0.93, 0.98), MET, 0.01 / 0.95),
        ("accuracy >= 0.95", (0.95, 0.9, 0.97), MET, 0.0),
        ("accuracy >= 0.95", (0.94, 0.9, 0.97), NOT_MET, -0.01 / 0.95),
        ("accuracy drop <= 1 %", (0.005, -0.01, 0.03), MET, 0.005),
        ("accuracy drop <= 1 %", (0.02, -0.01, 0.05), NOT_MET, -0.01),
        ("accuracy drop <= 0 %", (-0.01, -0.03, 0.01), MET, 0.01),
    ],
)
def test_quality_is_decided_by_its_value(
    figure: Make, text: str, interval: tuple[float, float, float], outcome: Outcome, room: float
) -> None:
    """More runs add no data, so the value decides; slack of a drop is in fraction points."""
    decision = decide(read_constraint(text), figure(*interval))
    assert decision.outcome is outcome
    assert decision.slack == pytest.approx(room)


def test_the_strict_rule_for_quality_is_the_interval(figure: Make) -> None:
    """With decide: interval, accuracy must keep its limit with its whole interval."""
    constraint = read_constraint("accuracy >= 0.95", decide="interval")
    assert decide(constraint, figure(0.96, 0.93, 0.98)).outcome is UNDECIDED
    assert decide(constraint, figure(0.97, 0.96, 0.98)).outcome is MET


def test_an_estimate_does_not_stand_for_a_measurement(figure: Make) -> None:
    """A limit that must be measured stays undecided on an estimate, however good it looks."""
    constraint = read_constraint("energy <= 5 mJ", source=Source.MEASURED)
    decision = decide(constraint, figure(1, 0.5, 1.5, "estimated"))
    assert decision.outcome is UNDECIDED
    assert decision.slack == pytest.approx(0.8)
    assert decision.note == "must be measured, but is only estimated"
    assert decide(constraint, figure(1, 0.5, 1.5, "measured")).outcome is MET
    assert decide(constraint, figure(1, 0.5, 1.5, "derived")).outcome is MET


def test_what_is_decided_on_an_estimate_says_so(figure: Make) -> None:
    """The estimate's band decides, and the note says that it was an estimate and by how much it may be off."""
    constraint = read_constraint("energy <= 5 mJ")
    met = decide(constraint, figure(2, 1, 3, "estimated"))
    assert (met.outcome, met.note) == (MET, "decided on an estimate that may be off by 50 %")
    across = decide(constraint, figure(4, 2, 6, "estimated"))
    assert across.outcome is UNDECIDED
    assert across.note == "the interval holds the limit; decided on an estimate that may be off by 50 %"
    nothing = decide(constraint, figure(0, 0, 0, "estimated"))
    assert (nothing.outcome, nothing.note) == (MET, "decided on an estimate")


def test_a_missing_figure_is_undecided() -> None:
    """What was not measured can neither keep nor break a limit; the reason is told."""
    constraint = read_constraint("latency_p99 <= 20 ms")
    decision = decide(constraint, None, "only 64 of 662 calls fitted into the time cap")
    assert decision == Decision(constraint, UNDECIDED, None, None, "only 64 of 662 calls fitted into the time cap")
    assert decide(constraint, None).note == "the metric was not measured"


LIMITS = st.floats(1e-3, 1e6)


@given(limit=LIMITS, value=LIMITS, sense=st.sampled_from(["<=", ">="]))
def test_slack_is_negative_exactly_when_the_value_breaks_the_limit(limit: float, value: float, sense: str) -> None:
    """The sign of the slack is the verdict on the value, for upper and lower limits."""
    constraint = read_constraint(f"throughput {sense} {limit!r} / s")
    kept = value <= constraint.limit if sense == "<=" else value >= constraint.limit
    assert (slack(constraint, value) >= 0) == kept


@given(st.data(), LIMITS, st.sampled_from(["<=", ">="]))
def test_a_narrower_interval_never_overturns(data: st.DataObject, limit: float, sense: str) -> None:
    """What a wide interval has decided, any interval inside it decides the same way."""
    constraint = read_constraint(f"throughput {sense} {limit!r} / s")
    low, inner_low, value, inner_high, high = sorted(data.draw(st.tuples(*[LIMITS] * 5)))
    wide = decide(constraint, Value(value, low, high, Source.MEASURED, "", 1)).outcome
    narrow = decide(constraint, Value(value, inner_low, inner_high, Source.MEASURED, "", 1)).outcome
    assert wide in (narrow, UNDECIDED)


def _decision(outcome: Outcome, room: float | None = 0.0) -> Decision:
    return Decision(read_constraint("latency_p50 <= 1 ms"), outcome, None, room)


@pytest.mark.parametrize("outcomes", list(itertools.product(Outcome, repeat=3)))
def test_one_broken_limit_breaks_the_verdict(outcomes: tuple[Outcome, ...]) -> None:
    """Not met when any is not met, else undecided when any is undecided, else met."""
    verdict = Verdict("c", tuple(map(_decision, outcomes)))
    expected = NOT_MET if NOT_MET in outcomes else UNDECIDED if UNDECIDED in outcomes else MET
    assert verdict.outcome is expected


def test_no_limits_are_kept() -> None:
    """An intent without constraints is met by anything."""
    assert Verdict("c", ()).outcome is MET
    assert Verdict("c", ()).violation == 0


def test_violation_sums_what_is_broken() -> None:
    """Room left elsewhere makes up for nothing; an absent figure counts as one whole limit."""
    rooms = [0.5, -0.25, None, -0.5, 0.0]
    assert Verdict("c", tuple(_decision(MET, room) for room in rooms)).violation == pytest.approx(1.75)
