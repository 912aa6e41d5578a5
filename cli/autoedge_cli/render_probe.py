"""Targets as they are declared, and what was found out of one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_text import heading, pairs, said, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from autoedge.targets.declared import DeclaredTarget

_KERNELS = {
    "memory_copy_gb_s": ("memory copy", "GB/s"),
    "matmul_f32_gflops": ("matrix product, float32, 1 thread", "GFLOP/s"),
    "matmul_f32_gflops_all": ("matrix product, float32, all cores", "GFLOP/s"),
    "int8_dot_gops": ("dot product, int8, 1 thread", "GOP/s"),
    "pipe_us": ("byte through a pipe", "us"),
}
_WARM = 5
_NO_CLOCK_KHZ = 1e12


def render_declared(console: Console, targets: Sequence[DeclaredTarget]) -> None:
    """Print the declared targets."""
    made = table("name", "address")
    for name in ("python", "wrap", "meter"):
        made.add_column(name)
    for one in targets:
        remote = one.address is not None
        meter = "" if one.meter is None else one.meter["type"]
        made.add_row(
            said(one.name),
            said(one.address) if remote else Text("this machine", style="dim"),
            said(one.python if remote else ""),
            said(" ".join(one.wrap)),
            said(meter),
        )
    show(console, made)


def render_probe(console: Console, probe: Mapping[str, Any]) -> None:
    """Print a probed target.

    Args:
        console: Where to.
        probe: As ``ProbedTarget.plain`` gives it; whatever a device says may be missing or of any kind.
    """
    device, survey = probe["device"], _mapping(probe["survey"])
    conditions = _mapping(survey.get("conditions"))
    console.print(Text.assemble((str(probe["name"]), "bold"), "  ", said(probe["address"] or "this machine", "dim")))
    runtimes = ", ".join(f"{name} {version}" for name, version in device["runtimes"].items())
    cores = f"{device['cores']} usable, {device['physical_cores']} physical"
    rows = [
        ("processor", said(f"{device['cpu']} ({device['arch']})")),
        ("cores", Text(cores)),
        ("clocks", said(_clocks(_mapping(conditions.get("clocks"))))),
        ("memory", Text(f"{device['memory_mib']} MiB usable")),
        ("free disk", said(f"{survey.get('disk_free_mib', '?')} MiB")),
        ("system", said(f"{device['os']}, Python {device['python']}")),
        ("runtimes", said(runtimes) if runtimes else Text(_no_runtime(probe), style="yellow")),
        *_offers(device["offers"]),
        ("temperatures", said(_temperatures(_mapping(conditions.get("thermal"))))),
        ("clock offset", Text(_offset(probe["clock"]))),
        ("fingerprint", said(device["fingerprint"])),
    ]
    show(console, pairs([row for row in rows if row[1].plain]))
    heading(console, "Power meters")
    _meters(console, probe["meters"])
    heading(console, "Speed")
    kernels = _mapping(survey.get("kernels"))
    found = [(title, said(f"{kernels[key]} {unit}")) for key, (title, unit) in _KERNELS.items() if key in kernels]
    show(console, pairs(found or [("kernels", Text("could not be run"))]))


def _meters(console: Console, meters: Sequence[Mapping[str, Any]]) -> None:
    rows = []
    for one in meters:
        reason = one.get("reason")
        scope = f"measures {one.get('scope')}" if one.get("scope") else "found"
        rows.append((str(one.get("name"))[:40], said(reason or scope)))
    show(console, pairs(rows or [("none", Text("energy is estimated, or measured by a meter on this machine"))]))


def _offers(offers: Mapping[str, Mapping[str, Mapping[str, str]]]) -> list[tuple[str, Text]]:
    """What the runtimes were found to be able to use, and why not the rest."""
    return [
        (f"{runtime} {knob}", said(", ".join(f"{level} ({why})" if why else level for level, why in levels.items())))
        for runtime, knobs in offers.items()
        for knob, levels in knobs.items()
    ]


def _no_runtime(probe: Mapping[str, Any]) -> str:
    fix = "pip install onnxruntime" if probe["address"] is None else f"autoedge targets setup {probe['name']}"
    return f"none: {fix}"


def _clocks(clocks: Mapping[str, Any]) -> str:
    """Each kind of core once: how many, range, governor."""
    cpus = [_mapping(cpu) for cpu in _mapping(clocks.get("cpus")).values()]
    kinds = Counter(
        f"{_mhz(cpu.get('min_khz'))} to {_mhz(cpu.get('max_khz'))} MHz, {cpu.get('governor')}" for cpu in cpus
    )
    return "; ".join(f"{count} x {kind}" for kind, count in kinds.items())


def _mhz(khz: Any) -> str:
    return f"{khz / 1000:.0f}" if isinstance(khz, int | float) and abs(khz) < _NO_CLOCK_KHZ else "?"


def _temperatures(thermal: Mapping[str, Any]) -> str:
    zones = thermal.get("zones")
    listed = [_mapping(zone) for zone in zones] if isinstance(zones, list) else []
    shown = [f"{zone.get('type', zone.get('name'))} {zone.get('temp_c')} C" for zone in listed[:_WARM]]
    more = [f"and {len(listed) - _WARM} more"] if len(listed) > _WARM else []
    return ", ".join([*shown, *more])


def _offset(clock: Mapping[str, float]) -> str:
    if clock["bound_s"] == 0:
        return "none: the same clock"
    return f"known to {clock['bound_s'] * 1000:.2g} ms"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
