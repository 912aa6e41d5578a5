"""A search that starts from what a saved surrogate says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.campaign.campaign import Campaign, read_campaign
from autoedge.campaign.card import Card
from autoedge.campaign.results import Results, results_of
from autoedge.campaign.table import Table
from autoedge.search.foretold import candidates_of, foretell
from autoedge.search.replaying import LEARNING, informed, replay
from autoedge.search.sampler import SurrogateSampler
from autoedge.search.scoring import volume_shares
from autoedge.search.strategies import STRATEGIES
from autoedge.surrogate.saved.rows import rows_of
from autoedge.surrogate.saved.surrogate import Surrogate
from autoedge.surrogate.saved.training import train

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Array = np.ndarray[Any, np.dtype[np.float64]]

DIGITS = Path(__file__).parents[2] / "benchmarks" / "search" / "digits"


@dataclass(frozen=True)
class Metric:
    """As much of a metric's card as is asked for."""

    log: bool


class Scripted:
    """Says what it is told to say."""

    def __init__(self, **said: tuple[bool, list[float]]) -> None:
        self.metrics = {name: Metric(log) for name, (log, _) in said.items()}
        self._said = {name: np.array(numbers) for name, (_, numbers) in said.items()}

    def predictions(self, _: Results) -> dict[str, tuple[Array, Array]]:
        """By metric, mean and deviation."""
        return {name: (numbers, np.ones(len(numbers))) for name, numbers in self._said.items()}


def test_it_speaks_in_the_units_of_the_study() -> None:
    """Natural logarithms become values, or logarithms to base 10; what is not known or beyond belief is NaN."""
    surrogate: Any = Scripted(
        latency=(True, [0.0, 1.0, np.nan, 800.0]),
        accuracy=(False, [0.5, -1.0, np.nan, 1e300]),
        unknown=(True, [np.nan] * 4),
    )
    candidates = Results("x", {"batch": np.arange(4.0)}, frozenset({"batch"}))
    plain = foretell(surrogate, candidates)
    assert plain.keys() == {"latency", "accuracy"}
    np.testing.assert_allclose(plain["latency"], [1.0, np.e, np.nan, np.nan])
    np.testing.assert_allclose(plain["accuracy"], [0.5, -1.0, np.nan, np.nan])
    decadic = foretell(surrogate, candidates, decadic=["latency", "accuracy"])
    np.testing.assert_allclose(decadic["latency"], [0.0, np.log10(np.e), np.nan, np.nan])
    np.testing.assert_allclose(decadic["accuracy"], [np.log10(0.5), np.nan, np.nan, np.nan])


@pytest.fixture
def digits() -> Table:
    """648 recorded candidates."""
    if not DIGITS.is_dir():
        pytest.skip("the recorded table of the digits models is not there")
    campaign = read_campaign(DIGITS)
    return Table(campaign, campaign.targets[0])


def _taught(campaign: Campaign, table: Table) -> Mapping[str, Array]:
    surrogate = Surrogate(*_parts(campaign))
    return foretell(surrogate, results_of(table), decadic=list(table.objectives))


def _parts(campaign: Campaign) -> tuple[Any, str]:
    trained = train(rows_of(campaign), [])
    return trained.card, trained.text


def _shares(table: Table, strategy: Any, budget: int, seeds: int = 3) -> Array:
    """Mean share of the hypervolume after each measurement."""
    runs = [replay(table, strategy, seed=seed, budget=budget).rows for seed in range(seeds)]
    return np.mean([volume_shares(table, rows) for rows in runs], axis=0)


def test_a_surrogate_of_other_models_helps(digits: Table) -> None:
    """Trained on some of the models, it leads to more of the hypervolume of the others than a cold start."""
    campaign = read_campaign(DIGITS)
    ours = digits.frame["model"].isin(["conv-tiny", "mlp", "logreg"]).to_numpy()
    assert 0.2 < ours.mean() < 0.8
    table = Table(Campaign(campaign.card, campaign.frame[ours]), digits.name)
    foretold = _taught(Campaign(campaign.card, campaign.frame[~ours]), table)
    assert foretold.keys() == set(table.objectives)
    assert _shares(table, informed("surrogate", (), foretold), 8)[3:].mean() > _shares(table, "surrogate", 8)[3:].mean()


