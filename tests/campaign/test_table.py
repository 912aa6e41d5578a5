"""One target's rows as a search sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from autoedge.campaign.campaign import Campaign, read_campaign
from autoedge.campaign.limit import Limit
from autoedge.campaign.results import results_of
from autoedge.campaign.table import MARGIN, Table
from autoedge.errors import DataError
from autoedge.search.pool import Grid
from autoedge.surrogate.saved.rows import rows_of
from autoedge.workflows.show_campaign import show_campaign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.campaign.card import Card


@pytest.fixture
def table(boards: Path) -> Table:
    """The rows of one board."""
    return Table(read_campaign(boards), "pi4")


def test_values_are_on_the_scale_of_the_card(table: Table) -> None:
    """Logarithms to base 10 where the card says so, else the numbers as they are, none turned round."""
    assert table.objectives == {"latency_ms": "minimize", "accuracy": "maximize"}
    assert table.values[:, 0] == pytest.approx(np.log10(table.frame["latency_ms"]))
    assert table.values[:, 1] == pytest.approx(table.frame["accuracy"])


def test_points_are_scaled_to_the_range_and_minimised(table: Table) -> None:
    """The best value of each objective is 0, the worst 1; the reference lies a tenth beyond."""
    assert table.points.min(axis=0) == pytest.approx([0, 0])
    assert table.points.max(axis=0) == pytest.approx([1, 1])
    best = table.frame["accuracy"].idxmax()
    assert table.points[best, 1] == 0
    ideal = (1 + MARGIN) ** 2
    assert 0 < table.true_hypervolume < ideal
    assert table.hypervolume([]) == 0
    assert table.hypervolume([int(best)]) < table.true_hypervolume


def test_a_table_is_a_pool(table: Table) -> None:
    """The search's grid takes it, and finds each row by its levels; numbers are ordered, models are not."""
    grid = Grid(table)
    assert [grid.find(grid.params(row)) for row in range(len(table))] == list(range(6))
    assert table.knobs["batch"].ordered
    assert table.knobs["batch"].levels == (1, 4)
    assert not table.knobs["model"].ordered
    names, known = table.features()
    assert names == ("macs",)
    assert known[:, 0] == pytest.approx(table.frame["macs"])


def test_the_median_of_repeated_rows_counts(card: Card, frame: pd.DataFrame) -> None:
    """Several results of one candidate become one; rows that lack an objective are left out before."""
    again = pd.concat([frame, frame.assign(latency_ms=frame["latency_ms"] * 4), frame.assign(latency_ms=np.nan)])
    more = pd.concat([again, frame.assign(latency_ms=frame["latency_ms"] * 1.5)], ignore_index=True)
    table = Table(Campaign(card, more), "pi5")
    assert len(table) == 6
    found = table.frame.set_index(["model", "batch"])["latency_ms"]
    assert found["small", 4] == pytest.approx(10 / 4 * 1.5)


def test_a_missing_choice_is_a_choice(card: Card, frame: pd.DataFrame) -> None:
    """Where a category is not given, the knob stands at none."""
    frame.loc[frame["model"] == "tiny", "model"] = None
    assert set(Table(Campaign(card, frame), "pi4").knobs["model"].levels) == {"none", "small", "large"}


@pytest.mark.parametrize("file", ["rows.csv", "rows.parquet"])
def test_levels_have_one_form(save: Callable[..., Path], frame: pd.DataFrame, file: str) -> None:
    """Numbers that are choices read alike for a search, a surrogate and a reader, whatever type the file had."""
    knobs = {name: {"type": "categorical"} for name in ("model", "batch")}
    for levels in (frame["batch"], frame["batch"].astype(float), frame["batch"].where(frame["batch"] == 4)):
        folder = save(frame.assign(batch=levels), rows=file, knobs=knobs)
        campaign = read_campaign(folder)
        found = set(Table(campaign, "pi4").knobs["batch"].levels)
        assert found == set(rows_of(campaign).inputs["batch"])
        assert found == set(show_campaign(folder)["knobs"]["batch"]["values"])
        if file == "rows.parquet":
            assert found in ({"1", "4"}, {"none", "4"})


