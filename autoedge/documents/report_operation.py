"""Battery, carbon and cost in operation."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.figure import Figure
from autoedge.documents.form import strict


@strict
class Carbon(TypedDict):
    """What a device's energy and its making emit, in mass of CO2 equivalent, as the intent says."""

    intensity_g_per_kwh: Annotated[float, Field(description="Of the electricity, in g/kWh.")]
    embodied_kg: Annotated[float | None, Field(description="What making one device emitted, in kg.")]
    lifetime_years: Annotated[float | None, Field(description="How long a device serves, in years.")]


@strict
class Fleet(TypedDict):
    """How many devices there will be, and prices, as the intent says."""

    devices: Annotated[int, Field(ge=1)]
    battery_replacement_cost: Annotated[float | None, Field(description="Of each time, in the currency.")]
    electricity_price: Annotated[float | None, Field(description="Of one kWh, in the currency.")]
    currency: Annotated[str, Field(description="Three capital letters; empty without costs.")]


@strict
class Operating(TypedDict):
    """What the chosen candidate and the reference take in operation, from their mean power at the workload."""

    rate: Annotated[float | None, Field(description="Items that arrive, in 1/s; null where the intent names none.")]
    battery_wh: Annotated[float | None, Field(description="Usable energy of the battery in Wh.")]
    carbon: Carbon | None
    fleet: Fleet | None
    chosen: Annotated[
        dict[str, Figure], Field(description="By key with its unit: mean_power_w, battery_life_h, sci_g, fleet_cost.")
    ]
    reference: Annotated[dict[str, Figure], Field(description="Likewise.")]
    notes: list[str]
    missing: Annotated[list[str], Field(description="What the intent would have to say for more.")]
