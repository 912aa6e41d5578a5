"""What ``autoedge power calibrate --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.device import Fingerprint
from autoedge.documents.form import Count, Share, Version, strict
from autoedge.documents.meter import Meter
from autoedge.documents.power_model import FittedPower


@strict
class Load(TypedDict):
    """A synthetic load."""

    kernel: Annotated[str, Field(description="What the cores do.")]
    cores: Annotated[Count, Field(description="That work; 0 at rest.")]
    duty: Annotated[Share, Field(description="Share of the time in which they do.")]


@strict
class MeteredLoad(TypedDict):
    """What the meter said of one load."""

    load: Load
    busy: Annotated[float, Field(description="Share of all processor time that was busy.")]
    clock: Annotated[float, Field(description="Mean relative clock.")]
    power_w: Annotated[float, Field(description="Mean power in W.")]
    error_w: Annotated[float, Field(description="Standard uncertainty by scatter, steps and edges, in W.")]
    refused: Annotated[str, Field(description="Why not to trust it; empty where it may be.")]


@strict
class FittedLoad(MeteredLoad):
    """A load as measured and as fitted."""

    name: Annotated[str, Field(description="The load in words.")]
    fitted_w: Annotated[float | None, Field(description="By the model, in W; null where it was refused.")]
    stated_error_w: Annotated[float | None, Field(description="By what the model says that it may be off, in W.")]


@strict
class CalibratedModel(FittedPower):
    """The power model that was fitted."""

    id: str
    origin: Annotated[str, Field(description="In words.")]
    band: Annotated[float, Field(description="By which part gross power may be off at worst.")]


@strict
class Calibration(TypedDict):
    """A device's power fitted to how busy it is."""

    schema_version: Version
    file: Annotated[str, Field(description="Where it is kept.")]
    fingerprint: Fingerprint
    cpu: str
    meter: Meter
    model: CalibratedModel
    loads: list[FittedLoad]


@strict
class StoredCalibration(TypedDict):
    """A calibration as the user's folder keeps it."""

    schema_version: Version
    fingerprint: Fingerprint
    cpu: str
    meter: Meter
    started: Annotated[float, Field(description="Seconds since the epoch.")]
    loads: list[MeteredLoad]
    model: Annotated[FittedPower | None, Field(description="Null while loads are still to come.")]
