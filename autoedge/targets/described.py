"""What a device says, checked where it comes in, so that nothing behind has to expect the absurd."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from autoedge.agent.frames import Frame
from autoedge.agent.looks import LOOKS
from autoedge.device import Device
from autoedge.intent.problem import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

_Kind = TypeVar("_Kind", str, list[Any], dict[str, Any])

_LONGEST = 200
_LONGEST_REASON, _LONGEST_TRACEBACK = 10_000, 100_000
_MACHINE = re.compile(r"[0-9a-f]{16}")
_JOB = re.compile(r"[0-9a-f]{8,64}")
_CHANGE = re.compile(r"[a-z_]{1,40}")
_LEVEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_LEVELS = 64  # of a knob, and knobs of a runtime
_MOST_CORES, _MOST_MEMORY_MIB = 2**16, 2**40
_MOST_WAITING = 1000
_LARGEST = 2**63
_KINDS = {str: "text", list: "list", dict: "mapping"}
_LATEST_S, _LONGEST_JOB_S = 2**36, 2**31
_DONE = (
    "marks",
    "runtime_version",
    "cold_start_ns",
    "load_ns",
    "steady",
    "memory_peak_mib",
    "memory_empty_mib",
    "timer_ns",
    "first_block",
    "window_ns",
    "cpu_s",
    "major_faults",
    "involuntary_switches",
    "machine_busy_s",
    "machine_total_s",
    "machine_clock_s",
    "energy_window",
    "soak",
    "evaluated",
    "placement",
)
"""All that ``autoedge.agent.job.run_job`` tells; anything else would stand among the host's own notes."""
_OF_MACHINE = "machine_"
"""Counters of the whole machine, which step back a little now and then."""


def device_from(said: Mapping[str, Any], runtimes: Mapping[str, str]) -> Device:
    """The device that an agent describes.

    Args:
        said: What it answered.
        runtimes: Those that it was asked for; it cannot offer others.

    Raises:
        ValueError: It does not describe a device; also any other of ``NONSENSE``.
    """
    values: dict[str, Any] = {}
    for field in fields(Device):
        if field.name == "wrap":
            continue  # ours to say
        if field.name == "offers":
            values["offers"] = _offers(said.get("offers", {}), values["runtimes"])
            continue
        name, value = field.name, _of(dict, "a device", said)[field.name]
        if name == "runtimes":
            offered = _of(dict, name, value)
            values[name] = {one: _short(one, offered[one]) for one in runtimes if one in offered}
        elif field.type == "str":
            values[name] = _short(name, value)
        else:
            values[name] = _whole(name, value, 1, _MOST_MEMORY_MIB if name == "memory_mib" else _MOST_CORES)
    if not _MACHINE.fullmatch(values["machine"]):
        raise ValueError("machine is no hash")
    return Device(**values)


