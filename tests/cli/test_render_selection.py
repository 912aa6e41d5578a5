"""What a selection prints, from the headline to where everything was written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from rich.cells import cell_len

from autoedge.report.front import write_front
from autoedge_cli.render import render_selection
from autoedge_cli.render_decisions import render_decisions
from autoedge_cli.render_picture import render_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    Document = dict[str, Any]
    Finish = Callable[..., tuple[Document, pd.DataFrame]]
    Paper = Callable[..., Console]
    Read = Callable[[Console], str]

_NASTY = "[red]a\x1b[31m\u202e\nb" + "z" * 300


@pytest.fixture
def printed(paper: Paper, read: Read, tmp_path: Path) -> Callable[..., str]:
    """``printed(verdict, front, width, terminal)``: what a selection prints."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "front.csv").touch()

    def text(verdict: Document, front: pd.DataFrame, width: int = 120, *, terminal: bool = False) -> str:
        sheet = paper(width, terminal=terminal)
        render_selection(sheet, verdict, front, tmp_path)
        return read(sheet)

    return text


def test_order(finish: Finish, printed: Callable[..., str]) -> None:
    """Sections come in the order in which a reader needs them."""
    text = printed(*finish())
    titles = [
        "MET",
        "\nFront",
        "better ↓",
        "\nChosen",
        "\nVerdict by",
        "\nChosen by",
        "\nFailed",
        "\nLeft out",
        "\nUsed",
    ]
    places = [text.index(title) for title in [*titles, "\nWritten to"]]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("outcome", "title"), [("met", "Chosen"), ("not met", "Nearest"), ("undecided", "Chosen, und")]
)
def test_headline(outcome: str, title: str, finish: Finish, printed: Callable[..., str]) -> None:
    """The first line tells name and outcome in words; what is not met has a nearest, not a chosen candidate."""
    text = printed(*finish(outcome))
    assert text.splitlines()[0].startswith("digits")
    assert outcome.upper() in text.splitlines()[0]
    assert "quick-1-9f31ab22" in text.splitlines()[1]
    assert f"\n{title}" in text


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("outcome", ["met", "not met", "undecided"])
def test_nothing_is_wider_than_the_terminal(
    width: int, outcome: str, finish: Finish, printed: Callable[..., str]
) -> None:
    """Every line fits, but for the paths that are to be copied."""
    body = printed(*finish(outcome), width).partition("\nWritten to")[0]
    assert max(cell_len(line) for line in body.splitlines()) <= width


def test_plain_without_a_terminal(finish: Finish, printed: Callable[..., str]) -> None:
    """A file gets no control codes; a terminal gets colours, and the same words."""
    assert "\x1b" not in printed(*finish())
    assert "\x1b[" in printed(*finish(), terminal=True)


def test_front_fits_in_three_layouts(finish: Finish, printed: Callable[..., str]) -> None:
    """Wide terminals get a column for each knob that varies, narrow ones a compact cell; all hold every objective."""
    for width, header in ((160, "batch"), (100, "configuration"), (80, "configuration")):
        text = printed(*finish(), width)
        front = text[text.index("\nFront") : text.index("better ↓")]
        assert header in front.splitlines()[3]
        for name in ("latency_p95", "memory_peak", "accuracy", "3fa4c01b22", "int8-static"):
            assert name in front
    assert "graph_level" not in front  # the same everywhere


def test_usual_levels_are_said_once(finish: Finish, printed: Callable[..., str]) -> None:
    """A compact front repeats no level that most rows have, and says which that is."""
    verdict, front = finish()
    front.loc[2, "spinning"] = "off"
    text = printed(verdict, front, 80).split("\nChosen")[0]
    assert "where not said: spinning=on" in text
    assert text.count("spinning=on") == 1
    assert "spinning=off" in text


