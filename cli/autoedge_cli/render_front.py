"""The front as a table that fits the terminal: all columns where there is room, else more and more compact ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.measure import Measurement
from rich.text import Text

from autoedge.metric import METRICS
from autoedge_cli.render_configuration import identity, level, recipe_words, varying
from autoedge_cli.render_figures import ESTIMATE, NONE, bare, give_or_take, name_of, plural, unit_of
from autoedge_cli.render_text import heading, mark, printable, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    Row = Mapping[str, Any]

_MOST_ROWS = 20
_ENDLESS = 10_000
_NARROW_CELL = 20  # of a wrapped configuration
_RECIPE = ("precision", "calibration", "granularity")
_ABOUT = {"candidate_id", "target", "chosen", "reference", "front", "satisfies_constraints", "outcome", "phase"}
_ABOUT |= {"n_processes", "model", "runtime", *_RECIPE}
_ABOUT |= {f"{metric.key}{end}" for metric in METRICS.values() for end in ("", "_lo", "_hi", "_source")}


def render_front(console: Console, verdict: Mapping[str, Any], front: pd.DataFrame) -> None:
    """Print the front, the chosen candidate and the reference.

    Args:
        console: Where to.
        verdict: As in ``verdict.json``; names the metrics to show.
        front: As in ``front.csv``.
    """
    rows: list[Row] = [{str(name): cell for name, cell in row.items()} for row in front.to_dict("records")]
    members = sum(bool(row["front"]) for row in rows)
    heading(console, "Front", Text(plural(members, "candidate"), style="dim"))
    if not members:
        say(console, "no measured candidate keeps every limit by its figures")
    if not rows:
        return
    sheet = _Sheet(console, _most(rows), _metrics(verdict, rows))
    made, kept, unsaid = _fitting(sheet, console.width - 2, max(1, len(verdict["objectives"])))
    show(console, made)
    if unsaid:
        say(console, Text(f"where not said: {unsaid}", style="dim"))
    _legend(sheet, kept)
    left = [name_of(key) for key in sheet.metrics if key not in kept]
    if left:
        say(console, Text(f"also in front.csv: {', '.join(left)}", style="dim"))
    if len(sheet.rows) < len(rows):
        say(console, Text(f"and {plural(len(rows) - len(sheet.rows), 'more candidate')} in front.csv", style="dim"))


def _most(rows: Sequence[Row]) -> list[Row]:
    """The first rows, and the chosen one and the reference wherever they stand."""
    marked = [i for i, row in enumerate(rows) if row["chosen"] or row["reference"]]
    others = [i for i in range(len(rows)) if i not in marked]
    return [rows[i] for i in sorted([*marked, *others[: _MOST_ROWS - len(marked)]])]


def _metrics(verdict: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """Objectives, then what is limited; only what some row has."""
    limited = (decision["metric"] for decision in verdict["chosen"]["decisions"])
    wanted = dict.fromkeys([*verdict["objectives"], *limited])
    return [key for key in wanted if any(level(row.get(key)) != NONE for row in rows)]


def _fitting(sheet: _Sheet, room: int, least: int) -> tuple[Table, list[str], str]:
    """The first layout that fits, the metrics it holds (the objectives at least), and the levels it leaves unsaid."""
    wide = sheet.wide()
    if sheet.width(wide).maximum <= room:
        return wide, sheet.metrics, ""
    unsaid = " ".join(f"{printable(name, 24)}={known}" for name, known in sheet.usual.items())
    beside = sheet.compact(sheet.metrics, below=False)
    if sheet.width(beside).minimum <= room:
        return beside, sheet.metrics, unsaid
    for count in range(len(sheet.metrics), least, -1):
        below = sheet.compact(sheet.metrics[:count], below=True)
        if sheet.width(below).minimum <= room:
            return below, sheet.metrics[:count], unsaid
    return sheet.compact(sheet.metrics[:least], below=True), sheet.metrics[:least], unsaid


@dataclass(frozen=True)
class _Sheet:
    """Rows and metrics to show, in one of several layouts."""

    console: Console
    rows: list[Row]
    metrics: list[str]

    @cached_property
    def knobs(self) -> list[str]:
        """Knobs whose level is not the same everywhere."""
        return varying({name: cell for name, cell in row.items() if name not in _ABOUT} for row in self.rows)

    @cached_property
    def usual(self) -> dict[str, str]:
        """By knob that is no number, the level most rows have: what a compact table need not repeat."""
        found = {}
        for name in self.knobs:
            counts = Counter(level(row.get(name)) for row in self.rows if level(row.get(name)) != NONE)
            if not any(known.isdigit() for known in counts):
                found[name] = counts.most_common(1)[0][0]
        return found

    def width(self, made: Table) -> Measurement:
        """How little and how much room a table can use."""
        return Measurement.get(self.console, self.console.options.update_width(_ENDLESS), made)

    def wide(self) -> Table:
        """A column for each knob that varies; intervals beside the figures."""
        made = self._begun("model", "precision", *(printable(name, 24) for name in self.knobs))
        for key in self.metrics:
            made.add_column(_header(key), no_wrap=True)
        figures = [_beside(self.rows, key) for key in self.metrics]
        for i, row in enumerate(self.rows):
            about = [said(level(row["model"]), limit=32), said(recipe_words(_recipe(row)))]
            knobs = [said(level(row.get(name)), limit=24) for name in self.knobs]
            made.add_row(*self._first(row), *about, *knobs, *(column[i] for column in figures), style=_style(row))
        return made

    def compact(self, metrics: Sequence[str], *, below: bool) -> Table:
        """One column for the whole configuration, wrapped; intervals beside the figures or below them."""
        made = self._begun()
        made.add_column("configuration", min_width=_NARROW_CELL)
        for key in metrics:
            made.add_column(_header(key), no_wrap=True, justify="right" if below else "left")
        columns = [_below(self.rows, key) if below else _beside(self.rows, key) for key in metrics]
        for i, row in enumerate(self.rows):
            about = " ".join([level(row["model"]), recipe_words(_recipe(row)), *self._told(row)])
            made.add_row(*self._first(row), said(about), *(column[i] for column in columns), style=_style(row))
        return made

    def _told(self, row: Row) -> Iterator[str]:
        """The knobs that vary, but for levels that are usual or do not apply."""
        for name in self.knobs:
            known = level(row.get(name))
            if known not in (NONE, self.usual.get(name)):
                yield f"{printable(name, 24)}={known}"

    def _begun(self, *names: str) -> Table:
        return table("", "candidate", *(["target"] if self._several else []), *names)

    @cached_property
    def _several(self) -> bool:
        return len({row["target"] for row in self.rows}) > 1

    def _first(self, row: Row) -> list[Text]:
        """Marks, id and, where there are several targets, the target."""
        applies = {"chosen": row["chosen"], "reference": row["reference"], "off": not row["front"]}
        marks = Text.assemble(*(mark(self.console, name) for name, applied in applies.items() if applied))
        target = [said(row["target"], limit=24)] if self._several else []
        return [marks, said(identity(str(row["candidate_id"]))), *target]


def _style(row: Row) -> str:
    return "bold" if row["chosen"] else "" if row["front"] else "dim"


def _header(key: str) -> Text:
    return Text(f"{name_of(key)}\n{unit_of(key)}", justify="right")


def _beside(rows: Sequence[Row], key: str) -> list[Text]:
    """Figures set flush right, their intervals flush left beside them."""
    values, spreads = [_value(row, key) for row in rows], [_spread(row, key) for row in rows]
    right = max(len(spread) for spread in spreads)
    room = len(name_of(key)) - right - bool(right)
    left = max(room, *(len(value) for value in values))
    return [
        Text.assemble(value.rjust(left), " " * bool(right), (spread.ljust(right), "dim"))
        for value, spread in zip(values, spreads, strict=True)
    ]


def _below(rows: Sequence[Row], key: str) -> list[Text]:
    """Figures with their intervals on a second line."""
    return [
        Text("\n").join(part for part in (Text(_value(row, key)), Text(_spread(row, key), style="dim")) if part)
        for row in rows
    ]


def _value(row: Row, key: str) -> str:
    value = row.get(key)
    figure = NONE if value is None else bare(float(value), key)
    return ESTIMATE + figure if figure != NONE and row.get(f"{key}_source") == "estimated" else figure


def _spread(row: Row, key: str) -> str:
    """Half the interval of a confirmed figure; a search's figure says nothing of other processes."""
    if row["phase"] != "confirm" or level(row.get(key)) == NONE:
        return ""
    return give_or_take(float(row[key]), float(row[f"{key}_lo"]), float(row[f"{key}_hi"]), key)


def _recipe(row: Row) -> dict[str, Any]:
    return {name: row.get(name) for name in _RECIPE}


def _legend(sheet: _Sheet, metrics: Sequence[str]) -> None:
    """What the marks mean, those alone that are in the table."""
    meanings = {
        "chosen": ("chosen", any(row["chosen"] for row in sheet.rows)),
        "reference": ("reference", any(row["reference"] for row in sheet.rows)),
        "off": ("off the front", not all(row["front"] for row in sheet.rows)),
    }
    parts = [
        Text.assemble(mark(sheet.console, name), " ", (words, "dim"))
        for name, (words, used) in meanings.items()
        if used
    ]
    if any(_value(row, key).startswith(ESTIMATE) for row in sheet.rows for key in metrics):
        parts.append(Text(f"{ESTIMATE} estimated, not measured", style="dim"))
    confirmed = [row["phase"] == "confirm" for row in sheet.rows]
    if any(confirmed):
        which = "" if all(confirmed) else ", where confirmed"
        parts.append(Text(f"± half the 95 % interval{which}", style="dim"))
    say(sheet.console, Text("   ").join(parts))
