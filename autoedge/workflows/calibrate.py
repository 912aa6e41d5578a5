"""``autoedge power calibrate``: fit a device's power model against a real meter, and keep it."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autoedge.bench.energy_estimate import BAND
from autoedge.bench.loads import FEWEST, calibration_loads, load_seconds
from autoedge.bench.power_fit import fit_power
from autoedge.bench.power_models import Calibration, read_calibration, shown
from autoedge.errors import DataError, IntentError
from autoedge.workflows.events import Note, StageBegan, silent
from autoedge.workflows.loading import load_stand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.bench.loads import Load, LoadPower
    from autoedge.meters.spec import MeterSpec
    from autoedge.workflows.events import Listener
    from autoedge.workflows.loading import LoadStand

_STALE_S = 86_400.0
_MINUTE_S = 60.0


def calibrate(
    target: str = "local",
    *,
    targets: Path | None = None,
    meter: Mapping[str, Any] | None = None,
    minutes: float | None = None,
    fresh: bool = False,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """Run synthetic loads under a meter, fit the device's power to how busy it is, and store the model.

    Every load is stored as soon as it is measured: stopped at any moment, the same call on the same day goes on from
    there. From then on energy on this device is estimated with the model wherever there is no meter.

    Args:
        target: Name or address.
        targets: The targets file; None for the user's own.
        meter: ``type`` and options of the meter; None for the one that the target declares, or has.
        minutes: How long it may take; None for all loads.
        fresh: Begin anew, whatever was measured before.
        on_event: Told what happens.

    Returns:
        The document that the command prints as JSON.

    Raises:
        IntentError: Nobody knows the target, or there is too little time.
        TargetError: The target cannot be reached or was lost.
        MeterError: There is no meter, it was lost, or it is not fit for the device's loads.
    """
    on_event(StageBegan("prepare", f"reaching {target}"))
    with load_stand(target, targets, meter) as stand:
        spec = stand.metering.spec
        loads = calibration_loads(stand.device.cores, _affordable(minutes, spec))
        kept = _begun(stand, fresh=fresh)
        if kept.loads:
            on_event(Note(f"{len(kept.loads)} loads were measured before the last stop"))
        kept = _measured(stand, kept, loads, on_event)
    model = fit_power(kept.loads, spec, datetime.now(UTC).date().isoformat())
    if model.band > BAND:
        much = f"power differs much between kinds of work: it may be off by {100 * model.band:.0f} %"
        on_event(Note(much, warning=True))
    done = replace(kept, model=model)
    return document(done, done.save())


def _affordable(minutes: float | None, spec: MeterSpec) -> int | None:
    """How many loads there is time for."""
    if minutes is None:
        return None
    each = load_seconds(spec)
    if not FEWEST * each <= minutes * _MINUTE_S < math.inf:
        least = FEWEST * each / _MINUTE_S
        raise IntentError(f"--minutes: {FEWEST} loads with {spec.name} take {least:.1f} min, but got {minutes:g}")
    return int(minutes * _MINUTE_S / each)


def _begun(stand: LoadStand, *, fresh: bool) -> Calibration:
    """What an interrupted calibration of this device with this meter left, not long ago; else an empty one."""
    new = Calibration(stand.device.fingerprint, stand.device.cpu, stand.metering.spec, time.time())
    try:
        found = None if fresh else read_calibration(new.fingerprint, finished=False)
    except DataError:
        return new
    same = found is not None and found.meter == new.meter and 0 <= new.started - found.started < _STALE_S
    return found if found is not None and same else new


def _measured(stand: LoadStand, kept: Calibration, loads: Sequence[Load], on_event: Listener) -> Calibration:
    """All loads measured, each stored at once; what the meter was not fit for gets a second chance."""
    left = _left(loads, kept.loads)
    each = load_seconds(stand.metering.spec) / _MINUTE_S
    for place, load in enumerate(left):
        done = f"{len(loads) - len(left) + place + 1} of {len(loads)}"
        on_event(StageBegan("power", f"{done}: {load}; about {(len(left) - place) * each:.0f} min left"))
        found = stand.measured(load)
        kept = replace(kept, loads=[*kept.loads, found])
        kept.save()
        if found.refused:
            on_event(Note(f"{load}: {found.refused}", warning=True))
    for poor in [one for one in kept.loads if one.refused]:
        on_event(StageBegan("power", f"once more: {poor.load}"))
        found = stand.measured(poor.load)
        kept = replace(kept, loads=[*(one for one in kept.loads if one is not poor), found])
        kept.save()
    return kept


def _left(loads: Sequence[Load], done: Sequence[LoadPower]) -> list[Load]:
    """Loads that were not measured yet, in order."""
    left = list(loads)
    for one in done:
        if one.load in left:
            left.remove(one.load)
    return left


def document(calibration: Calibration, path: Path) -> dict[str, Any]:
    """A finished calibration as a JSON document: the model, and each load as measured and as fitted."""
    model = calibration.model
    assert model is not None  # noqa: S101 - for the type checker: it is finished
    rows = []
    for one in calibration.loads:
        fitted = None if one.refused else model.gross(one.usage)
        rows.append(
            {
                **one.to_json(),
                "name": str(one.load),
                "fitted_w": None if fitted is None else fitted.value,
                "stated_error_w": None if fitted is None else fitted.error,
            }
        )
    return {
        "schema_version": 1,
        "file": str(path),
        "fingerprint": calibration.fingerprint,
        "cpu": calibration.cpu,
        "meter": calibration.meter.to_json(),
        "model": shown(model),
        "loads": rows,
    }
