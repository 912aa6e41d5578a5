"""Results of other targets, as a user names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoedge.campaign.campaign import Campaign, read_campaign
from autoedge.campaign.history import read_history
from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from autoedge.campaign.card import Card


def names(words: list[str], asked: Campaign | None = None, target: str | None = None) -> list[str]:
    """Of the targets that were read."""
    return [results.name for results in read_history(words, asked, target).results]


@pytest.fixture
def tpu(card: Card, frame: pd.DataFrame) -> Campaign:
    """What is asked about: a device of its own."""
    slower = frame["latency_ms"] * 7.0 + frame["batch"]
    return Campaign(card, frame[frame["board"] == "pi4"].assign(board="tpu", latency_ms=slower))


def test_a_folder_means_all_its_targets(boards: Path) -> None:
    """Targets may also be named; what is named twice counts once."""
    assert names([str(boards)]) == ["boards:pi4", "boards:pi5"]
    assert names([f"{boards}:pi5"]) == ["boards:pi5"]
    assert names([f"{boards}:pi5,pi4", f"{boards}:pi4", str(boards)]) == ["boards:pi5", "boards:pi4"]
    assert names([]) == []


def test_the_target_that_is_asked_about_is_left_out(boards: Path) -> None:
    """Nothing is learned from its own rows, however they are named, and a note says so."""
    for word in (str(boards), f"{boards}:pi4,pi5"):
        history = read_history([word], read_campaign(boards), "pi4")
        assert [results.name for results in history.results] == ["boards:pi5"]
        assert history.notes == ("history boards:pi4 is left out: it is what is asked about",)


@pytest.mark.parametrize("file", ["rows.csv", "rows.parquet"])
def test_a_copy_under_another_name_is_left_out(
    save: Callable[..., Path], boards: Path, frame: pd.DataFrame, file: str
) -> None:
    """It is the rows that count: other names, another scale or direction, and more columns change nothing."""
    turned = {"latency_ms": {"direction": "maximize"}, "accuracy": {"direction": "maximize"}}
    other = frame.replace({"board": {"pi4": "mine"}}).sample(frac=1, random_state=0).assign(size=3)
    knobs = {"model": {"type": "categorical"}, "batch": {"type": "categorical"}, "size": {"type": "int"}}
    copy = save(other, name="copy", rows=file, objectives=turned, knobs=knobs)
    history = read_history([str(copy)], read_campaign(boards), "pi4")
    assert [results.name for results in history.results] == ["copy:pi5"]
    assert history.notes == ("history copy:mine is left out: it is what is asked about",)


def test_rows_of_a_copy_are_left_out_of_more(save: Callable[..., Path], boards: Path, frame: pd.DataFrame) -> None:
    """Where a minority of rows is what is asked about, the others teach."""
    mixed = frame.copy()
    mixed.loc[[2, 3, 4, 5], "latency_ms"] *= 3.0
    history = read_history([f"{save(mixed, name='mixed')}:pi4"], read_campaign(boards), "pi4")
    [results] = history.results
    assert results.knobs["model"].tolist() == ["small", "small", "large", "large"]
    assert history.notes == ("history mixed:pi4: 2 rows are left out, since they are what is asked about",)


def test_a_stranger_of_the_same_name_teaches(save: Callable[..., Path], boards: Path, frame: pd.DataFrame) -> None:
    """Two desks may call their campaigns and targets alike."""
    stranger = save(frame.assign(latency_ms=frame["latency_ms"] * 1.7))
    assert names([str(stranger)], read_campaign(boards), "pi4") == ["boards:pi4", "boards:pi5"]


def test_quality_alone_tells_no_device(save: Callable[..., Path], boards: Path, frame: pd.DataFrame) -> None:
    """Equal accuracies are those of the models: a history that knows nothing else is kept."""
    folder = save(frame, name="quality", objectives={"accuracy": {"direction": "maximize"}})
    assert names([str(folder)], read_campaign(boards), "pi4") == ["quality:pi4", "quality:pi5"]


def test_campaigns_named_alike_are_two(save: Callable[..., Path], frame: pd.DataFrame, tmp_path: Path) -> None:
    """None replaces another, and messages say which is which; one folder written in two ways is one."""
    first = save(frame).rename(tmp_path / "desk")
    second = save(frame.assign(latency_ms=frame["latency_ms"] * 50.0)).rename(tmp_path / "lab")
    history = read_history([f"{first}:pi4", f"{second}:pi4", f"{tmp_path}/lab/../lab:pi4"])
    assert [results.name for results in history.results] == [f"boards ({first}):pi4", f"boards ({second}):pi4"]
    near, far = (results.values["latency_ms"].mean() for results in history.results)
    assert far == pytest.approx(near + np.log10(50.0))


def test_a_target_without_a_whole_row_is_left_out_unless_it_is_named(
    save: Callable[..., Path], frame: pd.DataFrame
) -> None:
    """A note says why; where it was asked for by name it is an error."""
    frame.loc[frame["board"] == "pi5", "accuracy"] = np.nan
    folder = save(frame)
    history = read_history([str(folder)])
    assert [results.name for results in history.results] == ["boards:pi4"]
    assert "boards:pi5 is left out: campaign boards: target pi5 has no row with all objectives" in history.notes[0]
    with pytest.raises(DataError, match="target pi5 has no row"):
        read_history([f"{folder}:pi5"])


def test_metrics_are_put_on_the_scale_of_the_card_asked_about(
    save: Callable[..., Path], boards: Path, tpu: Campaign
) -> None:
    """A linear latency of another campaign becomes a logarithm where ours is one."""
    linear = {"latency_ms": {"direction": "minimize"}, "accuracy": {"direction": "maximize"}}
    folder = save(name="linear", objectives=linear)
    plain, scaled = read_history([f"{folder}:pi4"]), read_history([f"{folder}:pi4"], tpu, "tpu")
    own = read_history([f"{boards}:pi4"])
    assert plain.results[0].values["latency_ms"].max() == pytest.approx(200)
    assert scaled.results[0].values["latency_ms"] == pytest.approx(own.results[0].values["latency_ms"])


def test_a_scale_that_cannot_be_is_refused(save: Callable[..., Path], frame: pd.DataFrame, tpu: Campaign) -> None:
    """What is not positive has no logarithm; the message names both campaigns."""
    linear = {"latency_ms": {"direction": "minimize"}, "accuracy": {"direction": "maximize"}}
    frame.loc[0, "latency_ms"] = 0.0
    with pytest.raises(DataError, match=r"campaign linear: latency_ms has a logarithmic scale in campaign boards"):
        read_history([str(save(frame, name="linear", objectives=linear))], tpu, "tpu")


def test_names_with_colons_and_commas(save: Callable[..., Path], frame: pd.DataFrame, tmp_path: Path) -> None:
    """A folder's name may hold a colon, a target's name a comma."""
    folder = save(frame.replace({"board": {"pi4": "pi, four"}}))
    assert names([f"{folder}:pi, four"]) == ["boards:pi, four"]
    odd = folder.rename(tmp_path / "a:b")
    assert names([str(odd)]) == ["boards:pi, four", "boards:pi5"]
    assert names([f"{odd}:pi5"]) == ["boards:pi5"]


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("{}:", "a history is DIR or DIR:target,target, but got"),
        (":pi4", "a history is DIR or DIR:target,target, but got ':pi4'"),
        ("{}:pi6", "no target 'pi6'; it has pi4, pi5"),
        ("{}:pi4,", "no target ''"),
        ("{}/none", "is no campaign"),
    ],
)
def test_what_cannot_be_meant(boards: Path, word: str, problem: str) -> None:
    """Each mistake is told by its name."""
    with pytest.raises(DataError, match=problem):
        read_history([word.format(boards)])


def test_results_are_those_of_the_campaign(boards: Path) -> None:
    """Levels and values come as the rows have them."""
    frame = read_campaign(boards).of("pi5")
    [results] = read_history([f"{boards}:pi5"]).results
    assert results.knobs["model"].tolist() == frame["model"].tolist()
    assert 10 ** results.values["latency_ms"] == pytest.approx(frame["latency_ms"].to_numpy())
