"""What ``autoedge power compare --json`` prints."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Version, strict
from autoedge.documents.meter import Meter

Interval = Annotated[
    list[float] | None, Field(min_length=2, max_length=2, description="At 95 %; null for a single case.")
]


@strict
class ComparedModel(TypedDict):
    """What the estimate rests on; a calibrated model tells its numbers too."""

    id: str
    origin: Annotated[str, Field(description="In words.")]
    band: Annotated[float, Field(description="By which part gross power may be off at worst.")]
    weights: NotRequired[dict[str, float]]
    idle_busy: NotRequired[float]
    idle_clock: NotRequired[float]
    most_busy: NotRequired[float]
    idle_error_w: NotRequired[float]
    work_error: NotRequired[float]
    gain: NotRequired[float]
    offset_w: NotRequired[float]
    meter: NotRequired[str]
    scope: NotRequired[str]
    date: NotRequired[str]


@strict
class Pair(TypedDict):
    """One quantity of one case, told by the meter and by the estimate."""

    name: Annotated[str, Field(description="Of the candidate or load.")]
    target: str
    quantity: Literal["energy_mj", "energy_net_mj", "power_w"]
    meter: Annotated[float, Field(description="Measured, in the quantity's unit.")]
    meter_error: Annotated[float, Field(description="Its stated uncertainty.")]
    estimate: float
    estimate_error: Annotated[float, Field(description="By how much it says that it may be off.")]
    processes: Annotated[Count, Field(description="Measurements behind it.")]
    protocol: Annotated[str, Field(description="Id; empty for loads.")]
    error: Annotated[float, Field(description="Relative, as a fraction of the measured one.")]


@strict
class Agreement(TypedDict):
    """Relative errors over independent cases, as fractions."""

    target: str
    protocol: str
    quantity: Literal["energy_mj", "energy_net_mj", "power_w"]
    n: Annotated[Count, Field(description="Cases.")]
    bias: Annotated[float, Field(description="Mean error.")]
    bias_interval: Interval
    mape: Annotated[float, Field(description="Mean absolute error.")]
    mape_interval: Interval
    covered: Annotated[Count, Field(description="Cases whose error lay within the stated one.")]


@strict
class PowerComparison(TypedDict):
    """The estimate held against a meter: of a run, or of loads that were run for it."""

    schema_version: Version
    run: Annotated[NotRequired[str], Field(description="With --run: its folder.")]
    protocols: Annotated[NotRequired[dict[str, Meter | None]], Field(description="With --run: the meter by protocol.")]
    meter: Annotated[NotRequired[Meter], Field(description="With --target.")]
    models: Annotated[dict[str, ComparedModel], Field(description="By target.")]
    pairs: list[Pair]
    agreement: list[Agreement]