def _offers(said: Any, runtimes: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    """What installed runtimes offer there, by runtime, knob and level."""
    found = _of(dict, "offers", said)
    return {
        runtime: {
            knob: {level: _short(level, why) for level, why in _named("levels", levels).items()}
            for knob, levels in _named("knobs", found[runtime]).items()
        }
        for runtime in runtimes
        if runtime in found
    }


def _named(what: str, said: Any) -> dict[str, Any]:
    """A mapping whose keys are names, a bearable number of them."""
    found = _of(dict, what, said)
    if len(found) > _MOST_LEVELS or not all(_LEVEL.fullmatch(name) for name in found):
        raise ValueError(f"{what}: at most {_MOST_LEVELS} names are expected")
    return found


def reading_from(said: Any) -> int:
    """A reading of the device's monotonic clock in ns.

    Raises:
        ValueError: No clock shows that.
    """
    return _whole("a reading", said, -_LARGEST + 1, _LARGEST - 1)


def jobs_from(said: Any) -> list[str]:
    """The ids of jobs whose replies wait on the device.

    Raises:
        ValueError: It is no list of ids; also any other of ``NONSENSE``.
    """
    ids = _of(list, "waiting", said)
    if len(ids) > _MOST_WAITING or not all(_JOB.fullmatch(one) for one in ids):
        raise ValueError(f"waiting: at most {_MOST_WAITING} ids of 8 to 64 hex digits are expected")
    return ids


def reply_from(said: Frame, job: str) -> Frame:
    """The reply to a job, as far as replies to all jobs are alike.

    Args:
        said: What the device answered.
        job: Id of the job that it was asked about.

    Returns:
        A frame whose body has ``job``, ``key``, ``started``, ``duration_s``, ``conditions``, ``traces``, and either
        ``done``, ``stopped`` (the look after which it was told to stop), or ``failed`` and ``traceback``; whatever else
        was said is left out. Figures are finite, and those of ``done`` and durations in ns not negative.

    Raises:
        ValueError: It is no such reply; also any other of ``NONSENSE``.
    """
    body, arrays = said
    if body.get("job") != job:
        raise ValueError("it answers another job than was asked for")
    found = {
        "job": job,
        "key": body["key"],
        "started": _number("started", body["started"], 0, _LATEST_S),
        "duration_s": _number("duration_s", body["duration_s"], 0, _LONGEST_JOB_S),
        "conditions": _conditions(body.get("conditions", {})),
        "traces": _of(list, "traces", body.get("traces", [])),
    }
    if "failed" in body:
        found["failed"] = _of(str, "failed", body["failed"])[:_LONGEST_REASON]
        found["traceback"] = _of(str, "traceback", body.get("traceback", ""))[:_LONGEST_TRACEBACK]
        return Frame(found, {})
    if "stopped" in body:
        return Frame({**found, "stopped": _short("stopped", body["stopped"])}, {})
    return Frame({**found, "done": _done(body["done"])}, _durations(arrays))


def look_from(said: Frame) -> Frame:
    """A look at a running job: its figures by name, with ``name`` one of ``LOOKS``, and its arrays.

    Raises:
        ValueError: It is no such look; also any other of ``NONSENSE``.
    """
    body = dict(_of(dict, "look", said.body["look"]))
    name = _of(str, "name", body.pop("name"))
    if name not in LOOKS:
        raise ValueError("it shows a look that nobody knows")
    return Frame({**_done(body), "name": name}, _series(said.arrays))


def _done(said: Any) -> dict[str, Any]:
    found = {name: value for name, value in _of(dict, "done", said).items() if name in _DONE}
    for name, figure in _figures("", found):
        _number(name, figure, -_LARGEST if name.startswith(_OF_MACHINE) else 0, _LARGEST)
    for where, nodes in _named("placement", found.get("placement", {})).items():
        _whole(where, nodes, 0, _LARGEST)
    return found


def _conditions(said: Any) -> dict[str, Any]:
    found = _of(dict, "conditions", said)
    for name, figure in _figures("", found):
        _number(name, figure, -_LARGEST, _LARGEST)
    if not all(_CHANGE.fullmatch(change) for change in _of(list, "changes", found.get("changes", []))):
        raise ValueError("changes: names are expected")
    return found


def _durations(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays, of which those in ns are series of whole numbers."""
    if "latency_ns" not in arrays:
        raise ValueError("lacks latency_ns")
    return _series(arrays)


def _series(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    for name, values in arrays.items():
        whole = values.ndim == 1 and values.dtype.kind in "iu" and (values >= 0).all()
        if name.endswith("_ns") and not whole:
            raise ValueError(f"{name[:_LONGEST]} holds whole numbers that are not negative")
    return dict(arrays)


def _figures(name: str, said: Any) -> Iterator[tuple[str, float]]:
    """All numbers with their names, however deep."""
    if isinstance(said, dict):
        for key, value in said.items():
            yield from _figures(key, value)
    elif isinstance(said, list):
        for value in said:
            yield from _figures(name, value)
    elif isinstance(said, int | float) and not isinstance(said, bool):
        yield name, said


def _number(name: str, said: Any, least: float, most: float) -> float:
    if not isinstance(said, int | float) or isinstance(said, bool) or not least <= said <= most:
        raise ValueError(f"{name[:_LONGEST]} is a number from {least:g} to {most:g}, but says {said!r:.40}")
    return said


def _whole(name: str, said: Any, least: int, most: int) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or not least <= said <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}, but says {said!r:.40}")
    return said


def _short(name: str, said: Any) -> str:
    return escaped(_of(str, name, said)[:_LONGEST])


def _of(kind: type[_Kind], name: str, said: Any) -> _Kind:
    if not isinstance(said, kind):
        raise TypeError(f"{name[:_LONGEST]}: a {_KINDS[kind]} is expected, but it says {said!r:.40}")
    return said
