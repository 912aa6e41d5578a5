"""What a gate makes of rounds in which something failed, was invalid or is absent: never a pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.metric import METRICS
from autoedge.workflows.gate_judge import Judged, judge

if TYPE_CHECKING:
    from collections.abc import Callable

LOOKS = (6, 10, 20)


def row(number: int, status: Status = Status.OK, **metrics: float) -> Measurement:
    """One process."""
    return Measurement(
        candidate_id="c",
        config_id="c",
        target="new",
        fingerprint="f",
        runtime_version="1",
        variant_hash="v",
        data_hash="",
        protocol_id="p",
        session="check",
        phase=Phase.CONFIRM,
        replicate=number,
        status=status,
        reason="" if status is Status.OK else "it was throttled",
        metrics={
            METRICS[name].key: Value(figure, figure, figure, Source.MEASURED, "test", 1)
            for name, figure in metrics.items()
        },
    )


@pytest.fixture
def judged() -> Callable[..., Judged]:
    """Judges rows of new and base at a look; what is asked is that a median and a 99th percentile are no worse."""

    def made(look: int, new: list[Measurement], base: list[Measurement] | None) -> Judged:
        arms: dict[str, Any] = {"new": SimpleNamespace(candidate=SimpleNamespace(candidate_id="c"), bench=None)}
        rows = {"new": new}
        if base is not None:
            arms["base"], rows["base"] = arms["new"], base
        arms["new"].bench = SimpleNamespace(quality=None)
        metrics = (METRICS["latency_p50"], METRICS["latency_p99"])
        question: Any = SimpleNamespace(constraints=(), metrics=metrics)
        return judge(question, arms, rows, look=look, looks=LOOKS, share=0.5, limit=0.02)

    return made


def sound(count: int, worse: float = 1.0) -> list[Measurement]:
    """Valid processes that differ a little."""
    return [row(i, latency_p50=worse * (1 + 1e-4 * i), latency_p99=worse * (2 + 1e-4 * i)) for i in range(count)]


def test_sound_rounds_pass(judged: Callable[..., Judged]) -> None:
    """The yardstick: nothing changed and nothing failed is met, and it is sure."""
    found = judged(20, sound(20), sound(20))
    assert (found.outcome, found.sure, found.fails) == ("met", True, False)
    assert judged(20, sound(20, 1.5), sound(20)).outcome == "regressed"


@pytest.mark.parametrize("side", ["new", "base"])
def test_no_valid_process_is_no_pass(judged: Callable[..., Judged], side: str) -> None:
    """Where one side has only invalid processes the gate is undecided, and goes on, since later ones may be valid."""
    invalid = [row(i, Status.INVALID) for i in range(6)]
    found = judged(6, *((invalid, sound(6)) if side == "new" else (sound(6), invalid)))
    assert (found.outcome, found.sure) == ("undecided", False)
    assert {change.outcome for change in found.changes} == {"undecided"}


def test_an_absent_metric_is_no_pass(judged: Callable[..., Judged]) -> None:
    """A bundle so slow that a percentile is absent in one process does not pass for it."""
    new = [*sound(19), row(19, latency_p50=1.0)]
    found = judged(20, new, sound(20))
    assert found.outcome == "undecided"
    lacking = next(change for change in found.changes if change.metric.name == "latency_p99")
    assert lacking.note == "absent in 1 of 20 of new"


def test_failures_are_no_pass(judged: Callable[..., Judged]) -> None:
    """A bundle that fails more often than the base is not better than undecided; as often as the base it may pass."""
    failing = [row(i, Status.FAILED) if i % 2 else sound(20)[i] for i in range(20)]
    found = judged(20, failing, sound(20))
    assert (found.outcome, found.fails) == ("undecided", True)
    assert found.plain()["fails"]
    assert judged(20, failing, None).outcome == "undecided"
    assert not judged(20, failing, failing).fails


def test_an_open_outcome_says_what_would_decide_it(judged: Callable[..., Judged]) -> None:
    """The next look's budget, with time where it is bounded; after the last one what else helps; nothing once sure."""
    noisy = [row(i, latency_p50=1 + 0.5 * (-1) ** i, latency_p99=2.0) for i in range(20)]
    early, late = judged(6, noisy[:6], sound(6)), judged(20, noisy, sound(20))
    assert (early.outcome, late.outcome) == ("undecided", "undecided")
    told = "more rounds may decide it: budget: {measurements: 20} in the intent allows 10"
    assert early.advice(LOOKS, None) == told
    assert early.advice(LOOKS, 180.0) == told.replace("20}", "20, time: 6 min}")
    assert late.advice(LOOKS, None).startswith("20 rounds did not suffice")
    assert judged(20, sound(20), sound(20)).advice(LOOKS, None) == ""
    assert judged(20, sound(20, 1.5), sound(20)).advice(LOOKS, None) == ""
