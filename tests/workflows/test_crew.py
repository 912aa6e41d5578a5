"""One measurement at a time on a machine, several machines at once, and targets that get lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.candidate import Candidate, Configuration
from autoedge.errors import TargetError
from autoedge.measurement import Phase
from autoedge.workflows.crew import Crew
from autoedge.workflows.events import silent
from autoedge.workflows.schedule import Process, measure_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONG_S = 60.0  # only a test that fails waits that long


def _process(target: str, number: int = 0) -> Process:
    return Process(Candidate(Configuration("m", {}, "r", {"batch": number}), target), Phase.SEARCH, number)


@dataclass
class FakeTarget:
    """Knows its machine and how often it was told to stop."""

    machine: str
    cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Be told to stop."""
        self.cancelled.set()


@dataclass
class FakeBench:
    """Measures by doing what it is told, and keeps a log of beginnings and ends."""

    log: list[tuple[str, str, int]]
    work: Callable[[Candidate], Any]

    def measure(self, candidate: Candidate, *_: object, **__: object) -> Any:
        """Do the work between two lines of the log."""
        number = candidate.configuration.batch
        self.log.append(("begins", candidate.target, number))
        try:
            return self.work(candidate)
        finally:
            self.log.append(("ends", candidate.target, number))


@dataclass
class FakeRun:
    """Takes measurements in, and knows which targets are lost."""

    away: dict[str, str] = field(default_factory=dict)
    taken: list[Candidate] = field(default_factory=list)

    @property
    def shelf(self) -> FakeRun:
        """Itself."""
        return self

    def ready(self, _: Configuration) -> None:
        """Every model file is there."""

    def take(self, candidate: Candidate, _: object) -> None:
        """Keep what was measured."""
        self.taken.append(candidate)

    def lose(self, target: str, error: TargetError) -> None:
        """Keep why a target is lost."""
        self.away[target] = str(error)


@pytest.fixture
def crew_of() -> Iterator[Callable[..., tuple[Crew, list[Any]]]]:
    """``crew_of(work, one="m", two="m")``: a crew for targets on machines, and the log of their benches."""
    crews = []

    def make(work: Callable[[Candidate], Any], **machines: str) -> tuple[Crew, list[Any]]:
        log: list[Any] = []
        targets: Any = {name: FakeTarget(machine) for name, machine in machines.items()}
        benches: Any = {name: FakeBench(log, work) for name in machines}
        crews.append(Crew(benches, targets, silent))
        return crews[-1], log

    yield make
    for crew in crews:
        crew.__exit__(None)


def _measure(run: FakeRun, crew: Crew, processes: list[Process]) -> None:
    measure_all(run, crew, processes)  # type: ignore[arg-type]


def test_machines_work_side_by_side(crew_of: Callable[..., tuple[Crew, list[Any]]]) -> None:
    """Two machines measure at the same moment: each waits for the other, and both come through."""
    both = threading.Barrier(2)
    crew, _ = crew_of(lambda _: both.wait(_LONG_S) >= 0, one="a", two="b")
    run = FakeRun()
    _measure(run, crew, [_process("one"), _process("two")])
    assert {candidate.target for candidate in run.taken} == {"one", "two"}


def test_a_machine_measures_one_at_a_time(crew_of: Callable[..., tuple[Crew, list[Any]]]) -> None:
    """Of two targets on one machine the second is busy while the first measures, and starting it is a bug."""
    go_on = threading.Event()
    crew, _ = crew_of(lambda _: go_on.wait(_LONG_S), one="a", two="a", other="b")
    flight = crew.start(_process("one").candidate, Phase.SEARCH, 0, "")
    assert not crew.idle("one")
    assert not crew.idle("two")
    assert crew.idle("other")
    with pytest.raises(RuntimeError, match="one measurement at a time on a machine, but 'two' is busy"):
        crew.start(_process("two").candidate, Phase.SEARCH, 0, "")
    go_on.set()
    assert crew.wait([flight]) == {flight}
    assert crew.idle("two")


@settings(max_examples=30, deadline=None)
@given(
    machines=st.dictionaries(st.sampled_from("abcde"), st.sampled_from("xyz"), min_size=1),
    order=st.lists(st.integers(0, 100), max_size=20),
)
def test_each_machine_keeps_the_order(machines: dict[str, str], order: list[int]) -> None:
    """Whatever the plan, everything is measured once, in its order on each machine, and never two at a time there."""
    names = sorted(machines)
    plan = [_process(names[choice % len(names)], number) for number, choice in enumerate(order)]
    log: list[Any] = []
    targets: Any = {name: FakeTarget(machine) for name, machine in machines.items()}
    benches: Any = {name: FakeBench(log, lambda _: True) for name in machines}
    run = FakeRun()
    with Crew(benches, targets, silent) as crew:
        _measure(run, crew, plan)
    assert len(log) == 2 * len(plan)
    for machine in set(machines.values()):
        there = [(what, number) for what, target, number in log if machines[target] == machine]
        planned = [one.candidate.configuration.batch for one in plan if machines[one.candidate.target] == machine]
        assert there == [(what, number) for number in planned for what in ("begins", "ends")]


def test_a_lost_target_takes_its_processes_along(crew_of: Callable[..., tuple[Crew, list[Any]]]) -> None:
    """What is planned for a lost target is dropped; the rest is measured."""

    def work(candidate: Candidate) -> bool:
        if candidate.target == "bad":
            raise TargetError("target 'bad': its cable was pulled")
        return True

    crew, log = crew_of(work, bad="a", good="a")
    run = FakeRun()
    _measure(run, crew, [_process("bad", 0), _process("bad", 1), _process("good", 2), _process("good", 3)])
    assert run.away == {"bad": "target 'bad': its cable was pulled"}
    assert [candidate.configuration.batch for candidate in run.taken] == [2, 3]
    assert ("begins", "bad", 1) not in log


def test_a_cancelled_measurement_interrupts(crew_of: Callable[..., tuple[Crew, list[Any]]]) -> None:
    """A measurement that ends with nothing was cancelled, and so is the run."""
    crew, _ = crew_of(lambda _: None, one="a")
    with pytest.raises(KeyboardInterrupt):
        _measure(FakeRun(), crew, [_process("one")])


def test_an_error_stops_every_machine() -> None:
    """When the run ends early, every target is told to stop, and nothing is left in flight."""
    targets: Any = {"one": FakeTarget("a"), "two": FakeTarget("b")}
    log: list[Any] = []

    def until_cancelled(candidate: Candidate) -> None:
        targets[candidate.target].cancelled.wait(_LONG_S)

    benches: Any = {name: FakeBench(log, until_cancelled) for name in targets}

    def interrupted() -> None:
        with Crew(benches, targets, silent) as crew:
            crew.start(_process("one").candidate, Phase.SEARCH, 0, "")
            crew.start(_process("two").candidate, Phase.SEARCH, 0, "")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(what for what, _, _ in log) == ["begins", "begins", "ends", "ends"]
