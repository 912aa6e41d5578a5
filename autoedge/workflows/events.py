"""What a workflow says while it works; the command line shows it, the library does not care who listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement

Stage = Literal["prepare", "baseline", "search", "confirm", "bundle", "power", "train", "deploy"]


@dataclass(frozen=True)
class StageBegan:
    """A stage begins."""

    stage: Stage
    detail: str = ""


@dataclass(frozen=True)
class Note:
    """Something that the user should read; warnings stand out."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Lost:
    """A target cannot be reached, or is of no use, from here on; the run goes on with the others."""

    target: str
    reason: str


@dataclass(frozen=True)
class Began:
    """A process for a candidate begins; ``doing`` then follows its phases."""

    candidate: Candidate


@dataclass(frozen=True)
class Doing:
    """What the current process does now."""

    candidate: Candidate
    phase: str


@dataclass(frozen=True)
class Measured:
    """A measurement is stored.

    Attributes:
        candidate: Whose.
        measurement: What came of it.
        used: Processes of the budget used so far.
        budget: Processes in all.
        reserve: Of those, kept for the confirm rounds.
        objectives: Keys of the metrics that matter most.
        seconds: Wall time used so far.
        time_budget_s: Wall time in all, None without limit.
        best: The best candidate so far by the preference, and its figures by metric key.
    """

    candidate: Candidate
    measurement: Measurement
    used: int
    budget: int
    reserve: int
    objectives: tuple[str, ...]
    seconds: float
    time_budget_s: float | None
    best: tuple[Candidate, Mapping[str, float]] | None


Event = StageBegan | Note | Lost | Began | Doing | Measured

if TYPE_CHECKING:
    Listener = Callable[[Event], None]


def silent(_: Event) -> None:
    """Listen to nothing."""
