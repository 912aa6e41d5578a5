"""A bundle's verification as a table."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from autoedge_cli.render_figures import NONE, full, interval, name_of, plural
from autoedge_cli.render_text import heading, mark, outcome, printable, said, say, show, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from autoedge.deploy.signature import Signed
    from autoedge.deploy.verification import Verification
    from autoedge.measurement import Value

_NOTE = 400
_MEANS = {
    "ok": "what was checked is as recorded",
    "outside": "a figure is worse than recorded",
    "undecided": "not all of it could be judged",
}


def render_verification(console: Console, verification: Verification) -> None:
    """Print what verifying a bundle came to: each figure as recorded and as measured now."""
    word = verification.outcome
    told = f"{verification.bundle.folder.name}: {word}: {_MEANS[word]}"
    console.print(mark(console, word), said(told, "bold"))
    processes = plural(verification.now.processes, "fresh process", "fresh processes")
    say(console, f"files unaltered; measured again in {processes}")
    say(console, signed_by(verification.signed))
    heading(console, "Recorded and now", said("with 95 % intervals", "dim"))
    held = table("metric", "outcome")
    for name in ("recorded", "now", "note"):
        held.add_column(name)  # on a narrow terminal an interval goes below its figure
    for check in verification.checks:
        figures = [_shown(value, check.key) for value in (check.recorded, check.now)]
        held.add_row(
            said(name_of(check.key)), outcome(console, check.outcome), *figures, said(check.note, "dim", _NOTE)
        )
    show(console, held)
    for note in verification.notes:
        say(console, said(note, limit=_NOTE))


def signed_by(signed: Signed | None) -> str:
    """Who vouches for a bundle, in one sentence."""
    if signed is None:
        return "no signature: who made it is not known"
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(signed.signed_at))
    return f"signed by {printable(signed.key_name, 60)} (key {signed.key_id}) at {at}"


def _shown(value: Value | None, key: str) -> Text:
    if value is None:
        return said(NONE)
    return said(f"{full(asdict(value), key)} ") + said(interval(value.low, value.high, key), "dim")
