"""``autoedge power compare``: what a meter measured beside what the estimate says of the same work."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING, Any

from autoedge.bench.agreement import agreement
from autoedge.bench.loads import fresh_loads, load_seconds
from autoedge.bench.power_models import calibrated, estimate_for, shown
from autoedge.bench.usage import Usage
from autoedge.errors import MeterError, StoreError
from autoedge.intent.load import load_intent
from autoedge.measurement import Source
from autoedge.store.store import Store
from autoedge.workflows.events import Note, StageBegan, silent
from autoedge.workflows.folder import RunFolder
from autoedge.workflows.loading import load_stand
from autoedge.workflows.opening import stored_devices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.device import Device
    from autoedge.measurement import Measurement
    from autoedge.workflows.events import Listener

_LOADS = 8
_MINUTE_S = 60.0


@dataclass(frozen=True)
class Pair:
    """One quantity of one case, told twice.

    Attributes:
        name: Of the candidate or load.
        target: Where.
        quantity: ``energy_mj``, ``energy_net_mj`` or ``power_w``.
        meter: Measured.
        meter_error: Its stated uncertainty.
        estimate: Estimated.
        estimate_error: By how much it says that it may be off.
        processes: Measurements behind it.
        protocol: How, and with which meter, they were made; empty for loads.
    """

    name: str
    target: str
    quantity: str
    meter: float
    meter_error: float
    estimate: float
    estimate_error: float
    processes: int = 1
    protocol: str = ""


def compare_run(root: Path) -> dict[str, Any]:
    """Meter and estimate side by side for what a run measured with a meter.

    The estimate is what would be used today if there were no meter: the device's calibration, or what is known of it.

    Args:
        root: The run folder.

    Returns:
        The document that the command prints as JSON.

    Raises:
        StoreError: The folder holds no run.
        MeterError: Nothing in it was measured with a meter.
    """
    folder = RunFolder(root)
    if not folder.database.is_file() or not folder.intent.is_file():
        raise StoreError(f"{root}: holds no run; name a folder that `autoedge select` wrote, such as runs/NAME")
    store = Store(folder.database)
    try:
        rows, devices = [row for row in store.measurements() if _metered(row)], stored_devices(store)
    finally:
        store.close()
    known = {name: device for name, device in devices.items() if any(row.target == name for row in rows)}
    stated = {entry.name: entry.idle_power for entry in load_intent(folder.intent).targets}
    models = {name: _model(device, stated.get(name)) for name, device in known.items()}
    usable = [row for row in rows if row.target in known and row.fingerprint == known[row.target].fingerprint]
    if not usable:
        raise MeterError(
            f"{root}: nothing in it was measured with a power meter; "
            "`autoedge power compare --target NAME` measures loads now"
        )
    pairs = [pair for row in usable for pair in _pairs(row, models[row.target], known[row.target].cores)]
    meters = {row.protocol_id: row.details.get("power", {}).get("meter") for row in usable}
    return _document({"run": str(root), "protocols": meters}, models, _by_case(pairs))


def compare_target(
    target: str,
    *,
    targets: Path | None = None,
    meter: Mapping[str, Any] | None = None,
    loads: int = _LOADS,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """Meter and estimate side by side for loads that are run now and that no model was fitted to.

    Args:
        target: Name or address.
        targets: The targets file; None for the user's own.
        meter: ``type`` and options of the meter; None for the one that the target declares, or has.
        loads: How many.
        on_event: Told what happens.

    Returns:
        The document that the command prints as JSON.

    Raises:
        MeterError: There is no meter, or it was lost or not fit for any load; TargetError and IntentError likewise.
    """
    on_event(StageBegan("prepare", f"reaching {target}"))
    pairs = []
    with load_stand(target, targets, meter) as stand:
        model, spec = _model(stand.device, stand.idle_power_w), stand.metering.spec
        for place, load in enumerate(fresh_loads(stand.device.cores, loads, secrets.randbits(32))):
            minutes = (loads - place) * load_seconds(spec) / _MINUTE_S
            on_event(StageBegan("power", f"{place + 1} of {loads}: {load}; about {minutes:.0f} min left"))
            found = stand.measured(load)
            if found.refused:
                on_event(Note(f"{load}: {found.refused}", warning=True))
                continue
            told = model.gross(found.usage)
            error = spec.gain * found.power_w + spec.offset_w + 2 * found.error_w
            pairs.append(Pair(str(load), target, "power_w", found.power_w, error, told.value, told.error))
    if not pairs:
        raise MeterError(f"{spec.name} was fit for none of the loads; `autoedge meters check` says what it is fit for")
    return _document({"meter": spec.to_json()}, {target: model}, pairs)


def _metered(row: Measurement) -> bool:
    energy = row.metrics.get("energy_mj")
    return row.ok and energy is not None and energy.source is not Source.ESTIMATED and "energy_window" in row.details


def _model(device: Device, idle_w: float | None) -> PowerEstimate:
    return estimate_for(device, idle_w, calibrated(device))


def _pairs(row: Measurement, model: PowerEstimate, cores: int) -> Iterable[Pair]:
    """Gross and net energy of one measurement."""
    energy, power = row.metrics["energy_mj"], row.metrics["power_w"]
    seconds = energy.value / 1e3 / power.value  # for an item
    usage = Usage.of(row.details["energy_window"], _counted_s(row.details["marks"]), cores)
    for key, told in (("energy_mj", model.gross(usage)), ("energy_net_mj", model.net(usage))):
        measured = row.metrics.get(key)
        if measured is None or measured.value <= 0:
            continue
        error = max(measured.high - measured.value, measured.value - measured.low)
        mj_a_watt = seconds * 1e3
        estimate, stated = told.value * mj_a_watt, told.error * mj_a_watt
        yield Pair(row.candidate_id, row.target, key, measured.value, error, estimate, stated, protocol=row.protocol_id)


def _counted_s(marks: Sequence[Mapping[str, Any]]) -> float:
    """Length of the stretch that the counters of the energy windows are about: windows, a lead and a tail.

    As long a lead as before the first window lies between its end and the idle stretch.
    """
    first = next(mark["start_ns"] for mark in marks if mark["name"] == "energy")
    after = next(mark["start_ns"] for mark in marks if mark["name"] == "end")
    return float(after - first) / 1e9


def _by_case(pairs: Sequence[Pair]) -> list[Pair]:
    """One pair for each candidate, protocol and quantity: its processes are no independent cases."""
    parts = ("meter", "meter_error", "estimate", "estimate_error")
    return [
        replace(group[0], processes=len(group), **{part: mean(getattr(pair, part) for pair in group) for part in parts})
        for group in _grouped(pairs, "name", "protocol", "quantity").values()
    ]


def _grouped(pairs: Sequence[Pair], *alike: str) -> dict[tuple[str, ...], list[Pair]]:
    """Pairs by attributes that they share."""
    groups: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(tuple(getattr(pair, name) for name in alike), []).append(pair)
    return groups


def _document(about: Mapping[str, Any], models: Mapping[str, PowerEstimate], pairs: Sequence[Pair]) -> dict[str, Any]:
    """Pairs with what they come to, for each target, protocol and quantity."""
    agreements = []
    shared = ("target", "protocol", "quantity")
    for key, group in _grouped(pairs, *shared).items():
        columns = ([getattr(p, part) for p in group] for part in ("estimate", "meter", "estimate_error"))
        found = agreement(*columns)
        if found is not None:
            agreements.append({**dict(zip(shared, key, strict=True)), **asdict(found)})
    return {
        "schema_version": 1,
        **about,
        "models": {target: shown(model) for target, model in models.items()},
        "pairs": [{**asdict(pair), "error": pair.estimate / pair.meter - 1} for pair in pairs],
        "agreement": agreements,
    }


def by_protocol(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A comparison taken apart: by protocol the document of what was measured under it alone."""
    parts = {}
    for protocol in dict.fromkeys(pair["protocol"] for pair in document["pairs"]):
        own = {name: [one for one in document[name] if one["protocol"] == protocol] for name in ("pairs", "agreement")}
        targets = {pair["target"] for pair in own["pairs"]}
        models = {target: model for target, model in document["models"].items() if target in targets}
        parts[protocol] = {**document, **own, "models": models}
    return parts
