"""What a power meter publishes of itself."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import strict


@strict
class Meter(TypedDict):
    """A meter's data sheet, as far as figures depend on it."""

    name: Annotated[str, Field(description="Its kind: um25c.")]
    scope: Annotated[
        Literal["wall", "board-input", "soc-rails", "package", "gpu", "estimate"],
        Field(description="Where it sits; energies of different scopes are never compared."),
    ]
    update_period_s: Annotated[float, Field(description="Time between values that carry something new, in s.")]
    settling_s: Annotated[float, Field(description="Time after a step until the shown value is right, in s.")]
    resolution_w: Annotated[float, Field(description="Smallest step of the power, in W.")]
    gain: Annotated[float, Field(description="Limit of the gain error, as a fraction of the reading.")]
    offset_w: Annotated[float, Field(description="Limit of the error that does not depend on the reading, in W.")]
    energy_resolution_j: Annotated[
        float | None, Field(description="Smallest step of the energy counter, in J; null without one.")
    ]
    model: Annotated[str, Field(description="The instrument behind it, with its serial number where it tells.")]
    accuracy_from: Annotated[str, Field(description="Where gain and offset come from.")]
