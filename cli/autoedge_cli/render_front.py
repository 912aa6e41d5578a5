"""The front as a table that fits the terminal: all columns where there is room, else a compact one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from autoedge.metric import METRICS
from autoedge_cli.render_configuration import identity, level, recipe_words, varying
from autoedge_cli.render_figures import ESTIMATE, NONE, bare, give_or_take, name_of, plural, unit_of
from autoedge_cli.render_text import heading, indented, mark, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from rich.console import Console

    Row = Mapping[str, Any]

_MOST_ROWS = 20
_ABOUT = {"candidate_id", "target", "chosen", "reference", "front", "satisfies_constraints", "outcome", "phase"}
_ABOUT |= {"n_processes", "model", "runtime"}
_FIGURES = {f"{metric.key}{end}" for metric in METRICS.values() for end in ("", "_lo", "_hi", "_source")}
_RECIPE = ("precision", "calibration", "granularity")


def render_front(console: Console, verdict: Mapping[str, Any], front: pd.DataFrame) -> None:
    """Print the front, the chosen candidate and the reference.

    Args:
        console: Where to.
        verdict: As in ``verdict.json``; names the metrics to show.
        front: As in ``front.csv``.
    """
    rows: list[Row] = front.to_dict("records")
    members = sum(bool(row["front"]) for row in rows)
    heading(console, "Front", Text(plural(members, "candidate"), style="dim"))
    if not rows:
        say(console, "nothing measured keeps every limit")
        return
    shown = _most(rows)
    metrics = _metrics(verdict, rows)
    table, kept = _fitting(console, shown, metrics, len(verdict["objectives"]))
    show(console, table)
    _legend(console, shown, kept)
    left = [name_of(key) for key in metrics if key not in kept]
    if left:
        say(console, Text(f"also in front.csv: {', '.join(left)}", style="dim"))
    if len(shown) < len(rows):
        say(console, Text(f"and {len(rows) - len(shown)} more in front.csv", style="dim"))


def _most(rows: Sequence[Row]) -> list[Row]:
    """The first rows, and the chosen one and the reference wherever they stand."""
    marked = [i for i, row in enumerate(rows) if row["chosen"] or row["reference"]]
    others = [i for i in range(len(rows)) if i not in marked]
    return [rows[i] for i in sorted([*marked, *others[: _MOST_ROWS - len(marked)]])]


def _metrics(verdict: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """Objectives, then what is limited; only what some row has."""
    decisions = verdict["chosen"]["decisions"]
    wanted = dict.fromkeys([*verdict["objectives"], *(decision["metric"] for decision in decisions)])
    return [key for key in wanted if any(level(row.get(key)) != NONE for row in rows)]


def _fitting(console: Console, rows: Sequence[Row], metrics: list[str], objectives: int) -> tuple[Table, list[str]]:
    """The widest layout that fits, and the metrics it holds."""
    room = console.options.update_width(console.width - 2)
    wide = _wide(console, rows, metrics)
    if Measurement.get(console, room, wide).maximum <= room.max_width:
        return wide, metrics
    for count in range(len(metrics), objectives, -1):
        table = _compact(console, rows, metrics[:count])
        if Measurement.get(console, room, table).minimum <= room.max_width:
            return table, metrics[:count]
    return _compact(console, rows, metrics[:objectives]), metrics[:objectives]


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("candidate", no_wrap=True)
    if len({row["target"] for row in rows}) > 1:
        table.add_column("target", no_wrap=True)
    return table


def _wide(console: Console, rows: Sequence[Row], metrics: Sequence[str]) -> Table:
    """A column for each knob that varies; intervals beside the figures."""
    table = _table(rows)
    names = _varying_knobs(rows)
    for name in ("model", "precision", *map(str, names)):
        table.add_column(said(name), no_wrap=True)
    figures = [_beside(rows, key) for key in metrics]
    for key in metrics:
        table.add_column(_header(key), no_wrap=True)
    for i, row in enumerate(rows):
        knobs = [said(level(row.get(name)), limit=24) for name in names]
        about = [said(level(row["model"]), limit=32), said(recipe_words(_recipe(row)))]
        table.add_row(*_first(console, table, row), *about, *knobs, *(column[i] for column in figures), style=_style(row))
    return table


def _compact(console: Console, rows: Sequence[Row], metrics: Sequence[str]) -> Table:
    """One column for the whole configuration, wrapped; intervals below the figures."""
    table = _table(rows)
    names = _varying_knobs(rows)
    table.add_column("configuration", min_width=16)
    for key in metrics:
        table.add_column(_header(key), no_wrap=True, justify="right")
    for row in rows:
        knobs = " ".join(f"{name}={level(row.get(name))}" for name in names if level(row.get(name)) != NONE)
        about = said(" ".join(filter(None, (level(row["model"]), recipe_words(_recipe(row)), knobs))))
        figures = [Text("\n").join([Text(_value(row, key)), Text(_spread(row, key), style="dim")]) for key in metrics]
        table.add_row(*_first(console, table, row), about, *figures, style=_style(row))
    return table


def _first(console: Console, table: Table, row: Row) -> list[Text]:
    """Marks, id and, where the table tells targets apart, the target."""
    marks = Text()
    for name, applies in (("chosen", row["chosen"]), ("reference", row["reference"]), ("off", not row["front"])):
        if applies:
            marks.append_text(mark(console, name))
    target = [said(row["target"], limit=24)] if any(column.header == "target" for column in table.columns) else []
    return [marks, said(identity(str(row["candidate_id"]))), *target]


def _style(row: Row) -> str:
    return "bold" if row["chosen"] else "" if row["front"] else "dim"


def _header(key: str) -> Text:
    return Text(f"{name_of(key)}\n{unit_of(key)}", justify="right")


def _beside(rows: Sequence[Row], key: str) -> list[Text]:
    """Figures set flush right, their intervals flush left beside them."""
    values, spreads = [_value(row, key) for row in rows], [_spread(row, key) for row in rows]
    left = max(len(value) for value in values)
    right = max(len(spread) for spread in spreads)
    left = max(left, len(name_of(key)) - right - bool(right))
    return [
        Text.assemble(value.rjust(left), " " * bool(right), (spread.ljust(right), "dim"))
        for value, spread in zip(values, spreads, strict=True)
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


def _varying_knobs(rows: Sequence[Row]) -> list[str]:
    own = [{k: v for k, v in row.items() if k not in _ABOUT | _FIGURES | set(_RECIPE)} for row in rows]
    return varying(own)


def _legend(console: Console, shown: Sequence[Row], metrics: Sequence[str]) -> None:
    """What the marks mean, those alone that are in the table."""
    meanings = {
        "chosen": ("chosen", any(row["chosen"] for row in shown)),
        "reference": ("reference", any(row["reference"] for row in shown)),
        "off": ("off the front", not all(row["front"] for row in shown)),
    }
    parts = [
        Text.assemble(mark(console, name), " ", (words, "dim")) for name, (words, used) in meanings.items() if used
    ]
    if any(_value(row, key).startswith(ESTIMATE) for row in shown for key in metrics):
        parts.append(Text(f"{ESTIMATE} estimated, not measured", style="dim"))
    confirmed = [row["phase"] == "confirm" for row in shown]
    if any(confirmed):
        rest = "" if all(confirmed) else "; none: from the search alone"
        parts.append(Text(f"± half the 95 % interval{rest}", style="dim"))
    say(console, Text("   ").join(parts))
