"""The targets of a run where there are several: what each is, and its best candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_configuration import identity, words
from autoedge_cli.render_figures import ESTIMATE, NONE, bare, name_of, unit_of
from autoedge_cli.render_text import heading, outcome, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


def render_targets(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print the best candidate of each target, and why nothing more was measured where one was lost."""
    targets = verdict.get("targets", ())
    if len(targets) < 2:  # noqa: PLR2004 - one target has no best beside the chosen
        return
    heading(console, "Best of each target")
    keys = verdict["objectives"]
    made = table("target", "candidate")
    made.add_column("configuration")
    made.add_column("outcome", no_wrap=True)
    for key in keys:
        made.add_column(Text(f"{name_of(key)}\n{unit_of(key)}", justify="right"), no_wrap=True, justify="right")
    for one in targets:
        best = one["best"]
        if best is None:
            made.add_row(
                said(one["name"], limit=24), Text(NONE), Text("nothing measured"), *[Text("")] * (1 + len(keys))
            )
            continue
        about = [
            said(one["name"], limit=24),
            said(identity(best["candidate_id"])),
            said(words(best["configuration"], ())),
        ]
        figures = [_figure(best["metrics"].get(key), key) for key in keys]
        made.add_row(*about, outcome(console, best["outcome"]), *figures)
    show(console, made)
    for one in targets:
        if one["lost"]:
            say(console, said(f"{one['name']} was left out: {one['lost']}", "yellow", 400))


def _figure(value: Mapping[str, Any] | None, key: str) -> Text:
    if value is None:
        return Text(NONE)
    return Text((ESTIMATE if value["source"] == "estimated" else "") + bare(float(value["value"]), key))
