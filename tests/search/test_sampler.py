"""The surrogate sampler, alone in an Optuna study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from autoedge.pareto import hypervolume
from autoedge.search.pool import Grid
from autoedge.search.repair import RepairedSampler
from autoedge.search.sampler import SurrogateSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.samplers import BaseSampler


def bowl(trial: optuna.Trial) -> float:
    """A smooth function of every kind of parameter, 0 at its best."""
    kind = trial.suggest_categorical("kind", ["p", "q", "r"])
    x = trial.suggest_float("x", 1e-4, 1, log=True)
    n = trial.suggest_int("n", 1, 64, log=True)
    z = trial.suggest_float("z", 0, 1, step=0.05)
    return (np.log10(x) + 2) ** 2 + (np.log2(n) - 3) ** 2 / 4 + {"p": 1, "q": 0, "r": 3}[kind] + 5 * (z - 0.3) ** 2


def two(trial: optuna.Trial) -> tuple[float, float]:
    """Two objectives with a curved front; the second is maximised."""
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    return 1 + 9 * x + y, 50 - 40 * (x - 1) ** 2 - 20 * y


def run(
    objective: Callable[[optuna.Trial], Any],
    sampler: BaseSampler,
    count: int,
    directions: Sequence[str] = ("minimize",),
) -> optuna.Study:
    """A finished study."""
    study = optuna.create_study(directions=directions, sampler=sampler)
    study.optimize(objective, n_trials=count)
    return study


def test_mixed_parameters_are_searched_well() -> None:
    """Thirty trials come close to the optimum of numbers, steps and choices together."""
    assert run(bowl, SurrogateSampler(seed=1), 30).best_value < 0.2


def test_two_objectives_give_a_better_front_than_chance() -> None:
    """After 25 trials the front covers more than random search's, one objective maximised."""
    volumes = {}
    for sampler in (SurrogateSampler(seed=0), optuna.samplers.RandomSampler(seed=0)):
        study = run(two, sampler, 25, ("minimize", "maximize"))
        points = np.array([trial.values for trial in study.best_trials]) * [1, -1]
        volumes[type(sampler).__name__] = hypervolume(points, [12.0, 0.0])
    assert volumes["SurrogateSampler"] > 1.03 * volumes["RandomSampler"]


@pytest.mark.parametrize("count", [1, 4])
def test_any_number_of_objectives(count: int) -> None:
    """One and four objectives are proposed for as two are."""
    study = run(
        lambda trial: [(trial.suggest_float("x", 0, 1) - goal) ** 2 for goal in np.linspace(0, 1, count)],
        SurrogateSampler(seed=0, n_startup_trials=4),
        8,
        ["minimize"] * count,
    )
    assert len(study.trials) == 8


def test_the_same_seed_repeats_and_a_resumed_study_goes_on_alike() -> None:
    """Proposals depend on the seed, the trial's number and the trials before, and on nothing else."""
    whole = run(bowl, SurrogateSampler(seed=3), 14)
    again = run(bowl, SurrogateSampler(seed=3), 10)
    again.sampler = SurrogateSampler(seed=3)
    again.optimize(bowl, n_trials=4)
    assert [trial.params for trial in whole.trials] == [trial.params for trial in again.trials]
    other = run(bowl, SurrogateSampler(seed=4), 14)
    assert [trial.params for trial in whole.trials] != [trial.params for trial in other.trials]


def test_without_a_seed_every_sampler_differs() -> None:
    """None means another sequence each time."""
    first, second = (run(bowl, SurrogateSampler(), 3) for _ in range(2))
    assert [trial.params for trial in first.trials] != [trial.params for trial in second.trials]


@pytest.mark.parametrize("way", ["set", "function"])
def test_constraints_are_learned(way: str) -> None:
    """The constrained optimum, 1.4, is found, whichever way constraints are told."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        if way == "set":
            trial.set_constraint("sum", 1.2 - x - y)
        trial.set_user_attr("excess", 1.2 - x - y)
        return x + 2 * y

    told = {"constraints_func": lambda trial: (trial.user_attrs["excess"],)} if way == "function" else {}
    study = run(objective, SurrogateSampler(seed=0, **told), 24)
    assert all(len(trial.constraints) == 1 for trial in study.trials)
    assert min(trial.value for trial in study.trials if trial.user_attrs["excess"] <= 0) < 1.44


def test_where_nothing_is_feasible_it_moves_towards_feasibility() -> None:
    """A small feasible corner is reached although no early trial was feasible."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        trial.set_constraint("corner", x + y - 0.15)
        return -x - y

    study = run(objective, SurrogateSampler(seed=0), 25)
    assert any(trial.constraints["corner"] <= 0 for trial in study.trials)


