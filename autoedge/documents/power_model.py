"""A calibrated power model."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import strict


@strict
class FittedPower(TypedDict):
    """A device's power by how busy it is, fitted to what a meter said."""

    weights: Annotated[dict[str, float], Field(description="W by term.")]
    idle_busy: Annotated[float, Field(description="Mean busy share of the processors at rest.")]
    idle_clock: Annotated[float, Field(description="Mean relative clock at rest.")]
    most_busy: Annotated[float, Field(description="Highest busy share that was fitted.")]
    idle_error_w: Annotated[float, Field(description="By what idle power may be off another time, in W at 95 %.")]
    work_error: Annotated[float, Field(description="Likewise the power of new work, as a part of it.")]
    gain: Annotated[float, Field(description="Limit of the meter's gain error, as a fraction.")]
    offset_w: Annotated[float, Field(description="Limit of the meter's offset in W.")]
    meter: Annotated[str, Field(description="Its kind.")]
    scope: Annotated[str, Field(description="Where it sat.")]
    date: Annotated[str, Field(description="Of the calibration, ISO 8601.")]
