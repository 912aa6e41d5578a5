"""Measure a list of processes: in their order on each machine, machines side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future

    from autoedge.bench.onlooker import Judge
    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement, Phase
    from autoedge.workflows.crew import Crew
    from autoedge.workflows.run import Run


@dataclass(frozen=True)
class Process:
    """A measurement to make; a judge ends it early once it can change nothing."""

    candidate: Candidate
    phase: Phase
    replicate: int
    session: str = ""
    judge: Judge | None = None


def measure_all(run: Run, crew: Crew, processes: Iterable[Process]) -> None:
    """Measure processes, each as soon as its machine is free; those of a target that is lost are dropped.

    Raises:
        TargetError: No target is left.
        KeyboardInterrupt: A measurement was cancelled.
    """
    waiting = list(processes)
    flights: dict[Future[Measurement | None], Process] = {}
    while True:
        later = []
        for process in waiting:
            if process.candidate.target in run.away:
                continue
            if crew.idle(process.candidate.target):
                flights[launch(run, crew, process)] = process
            else:
                later.append(process)
        waiting = later
        if not flights:
            return
        for future in crew.wait(list(flights)):
            land(run, flights.pop(future).candidate, future)


def launch(run: Run, crew: Crew, process: Process) -> Future[Measurement | None]:
    """Begin a measurement on an idle machine."""
    run.shelf.ready(process.candidate.configuration)  # here, since only the main thread hears Ctrl-C
    return crew.start(process.candidate, process.phase, process.replicate, process.session, judge=process.judge)


def land(run: Run, candidate: Candidate, future: Future[Measurement | None]) -> Measurement | None:
    """Take in a measurement that ended; None when its target was lost over it.

    Raises:
        TargetError: No target is left.
        KeyboardInterrupt: It was cancelled.
    """
    try:
        measurement = future.result()
    except TargetError as error:
        run.lose(candidate.target, error)
        return None
    if measurement is None:
        raise KeyboardInterrupt
    run.take(candidate, measurement)
    return measurement
