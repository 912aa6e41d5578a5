"""What is known of a run while it works, from its events alone; no display in here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoedge.measurement import Source, Status
from autoedge.workflows.events import Began, Doing, Lost, Measured, Note, StageBegan
from autoedge_cli.render_configuration import level, words
from autoedge_cli.render_figures import ESTIMATE, bare, name_of, unit_of, with_unit
from autoedge_cli.render_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autoedge.candidate import Candidate
    from autoedge.workflows.events import Event

# Shown when an event does not name the objectives.
_KEY_FIGURES = ("latency_p95_ms", "memory_peak_mib", "accuracy")
_REASON = 200


@dataclass
class Flight:
    """A measurement under way: which candidate, what it does now, and since when."""

    candidate: Candidate
    phase: str
    since: float


@dataclass
class State:
    """A run as its events told it.

    Attributes:
        clock: Seconds, monotonic.
        stage: Name and detail of the present stage.
        flights: By target, since a target runs one measurement at a time.
        last: The last measurement told of.
        failures: Measurements that gave no figures.
        reason: Of the last failure.
        note: The last thing to read.
    """

    clock: Callable[[], float] = time.monotonic
    stage: tuple[str, str] = ("", "")
    flights: dict[str, Flight] = field(default_factory=dict)
    last: Measured | None = None
    failures: int = 0
    reason: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._told = self._began
        self._levels: dict[str, set[str]] = {}
        self._targets: set[str] = set()
        self._sources: dict[str, Source] = {}

    def take(self, event: Event) -> None:
        """Take in what an event tells."""
        match event:
            case StageBegan():
                self.stage, self.note = (event.stage, event.detail), ""
                self.flights.clear()
            case Note():
                self.note = event.text
            case Lost():
                self.note = event.reason
                self.flights.pop(event.target, None)
            case Began():
                self._see(event.candidate)
                self.flights[event.candidate.target] = Flight(event.candidate, "starting", self.clock())
            case Doing():
                self._see(event.candidate)
                self.flights[event.candidate.target] = Flight(event.candidate, event.phase, self.clock())
            case Measured():
                self._measured(event)

    def _measured(self, event: Measured) -> None:
        self._see(event.candidate)
        self.last, self._told = event, self.clock()
        self._sources |= {key: value.source for key, value in event.measurement.metrics.items()}
        flight = self.flights.get(event.candidate.target)
        if flight is not None and flight.candidate == event.candidate:
            del self.flights[event.candidate.target]
        if not event.measurement.ok and event.measurement.status is not Status.STOPPED:
            self.failures += 1
            self.reason = event.measurement.reason

    def _see(self, candidate: Candidate) -> None:
        self._targets.add(candidate.target)
        for name, value in candidate.configuration.knobs.items():
            self._levels.setdefault(name, set()).add(level(value))

    @property
    def elapsed(self) -> float:
        """Wall time in seconds, earlier starts of the run included as soon as an event told of them."""
        before = self._began if self.last is None else self._told - self.last.seconds
        return self.clock() - before

    @property
    def left(self) -> float | None:
        """Seconds to the end of the budget at the mean pace so far; None before the first measurement."""
        if self.last is None or self.last.used == 0:
            return None
        pace = self.last.seconds / self.last.used
        seconds = max(0.0, pace * (self.last.budget - self.last.used) - (self.clock() - self._told))
        limit = self.last.time_budget_s
        return seconds if limit is None else min(seconds, max(0.0, limit - self.elapsed))

    @property
    def reserve(self) -> int:
        """Measurements kept for the confirm rounds, 0 before the first."""
        return self.last.reserve if self.last else 0

    @property
    def objectives(self) -> Sequence[str]:
        """Keys of the metrics worth showing."""
        return (self.last.objectives if self.last else ()) or _KEY_FIGURES

    def words(self, candidate: Candidate) -> str:
        """A candidate in few words: model, precision, and the knobs and target that were not always the same."""
        configuration = candidate.configuration
        several = [name for name, levels in self._levels.items() if len(levels) > 1]
        where = f" on {printable(candidate.target)}" if len(self._targets) > 1 else ""
        return words(configuration.canonical, several) + where

    def figures(self, values: Mapping[str, float]) -> str:
        """Key figures in one line, estimates marked; a metric whose source no measurement told yet waits for one."""
        shown = [key for key in self.objectives if key in values and key in self._sources]
        guessed = {key: ESTIMATE if self._sources[key] is Source.ESTIMATED else "" for key in shown}
        return ", ".join(f"{name_of(k)} {guessed[k]}{with_unit(bare(values[k], k), unit_of(k))}" for k in shown)

    def ended(self, event: Measured) -> str:
        """What came of a measurement, in one line."""
        measurement = event.measurement
        if not measurement.ok:
            return f"{measurement.status}: {printable(measurement.reason, _REASON)}"
        return self.figures({key: value.value for key, value in measurement.metrics.items()}) or "ok"
