"""Battery, carbon and cost of the chosen candidate and the reference, from the stored run alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autoedge.bench.operation import Operation, operating_figures
from autoedge.bench.workload_power import workload_power
from autoedge.errors import StoreError
from autoedge.intent.operation import Carbon, Fleet
from autoedge.measurement import Source, Value
from autoedge.report.operation_advice import missing, too_slow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.intent.resolved import Intent
    from autoedge.store.store import Store

_FACT = "operation"


def keep_operation(store: Store, intent: Intent) -> None:
    """Keep what the intent says of carbon and fleet: nothing is measured by it, and no protocol holds it."""
    carbon, fleet = intent.carbon, intent.fleet
    store.set_fact(
        _FACT, {"carbon": None if carbon is None else asdict(carbon), "fleet": None if fleet is None else asdict(fleet)}
    )


def operation(store: Store, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """What the chosen candidate and the reference, both on the chosen target, take in operation.

    Args:
        store: The run's.
        verdict: As in ``verdict.json``.

    Returns:
        ``rate`` (in 1/s) and ``battery_wh`` that figures were measured for, ``carbon`` and ``fleet`` as the intent says
        them, ``chosen`` and ``reference`` (figures by key, as ``operating_figures`` names them), ``notes`` and
        ``missing`` (sentences).

    Raises:
        StoreError: What the store keeps of carbon and fleet is no such thing.
    """
    workload = (store.fact("protocols") or {}).get(verdict["protocol"], {})
    rate, battery = workload.get("rate"), workload.get("battery_wh")
    carbon, fleet = _kept(store)
    found: dict[str, dict[str, Value]] = {"chosen": {}, "reference": {}}
    if rate is not None:
        under = Operation(rate, battery, carbon, fleet)
        found = {side: _figures(verdict[side], under) for side in found}
    return {
        "rate": rate,
        "battery_wh": battery,
        "carbon": None if carbon is None else asdict(carbon),
        "fleet": None if fleet is None else asdict(fleet),
        **{side: {key: asdict(value) for key, value in figures.items()} for side, figures in found.items()},
        "notes": too_slow(verdict, rate),
        "missing": missing(
            rate, battery, carbon=carbon is not None, fleet=fleet is not None, power=bool(found["chosen"])
        ),
    }


def _kept(store: Store) -> tuple[Carbon | None, Fleet | None]:
    kept = store.fact(_FACT) or {}
    try:
        carbon, fleet = kept.get("carbon"), kept.get("fleet")
        return (None if carbon is None else Carbon(**carbon), None if fleet is None else Fleet(**fleet))
    except (AttributeError, TypeError, ValueError) as error:
        raise StoreError(f"the run keeps a carbon or fleet that is none: {error}") from error


def _figures(standing: Mapping[str, Any], under: Operation) -> dict[str, Value]:
    metrics = {key: Value(**{**value, "source": Source(value["source"])}) for key, value in standing["metrics"].items()}
    power = workload_power(metrics, standing.get("power"), under.rate, under.battery_wh)
    return {} if power is None else operating_figures(power, metrics.get("battery_life_h"), under)
