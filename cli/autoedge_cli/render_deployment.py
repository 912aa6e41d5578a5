"""What is deployed on a device."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from autoedge_cli.render_text import heading, said, say, show, table

if TYPE_CHECKING:
    from rich.console import Console

    from autoedge.targets.deployed import Slot
    from autoedge.workflows.deploy import Deployment

_SHOWN = 16


def render_deployment(console: Console, found: Deployment) -> None:
    """Print what was done, and what lies in which slot."""
    heading(console, f"{found.name} on {found.target}: {found.done}")
    if not found.state.slots:
        say(console, "nothing is deployed there under this name")
        return
    slots = table("slot", "bundle", "files", "signed", "by key")
    for name, slot in found.state.slots.items():
        serves = " serves" if name == found.state.current else ""
        this = " (this one)" if slot.bundle == found.bundle else ""
        whole = "whole" if slot.whole else "damaged"
        slots.add_row(
            *map(said, (f"{name}{serves}", f"{slot.bundle[:_SHOWN]}{this}", whole, _signed(slot), slot.key or "-"))
        )
    show(console, slots)
    if found.state.current is not None:
        say(console, said(f"serves from {found.state.folder}/current", limit=1000))


def _signed(slot: Slot) -> str:
    if slot.signed_at is None:
        return "no"
    return datetime.fromtimestamp(slot.signed_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
