"""Campaign folders: what is read back, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from autoedge.campaign import campaign as module
from autoedge.campaign.campaign import read_campaign, write_campaign
from autoedge.campaign.card import Card
from autoedge.campaign.table import Table
from autoedge.errors import DataError
from autoedge.search.pool import Grid
from autoedge.workflows.show_campaign import show_campaign

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED = Path(__file__).parents[3] / "shared" / "campaigns"
NUMBERS = st.floats(-1e90, 1e90, allow_subnormal=False)
WORDS = st.one_of(
    st.sampled_from(["NA", "None", "null", "nan", "01", "1", "1e3", "True", "=1+1", '"', "a,b", " x "]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)
ROW = st.tuples(
    WORDS, WORDS, st.integers(-(2**40), 2**40), st.one_of(st.none(), NUMBERS), st.one_of(st.none(), NUMBERS)
)


def free_card(rows: str) -> Card:
    """A card without logarithms, for any numbers."""
    return Card.model_validate(
        {
            "schema_version": 1,
            "name": "any",
            "rows": rows,
            "target": "device",
            "knobs": {"model": {"type": "categorical"}, "batch": {"type": "int"}},
            "features": {"macs": {}},
            "objectives": {"latency_ms": {"direction": "minimize"}},
        }
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=12), file=st.sampled_from(["rows.csv", "rows.parquet"]))
def test_what_is_written_is_read(tmp_path: Path, rows: list[tuple[Any, ...]], file: str) -> None:
    """Card and rows come back as they were, whatever words and numbers they hold, in either format."""
    frame = pd.DataFrame(rows, columns=["device", "model", "batch", "macs", "latency_ms"])
    frame[["macs", "latency_ms"]] = frame[["macs", "latency_ms"]].astype(float)
    card = free_card(file)
    write_campaign(tmp_path / file, card, frame)
    again = read_campaign(tmp_path / file)
    assert again.card == card
    assert again.targets == sorted(set(frame["device"]))
    assert_frame_equal(
        again.frame.astype({"device": object, "model": object}), frame.astype({"device": object, "model": object})
    )
    assert not list((tmp_path / file).glob("*.part"))


def test_targets_are_told_apart(boards: Path) -> None:
    """Each target has its own rows; one that is not there is named beside those that are."""
    campaign = read_campaign(boards)
    assert campaign.targets == ["pi4", "pi5"]
    assert set(campaign.of("pi5")["board"]) == {"pi5"}
    with pytest.raises(DataError, match="campaign boards: no target 'pi6'; it has pi4, pi5"):
        campaign.of("pi6")


def test_a_campaign_without_target_column_is_one_target(save: Callable[..., Path]) -> None:
    """It bears the campaign's name."""
    campaign = read_campaign(save(name="alone", target=None))
    assert campaign.targets == ["alone"]
    assert len(campaign.of("alone")) == 12


def test_columns_that_the_card_does_not_name_are_kept(boards: Path) -> None:
    """What else was noted of a row is not lost."""
    assert set(read_campaign(boards).frame["remark"]) == {"kept"}


def test_rows_with_and_without_a_number_for_an_objective(save: Callable[..., Path], frame: pd.DataFrame) -> None:
    """A row that could not be measured stays a row."""
    frame.loc[3, "latency_ms"] = np.nan
    assert read_campaign(save(frame)).frame["latency_ms"].isna().sum() == 1


