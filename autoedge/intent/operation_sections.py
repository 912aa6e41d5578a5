"""What a device does and lives on in use, as it is written: workload, battery, carbon, fleet."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from autoedge.intent.section import Quantity, Section


class WorkloadSection(Section):
    """What arrives."""

    rate: Annotated[Quantity | None, Field(description="Items that arrive, such as 2 / s.")] = None


class BatterySection(Section):
    """What the device lives on."""

    capacity: Annotated[Quantity, Field(description="2600 mAh (with voltage) or 10 Wh.")]
    voltage: Annotated[Quantity | None, Field(description="Nominal voltage, such as 3.7 V.")] = None
    usable: Annotated[Quantity, Field(description="Usable share of the capacity, such as 80 %.")] = 1.0


class CarbonSection(Section):
    """What the device's energy and its making emit, in mass of CO2 equivalent."""

    intensity: Annotated[Quantity, Field(description="Of the electricity it uses, such as 380 g / kWh.")]
    embodied: Annotated[Quantity | None, Field(description="What making one device emitted, such as 12 kg.")] = None
    lifetime: Annotated[Quantity | None, Field(description="How long a device serves, such as 5 years.")] = None


class FleetSection(Section):
    """How many devices there will be, and what keeping them running costs."""

    devices: Annotated[int, Field(ge=1, le=1_000_000_000, description="Devices that do the same work.")]
    battery_replacement_cost: Annotated[
        Quantity | None, Field(description="Of each time that one battery is empty, such as 4.50 EUR.")
    ] = None
    electricity_price: Annotated[Quantity | None, Field(description="Such as 0.32 EUR / kWh.")] = None
