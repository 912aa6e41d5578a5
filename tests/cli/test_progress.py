"""The progress of a run, shown while it works."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.candidate import Candidate, Configuration
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.workflows.events import Began, Doing, Lost, Measured, Note, StageBegan
from autoedge_cli.progress import Progress, picture
from autoedge_cli.progress_state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    Told = Callable[..., Measured]


def _candidate(batch: int = 1, target: str = "local", model: str = "tiny") -> Candidate:
    knobs: dict[str, int | str | float] = {"batch": batch, "threads": 2}
    return Candidate(Configuration(model, {"precision": "fp32"}, "onnxruntime", knobs), target)


@pytest.fixture
def told() -> Told:
    """``told(candidate, used, reason, **other)``: a measurement that ended well, or failed with a reason."""

    def make(candidate: Candidate, used: int = 10, reason: str = "", **other: Any) -> Measured:
        figures = {
            "latency_p95_ms": Value(0.123, 0.12, 0.13, Source.MEASURED, "median", 6),
            "accuracy": Value(0.968, 0.95, 0.98, Source.MEASURED, "Wilson", 540),
            "energy_mj": Value(0.36, 0.18, 0.54, Source.ESTIMATED, "software estimate", 1),
        }
        measurement = Measurement(
            candidate_id=candidate.candidate_id,
            config_id=candidate.configuration.config_id,
            target=candidate.target,
            fingerprint="",
            runtime_version="",
            variant_hash="",
            data_hash="",
            protocol_id="",
            session="",
            phase=Phase.SEARCH,
            replicate=0,
            status=Status.FAILED if reason else Status.OK,
            reason=reason,
            metrics={} if reason else figures,
        )
        plain: dict[str, Any] = {
            "budget": 60,
            "reserve": 0,
            "objectives": (),
            "seconds": 30.0,
            "time_budget_s": None,
            "best": None,
        }
        return Measured(candidate, measurement, used, **{**plain, **other})

    return make


class _Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """So it says."""
        return True


class _Gone(io.StringIO):
    """A stream whose reader went away."""

    def write(self, _: str) -> int:
        """Nobody listens any more."""
        raise BrokenPipeError


def test_plain_lines(told: Told) -> None:
    """Without a terminal each event that matters is one line: stages, measurements, notes; phases are none."""
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress(StageBegan("search", "surrogate over 812 candidates"))
        progress(Began(_candidate()))
        progress(Doing(_candidate(), "warm-up"))
        progress(told(_candidate(), 10))
        progress(told(_candidate(4), 11, "it crashed during warm-up"))
        progress(Note("every candidate of the space is measured"))
        progress(Note("the budget is short", warning=True))
    assert stream.getvalue().splitlines() == [
        "autoedge: search: surrogate over 812 candidates",
        "autoedge: 10/60 search tiny fp32: latency_p95 0.123 ms, accuracy 96.8 %",
        "autoedge: 11/60 search tiny fp32 batch=4: failed: it crashed during warm-up",
        "autoedge: every candidate of the space is measured",
        "autoedge: warning: the budget is short",
    ]


def test_lines_are_flushed_at_once(told: Told) -> None:
    """Each line reaches its reader before the next event."""
    raw = io.BytesIO()
    with Progress(io.TextIOWrapper(raw, encoding="utf-8")) as progress:
        progress(told(_candidate()))
        assert raw.getvalue().endswith(b"\n")


def test_a_reader_that_went_away_never_ends_a_run(told: Told) -> None:
    """A broken or closed stream is no error for the one who tells."""
    with Progress(_Gone()) as progress:
        progress(told(_candidate()))
    closed = io.StringIO()
    closed.close()
    quiet = Progress(closed)
    quiet(told(_candidate()))


def test_events_from_two_threads(told: Told) -> None:
    """Listening from several threads loses and mixes nothing."""
    stream, events = io.StringIO(), 200
    with Progress(stream) as progress:

        def work(target: str) -> None:
            for used in range(events):
                progress(Began(_candidate(used, target)))
                progress(told(_candidate(used, target), used, f"reason of {target}"))

        threads = [threading.Thread(target=work, args=(target,)) for target in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 * events
    for target in ("one", "two"):
        own = [line for line in lines if line.endswith(f"reason of {target}")]
        assert [int(line.split()[1].partition("/")[0]) for line in own] == list(range(events))


def test_hostile_text(told: Told) -> None:
    """What a device or a file says is one harmless line."""
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress(Note("[red]note\n\x1b[31m", warning=True))
        progress(told(_candidate(model="m\x1b]0;title\x07"), 1, "first\nsecond\u202e" + "x" * 5000))
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()
    assert r"first\nsecond\u202e" in stream.getvalue()
    assert len(stream.getvalue()) < 1000


def test_terminal_display_goes_and_warnings_stay(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal the display is cleared at the end, a warning is printed to stay, and events print no lines."""
    monkeypatch.setenv("TERM", "xterm")
    stream = _Terminal()
    with Progress(stream) as progress:
        progress(StageBegan("search", "random over 8 candidates"))
        progress(told(_candidate()))
        progress(Note("the budget is short", warning=True))
    text = stream.getvalue()
    assert "warning: the budget is short" in text
    assert "10/60" not in text
    assert text.rindex("\x1b[2K") > text.rindex("the budget is short")  # the last thing done is to clear lines
    assert text.endswith("\x1b[2K")


