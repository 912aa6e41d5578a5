"""What ``autoedge power integrate --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.figure import Source
from autoedge.documents.form import Count, Version, strict
from autoedge.documents.meter import Meter


@strict
class EnergyWindow(TypedDict):
    """The energy of one window; null where it is not known."""

    start_s: Annotated[float, Field(description="On the trace's clock, in s.")]
    end_s: float
    inferences: Annotated[int | None, Field(description="In the window, where somebody counted them.")]
    energy_mj: float | None
    energy_uncertainty_mj: Annotated[float | None, Field(description="Expanded, about 95 %, in mJ.")]
    mj_per_inference: float | None
    uncertainty_mj: Annotated[float | None, Field(description="Of that, in mJ.")]
    mean_power_w: float | None
    parts_mj: Annotated[dict[str, float | None], Field(description="Standard uncertainties by part, in mJ.")]
    n: Annotated[Count, Field(description="Values in the window.")]
    n_eff: Annotated[float, Field(description="Independent ones that they are worth.")]
    method: Annotated[str, Field(description="counter, trapezoid, ...")]
    refused: Annotated[str, Field(description="Why the meter is not fit for it; empty where it is.")]


@strict
class Energy(TypedDict):
    """The energy of the windows of a recorded trace."""

    schema_version: Version
    trace: str
    source: Source
    meter: Annotated[Meter | None, Field(description="Null where none was named.")]
    accuracy_from: Annotated[str, Field(description="Where the meter's errors come from.")]
    median_mj_per_inference: Annotated[float | None, Field(description="Over all windows with inferences.")]
    median_fit_mj_per_inference: Annotated[float | None, Field(description="Without refused windows.")]
    refused: Count
    windows: list[EnergyWindow]
