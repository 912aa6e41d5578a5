"""A bundle's verification as a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autoedge.metric import by_key
from autoedge_cli.render import printable

if TYPE_CHECKING:
    from rich.console import Console

    from autoedge.deploy.signature import Signed
    from autoedge.deploy.verification import Verification
    from autoedge.measurement import Value

_STYLES = {"ok": "bold green", "outside": "bold red", "undecided": "bold yellow"}


def render_verification(console: Console, verification: Verification) -> None:
    """Print what verifying a bundle came to: each figure as recorded and as measured now."""
    from rich.table import Table
    from rich.text import Text

    bundle = verification.bundle
    console.print(Text(f"{bundle.folder.name}: {verification.outcome}", style=_STYLES[verification.outcome]))
    console.print(Text(f"files unaltered; measured again in {verification.now.processes} fresh processes"))
    console.print(Text(signed_by(verification.signed)))
    table = Table("metric", "recorded (95 %)", "now (95 %)", "outcome", "note")
    for check in verification.checks:
        name = by_key(check.key)
        label = f"{name.name} {name.unit}".strip()
        table.add_row(
            *map(Text, (label, _shown(check.recorded), _shown(check.now), str(check.outcome), printable(check.note)))
        )
    console.print(table)
    for note in verification.notes:
        console.print(Text(f"note: {printable(note)}"))


def signed_by(signed: Signed | None) -> str:
    """Who vouches for a bundle, in one sentence."""
    if signed is None:
        return "no signature: who made it is not known"
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(signed.signed_at))
    return f"signed by {printable(signed.key_name, 60)} (key {signed.key_id}) at {at}"


def _shown(value: Value | None) -> str:
    if value is None:
        return "-"
    mark = "~" if value.source == "estimated" else ""
    return f"{mark}{value.value:.4g} ({value.low:.4g} .. {value.high:.4g})"
