"""Tables and files for people and programs: safe to open anywhere, the same in both forms."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.measurement import Phase, Source
from autoedge.report.front import front_table, write_front
from autoedge.report.verdict import write_verdict

if TYPE_CHECKING:
    from pathlib import Path


def _row(candidate_id: str = "c@local", **changes: Any) -> dict[str, Any]:
    """A standing as plain data."""
    configuration = {
        "model": "small",
        "recipe": {"precision": "fp32"},
        "runtime": "onnxruntime",
        "knobs": {"batch": 1, "arena": "on"},
    }
    value = {"value": 1.5, "low": 1.4, "high": 1.6, "source": Source.MEASURED, "estimator": "median", "n": 6}
    row = {
        "candidate_id": candidate_id,
        "target": "local",
        "configuration": configuration,
        "phase": Phase.CONFIRM,
        "n_processes": 6,
        "feasible": True,
        "front": True,
        "outcome": "met",
        "flags": [],
        "metrics": {"latency_p50_ms": value},
        "decisions": [],
    }
    return {**row, **changes}


def _written(rows: list[dict[str, Any]], folder: Path) -> tuple[list[dict[str, str]], Any]:
    """The rows of both files as another program reads them."""
    table = front_table(rows, chosen=rows[0]["candidate_id"], reference="none")
    write_front(table, rows, folder / "front.csv", folder / "front.json")
    with (folder / "front.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), json.loads((folder / "front.json").read_text(encoding="utf-8"))


def test_references_of_other_targets_are_marked_too() -> None:
    """Each target's reference is in the table, on the front or not, and no other row off the front is."""
    off = {"front": False, "target": "pi"}
    rows = [_row("a@local"), _row("b@local", front=False), _row("b@pi", **off), _row("c@pi", **off)]
    table = front_table(rows, "a@local", "b@local", ["b@pi", "b@local"])
    assert list(table["candidate_id"]) == ["a@local", "b@local", "b@pi"]
    assert list(table["reference"]) == [False, True, True]


# -- the table -----------------------------------------------------------------------------------------------------


def test_the_table_shows_the_front_the_chosen_and_the_reference() -> None:
    """What is neither on the front nor chosen nor the reference is left out; flags say which is which."""
    rows = [_row("a"), _row("b", front=False), _row("c", front=False), _row("d", front=False), _row("e")]
    table = front_table(rows, chosen="b", reference="d")
    assert table["candidate_id"].tolist() == ["a", "b", "d", "e"]
    assert table["chosen"].tolist() == [False, True, False, False]
    assert table["reference"].tolist() == [False, False, True, False]
    assert table["front"].tolist() == [True, False, False, True]


def test_each_metric_has_value_interval_and_source() -> None:
    """A figure takes four columns, in the order of the table of metrics; a missing one leaves its cells empty."""
    energy = {"value": 8.0, "low": 4.0, "high": 12.0, "source": Source.ESTIMATED, "estimator": "software", "n": 1}
    rows = [_row("a"), _row("b", metrics={"energy_mj": energy})]
    table = front_table(rows, chosen="a", reference="b").set_index("candidate_id")
    columns = list(table.columns)
    for key in ("energy_mj", "latency_p50_ms"):
        start = columns.index(key)
        assert columns[start : start + 4] == [key, f"{key}_lo", f"{key}_hi", f"{key}_source"]
    first, second = table.to_dict("records")
    assert [second[f"energy_mj{end}"] for end in ("", "_lo", "_hi", "_source")] == [8.0, 4.0, 12.0, "estimated"]
    assert all(math.isnan(first[name]) for name in ("energy_mj", "energy_mj_source"))
    assert "accuracy" not in columns


def test_knobs_that_do_not_apply_stay_empty(tmp_path: Path) -> None:
    """A knob that only some candidates have is a column whose other cells are empty, not the word None or nan."""
    other = {"model": "large", "recipe": {"precision": "int8-static", "granularity": "channel"}, "runtime": "r"}
    rows = [_row("a"), _row("b", configuration={**other, "knobs": {"batch": 8, "execution": "parallel"}})]
    table, _ = _written(rows, tmp_path)
    assert [row["execution"] for row in table] == ["", "parallel"]
    assert [row["granularity"] for row in table] == ["", "channel"]
    assert [row["arena"] for row in table] == ["on", ""]
    assert [row["batch"] for row in table] == ["1", "8"]


