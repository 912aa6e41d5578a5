"""What happened to the machine during a soak: heat, clocks, supply; and whether its temperature had settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from autoedge.intent.problem import escaped
from autoedge.meters.conditions.thermal import slowed_down
from autoedge.meters.conditions.throttle import throttled, undervolted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autoedge.bench.soak_series import Look

Kind = Literal["throttled", "cooling", "trip", "clock", "undervoltage"]

THROTTLING = frozenset({"throttled", "cooling", "trip", "clock"})
"""Kinds of events that hold a processor back."""
CLOCK_LOSS = 0.05
SETTLED_C = 1.0
"""A temperature that rises by no more over the last third has settled."""

_SMOOTH, _FEWEST_LOOKS, _LONG = 5, 6, 0.1
_SIGNIFICANCE = 0.01
_HOT = ("passive", "hot", "critical")
_WORD = 80


@dataclass(frozen=True)
class Event:
    """Something that happened, when it was first seen.

    Attributes:
        kind: ``throttled`` (a flag or a count of the hardware), ``cooling`` (a cooling device that cools by computing
            less is on), ``trip`` (a zone reached the temperature at which the kernel steps in), ``clock`` (the fastest
            core's clock lies more than 5 % below its first level), ``undervoltage``.
        time_s: Since the soak's first call.
        detail: In words.
    """

    kind: Kind
    time_s: float
    detail: str


@dataclass(frozen=True)
class Trend:
    """Where a zone's temperature was going.

    Attributes:
        zone: Its name.
        first_c: At the first look.
        last_c: At the last.
        rise_c: Over the last third, by its trend.
        settled: Whether that is no more than ``SETTLED_C``, or too unsure to tell from none.
    """

    zone: str
    first_c: float
    last_c: float
    rise_c: float
    settled: bool


def events(looks: Sequence[Look], before: Mapping[str, Any]) -> tuple[Event, ...]:
    """What happened, in the order of time, each kind once.

    Args:
        looks: The soak's.
        before: The machine's conditions before the job.

    Raises:
        ValueError: A device made them up; also KeyError, TypeError and AttributeError.
    """
    first = before.get("throttle", {})
    trips = dict(_trips(before, looks))
    found: dict[Kind, Event] = {}
    for look in looks:
        for kind, detail in _seen(look, first, trips):
            found.setdefault(kind, Event(kind, look.time_s, detail))
    clock = _clock(looks)
    everything = [*found.values(), *([clock] if clock else [])]
    return tuple(sorted(everything, key=lambda event: event.time_s))


def _seen(look: Look, first: Mapping[str, Any], trips: Mapping[str, tuple[float, str]]) -> Iterator[tuple[Kind, str]]:
    if throttled(first, look.throttle):
        flags = [escaped(str(flag))[:_WORD] for flag in look.throttle.get("pi_flags", ())]
        yield "throttled", f"the hardware says so{': ' if flags else ''}{', '.join(flags)}"
    if undervolted(first, look.throttle):
        yield "undervoltage", "the supply was too weak"
    names = slowed_down(look.thermal)
    if names:
        kinds = {one.get("name"): one.get("type") for one in look.thermal.get("cooling", ())}
        yield "cooling", ", ".join(f"{escaped(str(name))} ({escaped(str(kinds[name]))})"[:_WORD] for name in names)
    for name, temperature in look.zones.items():
        if name in trips and temperature >= trips[name][0]:
            limit, kind = trips[name]
            yield "trip", f"{name} at {temperature:.1f} C reached its {kind} trip of {limit:.1f} C"


def _trips(before: Mapping[str, Any], looks: Sequence[Look]) -> Iterator[tuple[str, tuple[float, str]]]:
    """By zone, where the kernel steps in: its highest passive trip, else a hot or critical one.

    The highest, since the first of several passive ones may merely start the governor. A zone that began above its own
    limit tells nothing: some tables are wrong.
    """
    begun = looks[0].zones if looks else {}
    for zone in before.get("thermal", {}).get("zones", ()):
        name = escaped(str(zone["name"]))[:60]
        limits = [(float(trip["temp_c"]), str(trip["type"])) for trip in zone.get("trips", ()) if trip["type"] in _HOT]
        passive = [limit for limit in limits if limit[1] == _HOT[0]]
        chosen = max(passive, default=None) or min(limits, default=None)
        if chosen is not None and chosen[0] > 0 and begun.get(name, chosen[0]) < chosen[0]:
            yield name, chosen


def _clock(looks: Sequence[Look]) -> Event | None:
    """Where the clock first stayed below its first level; a dip of less than a tenth of the soak is none."""
    known = [(look.time_s, look.clock_khz) for look in looks if look.clock_khz]
    if len(known) < 2 * _SMOOTH:
        return None
    clocks = np.array([khz for _, khz in known])
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(clocks, _SMOOTH), axis=1)
    low = np.flatnonzero(smooth < (1 - CLOCK_LOSS) * smooth[0])
    if low.size < _LONG * smooth.size:
        return None
    detail = f"{smooth[0] / 1e3:.0f} MHz at first, then {smooth[low[0] :].min() / 1e3:.0f} MHz"
    return Event("clock", known[int(low[0]) + _SMOOTH // 2][0], detail)


def trends(looks: Sequence[Look], seconds: float) -> tuple[Trend, ...]:
    """By zone, where its temperature was going at the end; zones that were seldom seen are left out.

    Args:
        looks: The soak's.
        seconds: Its length.

    Source: the slope: Sen, JASA 63 (1968) 1379-1389; its test: Mann, Econometrica 13 (1945) 245-259, at 1 %.
    """
    found = []
    for zone in dict.fromkeys(name for look in looks for name in look.zones):
        seen = [(look.time_s, look.zones[zone]) for look in looks if zone in look.zones]
        last = np.array([point for point in seen if point[0] >= seconds * 2 / 3])
        if len(last) >= _FEWEST_LOOKS:
            rise, sure = _rise(last[:, 0], last[:, 1])
            found.append(Trend(zone, seen[0][1], seen[-1][1], rise, not (sure and rise > SETTLED_C)))
    return tuple(found)


def _rise(time_s: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> tuple[float, bool]:
    """By how much the trend rises from end to end, and whether there is one."""
    from scipy.stats import kendalltau, theilslopes

    if np.ptp(values) == 0:
        return 0.0, False
    slope = float(theilslopes(values, time_s)[0])
    return slope * float(time_s[-1] - time_s[0]), bool(kendalltau(time_s, values).pvalue < _SIGNIFICANCE)