def test_terminal_display_from_two_threads(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings from several threads while the display draws itself neither block nor get lost."""
    monkeypatch.setenv("TERM", "xterm")
    stream = _Terminal()
    with Progress(stream) as progress:

        def work(name: str) -> None:
            for i in range(30):
                progress(told(_candidate(i)))
                progress(Note(f"warning {name}{i}", warning=True))

        threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert all(f"warning {name}{i}" in stream.getvalue() for name in ("a", "b") for i in range(30))


def test_dumb_terminals_get_lines(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot move its cursor gets plain lines."""
    monkeypatch.setenv("TERM", "dumb")
    stream = _Terminal()
    with Progress(stream) as progress:
        progress(told(_candidate()))
    assert stream.getvalue().startswith("autoedge: 10/60")
    assert "\x1b" not in stream.getvalue()


@pytest.fixture
def seen(paper: Callable[..., Console], read: Callable[[Console], str]) -> Callable[[State], list[str]]:
    """``seen(state)``: the lines of the live display at 80 columns."""

    def drawn(state: State) -> list[str]:
        sheet = paper(80)
        sheet.print(picture(state))
        return [line.rstrip() for line in read(sheet).splitlines()]

    return drawn


def test_picture_while_measuring(told: Told, seen: Callable[[State], list[str]]) -> None:
    """The display tells stage, candidate and what it does, best so far, budget, time and failures."""
    clock = _Clock()
    state = State(clock=clock)
    best = (_candidate(4), {"latency_p95_ms": 0.1, "accuracy": 0.97})
    state.take(StageBegan("search", "surrogate over 812 candidates"))
    state.take(told(_candidate(4), 14, "out of memory", best=best))
    state.take(told(_candidate(4), 15, best=best))
    state.take(Began(_candidate(8)))
    state.take(Doing(_candidate(8), "warm-up"))
    clock.now += 5
    assert seen(state) == [
        "autoedge search  surrogate over 812 candidates",
        "now     tiny fp32 batch=8",
        "        warm-up, 0:05",
        "best    tiny fp32 batch=4",
        "        latency_p95 0.100 ms, accuracy 97.0 %",
        "budget  ━━━━━━━━━───────────────────────────  15 of 60",
        "time    0:35, up to 1:25 left",
        "failed  1, the last: out of memory",
    ]


def test_picture_before_anything(seen: Callable[[State], list[str]]) -> None:
    """Before the first measurement there is a display without figures."""
    state = State(clock=_Clock())
    state.take(StageBegan("prepare", "looking into models and data"))
    assert seen(state) == ["autoedge prepare  looking into models and data", "now     preparing", "time    0:00"]


def test_reserve_is_drawn_where_it_is_told(told: Told, seen: Callable[[State], list[str]]) -> None:
    """The share of the budget kept for confirm rounds is told apart at the end of the bar."""
    event = told(_candidate(), 30, best=(_candidate(), {"energy_mj": 0.36}), reserve=15, objectives=("energy_mj",))
    state = State(clock=_Clock())
    state.take(event)
    lines = seen(state)
    assert f"budget  {'━' * 18}{'─' * 9}{'╌' * 9}  30 of 60, the last 15 to confirm" in lines
    assert "        energy ~0.360 mJ" in lines  # estimates carry their mark here, too


def test_a_figure_of_unknown_source_is_not_shown(told: Told, seen: Callable[[State], list[str]]) -> None:
    """A resumed run whose first measurement fails cannot tell estimates from measurements, and shows neither."""
    state = State(clock=_Clock())
    best = (_candidate(), {"latency_p95_ms": 0.1, "memory_peak_mib": 40.0})
    state.take(told(_candidate(), 30, "out of memory", best=best))
    assert "latency" not in " ".join(seen(state))
    state.take(told(_candidate(), 31, best=best))
    assert "        latency_p95 0.100 ms" in seen(state)


def test_several_in_flight(seen: Callable[[State], list[str]]) -> None:
    """With several targets each tells what it does."""
    state = State(clock=_Clock())
    state.take(Doing(_candidate(1, "board"), "latency"))
    state.take(Doing(_candidate(2, "local"), "warm-up"))
    lines = seen(state)
    assert lines[1:5] == [
        "now     tiny fp32 batch=1 on board",
        "        latency, 0:00",
        "        tiny fp32 batch=2 on local",
        "        warm-up, 0:00",
    ]


def test_a_lost_target(seen: Callable[[State], list[str]]) -> None:
    """A target that is lost is a warning with its reason, and is shown at work no more."""
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress(Lost("board", "target 'board': no answer within 20 s"))
    assert stream.getvalue() == (
        "autoedge: warning: board is left out from here on: target 'board': no answer within 20 s\n"
    )
    state = State(clock=_Clock())
    state.take(Doing(_candidate(1, "board"), "latency"))
    state.take(Doing(_candidate(1, "local"), "warm-up"))
    state.take(Lost("board", "it is gone"))
    text = "\n".join(seen(state))
    assert "latency" not in text
    assert "warm-up" in text
    assert "it is gone" in text


def test_time_left(told: Told) -> None:
    """What is left is the budget at the mean pace so far, and never more than the time budget."""
    clock = _Clock()
    state = State(clock=clock)
    assert state.left is None
    state.take(told(_candidate(), 10, budget=60, seconds=30.0))
    assert state.left == pytest.approx(150.0)
    clock.now += 10
    assert state.left == pytest.approx(140.0)
    assert state.elapsed == pytest.approx(40.0)
    state.take(told(_candidate(), 10, budget=60, seconds=40.0, time_budget_s=60.0))
    assert state.left == pytest.approx(20.0)


def test_a_resumed_run_counts_its_earlier_time(told: Told) -> None:
    """The time that earlier starts took is part of the elapsed time as soon as it is known."""
    clock = _Clock()
    state = State(clock=clock)
    clock.now += 2
    assert state.elapsed == pytest.approx(2.0)
    state.take(told(_candidate(), 40, seconds=120.0))
    assert state.elapsed == pytest.approx(120.0)
