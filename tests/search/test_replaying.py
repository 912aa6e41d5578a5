"""Strategies on recorded results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from optuna.samplers import RandomSampler

from autoedge.campaign.campaign import Campaign
from autoedge.campaign.card import Card
from autoedge.campaign.limit import Limit
from autoedge.campaign.results import results_of
from autoedge.campaign.table import Table
from autoedge.errors import IntentError
from autoedge.search.replaying import LEARNING, informed, replay
from autoedge.search.scoring import volume_shares
from autoedge.search.strategies import STRATEGIES

CARD = {
    "schema_version": 1,
    "name": "boards",
    "rows": "rows.csv",
    "target": "board",
    "knobs": {"model": {"type": "categorical"}, "batch": {"type": "int"}, "clock": {"type": "float"}},
    "features": {"macs": {"scale": "log"}},
    "objectives": {"latency_ms": {"direction": "minimize", "scale": "log"}, "accuracy": {"direction": "maximize"}},
}


@pytest.fixture
def campaign() -> Campaign:
    """Two boards that differ by a factor: four models, four batches, three clocks."""
    rows = [
        {
            "board": board,
            "model": f"m{size}",
            "batch": batch,
            "clock": clock,
            "macs": 10.0**size,
            "latency_ms": speed * 4.0**size * (1 + 1 / batch) / clock,
            "accuracy": 0.6 + 0.1 * size - 0.01 * batch,
        }
        for board, speed in (("a", 1.0), ("b", 3.0))
        for size in range(4)
        for batch in (1, 2, 4, 8)
        for clock in (0.5, 1.0, 1.5)
    ]
    return Campaign(Card.model_validate(CARD), pd.DataFrame(rows))


@pytest.fixture
def table(campaign: Campaign) -> Table:
    """48 candidates."""
    return Table(campaign, "a")


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "gp"])
def test_each_candidate_is_measured_at_most_once(table: Table, strategy: str) -> None:
    """A run has as many rows and times as its budget, no row twice, and is the same for the same seed."""
    one = replay(table, strategy, seed=3, budget=14)
    assert len(one.rows) == len(one.proposal_ms) == len(set(one.rows)) == 14
    assert set(one.rows) <= set(range(len(table)))
    assert min(one.proposal_ms) > 0
    assert replay(table, strategy, seed=3, budget=14).rows == one.rows


@pytest.mark.parametrize("strategy", ["random", "nsga2", "tpe"])
def test_seeds_differ(table: Table, strategy: str) -> None:
    """Another seed is another run."""
    assert replay(table, strategy, seed=0, budget=10).rows != replay(table, strategy, seed=1, budget=10).rows


def test_a_budget_beyond_the_rows_measures_all(table: Table) -> None:
    """The end of the table is the end of the run."""
    done = replay(table, "random", seed=0, budget=1000)
    assert sorted(done.rows) == list(range(48))
    assert volume_shares(table, done.rows)[-1] == pytest.approx(1)


def test_progress_is_told(table: Table) -> None:
    """After each measurement, how many there are."""
    told: list[int] = []
    replay(table, "random", seed=0, budget=5, on_measured=told.append)
    assert told == [1, 2, 3, 4, 5]


def test_strategies_are_told_what_was_recorded(table: Table) -> None:
    """Values and constraints of the very row that was measured, on the scale of the card."""
    limited = Table(Campaign(Card.model_validate(CARD), table.frame), "a", [Limit.parse("accuracy >= 0.75")])
    heard: list[Any] = []

    class Listening(RandomSampler):
        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            heard.append((trial.params, values, dict(trial.constraints)))
            super().after_trial(study, trial, state, values)

    done = replay(limited, lambda _, seed: Listening(seed=seed), seed=0, budget=12)
    assert len(heard) == 12
    for row, (params, values, constraints) in zip(done.rows, heard, strict=True):
        recorded = limited.frame.iloc[row]
        assert params == {"model": recorded["model"], "batch": recorded["batch"], "clock": recorded["clock"]}
        assert values == [pytest.approx(np.log10(recorded["latency_ms"]))]
        assert constraints == {"accuracy >= 0.75": pytest.approx(0.75 - recorded["accuracy"])}


def test_only_those_that_can_learn_are_given_history(campaign: Campaign) -> None:
    """Other strategies, and all without history, are replayed as they are."""
    history = [results_of(Table(campaign, "b"))]
    for name in STRATEGIES:
        assert informed(name, ()) == name
        assert (informed(name, history) == name) == (name not in LEARNING)


def test_history_is_used(campaign: Campaign, table: Table) -> None:
    """What another board taught makes the first measurements better than without."""
    history = [results_of(Table(campaign, "b"))]

    def after_six(strategy: Any) -> float:
        runs = [replay(table, strategy, seed=seed, budget=6).rows for seed in range(3)]
        return float(np.median([volume_shares(table, rows)[-1] for rows in runs]))

    assert after_six(informed("surrogate", history)) > after_six("surrogate") + 0.02


def test_an_unknown_strategy_is_refused(table: Table) -> None:
    """The message names those there are."""
    with pytest.raises(IntentError, match="but got 'magic'"):
        replay(table, "magic", seed=0, budget=1)