def test_front_marks_and_intervals(finish: Finish, printed: Callable[..., str]) -> None:
    """Marks tell chosen, reference and off the front; confirmed figures have a half-width, others none."""
    lines = printed(*finish(), 160).splitlines()
    chosen, reference, _, searched = (
        next(line for line in lines if name in line)
        for name in ("3fa4c01b22", "9d02f1aa73", "77bd0c11fe", "0a1b2c3d4e")
    )
    assert chosen.strip().startswith("★")
    assert reference.strip().startswith("◇·")
    assert "0.0520 ±2.0%" in chosen
    assert "96.8 ±1.0" in chosen
    assert "~0.468 ±50%" in chosen
    assert "±" not in searched
    assert "~ estimated, not measured" in "\n".join(lines)


def test_estimates_are_marked_everywhere(finish: Finish, printed: Callable[..., str]) -> None:
    """No figure of an estimated metric is printed without its mark."""
    for width in (80, 110, 160):
        text = printed(*finish(), width)
        for figure in ("0.468", "1.47", "0.608", "0.246"):
            assert text.count(figure) == text.count(f"~{figure}")
        assert "~0.468" in text


def test_chosen_figures(finish: Finish, printed: Callable[..., str]) -> None:
    """The chosen candidate shows every metric with value, interval, source, and the gain over the reference."""
    text = printed(*finish())
    chosen = text[text.index("\nChosen") : text.index("\nVerdict by")]
    flat = [" ".join(line.split()) for line in chosen.splitlines()]
    assert "latency_p95 0.0520 ms [0.0510, 0.0530] measured 3.1 x faster" in flat
    assert "accuracy 96.8 % [95.8, 97.8] measured -0.35 points" in flat
    assert "energy ~0.468 mJ [0.234, 0.702] estimated ~68 % less" in flat
    assert "size 0.0210 MiB exact measured the same" in flat
    assert "confirmed in 6 fresh processes" in chosen


def test_the_reference_gains_nothing_over_itself(finish: Finish, printed: Callable[..., str]) -> None:
    """Where the reference is chosen, that is said and no gain is told."""
    verdict, front = finish()
    verdict["reference"] = verdict["chosen"]
    text = printed(verdict, front)
    assert "it is the reference itself" in text
    assert "against the reference" not in text


def test_decisions(finish: Finish, printed: Callable[..., str]) -> None:
    """Each constraint shows outcome, figure in its own terms, slack and note."""
    text = printed(*finish())
    flat = [" ".join(line.split()) for line in text.splitlines()]
    assert "accuracy >= 0.95 ✓ met 96.8 % [95.8, 97.8] +1.9 %" in flat
    assert "latency_p95 <= 50 % of baseline ✓ met 32.0 % of baseline [31.4, 32.6] +36 %" in flat
    assert "accuracy drop <= 1 % ✓ met +0.35 points [-0.65, +1.35] +0.65 points" in flat
    assert "energy <= 5 mJ ✓ met ~0.470 mJ [0.235, 0.705] +36 %" in flat
    assert "decided on an estimate" in flat


def test_absent_and_broken_figures(
    decision: Callable[..., Document], value: Callable[..., Document], paper: Paper, read: Read
) -> None:
    """A missing figure is a dash with its reason; negative slack is told by its sign."""
    sheet = paper()
    missing = decision(
        "latency_p99 <= 1 ms", "latency_p99_ms", 1, None, outcome="undecided", slack=None, note="too few"
    )
    broken = decision("size <= 1 MiB", "size_mib", 1, value(1.2), outcome="not met", slack=-0.2)
    render_decisions(sheet, [missing, broken])
    flat = [" ".join(line.split()) for line in read(sheet).splitlines()]
    assert "latency_p99 <= 1 ms ? undecided \N{EN DASH} \N{EN DASH}" in flat
    assert "too few" in flat
    assert "size <= 1 MiB ✗ not met 1.20 MiB [1.18, 1.22] -20 %" in flat


def test_runners_up(finish: Finish, printed: Callable[..., str]) -> None:
    """The rule that chose is told, and what each runner-up lost by; or that there is none."""
    verdict, front = finish()
    flat = " ".join(printed(verdict, front).split())
    assert "the knee of the front" in flat
    assert "77bd0c11fe tiny fp16 batch=4 ✓ met latency_p95 +30.0 %, accuracy -0.80 points" in flat
    assert "no runner-up was confirmed" in printed({**verdict, "runners_up": []}, front)


