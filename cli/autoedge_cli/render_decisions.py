"""The verdict, constraint by constraint, and what would change it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.workflows.budget import FIRST_LOOK
from autoedge_cli.render_configuration import identity
from autoedge_cli.render_figures import ESTIMATE, NONE, bare, estimated, metric_of, number, points, span, unit_of
from autoedge_cli.render_text import heading, lines, outcome, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    Decision = Mapping[str, Any]

_MOST = 5


def render_decisions(console: Console, decisions: Sequence[Decision]) -> None:
    """Print each constraint with its outcome, the figure it was held against (and a note on it), and the slack."""
    heading(console, "Verdict by constraint")
    if not decisions:
        say(console, "the intent sets no limit")
        return
    held = table()
    held.add_column("constraint", min_width=12)
    held.add_column("outcome", no_wrap=True)
    held.add_column("figure", min_width=8)
    held.add_column("slack", justify="right", no_wrap=True)
    for decision in decisions:
        figure = _figure(decision)
        if decision["note"]:
            figure = Text("\n").join([figure, said(decision["note"], "dim")])
        held.add_row(said(decision["constraint"]), outcome(console, decision["outcome"]), figure, _slack(decision))
    show(console, held)


def _written(decision: Decision, value: float, digits: int = 3) -> str:
    """A value in the constraint's own terms, without the unit."""
    if decision["relative"] == "absolute":
        return bare(value, decision["metric"], digits)
    return points(value, digits) if decision["relative"] == "drop" else number(100 * value, digits)


def _terms(decision: Decision) -> str:
    """The unit of a constraint's own terms."""
    return {"drop": "points", "ratio": "% of baseline"}.get(decision["relative"], unit_of(decision["metric"]))


def _figure(decision: Decision) -> Text:
    figure = decision["figure"]
    if figure is None:
        return Text(NONE)
    value = f"{ESTIMATE if estimated(figure) else ''}{_written(decision, figure['value'])} {_terms(decision)}".rstrip()
    ends = span(figure["low"], figure["high"], lambda end, digits: _written(decision, end, digits))
    return Text.assemble(value, " ", (ends, "dim"))


def _slack(decision: Decision) -> Text:
    """Room left; negative when the limit is broken."""
    slack = decision["slack"]
    if slack is None:
        return Text(NONE)
    if decision["relative"] == "drop":
        text = f"{points(slack)} points"
    elif not decision["limit"]:
        text = f"{_written(decision, slack)} {_terms(decision)}"
    else:
        text = f"{'+' if slack > 0 else ''}{number(100 * slack, 2)} %"
    return Text(text, style="red" if slack < 0 else "")


def render_openings(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print what would turn a verdict that is not met or undecided."""
    if verdict["outcome"] == "met":
        return
    heading(console, "What would open the space" if verdict["outcome"] == "not met" else "What would decide it")
    rows = [_relaxation(one) for one in verdict["relaxations"]]
    if verdict["outcome"] == "undecided":
        for advice in dict.fromkeys(_advice(one, verdict["used"]) for one in verdict["chosen"]["decisions"]):
            if advice:
                say(console, said(advice))
        if verdict["chosen"]["phase"] != "confirm":
            say(console, f"confirm rounds: raise {_short_of(verdict['used'])}; the chosen candidate was not confirmed")
    elif not rows:
        say(console, "no single limit: every candidate misses at least two; relax more than one")
    lines(console, rows, _MOST)


def _short_of(used: Mapping[str, Any]) -> str:
    """Which part of the budget kept the confirm rounds from beginning."""
    enough = used["measurements"] + 2 * FIRST_LOOK
    return "budget.time" if enough <= used["budget"] else f"budget.measurements (now {used['budget']}) to {enough}"


def _relaxation(one: Mapping[str, Any]) -> Text:
    """One limit moved so far that a candidate passes, rounded so that it still does."""
    text = str(one["constraint"])
    limit = _relaxed(one, up=">=" not in text)
    who = said(identity(one["candidate_id"]))
    return Text.assemble("relax `", said(text, "bold"), "` to ", said(limit, "bold"), "  -> candidate ", who)


def _relaxed(one: Mapping[str, Any], *, up: bool) -> str:
    relative, limit = one["relative"], float(one["limit"])
    share = relative != "absolute" or not one["unit"]
    rounded = _outward(100 * limit if share else limit, up=up)
    unit = "% of baseline" if relative == "ratio" else "%" if share else {"ips": "/ s"}.get(one["unit"], one["unit"])
    return f"{rounded} {unit}"


def _outward(value: float, *, up: bool) -> str:
    """Three significant digits, rounded away from what must pass."""
    if value == 0:
        return "0"
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return number((math.ceil if up else math.floor)(round(value / step, 6)) * step)


def _advice(decision: Decision, used: Mapping[str, Any]) -> str:
    """What the user can do about one undecided constraint."""
    if decision["outcome"] != "undecided":
        return ""
    name, figure, metric = decision["constraint"], decision["figure"], metric_of(decision["metric"])
    if figure is not None and estimated(figure):
        return f"`{name}`: an estimate cannot decide it; widen the limit, or measure it with a meter"
    if figure is not None and metric is not None and metric.dimension == "fraction":
        return f"`{name}`: give more evaluation samples; more runs add no data"
    return (
        f"`{name}`: raise budget.measurements (now {used['budget']}) for more confirm rounds, "
        "or measure longer with protocol: strict"
    )