def test_a_bad_surrogate_does_little_harm(digits: Table) -> None:
    """One that was trained on shuffled values costs at most 0.01 of the hypervolume at 15 and at 30 measurements."""
    campaign = read_campaign(DIGITS)
    frame = campaign.frame.copy()
    for seed, name in enumerate(campaign.card.objectives):
        frame[name] = np.random.default_rng(seed).permutation(frame[name].to_numpy())
    misled = _shares(digits, informed("surrogate", (), _taught(Campaign(campaign.card, frame), digits)), 30)
    cold = _shares(digits, "surrogate", 30)
    assert misled[14] > cold[14] - 0.01
    assert misled[29] > cold[29] - 0.01


@pytest.fixture
def board() -> Table:
    """Sixteen candidates with two objectives."""
    card: dict[str, Any] = {
        "schema_version": 1, "name": "board", "rows": "rows.csv",
        "knobs": {"batch": {"type": "int"}, "clock": {"type": "int"}},
        "objectives": {"latency_ms": {"direction": "minimize"}, "energy_mj": {"direction": "minimize"}},
    }  # fmt: skip
    import pandas as pd

    rows = [
        {"batch": batch, "clock": clock, "latency_ms": batch / clock, "energy_mj": clock**2 / batch}
        for batch in (1, 2, 3, 4)
        for clock in (1, 2, 3, 4)
    ]
    campaign = Campaign(Card.model_validate(card), pd.DataFrame(rows))
    return Table(campaign, campaign.targets[0])


def test_what_says_nothing_changes_nothing(board: Table) -> None:
    """Proposals are those of a cold start where nothing is foretold of the objectives, or only of a few candidates."""
    few = np.full(len(board), np.nan)
    few[0] = 1.0
    cold = replay(board, "surrogate", seed=1, budget=9).rows
    for foretold in ({"other": np.arange(16.0)}, {"latency_ms": few}, {"latency_ms": few * np.nan}):
        assert replay(board, informed("surrogate", (), foretold), seed=1, budget=9).rows == cold


def test_the_truth_is_found_at_once(board: Table) -> None:
    """Told the very values, the first four measurements dominate more than four of a cold start."""
    truth = {name: board.frame[name].to_numpy() for name in board.objectives}
    told = _shares(board, informed("surrogate", (), truth), 4)
    assert told[-1] > _shares(board, "surrogate", 4)[-1]


def test_only_those_that_can_learn_are_told() -> None:
    """Other strategies are replayed as they are."""
    for name in STRATEGIES:
        assert (informed(name, (), {"latency_ms": np.zeros(3)}) == name) == (name not in LEARNING)
        assert informed(name, (), {}) == name


def test_one_number_a_candidate(board: Table) -> None:
    """Another shape is refused, with the metric's name."""
    with pytest.raises(ValueError, match=r"but got shape \(3,\) for latency_ms"):
        SurrogateSampler(0, pool=board, foretold={"latency_ms": np.zeros(3)})


def test_candidates_by_their_names(make_pool: Callable[..., Any]) -> None:
    """Levels as they are: numbers where the knob is ordered."""
    pool = make_pool({"model": ("a", "b"), "batch": (1, 8)}, features=(("macs",), np.arange(4.0)[:, None]))
    found = candidates_of(pool, "pi4")
    assert found.name == "pi4"
    assert found.knobs["model"].tolist() == ["a", "a", "b", "b"]
    assert found.knobs["batch"].tolist() == [1.0, 8.0, 1.0, 8.0]
    assert found.ordered == {"batch"}
    assert found.features["macs"].tolist() == [0.0, 1.0, 2.0, 3.0]
