"""report.md: what a pull request should say of a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity
from autoedge.report.decisions import figure_words, relaxed, slack_words
from autoedge.report.figures import ESTIMATE, full, interval, name_of, plural, unit_of
from autoedge.report.gains import gain
from autoedge.report.operation import operation_lines, operation_words
from autoedge.report.text import printable
from autoedge.report.wording import SENTENCES, SYMBOLS, TEXT_MARKS, TITLES, figure, how_measured, mark_of, on_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Document = Mapping[str, Any]

_MOST_ROWS = 10
_MOST_REASONS = 5
_TEXT = 400
# What means something wherever it stands; an underscore not alone in a word; what begins a link; what begins a block.
_SPECIAL = re.compile(
    r"[\\`*\[\]<>#|~@$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|:(?=[\w+-]+:)|(?<=[Ww][Ww][Ww])\.|^[-+=]|(?<=^\d)[.)]"
)
_ESTIMATES = f"{ESTIMATE} and italics: estimated, not measured."


def escaped_markdown(text: Any) -> str:
    """Text from outside as Markdown shows it: no markup, no HTML, no mention, no link, one line, one cell.

    Characters that mean something become character references, since renderers differ in what a backslash escapes.
    """
    plain = printable(text, _TEXT).replace("&", "&amp;")
    return _SPECIAL.sub(lambda found: f"&#{ord(found.group())};", plain)


def markdown_report(document: Document) -> str:
    """The outcome first, then constraints, the chosen candidate against the reference, the front, and remarks.

    Args:
        document: As :func:`autoedge.workflows.report_document.report_document` gathers it.
    """
    parts = (_headline, _constraints, _compared, _operation, _front, _remarks)
    return "\n".join(line for part in parts for line in part(document)) + "\n"


def _headline(document: Document) -> Iterator[str]:
    verdict = document["verdict"]
    word, chosen = str(verdict["outcome"]), verdict["chosen"]
    yield f"## AutoEdge: {escaped_markdown(verdict['name'])}: {SYMBOLS.get(word, '?')} {word}"
    yield ""
    yield SENTENCES.get(word, "")
    yield (
        f"{TITLES.get(word, 'Chosen')}: **{escaped_markdown(on_target(chosen, verdict))}** "
        f"({escaped_markdown(identity(chosen['candidate_id']))}, {how_measured(chosen)})."
    )
    yield ""


def _constraints(document: Document) -> Iterator[str]:
    decisions = document["verdict"]["chosen"]["decisions"]
    if not decisions:
        yield "The intent sets no limit."
        yield ""
        return
    rows = []
    for one in decisions:
        text, ends = figure_words(one)
        held = _marked(f"{text} {ends}".strip(), estimate=text.startswith(ESTIMATE))
        remark = f" ({escaped_markdown(one['note'])})" if one["note"] else ""
        word = str(one["outcome"])
        rows.append([escaped_markdown(one["constraint"]), f"{SYMBOLS.get(word, '?')} {word}", held + remark,
                     slack_words(one)])  # fmt: skip
    yield from _table(("constraint", "outcome", "figure", "slack"), rows)
    told = [escaped_markdown(text) for text in document["advice"]]
    told += [
        f"relax {escaped_markdown(one['constraint'])} to **{relaxed(one)}**: candidate "
        f"{escaped_markdown(identity(one['candidate_id']))} passes"
        for one in document["verdict"]["relaxations"][:_MOST_REASONS]
    ]
    yield from (f"- {text}" for text in told)
    if told:
        yield ""


def _compared(document: Document) -> Iterator[str]:
    verdict = document["verdict"]
    ours, theirs = verdict["chosen"]["metrics"], verdict["reference"]["metrics"]
    yield f"### {TITLES.get(str(verdict['outcome']), 'Chosen')} against the reference"
    yield ""
    if verdict["chosen"]["candidate_id"] == verdict["reference"]["candidate_id"]:
        yield "It is the reference itself."
    else:
        yield f"Reference: {escaped_markdown(on_target(verdict['reference'], verdict))}."
    yield ""
    rows = []
    for key in (key for key in document["metrics"] if key in ours):
        change = gain(key, ours[key], theirs.get(key)).text
        other = _figure(theirs[key], key) if key in theirs else ""
        rows.append([escaped_markdown(name_of(key)), _figure(ours[key], key), other, escaped_markdown(change)])
    yield from _table(("metric", "chosen", "reference", "change"), rows)


def _operation(document: Document) -> Iterator[str]:
    """What both take in use; nothing where it cannot be told, which is then a remark."""
    lines = operation_lines(document)
    if not lines:
        return
    yield "### Battery, carbon and cost"
    yield ""
    where = document["verdict"]["chosen"]["target"]
    yield f"On {escaped_markdown(where)}: {escaped_markdown(operation_words(document))}."
    yield ""
    rows = []
    for line in lines:
        sides = zip((line.chosen, line.reference), line.estimates, strict=True)
        figures = [f"{_told(text, estimate=mark)} {ends}" for (text, ends), mark in sides]
        rows.append([line.title, *figures, escaped_markdown(line.formula)])
    yield from _table(("in use", "chosen", "reference", "how, with the chosen candidate's numbers"), rows)


def _figure(value: Mapping[str, Any], key: str) -> str:
    text = full(value, key)
    return f"{_marked(text, estimate=text.startswith(ESTIMATE))} {interval(value['low'], value['high'], key)}"


def _marked(text: str, *, estimate: bool) -> str:
    """A figure; an estimate in italics behind its mark, which must not strike anything through."""
    return f"*{text.replace(ESTIMATE, '&#126;')}*" if estimate else text


def _told(text: str, *, estimate: bool) -> str:
    # A figure begins no line, so its point makes no list: the space in front of it says so.
    return f"*{escaped_markdown(ESTIMATE + text)}*" if estimate else escaped_markdown(f" {text}").strip()


def _front(document: Document) -> Iterator[str]:
    rows = [row for row in document["candidates"] if row["front"] or row["chosen"]]
    keys = [key for key in document["verdict"]["objectives"] if key in document["metrics"]]
    members = sum(bool(row["front"]) for row in rows)
    yield f"### Front: {plural(members, 'candidate')}"
    yield ""
    if not members:
        yield "No measured candidate keeps every limit by its figures."
        yield ""
    shown = []
    for row in rows[:_MOST_ROWS]:
        figures = [figure(row["metrics"].get(key), key) for key in keys]
        cells = [_marked(f"{ESTIMATE}{text}" if estimate else text, estimate=estimate) for text, _, estimate in figures]
        about = [f"{TEXT_MARKS[mark_of(row)]} {escaped_markdown(identity(row['candidate_id']))}",
                 escaped_markdown(on_target(row, document["verdict"]))]  # fmt: skip
        shown.append([*about, *cells, how_measured(row)])
    head = ["candidate", "configuration", *(_heading(key) for key in keys), "measured"]
    yield from _table(head, shown)
    if len(rows) > _MOST_ROWS:
        yield f"And {plural(len(rows) - _MOST_ROWS, 'more candidate')} in front.csv."
        yield ""


def _heading(key: str) -> str:
    return f"{escaped_markdown(name_of(key))} ({unit_of(key)})" if unit_of(key) else escaped_markdown(name_of(key))


def _remarks(document: Document) -> Iterator[str]:
    verdict, about = document["verdict"], document["surroundings"]
    used = verdict["used"]
    yield f"- Chosen by {escaped_markdown(verdict['rule'])}."
    for one in about["targets"]:
        device = f"{one['cpu'] or one['arch']}, {one['os']}; {', '.join(one['runtimes'])}"
        yield f"- Measured on {escaped_markdown(one['name'])}: {escaped_markdown(device)}."
    yield (
        f"- {used['measurements']} of {used['budget']} measurements used, {used['explored']} of "
        f"{plural(int(used['candidates_in_space']), 'candidate')} explored, protocol "
        f"{escaped_markdown(verdict['protocol'])}."
    )
    for one in verdict["failed"][:_MOST_REASONS]:
        yield f"- Failed: {one['count']} x {escaped_markdown(one['reason'])}"
    for name, count in about["flags"].items():
        yield f"- {escaped_markdown(name)}: {count} of {plural(about['valid'], 'valid process', 'valid processes')}."
    for told in (*document["operation"]["notes"], *document["operation"]["missing"]):
        yield f"- {escaped_markdown(told)}"
    yield f"- Figures are at 95 %. {_ESTIMATES.replace(ESTIMATE, '&#126;')}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