def _relaxation(constraint: str, limit: float, unit: str = "", relative: str = "absolute") -> Document:
    about = {"constraint": constraint, "limit": limit, "unit": unit, "relative": relative}
    return {**about, "candidate_id": "77bd0c11fe@local"}


@pytest.mark.parametrize(
    ("relaxation", "told"),
    [
        (_relaxation("size <= 0.1 MiB", 0.11234, "MiB"), "`size <= 0.1 MiB` to 0.113 MiB -> candidate 77bd0c11fe"),
        (_relaxation("throughput >= 9 / s", 4.5678, "ips"), "to 4.56 / s ->"),
        (_relaxation("accuracy >= 0.99", 0.97419), "to 97.4 % ->"),
        (_relaxation("latency_p50 <= 20 % of baseline", 0.41633, "ms", "ratio"), "to 41.7 % of baseline ->"),
        (_relaxation("accuracy drop <= 1 %", 0.01231, "", "drop"), "to 1.24 % ->"),
    ],
)
def test_relaxations(relaxation: Document, told: str, finish: Finish, printed: Callable[..., str]) -> None:
    """A relaxation names limit, new value and candidate; the value is rounded so that the candidate still passes."""
    verdict, front = finish("not met")
    text = printed({**verdict, "relaxations": [relaxation]}, front)
    assert "What would open the space" in text
    assert told in " ".join(text.split())


def test_no_single_relaxation(finish: Finish, printed: Callable[..., str]) -> None:
    """Where no single limit would help, that is said; where everything is met, nothing is."""
    assert "every candidate misses at least two" in printed(*finish("not met"))
    assert "What would" not in printed(*finish("met"))


def test_advice(finish: Finish, printed: Callable[..., str], decision: Callable[..., Document], value: Any) -> None:
    """An undecided constraint comes with what would decide it."""
    verdict, front = finish("undecided")
    undecided = {"outcome": "undecided", "note": "the interval holds the limit"}
    verdict["chosen"]["decisions"] = [
        decision("latency_p95 <= 0.05 ms", "latency_p95_ms", 0.05, value(0.05), **undecided),
        decision("accuracy >= 0.97", "accuracy", 0.97, value(0.97), **undecided),
        decision("energy <= 1 mJ", "energy_mj", 1, value(1, 0.5, "estimated"), **undecided),
        decision("memory_peak <= 64 MiB", "memory_peak_mib", 64, value(41)),
    ]
    flat = " ".join(printed(verdict, front).split("What would decide it")[1].split("Failed")[0].split())
    assert "`latency_p95 <= 0.05 ms`: raise budget.measurements (now 60)" in flat
    assert "protocol: strict" in flat
    assert "`accuracy >= 0.97`: give more evaluation samples" in flat
    assert "`energy <= 1 mJ`: an estimate cannot decide it" in flat
    assert "memory_peak" not in flat


@pytest.mark.parametrize(
    ("budget", "told"), [(8, "raise budget.measurements (now 8) to 16;"), (60, "raise budget.time; the chosen")]
)
def test_advice_where_nothing_was_confirmed(
    finish: Finish, printed: Callable[..., str], budget: int, told: str
) -> None:
    """A verdict that is open for want of confirm rounds says which part of the budget they lacked."""
    verdict, front = finish("undecided")
    verdict["chosen"] |= {"phase": "search", "decisions": []}
    verdict["used"] |= {"measurements": 4, "budget": budget}
    flat = " ".join(printed(verdict, front).split("What would decide it")[1].split())
    assert told in flat


def test_failures_and_left_out(finish: Finish, printed: Callable[..., str]) -> None:
    """Failures are told by reason with counts; models that miss the same for one reason share a line."""
    flat = " ".join(printed(*finish()).split())
    assert "3 x it was stopped: its memory grew to 412 MiB (2 candidates)" in flat
    assert "trees, logreg: no fp16, int8-static (it has no convolution to make smaller)" in flat


