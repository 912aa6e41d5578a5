"""``campaign import`` and ``show``: from a table to a campaign, as a user calls them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from autoedge.campaign.campaign import read_campaign
from autoedge.errors import DataError
from autoedge.workflows.import_campaign import Told, import_campaign, read_table
from autoedge.workflows.show_campaign import show_campaign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

NOTHING = Told(roles={}, units={})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two boards, three models, a time without a unit, and a note."""
    rows = pd.DataFrame(
        {
            "board": ["pi4", "pi4", "pi4", "pi5", "pi5", "pi5"],
            "model": ["a", "b", "c"] * 2,
            "batch": [1, 2, 4] * 2,
            "params": [10, 200, 3000] * 2,
            "latency": [4.0, 9.0, 40.0, 2.0, 5.0, 21.0],
            "accuracy_pct": [70.0, 72.0, 75.0] * 2,
            "note": list("uvwxyz"),
        }
    )
    path = tmp_path / "table.csv"
    rows.to_csv(path, index=False)
    return path


def test_import_and_show(autoedge: Command, table: Path, place: Path) -> None:
    """With the unit told, a table becomes a campaign whose card says what each column is."""
    refused = autoedge("campaign", "import", table, "boards")
    assert refused.returncode == 2
    assert "the unit of latency is not in the name; say it with --unit latency=UNIT" in refused.stderr
    assert not (place / "boards").exists()
    done = autoedge("campaign", "import", table, "boards", "--unit", "latency=ms", "--licence", "MIT")
    assert done.returncode == 0, done.stderr
    assert "latency -> latency_ms" in done.stdout
    assert "The card has no description and no source yet" in done.stdout
    card = read_campaign(place / "boards").card
    assert (card.name, card.target, card.licence) == ("boards", "board", "MIT")
    assert {name: knob.type for name, knob in card.knobs.items()} == {"model": "categorical", "batch": "int"}
    assert card.features["params"].scale == "log"
    assert {name: one.direction for name, one in card.objectives.items()} == {
        "latency_ms": "minimize",
        "accuracy_pct": "maximize",
    }
    shown = autoedge("campaign", "show", "boards", "--json")
    document = json.loads(shown.stdout)
    assert document["rows"] == 6
    assert document["targets"] == {"pi4": {"rows": 3, "complete": 3}, "pi5": {"rows": 3, "complete": 3}}
    assert document["objectives"]["latency_ms"]["max"] == 40.0
    assert "pi5  3 rows" in autoedge("campaign", "show", "boards").stdout


def test_never_overwritten(autoedge: Command, table: Path, place: Path) -> None:
    """A campaign that is there is left as it is."""
    first = ("campaign", "import", table, "boards", "--unit", "latency=ms")
    assert autoedge(*first).returncode == 0
    before = (place / "boards" / "campaign.json").read_bytes()
    again = autoedge(*first)
    assert again.returncode == 2
    assert "nothing is overwritten" in again.stderr
    assert (place / "boards" / "campaign.json").read_bytes() == before


def test_named_roles(table: Path, tmp_path: Path) -> None:
    """Where objectives are named, those are the objectives and no others; the rest is guessed as before."""
    told = Told(roles={"objective": ["latency:linear"], "none": ["batch"]}, units={"latency": "ms"})
    document = import_campaign(table, tmp_path / "boards", told)
    assert list(document["card"]["objectives"]) == ["latency_ms"]
    assert document["card"]["objectives"]["latency_ms"]["scale"] == "linear"
    assert list(document["card"]["knobs"]) == ["model"]
    assert {one["column"]: one["role"] for one in document["columns"]}["accuracy_pct"] == "none"


def test_colon_in_a_name(tmp_path: Path) -> None:
    """A column may have a colon in its name and still be named in an option."""
    path = tmp_path / "t.csv"
    pd.DataFrame({"m": ["a", "b"], "speed:net": [1.0, 2.0]}).to_csv(path, index=False)
    told = Told(roles={"objective": ["speed:net:maximize:log"]}, units={})
    card = import_campaign(path, tmp_path / "c", told)["card"]
    assert card["objectives"] == {"speed:net": {"direction": "maximize", "scale": "log"}}


def test_asked_column_by_column(table: Path, tmp_path: Path) -> None:
    """Whoever is asked sees every column that no option names, and the answer counts."""
    seen: list[str] = []

    def ask(_: pd.DataFrame, plan: Any) -> Any:
        seen.append(plan.column)
        return plan.with_unit("s") if plan.needs_unit else plan

    document = import_campaign(table, tmp_path / "boards", Told(roles={"knob": ["model"]}, units={}), ask)
    assert seen == ["board", "batch", "params", "latency", "accuracy_pct", "note"]
    assert "latency_s" in document["card"]["objectives"]


