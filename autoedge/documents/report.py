"""What ``autoedge report --json`` prints: all that report.html tells."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.decision import Relative
from autoedge.documents.device import Fingerprint
from autoedge.documents.figure import Source
from autoedge.documents.form import Count, Scalar, Version, strict
from autoedge.documents.meter import Meter
from autoedge.documents.power_model import FittedPower
from autoedge.documents.report_history import History
from autoedge.documents.report_learned import Learned
from autoedge.documents.report_operation import Operating
from autoedge.documents.standing import Standing
from autoedge.documents.verdict import Failure, Verdict


@strict
class ReportCandidate(Standing):
    """A measured candidate."""

    chosen: bool
    reference: Annotated[bool, Field(description="Whether it is the reference on its target.")]


@strict
class Limit(TypedDict):
    """Where a limit lies on its metric's own axis."""

    constraint: str
    metric: Annotated[str, Field(description="Its key.")]
    relative: Relative
    value: Annotated[float | None, Field(description="In the metric's unit; null where the reference has no figure.")]
    refused: Annotated[Literal["above", "below"], Field(description="The side that is not allowed.")]
    estimated: Annotated[bool, Field(description="Whether it rests on an estimate of the reference.")]


@strict
class Series(TypedDict):
    """One quantity over time."""

    name: str
    unit: str
    x: Annotated[list[float], Field(description="Times in s.")]
    y: Annotated[list[float | None], Field(description="In the unit; null where nothing was seen.")]


@strict
class Trace(TypedDict):
    """What can be drawn over time."""

    title: str
    candidate_id: Annotated[str, Field(description="Empty for the whole run.")]
    source: Source
    series: list[Series]


@strict
class Surrounding(TypedDict):
    """A target, and what it was measured with."""

    name: str
    arch: str
    cpu: str
    cores: Count
    memory_mib: Annotated[Count, Field(description="In MiB.")]
    os: str
    fingerprint: Fingerprint
    lost: Annotated[str, Field(description="Why it was lost on the way; empty where it was not.")]
    wrap: Annotated[str, Field(description="Command in front of the agent; empty for none.")]
    runtimes: Annotated[list[str], Field(description="Used there, with their versions.")]
    protocol: Annotated[str, Field(description="Its id.")]
    meter: Annotated[Meter | None, Field(description="Null where power was estimated.")]
    calibrated: Annotated[FittedPower | None, Field(description="The calibrated model behind the estimate.")]


@strict
class Surroundings(TypedDict):
    """What the figures hold for."""

    autoedge: Annotated[str, Field(description="Version that wrote this.")]
    first: Annotated[str, Field(description="Date of the first measurement, ISO 8601; empty where it is not known.")]
    last: Annotated[str, Field(description="Of the last, likewise.")]
    targets: list[Surrounding]
    protocols: Annotated[dict[str, dict[str, Scalar | None]], Field(description="By id, every parameter.")]
    valid: Annotated[Count, Field(description="Valid measurements.")]
    flags: Annotated[dict[str, int], Field(description="How many of them bear each.")]


@strict
class Report(TypedDict):
    """A run for people, as data."""

    schema_version: Version
    verdict: Verdict
    candidates: Annotated[list[ReportCandidate], Field(description="Every measured one, the chosen one first.")]
    metrics: Annotated[list[str], Field(description="Keys, what matters first.")]
    limits: list[Limit]
    advice: Annotated[list[str], Field(description="What would decide what is open.")]
    operation: Operating
    history: History
    learned: Learned
    traces: list[Trace]
    surroundings: Surroundings
    stopped: Annotated[list[Failure], Field(description="Measurements that ended early, by reason.")]
