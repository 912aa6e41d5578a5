"""Constraints in words: the figure held against the limit, the slack, and what would change the decision."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autoedge.metric import METRICS
from autoedge.report.figures import ESTIMATE, NONE, bare, estimated, metric_of, number, points, span, unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    Decision = Mapping[str, Any]


def written(decision: Decision, value: float, digits: int = 3) -> str:
    """A value in the constraint's own terms, without the unit."""
    if decision["relative"] == "absolute":
        return bare(value, decision["metric"], digits)
    return points(value, digits) if decision["relative"] == "drop" else number(100 * value, digits)


def terms(decision: Decision) -> str:
    """The unit of a constraint's own terms."""
    return {"drop": "points", "ratio": "% of baseline"}.get(decision["relative"], unit_of(decision["metric"]))


def figure_words(decision: Decision) -> tuple[str, str]:
    """The figure that a limit was held against, marked when it is an estimate, and its interval; dash without one."""
    figure = decision["figure"]
    if figure is None:
        return NONE, ""
    mark = ESTIMATE if estimated(figure) else ""
    ends = span(figure["low"], figure["high"], lambda end, digits: written(decision, end, digits))
    return f"{mark}{written(decision, figure['value'])} {terms(decision)}".rstrip(), ends


def slack_words(decision: Decision) -> str:
    """Room left; negative when the limit is broken."""
    slack = decision["slack"]
    if slack is None:
        return NONE
    if decision["relative"] == "drop":
        return f"{points(slack)} points"
    if not decision["limit"]:
        return f"{written(decision, slack)} {terms(decision)}"
    return f"{'+' if slack > 0 else ''}{number(100 * slack, 2)} %"


def relaxed(one: Mapping[str, Any]) -> str:
    """The limit that a relaxation moves to, in the constraint's own terms, rounded so that the candidate passes."""
    up = ">=" not in str(one["constraint"])
    relative, limit = one["relative"], float(one["limit"])
    metric = METRICS.get(str(one["constraint"]).split()[0])
    plain = metric is not None and metric.dimension == "number"
    share = relative != "absolute" or not (one["unit"] or plain)
    rounded = _outward(100 * limit if share else limit, up=up)
    unit = "% of baseline" if relative == "ratio" else "%" if share else {"ips": "/ s"}.get(one["unit"], one["unit"])
    return f"{rounded} {unit}".strip()


def _outward(value: float, *, up: bool) -> str:
    """Three significant digits, rounded away from what must pass."""
    if value == 0:
        return "0"
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return number((math.ceil if up else math.floor)(round(value / step, 6)) * step)


def advice(verdict: Mapping[str, Any], first_look: int) -> list[str]:
    """What the user can do about a verdict that is undecided, or that no single relaxation would turn.

    Args:
        verdict: As in ``verdict.json``.
        first_look: Processes of each finalist at the first look of the confirm rounds.
    """
    if verdict["outcome"] == "undecided":
        told = [_of_undecided(one, verdict["used"]) for one in verdict["chosen"]["decisions"]]
        if verdict["chosen"]["phase"] != "confirm":
            short = _short_of(verdict["used"], first_look)
            told.append(f"confirm rounds: raise {short}; the chosen candidate was not confirmed")
        return list(dict.fromkeys(filter(None, told)))
    if verdict["outcome"] == "not met" and not verdict["relaxations"]:
        return ["no single limit: every candidate misses at least two; relax more than one"]
    return []


def _short_of(used: Mapping[str, Any], first_look: int) -> str:
    """Which part of the budget kept the confirm rounds from beginning."""
    enough = used["measurements"] + 2 * first_look
    return "budget.time" if enough <= used["budget"] else f"budget.measurements (now {used['budget']}) to {enough}"


def _of_undecided(decision: Decision, used: Mapping[str, Any]) -> str:
    """What the user can do about one undecided constraint; empty for another."""
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