def test_asked_on_a_terminal(table: Path, environment: dict[str, str], place: Path) -> None:
    """On a terminal roles and units are asked for, a wrong answer is asked again, and an empty one takes the guess."""
    answers = ["", "", "nonsense", "knob categorical", "", "objective minimize linear", "two words", "ms", "", ""]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "autoedge_cli.main", "campaign", "import", str(table), "boards"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
        cwd=place,
        text=True,
    )
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    output, _ = process.communicate(timeout=60)
    told = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0, told
    card = read_campaign(place / "boards").card
    assert card.knobs["batch"].type == "categorical"
    assert card.objectives["latency_ms"].scale == "linear"
    assert "one of target, knob, feature, objective, none" in told
    assert "a unit is such as ms" in told
    assert "6 rows written" in output


def test_too_many_objectives(tmp_path: Path) -> None:
    """Of many figures that could count, the user says which do."""
    path = tmp_path / "t.csv"
    figures = {f"latency_p{p}_ms": [1.0, 2.0] for p in (50, 90, 95, 99)} | {"energy_mj": [1.0, 2.0]}
    pd.DataFrame({"m": ["a", "b"], **figures}).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"5 columns could be objectives.*name the ones that count with --objective"):
        import_campaign(path, tmp_path / "c", NOTHING)


def _bad(folder: Path, kind: str) -> Path:
    path = folder / ("t.parquet" if kind == "damaged" else "t.csv")
    good = pd.DataFrame({"m": ["a", "b"], "latency_ms": [1.0, 2.0]})
    if kind == "damaged":
        good.to_parquet(path)
        path.write_bytes(path.read_bytes()[:-30])
    elif kind == "empty":
        path.write_text("")
    elif kind == "no rows":
        path.write_text("m,latency_ms\n")
    elif kind == "control":
        path.write_text('m,"lat\x1b[31mency_ms"\na,1\n')
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 20)
    return path


@pytest.mark.parametrize("kind", ["damaged", "empty", "no rows", "control", "binary", "missing"])
def test_bad_tables(tmp_path: Path, kind: str) -> None:
    """A table that cannot be used is refused by name, and nothing is written."""
    path = _bad(tmp_path, kind)
    with pytest.raises(DataError, match=path.name) as caught:
        import_campaign(path, tmp_path / "c", NOTHING)
    assert "\x1b" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def test_other_file(tmp_path: Path) -> None:
    """Only CSV and Parquet are tables."""
    with pytest.raises(DataError, match=r"a table is a \.csv or \.parquet file"):
        read_table(tmp_path / "t.xlsx")


def test_columns_of_several_types(tmp_path: Path) -> None:
    """Dates in a Parquet file become text, so that they can be stored again; lists are left out, and that is told."""
    path = tmp_path / "t.parquet"
    day = pd.to_datetime(["2026-01-01", "2026-01-02"])
    pd.DataFrame({"m": ["a", "b"], "latency_ms": [1.0, 2.0], "l": [[1], [2, 3]], "day": day}).to_parquet(path)
    columns = {one["column"]: one for one in import_campaign(path, tmp_path / "c", NOTHING)["columns"]}
    assert columns["l"] == {"column": "l", "name": "l", "role": "none", "why": "left out: neither numbers nor text"}
    frame = read_campaign(tmp_path / "c").frame
    assert frame["day"].tolist() == ["2026-01-01 00:00:00", "2026-01-02 00:00:00"]
    assert "l" not in frame


def test_text_from_outside(autoedge: Command, place: Path) -> None:
    """What a table holds does nothing to the terminal that shows it."""
    (place / "t.csv").write_text('model,"[red]board",latency_ms\n\x1b[31ma,x,1\nb,y,2\n')
    done = autoedge("campaign", "import", "t.csv", "odd")
    assert done.returncode == 0, done.stderr
    shown = autoedge("campaign", "show", "odd")
    assert "\x1b" not in done.stdout + shown.stdout
    assert r"\x1b[31ma" in shown.stdout
    assert "[red]board" in done.stdout


def test_show_tells_what_could_not_be_measured(tmp_path: Path) -> None:
    """Rows without all objectives are counted apart, and so are estimated values."""
    path = tmp_path / "t.csv"
    rows = {"m": ["a", "b", "c"], "energy_mj": [1.0, None, 3.0], "energy_mj_source": ["measured", "", "estimated"]}
    pd.DataFrame(rows).to_csv(path, index=False)
    import_campaign(path, tmp_path / "c", NOTHING)
    document = show_campaign(tmp_path / "c")
    assert document["targets"] == {"c": {"rows": 3, "complete": 2}}
    assert document["objectives"]["energy_mj"]["sources"] == {"measured": 1, "estimated": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--unit", "latency"), "--unit takes COLUMN=UNIT"),
        (("--unit", "nothing=ms"), "--unit: no column 'nothing'"),
        (("--objective", "nothing"), "no column 'nothing'; the table has board"),
        (
            ("--feature", "params", "--objective", "params:log"),
            "column params has one role, but got feature and objective",
        ),
    ],
)
def test_bad_options(autoedge: Command, table: Path, arguments: tuple[str, ...], message: str) -> None:
    """Options that cannot be meant end with exit code 2 and say what could be."""
    done = autoedge("campaign", "import", table, "boards", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
