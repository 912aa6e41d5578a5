"""What ``autoedge targets probe --json`` prints."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.device import Device
from autoedge.documents.form import Count, Version, strict
from autoedge.documents.meters import FoundMeter


@strict
class Clock(TypedDict):
    """How far the device's clock stands from this machine's."""

    offset_s: Annotated[float, Field(description="To take from the device's reading, in s.")]
    bound_s: Annotated[float, Field(description="The true offset lies no further from it than this, in s.")]


@strict
class Survey(TypedDict):
    """What the device says beside that. A device's word: escape it before showing it."""

    conditions: Annotated[
        dict[str, Any],
        Field(description="thermal, clocks, throttle, load_average, fans, memory_available_mib, swap; what it tells."),
    ]
    disk_free_mib: Annotated[Count, Field(description="Where the agent keeps files, in MiB.")]
    kernels: Annotated[
        dict[str, float],
        Field(description="How fast it is, by key with its unit: matmul_f32_gflops; empty if unknown."),
    ]


@strict
class ProbedTarget(TypedDict):
    """What was found out of a target."""

    schema_version: Version
    name: str
    address: Annotated[str | None, Field(description="Null for this machine.")]
    device: Device
    clock: Clock
    survey: Survey
    meters: list[FoundMeter]
