"""Read a power meter by hand, and judge what it is fit for."""

from __future__ import annotations

import csv
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.meter_check import check, summary
from autoedge.bench.power_plan import PowerPlan
from autoedge.bench.presets import protocol_for
from autoedge.errors import MeterError
from autoedge.intent.problem import escaped
from autoedge.meters.finder import opened
from autoedge.targets.declared import open_target
from autoedge.targets.device_meter import DeviceMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoedge.bench.meter_check import MeterCheck
    from autoedge.meters.base import Meter
    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.trace import Trace
    from autoedge.workflows.meters import Wanted

    Readable = Meter | DeviceMeter
    Shown = Callable[[float, float], None]

_SHOWN_S = 0.1
_START_S = 0.5


@contextmanager
def opened_meter(wanted: Wanted) -> Iterator[Readable]:
    """The meter, connected, here or in a target's device; closed at the end.

    Raises:
        MeterError: It cannot be opened; names it.
        TargetError: It cannot be opened there, or the target cannot be reached.
    """
    if wanted.device is not None:
        with tempfile.TemporaryDirectory(prefix="autoedge-meter-") as folder:
            place = Path(folder)
            with open_target(wanted.device, {}, blobs=place / "blobs", jobs=place / "jobs") as target:
                yield DeviceMeter(target, wanted.place, wanted.options)
        return
    try:
        meter = opened(wanted.place, wanted.options)
        meter.__enter__()
    except MeterError as error:
        raise MeterError(f"meter {wanted.name}: {escaped(str(error))}") from error
    try:
        yield meter
    finally:
        meter.__exit__()


def read_meter(meter: Readable, seconds: float, on_value: Shown | None = None) -> Trace:
    """Record an open meter for a while; an interrupt, or the loss of the meter, ends it early.

    Args:
        meter: Open, and not recording.
        seconds: How long.
        on_value: Told, ten times a second, the time that has passed and the newest power.
    """
    meter.start()
    with suppress(KeyboardInterrupt):
        _follow(meter, seconds, on_value)
    return meter.stop()


def _follow(meter: Readable, seconds: float, on_value: Shown | None) -> None:
    """Wait while an open meter records, until the time is over or the meter is lost."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds and not meter.lost:
        time.sleep(min(_SHOWN_S, seconds - passed))
        watts = meter.latest_w  # also asks a meter elsewhere whether it is still there
        if on_value is not None:
            on_value(time.monotonic() - began, watts)


def usual_window_s(spec: MeterSpec) -> float:
    """The energy window that ``select`` uses with a meter under the preset ``standard``."""
    return PowerPlan.of(protocol_for("standard", {}, (), {}, metered=True).parameters, spec).window_s


def check_lead_s(spec: MeterSpec) -> float:
    """How long a meter is recorded before a window and after it, so that it has settled."""
    return spec.settling_s + 2 * spec.update_period_s + _START_S


def check_meter(meter: Readable, window_s: float, on_value: Shown | None = None) -> tuple[Trace, MeterCheck]:
    """Record an open meter for one energy window, and judge it; the load should be steady meanwhile.

    Args:
        meter: Open, and not recording.
        window_s: Length of the window.
        on_value: As for ``read_meter``.

    Raises:
        MeterError: It was lost, or gave too little.
        KeyboardInterrupt: Interrupted before the window had ended.
    """
    lead = check_lead_s(meter.spec)
    meter.start()
    try:
        _follow(meter, lead + window_s + lead, on_value)
    finally:
        trace = meter.stop()
    raise_if_lost(trace)
    start = float(trace.time_s[0]) + lead if trace.time_s.size else 0.0  # its clock may be another machine's
    return trace, check(trace, start, start + window_s)


def raise_if_lost(trace: Trace) -> None:
    """Say so when a recording broke off.

    Raises:
        MeterError: It did.
    """
    if trace.lost:
        raise MeterError(f"meter {trace.spec.name} was lost after {len(trace.time_s)} values: {escaped(trace.lost)}")


def write_csv(trace: Trace, path: Path) -> None:
    """A recording as ``autoedge power integrate`` and the meter ``replay`` take it; time begins at 0.

    Raises:
        OSError: It cannot be written.
    """
    columns = {name: getattr(trace, name) for name in ("time_s", "power_w", "volts", "amps", "energy_j")}
    there = {name: values for name, values in columns.items() if values.size == len(trace.time_s)}
    kept = np.isfinite(trace.power_w)
    start = float(trace.time_s[0]) if len(trace.time_s) else 0.0
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(there)
        series = [values[kept] - start if name == "time_s" else values[kept] for name, values in there.items()]
        rows.writerows(zip(*(one.tolist() for one in series), strict=True))


def reading_document(trace: Trace) -> dict[str, Any]:
    """What a recording came to, as a JSON document.

    Raises:
        MeterError: It holds no values.
    """
    return {
        "schema_version": 1,
        "meter": trace.spec.to_json(),
        "seconds": float(trace.time_s[-1] - trace.time_s[0]) if len(trace.time_s) else 0.0,
        "summary": asdict(summary(trace)),
        "counts": asdict(trace.counts),
        "lost": trace.lost,
    }


def check_document(trace: Trace, found: MeterCheck) -> dict[str, Any]:
    """What a check came to, as a JSON document."""
    return {
        "schema_version": 1,
        "meter": trace.spec.to_json(),
        "counts": asdict(trace.counts),
        "rule_s": trace.spec.shortest_window_s + 2 * trace.spec.settling_s,
        **found.to_json(),
    }