def test_long_lists_are_summarised(finish: Finish, printed: Callable[..., str]) -> None:
    """At most eight lines of what was left out, and how many more."""
    verdict, front = finish()
    verdict["left_out"] = [{"model": f"m{i}", "what": "fp16", "reason": f"reason {i}"} for i in range(20)]
    text = printed(verdict, front)
    assert "reason 7" in text
    assert "reason 8" not in text
    assert "and 12 more" in text


def test_used_and_written(finish: Finish, printed: Callable[..., str], tmp_path: Path) -> None:
    """What was used is told, and where everything lies: what exists, on lines that can be copied."""
    text = printed(*finish(), 60)
    assert "58 of 60 measurements, 31 of 812 candidates explored" in " ".join(text.split())
    assert str(tmp_path) in text
    assert f"autoedge bundle verify {tmp_path / 'bundle'}" in text
    assert "front.csv" in text
    assert "verdict.json" not in text  # not written in this folder


def test_hostile_text(finish: Finish, printed: Callable[..., str]) -> None:
    """Names, reasons and notes from outside are shown as text: no escape, no markup, no direction change."""
    verdict, _ = finish()
    rows = [verdict["chosen"], verdict["reference"]]
    for row in rows:
        row["configuration"]["model"] = _NASTY
        row["configuration"]["knobs"][_NASTY] = _NASTY
        row["flags"] = [_NASTY]
    for decision in verdict["chosen"]["decisions"]:
        decision["constraint"] = decision["note"] = _NASTY
    verdict |= {"name": _NASTY, "rule": _NASTY, "protocol": _NASTY}
    verdict["failed"] = [{"reason": _NASTY, "count": 1, "candidates": ["a"]}]
    verdict["left_out"] = [{"model": _NASTY, "what": _NASTY, "reason": _NASTY}]
    verdict["runners_up"][0]["lost_by"] = _NASTY
    for width in (80, 160):
        text = printed(verdict, finish(rows=rows)[1], width)
        assert "[red]a" in text
        assert not {character for character in text if not character.isprintable()} - {"\n"}


def test_empty_front(finish: Finish, printed: Callable[..., str]) -> None:
    """Where nothing keeps the limits, the front says so and shows the nearest candidate and the reference."""
    verdict, _ = finish("not met")
    rows = [{**verdict[name], "front": False} for name in ("chosen", "reference")]
    text = printed(verdict, finish(rows=rows)[1])
    assert "no measured candidate keeps every limit by its figures" in text
    assert "3fa4c01b22" in text
    assert "9d02f1aa73" in text
    assert "better ↓" not in text  # two points are no picture


def test_no_rows_at_all(finish: Finish, printed: Callable[..., str]) -> None:
    """An empty table is no error."""
    assert "0 candidates" in printed(finish("not met")[0], pd.DataFrame([]))


def test_long_fronts_keep_the_marked_rows(finish: Finish, printed: Callable[..., str]) -> None:
    """A long front is cut, but never loses the chosen candidate or the reference."""
    verdict, _ = finish()
    others = [{**verdict["runners_up"][0], "candidate_id": f"{i:010d}@local"} for i in range(40)]
    text = printed(verdict, finish(rows=[*others, verdict["chosen"], verdict["reference"]])[1])
    front = text[: text.index("\nChosen")]
    assert "3fa4c01b22" in front
    assert "9d02f1aa73" in front
    assert "and 22 more candidates in front.csv" in front
    assert front.count("00000000") == 18


def test_several_targets(finish: Finish, printed: Callable[..., str]) -> None:
    """Targets are told apart as soon as there are several."""
    verdict, front = finish()
    assert "target" not in printed(verdict, front).split("better ↓")[0]
    front.loc[2, "target"] = "board"
    assert "board" in printed(verdict, front).split("better ↓")[0]


