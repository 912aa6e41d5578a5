"""The lines of a gate's result in plain words, as all its written forms say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.metric import by_key

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Line:
    """One thing that a gate decided.

    Attributes:
        group: ``limit``, ``against the base`` or ``processes``.
        name: The limit as the user wrote it, or the metric.
        outcome: met, not met, held, regressed, undecided or not judged.
        figure: What it was decided on, with its interval.
        note: What the reader must know; may be empty. It may hold words of a device.
    """

    group: str
    name: str
    outcome: str
    figure: str
    note: str

    @property
    def failed(self) -> bool:
        """Whether the gate fails for it."""
        return self.outcome in ("not met", "regressed")


_NOTHING = 5e-5
LIMIT, AGAINST, PROCESSES = "limit", "against the base", "processes"


def lines_of(document: Mapping[str, Any]) -> list[Line]:
    """All that a gate decided, limits first.

    Args:
        document: Of ``autoedge check``.
    """
    limits = [
        Line(LIMIT, str(one["constraint"]), str(one["outcome"]), _held(one), str(one["note"]))
        for one in document["constraints"]
    ]
    changes = [
        Line(AGAINST, by_key(one["metric"]).name,
             str(one["outcome"]), change_text(one), str(one["note"]))
        for one in document["changes"]
    ]  # fmt: skip
    return [*limits, *changes, *([_failing(document)] if document["fails"] else [])]


def _failing(document: Mapping[str, Any]) -> Line:
    """The processes of the bundle that failed, more than of the base."""
    failed = [one for one in document["failed"] if one["arm"] == "new"]
    note = "; ".join(f"{one['count']} x {one['reason']}" for one in failed)
    return Line(PROCESSES, "processes run through", "undecided", f"{document['processes']['new']} valid", note)


def headline(document: Mapping[str, Any]) -> str:
    """The outcome in one sentence."""
    failed = [line.name for line in lines_of(document) if line.failed]
    where = f"on {document['target']['name']}, {document['rounds']} rounds in {document['seconds']:.0f} s"
    told = {
        "met": "every limit is kept" + (" and nothing is worse than the base" if document["changes"] else ""),
        "not met": f"not kept: {', '.join(failed)}",
        "regressed": f"worse: {', '.join(failed)}",
        "undecided": "not sure enough to say",
    }[document["outcome"]]
    return f"{document['outcome']}: {told} ({where})"


def change_text(change: Mapping[str, Any]) -> str:
    """How much worse, and between which bounds: ``1.2 % worse [-0.3, +2.6] in 20 pairs``."""
    worse, low, high = change["worse"], change["low"], change["high"]
    if worse is None:
        return ""
    words = f"{abs(100 * worse):.3g} % {'worse' if worse > 0 else 'better'}" if abs(worse) >= _NOTHING else "the same"
    if not change["pairs"]:
        return words
    if low is not None and high is not None:
        ends = f" [{100 * low:+.3g}, {100 * high:+.3g}]"
    elif high is not None:  # so few pairs can be sure enough of a pass, but not of an alarm
        ends = f", at most {100 * high:+.3g} %"
    else:
        ends = "" if low is None else f", at least {100 * low:+.3g} %"
    return f"{words}{ends} in {change['pairs']} pairs"


def _held(decision: Mapping[str, Any]) -> str:
    """The figure of a limit in the limit's own terms."""
    figure = decision["figure"]
    if figure is None:
        return ""
    metric, relative = by_key(decision["metric"]), decision["relative"]
    share = relative != "absolute" or metric.dimension == "fraction"
    unit = {"drop": "points", "ratio": "% of baseline"}.get(relative, "%" if share else metric.unit)
    value, low, high = (f"{(100 if share else 1) * figure[end]:.4g}" for end in ("value", "low", "high"))
    return f"{'~' if figure['source'] == 'estimated' else ''}{value} {unit} [{low}, {high}]".replace("  ", " ")
