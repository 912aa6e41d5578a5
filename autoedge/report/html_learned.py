"""What the run's own results teach: which knobs matter, and how far results foretell one another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import level
from autoedge.report.figures import ESTIMATE, NONE, name_of, number, percent, plural, points, unit_of
from autoedge.report.html_section import ESTIMATES, note, section
from autoedge.report.markup import Markup, element, table
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.report.html_section import Section

    Document = Mapping[str, Any]
    Learned = Mapping[str, Any]

_MOST_KNOBS, _MOST_CHANGES = 8, 3
_WEAK = 0.5
_LEAST = 0.01  # a share below this is none, where no pair says otherwise
_BAR = 60
_TIMES = "\N{MULTIPLICATION SIGN}"


def knobs_section(document: Document) -> Section | None:
    """For each metric, how much each knob matters to the surrogate, and what measured pairs say."""
    learned = document["learned"]
    if not learned["metrics"]:
        return section("knobs", "Knobs", "Which knobs matter", element("p", _sentence(learned["note"])))
    return section(
        "knobs",
        "Knobs",
        "Which knobs matter",
        element(
            "p",
            "Share: how much of what the surrogate expects of a metric hangs on a knob (total sensitivity index: its "
            "levels are shuffled among the measured candidates; shares may add up to more than 1). Pairs: measured "
            "candidates that differ in that knob alone, without any model: the middle change, from the least to the "
            "greatest.",
        ),
        element("p", _sentence(learned["note"])) if learned["note"] else None,
        [_of_metric(one) for one in learned["metrics"]],
        note("In brackets: what the surrogate expected of the same pairs when it had not seen them. ", ESTIMATES),
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _title(one: Learned) -> Markup | str:
    name = name_of(one["metric"])
    return element("i", f"{ESTIMATE}{name} (estimated)", class_="estimate") if one["estimated"] else name


def _of_metric(one: Learned) -> Markup:
    shares = {knob["knob"]: knob["share"] for knob in one["knobs"]}
    changed: dict[str, list[Mapping[str, Any]]] = {}
    for change in one["changes"]:
        changed.setdefault(change["knob"], []).append(change)
    every = [*shares, *(name for name in changed if name not in shares)]
    names = [name for name in every if name in changed or shares.get(name, 0.0) >= _LEAST][:_MOST_KNOBS]
    rest = [name for name in every if name not in names]
    rows = [[printable(name, 40), _bar(shares.get(name)), _changes(changed.get(name, ()), one)] for name in names]
    weak = one["explained"] is not None and one["explained"] < _WEAK
    told = (
        f"The surrogate explains only {percent(max(0.0, one['explained']))} % of what it had not seen of this metric: "
        "trust the pairs, not the shares."
        if weak
        else ""
    )
    heading = element("h3", _title(one))
    if not rows:
        return element("div", heading, element("p", "No knob changed it in any pair of measured candidates."))
    head = ["knob", "share", "measured pairs"]
    made = table(head, rows, label=f"Knobs that matter for {name_of(one['metric'])}", kind="knobs")
    unseen = note(f"Little to be seen of {', '.join(printable(name, 40) for name in rest)}.") if rest else None
    return element("div", heading, element("p", told) if told else None, made, unseen)


def _bar(share: float | None) -> Markup | str:
    """A share as a number behind a bar."""
    if share is None:
        return NONE
    width = round(_BAR * min(1.0, max(0.0, share)), 1)
    drawn = element("rect", width=width, height=10, class_="bar") if width else None
    frame = element("rect", width=_BAR, height=10, class_="rail")
    picture = element("svg", frame, drawn, width=_BAR, height=10, viewBox=f"0 0 {_BAR} 10", aria_hidden="true")
    return element("span", picture, f" {share:.2f}", class_="nowrap")


def _changes(changes: Sequence[Mapping[str, Any]], one: Learned) -> Markup | str:
    if not changes:
        return NONE
    strongest = sorted(changes, key=lambda change: -abs(change["median"]))[:_MOST_CHANGES]
    rest = len(changes) - len(strongest)
    items = [element("li", _change(change, one)) for change in strongest]
    more = element("li", f"and {plural(rest, 'smaller change')}") if rest else None
    return element("ul", items, more, class_="plain")


def _change(change: Mapping[str, Any], one: Learned) -> list[Markup | str]:
    ends = "" if change["pairs"] == 1 else f" ({_effect(change['low'], one)} to {_effect(change['high'], one)})"
    said = "" if change["foretold"] is None else f" [{_effect(change['foretold'], one)}]"
    moved = f"{level(change['before'])} → {level(change['after'])}: "
    effect = _effect(change["median"], one)
    shown = element("i", f"{ESTIMATE}{effect}", class_="estimate") if one["estimated"] else element("b", effect)
    return [moved, shown, f"{ends}, {plural(change['pairs'], 'pair')}{said}"]


def _effect(difference: float, one: Learned) -> str:
    """A difference as a factor, in points or as it is."""
    if one["log"]:
        return f"{_TIMES} {number(math.exp(difference))}"
    return f"{points(difference)} points" if unit_of(one["metric"]) == "%" else f"{difference:+.3g}"


def surrogate_section(document: Document) -> Section | None:
    """How well each metric is foretold by a surrogate that had not seen the candidate."""
    known = [one for one in document["learned"]["metrics"] if one["predicted"]]
    if not known:
        return None
    rows = [
        [
            _title(one),
            str(one["rows"]),
            f"{percent(max(0.0, one['explained']))} %",
            _share(one["errors"]["median_ape"]),
            _share(one["errors"]["within_10pct"]),
            NONE if one["errors"]["rank"] is None else f"{one['errors']['rank']:.2f}",
            _share(one["inside"]),
        ]
        for one in known
    ]
    head = ["metric", "results", "explained", "median error", "within 10 %", "rank correlation", "inside the band"]
    options = [element("option", name_of(one["metric"]), value=one["metric"]) for one in known]
    chooser = element("label", "Metric ", element("select", options, id="predicted-metric"), for_="predicted-metric")
    picture = element("div", id="predicted-plot", class_="plot", role="img",
                      aria_label="Predicted against measured; the table below has the errors.")  # fmt: skip
    return section(
        "surrogate",
        "Surrogate",
        "Surrogate card: predicted against measured",
        element(
            "p",
            "These are not the predictions that the search was led by, which are not kept. Each fifth of the results "
            "is predicted here by a surrogate of the same kind that learned from the other four fifths of this run "
            "alone.",
        ),
        element("div", chooser, picture, class_="live", hidden=True),
        table(head, rows, label="How far held-out predictions are off"),
        note("Predictions are estimates, drawn hollow with their 95 % bands. ", _started(document)),
    )


def _share(share: float | None) -> str:
    return NONE if share is None else f"{percent(share)} %"


def _started(document: Document) -> str:
    """What the search itself knew beforehand."""
    start = document["verdict"].get("started_from")
    if not start:
        return ""
    surrogate = start["surrogate"]
    parts = [f"surrogate {surrogate['name']}"] if surrogate and surrogate["metrics"] else []
    parts += [f"history {', '.join(each['name'] for each in start['history'])}"] if start["history"] else []
    told = " and ".join(parts) or "nothing"
    return f"The search started from {printable(told, 400)}."
