"""The surrogate against chance on a recorded campaign, where recorded campaigns are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pandas as pd
import pytest

from autoedge.pareto import hypervolume
from autoedge.search.pool import Grid
from autoedge.search.strategies import make_sampler

if TYPE_CHECKING:
    from collections.abc import Callable

CAMPAIGN = Path(__file__).parents[3] / "shared" / "campaigns" / "tx2-inceptionv3-400"
MEASUREMENTS = 40


def share_of_volume(grid: Grid, values: np.ndarray, strategy: str, seed: int) -> float:
    """Hypervolume of what a strategy measures, over that of the whole table (logarithms, min-max, reference 1.1)."""
    logs = np.log(values)
    scaled = (logs - logs.min(axis=0)) / np.ptp(logs, axis=0)
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=make_sampler(strategy, pool=grid, seed=seed)
    )
    measured = []
    for _ in range(MEASUREMENTS):
        trial = study.ask(grid.distributions)
        measured.append(grid.find(trial.params))
        study.tell(trial, values[measured[-1]].tolist())
    return hypervolume(scaled[measured], [1.1, 1.1]) / hypervolume(scaled, [1.1, 1.1])


@pytest.mark.skipif(not CAMPAIGN.is_dir(), reason="the recorded campaign tx2-inceptionv3-400 is not here")
def test_forty_measurements_find_most_of_the_front(make_pool: Callable[..., Any]) -> None:
    """On 768 configurations of a board the surrogate's median is at least 95 % of all there is, and above chance."""
    card = json.loads((CAMPAIGN / "campaign.json").read_text())
    table = pd.read_parquet(CAMPAIGN / card["rows"]).groupby(list(card["knobs"])).mean().reset_index()
    levels = {name: tuple(sorted(float(level) for level in table[name].unique())) for name in card["knobs"]}
    codes = np.column_stack([[levels[name].index(level) for level in table[name]] for name in levels])
    grid = Grid(make_pool(levels, keep=lambda _: codes))
    values = table[list(card["objectives"])].to_numpy()
    median = {
        strategy: np.median([share_of_volume(grid, values, strategy, seed) for seed in range(3)])
        for strategy in ("surrogate", "random")
    }
    assert median["surrogate"] >= 0.95
    assert median["surrogate"] > median["random"] + 0.05