@pytest.mark.parametrize("file", ["rows.csv", "rows.parquet"])
@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("latency_ms", "fast", "column latency_ms holds numbers, but got 'fast'"),
        ("batch", "many", "column batch holds numbers, but got 'many'"),
        ("macs", "1 G", "column macs holds numbers, but got '1 G'"),
        ("batch", None, "knob batch is a number in every row, but some have none"),
        ("batch", 1.5, "knob batch is a whole number, but some are not"),
        ("latency_ms", 0.0, "column latency_ms has a logarithmic scale, but some values are not positive"),
        ("latency_ms", -1.0, "column latency_ms has a logarithmic scale"),
        ("macs", -1.0, "column macs has a logarithmic scale"),
        ("macs", float("inf"), "feature macs is a number or unknown, but some are infinite"),
        ("accuracy", 1e200, "column accuracy holds numbers up to"),
        ("board", None, "column board names the target of every row, but some have none"),
    ],
)
def test_bad_values_are_named(  # noqa: PLR0917 - fixtures and a table of cases
    save: Callable[..., Path], frame: pd.DataFrame, file: str, column: str, value: Any, problem: str
) -> None:
    """The message says which file and column, the rule, and a value that breaks it."""
    frame[column] = frame[column].astype(str if isinstance(value, str) else object)
    frame.loc[2, column] = value
    if not isinstance(value, str) and column != "board":
        frame[column] = frame[column].astype(float)
    folder = save(frame, rows=file)
    with pytest.raises(DataError) as caught:
        read_campaign(folder)
    assert str(caught.value).startswith(f"{folder / file}: ")
    assert problem in str(caught.value)


def test_missing_columns_are_named_together(save: Callable[..., Path], frame: pd.DataFrame) -> None:
    """All of them at once."""
    with pytest.raises(DataError, match="columns that the rows lack: batch, accuracy"):
        read_campaign(save(frame.drop(columns=["batch", "accuracy"])))


def test_no_rows_are_no_campaign(save: Callable[..., Path], frame: pd.DataFrame) -> None:
    """A table of headings alone is refused."""
    with pytest.raises(DataError, match="at least one row"):
        read_campaign(save(frame.iloc[:0], rows="rows.csv"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rows": "../rows.csv"}, "rows is the name of a file beside the card, but got '../rows.csv'"),
        ({"rows": "/etc/rows.csv"}, "beside the card"),
        ({"rows": "sub/rows.csv"}, "beside the card"),
        ({"rows": "..\\rows.csv"}, "beside the card"),
        ({"rows": ".csv"}, "beside the card"),
        ({"rows": "r" * 300 + ".csv"}, "rows is a name of at most 200 bytes, but got 304"),
        ({"rows": "\u00fc" * 99 + ".csv"}, "rows is a name of at most 200 bytes, but got 202"),
        ({"rows": "rows.pkl"}, "is a .parquet or .csv file"),
        ({"schema_version": 2}, "schema_version"),
        ({"name": "../x"}, "name"),
        ({"knobs": {}}, "knobs"),
        ({"objectives": {}}, "objectives"),
        ({"objectives": {"latency_ms": {"direction": "down"}}}, "objectives.latency_ms.direction"),
        ({"features": {"batch": {}}}, "batch is two of them"),
        ({"target": "model"}, "model is two of them"),
        ({"trust": True}, "trust"),
    ],
)
def test_bad_cards_are_refused(boards: Path, change: dict[str, Any], problem: str) -> None:
    """A card that leaves its folder, or is none, is refused with its path and the place in it."""
    path = boards / "campaign.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError) as caught:
        read_campaign(boards)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", "null"])
def test_a_damaged_card_is_refused(boards: Path, text: str) -> None:
    """What is no JSON object is said so, never a traceback."""
    (boards / "campaign.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"campaign.json: "):
        read_campaign(boards)


def test_a_huge_card_is_not_read(boards: Path) -> None:
    """The size decides before anything is read."""
    with (boards / "campaign.json").open("r+b") as file:
        file.truncate(module.MOST_CARD_BYTES + 1)
    with pytest.raises(DataError, match="a card has at most 1,048,576 bytes"):
        read_campaign(boards)


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_card_that_is_no_file_is_not_opened(boards: Path, kind: str) -> None:
    """A pipe or an endless device in its place would hold the reader for ever."""
    path = boards / "campaign.json"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="a card is a file"):
        read_campaign(boards)