def test_the_best_of_each_target(finish: Finish, printed: Callable[..., str]) -> None:
    """With several targets each stands with its best candidate, one that was lost with the reason; with one, none."""
    verdict, front = finish()
    assert "Best of each target" not in printed(verdict, front)
    chosen, runner = verdict["chosen"], {**verdict["runners_up"][0], "target": "pi4"}
    verdict["runners_up"] = [runner]
    verdict["targets"] = [
        {"name": "local", "lost": "", "best": chosen},
        {"name": "pi4", "lost": "target 'pi4': the connection was cut", "best": runner},
        {"name": "jetson", "lost": "", "best": None},
    ]
    text = " ".join(printed(verdict, front, 160).split())
    assert "measured on local, pi4, jetson, protocol" in text
    best = text[text.index("Best of each target") :]
    assert "local 3fa4c01b22 separable int8-static" in best
    assert "pi4 77bd0c11fe tiny fp16" in best
    assert "jetson \N{EN DASH} nothing measured" in best
    assert "pi4 was left out: target 'pi4': the connection was cut" in best
    assert "on local" in text[text.index("Chosen") :]
    assert "tiny fp16 batch=4" in text
    assert "on pi4" in text[text.index("Chosen by") : text.index("Best of each target")]


def test_read_back_from_csv(
    finish: Finish, printed: Callable[..., str], standings: list[Document], tmp_path: Path
) -> None:
    """A front read from its file prints as it did when it was made."""
    verdict, front = finish()
    write_front(front, standings, tmp_path / "again.csv", tmp_path / "again.json")
    assert printed(verdict, pd.read_csv(tmp_path / "again.csv"), 160) == printed(verdict, front, 160)


def test_missing_metrics(finish: Finish, printed: Callable[..., str]) -> None:
    """A metric that some candidates lack is a dash there, and one that all lack has no column."""
    verdict, _ = finish()
    verdict["objectives"] = ["latency_p99_ms", "accuracy"]
    rows = [verdict["chosen"], {**verdict["runners_up"][0], "metrics": {}}]
    front = printed(verdict, finish(rows=rows)[1]).split("\nChosen")[0]
    assert "latency_p99" not in front
    assert "\N{EN DASH}" in front


def test_picture(finish: Finish, paper: Paper, read: Read) -> None:
    """The picture has a point for each kind of candidate, round ticks, and says which way is better."""
    verdict, front = finish()
    sheet = paper(80)
    render_picture(sheet, verdict["objectives"], front)
    text = read(sheet)
    assert text.count("●") == 3  # two on the front, one in the legend
    assert text.count("★") == text.count("◇") == 2
    assert "latency_p95 in ms, better ←" in text
    assert "50┤" in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80


def test_picture_with_a_large_range(finish: Finish, paper: Paper, read: Read) -> None:
    """An objective over a large range is drawn on a logarithmic axis with ticks at 1, 2 and 5."""
    verdict, front = finish()
    front["latency_p95_ms"] = [0.1, 1.0, 3.0, 10.0]
    sheet = paper(80)
    render_picture(sheet, verdict["objectives"], front)
    assert "latency_p95 in ms (log)" in read(sheet)
    assert "0.2" in read(sheet)


@pytest.mark.parametrize("case", ["two points", "one objective", "no spread", "narrow", "ascii"])
def test_no_picture(case: str, finish: Finish, paper: Paper, read: Read) -> None:
    """Too few points, objectives or columns, or no Unicode: no picture rather than a poor one."""
    verdict, front = finish()
    objectives, sheet = verdict["objectives"], paper(40 if case == "narrow" else 80)
    if case == "two points":
        front = front.head(2)
    elif case == "one objective":
        objectives = ["accuracy", "latency_p99_ms"]
    elif case == "no spread":
        front["memory_peak_mib"] = 40.0
    elif case == "ascii":
        sheet = paper(80, file=io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True))
    render_picture(sheet, objectives, front)
    if case == "ascii":
        assert sheet.file.buffer.getvalue() == b""  # type: ignore[attr-defined]
    else:
        assert read(sheet) == ""