def test_one_row_and_equal_rows_are_tables(card: Card, frame: pd.DataFrame) -> None:
    """An objective without a range does no harm: all of it is found at once."""
    one = Table(Campaign(card, frame.iloc[:1]), "pi4")
    assert one.hypervolume([0]) == one.true_hypervolume > 0
    equal = Table(Campaign(card, frame.assign(latency_ms=3.0, accuracy=0.5)), "pi4")
    assert np.isfinite(equal.points).all()


def test_a_metric_with_a_limit_is_no_objective(boards: Path) -> None:
    """It decides which rows are feasible, and only those have a volume."""
    table = Table(read_campaign(boards), "pi4", [Limit.parse("accuracy >= 0.75")])
    assert list(table.objectives) == ["latency_ms"]
    assert table.values.shape == (6, 1)
    assert table.feasible.tolist() == (table.frame["accuracy"] >= 0.75).tolist()
    slow, fast = int(table.frame["latency_ms"].idxmax()), int(table.frame["latency_ms"].idxmin())
    assert table.hypervolume([fast]) == 0
    assert table.hypervolume([slow]) == pytest.approx(MARGIN)
    assert table.constraints_of(fast) == {"accuracy >= 0.75": pytest.approx(0.05)}


def test_limits_that_are_nearly_the_same_are_two(boards: Path) -> None:
    """Limits that differ in the seventh digit have a violation each."""
    limits = [Limit.parse("latency_ms <= 10.000001"), Limit.parse("latency_ms <= 10.000002")]
    assert list(Table(read_campaign(boards), "pi4", limits).violations) == [str(limit) for limit in limits]


def test_objectives_that_are_all_limited_stay(boards: Path) -> None:
    """There is always something to be good at."""
    limits = [Limit.parse("accuracy >= 0.75"), Limit.parse("latency_ms <= 100")]
    table = Table(read_campaign(boards), "pi4", limits)
    assert list(table.objectives) == ["latency_ms", "accuracy"]
    assert table.feasible.sum() == 3


def test_what_cannot_be_a_table_is_told(boards: Path, card: Card, frame: pd.DataFrame) -> None:
    """Unknown targets and limits, and targets without a whole row, are named."""
    campaign = read_campaign(boards)
    with pytest.raises(DataError, match="no target 'tpu'; it has pi4, pi5"):
        Table(campaign, "tpu")
    with pytest.raises(DataError, match="a limit is on one of latency_ms, accuracy, but got 'energy'"):
        Table(campaign, "pi4", [Limit.parse("energy <= 3")])
    frame.loc[frame["board"] == "pi4", "accuracy"] = np.nan
    with pytest.raises(DataError, match="target pi4 has no row with all objectives"):
        Table(Campaign(card, frame), "pi4")


def test_results_keep_levels_features_and_values_by_name(table: Table) -> None:
    """Results of several targets can be joined by the names of their columns, and taken in part."""
    results = results_of(table)
    assert len(results) == 6
    assert results.name == "pi4"
    assert results.ordered == {"batch"}
    assert results.knobs["batch"].tolist() == table.frame["batch"].tolist()
    assert results.knobs["model"].tolist() == table.frame["model"].tolist()
    assert results.values["latency_ms"] == pytest.approx(np.log10(table.frame["latency_ms"]))
    some = results.take(np.array([4, 1]))
    assert some.knobs["model"].tolist() == table.frame["model"].iloc[[4, 1]].tolist()
    assert some.features["macs"].tolist() == table.frame["macs"].iloc[[4, 1]].tolist()
    assert some.values["accuracy"].tolist() == table.frame["accuracy"].iloc[[4, 1]].tolist()
