"""What stands behind the energy of a result."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, strict
from autoedge.documents.meter import Meter


@strict
class Alignment(TypedDict):
    """How the meter's clock was brought onto the device's."""

    by: Annotated[str, Field(description="In words; empty where both have one clock.")]
    bound_s: Annotated[float, Field(description="The offset is known to within so many s.")]


@strict
class PlainInterval(TypedDict):
    """The interval that takes all readings for independent: narrower than is right, for comparison with others."""

    value: float
    low: float
    high: float
    n: Annotated[float, Field(description="Readings.")]


@strict
class Power(TypedDict):
    """Means over processes of what their meter told."""

    meter: Meter
    alignment: Alignment
    idle_w: Annotated[dict[str, float], Field(description="Power at rest in W, by stretch: idle, loaded, end.")]
    idle_share: Annotated[float, Field(description="Of the power at work.")]
    amplification: Annotated[
        float | None, Field(description="By how much relative errors grow in net energy; null where there is none.")
    ]
    budget_mj: Annotated[dict[str, float], Field(description="Standard uncertainties of gross energy by part, in mJ.")]
    budget_net_mj: Annotated[dict[str, float], Field(description="Likewise of net energy.")]
    plain: Annotated[dict[str, PlainInterval], Field(description="By figure.")]
    windows: Annotated[Count, Field(description="Energy windows.")]
    refused: Annotated[Count, Field(description="Of those, windows that the meter was not fit for.")]