# -- files ---------------------------------------------------------------------------------------------------------


def test_both_files_say_the_same(tmp_path: Path) -> None:
    """front.json holds the rows as they are, front.csv the same figures flat; StrEnums are plain words in both."""
    rows = [_row("a"), _row("b", n_processes=10)]
    table, document = _written(rows, tmp_path)
    assert document["schema_version"] == 1
    assert document["rows"] == json.loads(json.dumps(rows))
    for flat, row in zip(table, document["rows"], strict=True):
        assert flat["candidate_id"] == row["candidate_id"]
        assert int(flat["n_processes"]) == row["n_processes"]
        assert (flat["phase"], flat["outcome"]) == ("confirm", "met")
        assert float(flat["latency_p50_ms"]) == row["metrics"]["latency_p50_ms"]["value"]
        assert flat["latency_p50_ms_source"] == "measured"
        assert flat["satisfies_constraints"] == "True"


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50)
@given(value=FINITE, n=st.integers(0, 2**31))
def test_figures_survive_both_files(tmp_path_factory: pytest.TempPathFactory, value: float, n: int) -> None:
    """Every digit of a figure comes back from CSV and JSON, negative ones included."""
    figure = {"value": value, "low": value, "high": value, "source": "measured", "estimator": "", "n": n}
    folder = tmp_path_factory.mktemp("front")
    (flat,), document = _written([_row("a", metrics={"energy_net_mj": figure})], folder)
    assert float(flat["energy_net_mj"]) == value
    assert document["rows"][0]["metrics"]["energy_net_mj"] == figure


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", " =1", '=HYPERLINK("http://x","y")', "-2+3+cmd|' /C x'!A0"],
)
def test_no_cell_is_a_formula(tmp_path: Path, text: str) -> None:
    """Text from outside that a spreadsheet would run begins with an apostrophe, in every column it can reach."""
    configuration = {
        "model": text,
        "recipe": {"precision": text},
        "runtime": text,
        "knobs": {"color": text, "mixed": text},
    }
    other = {**_row()["configuration"], "knobs": {"mixed": 3}}
    rows = [_row(text, target=text, configuration=configuration), _row("b", configuration=other)]
    table, document = _written(rows, tmp_path)
    for name in ("candidate_id", "target", "model", "precision", "runtime", "color", "mixed"):
        assert table[0][name] == f"'{text}"
    assert document["rows"][0]["candidate_id"] == text


@settings(max_examples=50)
@given(st.text(max_size=20), st.text(st.sampled_from(" =+-@\t\r\n\0\",\u202e'a"), max_size=6))
def test_any_text_stays_in_its_cell(tmp_path_factory: pytest.TempPathFactory, one: str, other: str) -> None:
    """No text breaks out of its cell or its line, none looks like a formula, and what is plain stays as it is."""
    folder = tmp_path_factory.mktemp("front")
    rows = [_row("a", configuration={**_row()["configuration"], "model": text}) for text in (one, other)]
    table, _ = _written(rows, folder)
    assert (folder / "front.csv").read_bytes().count(b"\n") == 3
    for row, text in zip(table, (one, other), strict=True):
        cell = row["model"]
        assert cell.isprintable()
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        if text.isprintable():
            assert cell in (text, f"'{text}")


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    """A second front takes the first one's place; nothing unfinished stays."""
    _written([_row("a"), _row("b")], tmp_path)
    table, document = _written([_row("c")], tmp_path)
    assert [row["candidate_id"] for row in table] == ["c"]
    assert [row["candidate_id"] for row in document["rows"]] == ["c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["front.csv", "front.json"]


def test_a_verdict_survives_json(tmp_path: Path) -> None:
    """What is written is what a program reads: enumerations as words, text in any script, nothing rounded."""
    document = {
        "schema_version": 1,
        "outcome": Source.MEASURED,
        "slack": 0.1 + 0.2,
        "name": "Tür\u00a0\u2028",
        "x": None,
    }
    write_verdict(document, tmp_path / "verdict.json")
    assert json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8")) == {**document, "outcome": "measured"}
    assert (tmp_path / "verdict.json").read_text(encoding="utf-8").endswith("}\n")