def test_failures_are_avoided(make_pool: Callable[..., Any]) -> None:
    """A region that would be best but fails, half of all candidates, is soon left alone."""
    grid = Grid(make_pool({"model": tuple("abcd"), "batch": (1, 2, 4, 8, 16, 32), "threads": (1, 2, 3, 4)}))
    sampler = RepairedSampler(SurrogateSampler(seed=0, pool=grid), grid, seed=0)
    study = optuna.create_study(directions=("minimize", "maximize"), sampler=sampler)
    failed = []
    for _ in range(30):
        trial = study.ask(grid.distributions)
        size = "abcd".index(trial.params["model"])
        failed.append(trial.params["batch"] > 4)
        if failed[-1]:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, [(1 + size) / trial.params["batch"] / trial.params["threads"] ** 0.5, 0.8 + 0.05 * size])
    assert sum(failed[12:]) <= 4


def test_infinite_values_count_as_failures() -> None:
    """An objective of infinity does not spoil what is learned."""
    study = run(
        lambda trial: np.inf if (x := trial.suggest_float("x", 0, 1)) > 0.7 else (x - 0.5) ** 2,
        SurrogateSampler(seed=0),
        20,
    )
    assert study.best_value < 0.01


def test_pending_trials_are_not_proposed_again() -> None:
    """Several trials asked at once differ from each other."""
    study = run(two, SurrogateSampler(seed=0), 10, ("minimize", "maximize"))
    space = {name: study.trials[0].distributions[name] for name in ("x", "y")}
    asked = [tuple(study.ask(space).params.values()) for _ in range(5)]
    assert len(set(asked)) == 5
    assert np.ptp(np.array(asked), axis=0).max() > 0.1


def test_parameters_that_not_all_trials_share_are_still_drawn() -> None:
    """A define-by-run space with a branch works."""

    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("which", ["one", "two"]) == "one":
            return trial.suggest_float("a", 0, 1)
        return 1 + trial.suggest_int("b", 0, 5)

    study = run(objective, SurrogateSampler(seed=0, n_startup_trials=4), 25)
    assert study.best_value < 0.2


def test_a_pool_with_known_features_stays_in_the_pool(pool: Any) -> None:
    """With a pool every trial is one of its candidates, none twice, until all are measured."""
    pool.known = (("macs",), np.random.default_rng(0).lognormal(size=(len(pool.codes), 1)))
    grid = Grid(pool)
    sampler = SurrogateSampler(seed=0, pool=pool)
    study = optuna.create_study(sampler=RepairedSampler(sampler, grid, seed=0))
    seen = set()
    for _ in range(25):
        trial = study.ask(grid.distributions)
        candidate = grid.find(trial.params)
        assert candidate is not None
        seen.add(candidate)
        study.tell(trial, float(pool.codes[candidate].sum()))
    assert len(seen) == 25


def test_of_a_large_pool_a_part_is_looked_at(make_pool: Callable[..., Any]) -> None:
    """More candidates than are looked at for one proposal are searched all the same."""
    levels = {"model": tuple("abcdef"), **{name: tuple(range(1, 8)) for name in "pqrs"}}
    grid = Grid(make_pool(levels))
    assert len(grid) > 14_000
    study = optuna.create_study(sampler=SurrogateSampler(seed=0, pool=grid))
    for _ in range(25):
        trial = study.ask(grid.distributions)
        candidate = grid.find(trial.params)
        study.tell(trial, float(((grid.units[candidate] - [2, 0.5, 0.5, 0.5, 0.5]) ** 2).sum()))
    assert study.best_value < 0.1


def test_a_negative_start_is_refused() -> None:
    """The number of startup trials is a count."""
    with pytest.raises(ValueError, match="not negative, but got -1"):
        SurrogateSampler(n_startup_trials=-1)
