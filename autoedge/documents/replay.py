"""What ``autoedge replay --json`` prints."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Hash, Share, Version, strict

Needed = Annotated[int | None, Field(description="Measurements; null where it never came to that.")]


@strict
class ReplayedRun(TypedDict):
    """One run of a strategy."""

    seed: Count
    hypervolume: Annotated[list[Share], Field(description="Share of the true one, after each measurement.")]
    proposal_ms: Annotated[list[float], Field(description="Time of each proposal in ms.")]
    to_90: Needed
    to_95: Needed
    to_99: Needed
    to_first_feasible: NotRequired[Needed]
    to_best_feasible: NotRequired[Needed]
    regret: Annotated[
        NotRequired[list[float | None]], Field(description="With constraints; null before anything is feasible.")
    ]


@strict
class Strategy(TypedDict):
    """What came of one strategy."""

    history: Annotated[bool, Field(description="Whether it was told results of other targets.")]
    surrogate: Annotated[bool, Field(description="Whether it started from a saved surrogate.")]
    seeds: Annotated[list[ReplayedRun], Field(description="Runs that are finished.")]


@strict
class SavedSurrogate(TypedDict):
    """The saved surrogate that was named."""

    sha256: Hash
    rows: Count
    sources: list[str]
    metrics: Annotated[list[str], Field(description="Objectives that it knows.")]


@strict
class Replay(TypedDict):
    """Search strategies compared on recorded results."""

    schema_version: Version
    campaign: str
    target: str
    budget: Annotated[Count, Field(description="Measurements of a run.")]
    rows: Annotated[Count, Field(description="Recorded results of the target.")]
    objectives: dict[str, Literal["minimize", "maximize"]]
    constraints: list[str]
    history: Annotated[list[str], Field(description="CAMPAIGN:TARGET of what was told.")]
    surrogate: SavedSurrogate | None
    notes: list[str]
    interrupted: bool
    true_hypervolume: float
    strategies: dict[str, Strategy]
