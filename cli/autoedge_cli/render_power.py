"""Where energy figures come from: the meter, idle, what makes them uncertain, or that they are estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge_cli.render_figures import estimated, number, percent, plural
from autoedge_cli.render_text import heading, said, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_ENERGY = ("energy_mj", "energy_net_mj", "power_w", "power_at_rate_w", "battery_life_h")
_PAPER = "paper-2507.23093"
_SHARE = 0.5


def render_power(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print what stands behind the chosen candidate's energy; nothing where there is none."""
    chosen = verdict["chosen"]
    known = {key: chosen["metrics"][key] for key in _ENERGY if key in chosen["metrics"]}
    facts = chosen.get("power")
    if facts:
        heading(console, "Power")
        _measured(console, facts)
        if str(verdict["protocol"]).startswith(_PAPER):
            _plain(console, facts, known)
    elif any(estimated(value) for value in known.values()):
        heading(console, "Power")
        _estimate(console, known)


def _measured(console: Console, facts: Mapping[str, Any]) -> None:
    meter, idle = facts["meter"], facts["idle_w"]
    where = f"{meter['name']} at {meter['scope']}"
    model = f", {meter['model']}" if meter["model"] else ""
    say(console, said(f"measured by {where}{model}; {plural(int(facts['windows']), 'energy window')}", limit=200))
    idles = ", ".join(f"{number(watts)} W {name}" for name, watts in _named(idle).items())
    say(console, said(f"idle: {idles}; {percent(facts['idle_share'])} % of the power at work"))
    budget = {name: part for name, part in facts["budget_mj"].items() if part > 0}
    if budget:
        parts = ", ".join(f"{name} {number(part)}" for name, part in sorted(budget.items(), key=lambda kv: -kv[1]))
        say(console, said(f"standard uncertainties of energy in mJ: {parts}", "dim", limit=200))
    if str(meter["accuracy_from"]).startswith("UNCONFIRMED"):
        say(console, said(f"the meter's accuracy is {meter['accuracy_from']}", "dim", limit=200))


def _named(idle: Mapping[str, float]) -> dict[str, float]:
    words = {"idle": "empty", "loaded": "with the model loaded", "end": "at the end"}
    return {words.get(name, name): watts for name, watts in idle.items()}


def _plain(console: Console, facts: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """The paper's interval, which takes every reading for an independent one, beside ours."""
    for key, title, unit in (("power_w", "power", "W"), ("energy_net_mj", "net energy", "mJ")):
        plain, ours = facts["plain"][key], known.get(key)
        beside = f"; ours {number(ours['low'])} .. {number(ours['high'])} {unit}" if ours else ""
        told = f"{title}, mean +/- 1.96 s / sqrt(n) of {plain['n']:.0f} readings (arXiv 2507.23093): "
        say(console, said(f"{told}{number(plain['low'])} .. {number(plain['high'])} {unit}{beside}", limit=240))


def _estimate(console: Console, known: Mapping[str, Any]) -> None:
    value = known.get("energy_mj") or next(iter(known.values()))
    share = max(value["high"] / value["value"] - 1, 1 - value["low"] / value["value"]) if value["value"] else _SHARE
    how = str(value["estimator"])
    say(
        console,
        said(
            f"energy is estimated, there is no meter: it may be off by {percent(share)} % ({how}); a meter on the "
            "target (`autoedge meters list`) measures it, and `autoedge power calibrate` narrows the estimate",
            "yellow",
            limit=320,
        ),
    )