def test_a_folder_without_card_is_no_campaign(tmp_path: Path) -> None:
    """The message says what is looked for."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"is no campaign \(campaign.json: .*name a folder that holds one"):
            read_campaign(folder)


def test_rows_behind_a_link_are_refused(boards: Path, tmp_path: Path) -> None:
    """A link beside the card could lead anywhere."""
    (boards / "rows.parquet").rename(tmp_path / "elsewhere.parquet")
    (boards / "rows.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(DataError, match="the card names these rows, but they are not there"):
        read_campaign(boards)


def test_missing_rows_are_named(boards: Path) -> None:
    """The card alone is half a campaign."""
    (boards / "rows.parquet").unlink()
    with pytest.raises(DataError, match=r"rows.parquet: the card names these rows"):
        read_campaign(boards)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), junk=st.binary(min_size=1, max_size=64))
def test_damaged_parquet_is_refused_or_read(boards: Path, place: int, junk: bytes) -> None:
    """Bytes that were overwritten give rows or a message, and nothing else."""
    path = boards / "rows.parquet"
    whole = path.read_bytes()
    at = place % len(whole)
    try:
        path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
        read_campaign(boards)
    except DataError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - either way is fine
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("keep", [0, 4, 100, -4])
def test_truncated_parquet_is_refused(boards: Path, keep: int) -> None:
    """A file cut short is said to be unreadable."""
    path = boards / "rows.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="the rows cannot be read"):
        read_campaign(boards)


@pytest.mark.parametrize("names", [[None], ["model"], ["model", "batch"]])
def test_an_index_is_made_columns(save: Callable[..., Path], frame: pd.DataFrame, names: list[Any]) -> None:
    """Repeated labels of rows do no harm, and named ones are columns like others."""
    frame.index = pd.Index([0, 1] * 6)
    folder = save(frame)
    (frame if names == [None] else frame.set_index(names)).to_parquet(folder / "rows.parquet")
    assert show_campaign(folder)["targets"] == {name: {"rows": 6, "complete": 6} for name in ("pi4", "pi5")}
    again = read_campaign(folder).frame
    assert list(again.index) == list(range(12))
    assert_frame_equal(again[list(frame)], frame.reset_index(drop=True), check_dtype=False)


@pytest.mark.parametrize("column", ["model", "board", "batch"])
@pytest.mark.parametrize("level", [[1], {"a": 1}])
def test_levels_are_no_lists(  # noqa: PLR0917 - fixtures and cases
    save: Callable[..., Path], tmp_path: Path, card: Card, frame: pd.DataFrame, column: str, level: Any
) -> None:
    """A list or a structure in a column of the card is refused by name, whoever reads or writes it."""
    odd = frame.assign(**{column: [level] * 12})
    rule = f"hold(s)? numbers, truth values or text, but.*({column}|1)"
    with pytest.raises(DataError, match=rule):
        read_campaign(save(odd))
    with pytest.raises(DataError, match=rule):
        write_campaign(tmp_path / "new", card, odd)


def test_other_columns_of_lists_are_left_out(save: Callable[..., Path], frame: pd.DataFrame) -> None:
    """What the card does not name is no reason to refuse the rest."""
    assert list(read_campaign(save(frame.assign(raw=[[1.0, 2.0]] * 12))).frame) == list(frame)


def test_what_does_not_fit_its_card_is_not_written(tmp_path: Path, card: Card, frame: pd.DataFrame) -> None:
    """Nothing is left behind by a refused write."""
    with pytest.raises(DataError, match="rows lack: batch"):
        write_campaign(tmp_path / "new", card, frame.drop(columns=["batch"]))
    assert not (tmp_path / "new").exists()


def test_a_folder_with_a_card_is_whole(tmp_path: Path, card: Card, frame: pd.DataFrame) -> None:
    """Where the rows cannot be written there is no card either."""
    folder = tmp_path / "new"
    (folder / "rows.parquet").mkdir(parents=True)
    with pytest.raises(OSError, match=r"rows.parquet"):
        write_campaign(folder, card, frame)
    assert not (folder / "campaign.json").exists()


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded third-party campaigns are not here")
def test_recorded_campaigns_are_read() -> None:
    """What others measured is a pool for the search, on every one of its targets."""
    folders = sorted(path.parent for path in RECORDED.glob("*/campaign.json"))
    assert folders
    for folder in folders:
        campaign = read_campaign(folder)
        for target in campaign.targets:
            table = Table(campaign, target)
            assert len(Grid(table)) == len(table)
            assert np.isfinite(table.values).all()
            assert table.true_hypervolume > 0
