"""Every strategy on a finite pool."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import optuna
import pytest

from autoedge.errors import IntentError, SpaceError
from autoedge.search.pool import Grid
from autoedge.search.repair import ABANDONED, free_candidates
from autoedge.search.strategies import STRATEGIES, make_sampler

SLOW = {"surrogate": 30, "gp": 20}
"""How many proposals of strategies that take long over each: enough to pass their random start."""


def cost(candidate: int, grid: Grid) -> tuple[float, float]:
    """Two objectives of a candidate."""
    units = grid.units[candidate]
    return float(units.sum()), float(((units - 0.3) ** 2).sum())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_proposes_each_candidate_once(pool: Any, strategy: str) -> None:
    """A pool is exhausted without a repetition and without leaving it, constraints and failures included."""
    grid = Grid(pool)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=make_sampler(strategy, pool=pool, seed=0))
    seen = []
    for step in range(SLOW.get(strategy, len(grid))):
        trial = study.ask(grid.distributions)
        seen.append(grid.find(trial.params))
        if step % 7 == 3:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            trial.set_constraint("limit", step % 3 - 1.0)
            study.tell(trial, cost(seen[-1], grid))
    assert None not in seen
    assert len(set(seen)) == len(seen)
    if strategy not in SLOW:
        with pytest.raises(SpaceError, match="all 96 are measured or pending"):
            study.ask(grid.distributions)


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "gp"])
def test_a_seed_repeats(pool: Any, strategy: str) -> None:
    """The same seed gives the same proposals."""

    def proposals() -> list[int | None]:
        grid = Grid(pool)
        study = optuna.create_study(
            directions=["minimize", "minimize"], sampler=make_sampler(strategy, pool=grid, seed=5)
        )
        for _ in range(12):
            trial = study.ask(grid.distributions)
            study.tell(trial, cost(grid.find(trial.params), grid))
        return [grid.find(trial.params) for trial in study.trials]

    assert proposals() == proposals()


def test_exhaustive_goes_through_the_pool_in_order(pool: Any) -> None:
    """The candidates come as the pool lists them."""
    grid = Grid(pool)
    study = optuna.create_study(sampler=make_sampler("exhaustive", pool=grid, seed=0))
    assert [grid.find(study.ask(grid.distributions).params) for _ in range(10)] == list(range(10))


def test_proposals_from_several_threads_differ(pool: Any) -> None:
    """Trials asked at the same time never share a candidate."""
    grid = Grid(pool)
    study = optuna.create_study(sampler=make_sampler("random", pool=grid, seed=0))
    with ThreadPoolExecutor(8) as threads:
        trials = list(threads.map(lambda _: study.ask(grid.distributions), range(90)))
    assert len({grid.find(trial.params) for trial in trials}) == 90


def test_what_was_abandoned_is_free_again(pool: Any) -> None:
    """A trial that was never measured does not use up its candidate."""
    grid = Grid(pool)
    study = optuna.create_study(sampler=make_sampler("exhaustive", pool=grid, seed=0))
    trial = study.ask(grid.distributions)
    assert not free_candidates(grid, study)[0]
    trial.set_user_attr(ABANDONED, value=True)
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    assert free_candidates(grid, study).all()
    assert grid.find(study.ask(grid.distributions).params) == 0


def test_an_unknown_strategy_is_refused(pool: Any) -> None:
    """The message names those there are."""
    with pytest.raises(IntentError, match="one of surrogate, tpe, nsga2, random, exhaustive, gp, but got 'magic'"):
        make_sampler("magic", pool=pool, seed=0)


def test_gp_without_torch_says_what_to_install(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The missing extra is named."""
    monkeypatch.setitem(sys.modules, "torch", None)  # so Python takes it for missing
    with pytest.raises(IntentError, match=r"pip install 'autoedge\[gp\]'"):
        make_sampler("gp", pool=pool, seed=0)
