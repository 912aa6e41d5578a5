"""What a sequence of measurements is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.campaign.campaign import Campaign
from autoedge.campaign.card import Card
from autoedge.campaign.limit import Limit
from autoedge.campaign.table import Table
from autoedge.search.scoring import feasibility, measurements_to, volume_shares

OBJECTIVES = {
    "cost": {"direction": "minimize", "scale": "log"},
    "quality": {"direction": "maximize"},
    "z": {"direction": "minimize"},
}


def table_of(costs: list[float], qualities: list[float], *limits: str) -> Table:
    """A table with a candidate for each pair."""
    frame = pd.DataFrame(
        {"k": range(len(costs)), "cost": costs, "quality": qualities, "z": np.sin(np.arange(len(costs)))}
    )
    card = Card.model_validate(
        {"schema_version": 1, "name": "t", "rows": "r.csv", "knobs": {"k": {"type": "int"}}, "objectives": OBJECTIVES}
    )
    return Table(Campaign(card, frame), "t", [Limit.parse(limit) for limit in limits])


PAIRS = st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 1)), min_size=1, max_size=15)


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS, seed=st.integers(0, 99), limited=st.booleans())
def test_shares_are_those_of_the_whole_prefix(pairs: list[tuple[float, float]], seed: int, limited: bool) -> None:  # noqa: FBT001 - drawn
    """After each measurement the share is that of all measured so far; it never falls and ends at 1."""
    costs, qualities = zip(*pairs, strict=True)
    bound = float(np.median(qualities))
    table = table_of(list(costs), list(qualities), *([f"quality >= {bound!r}"] if limited else []))
    order = np.random.default_rng(seed).permutation(len(table)).tolist()
    shares = volume_shares(table, order)
    plain = [table.hypervolume(order[: count + 1]) / table.true_hypervolume for count in range(len(order))]
    assert shares == pytest.approx(plain)
    assert list(shares) == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert max(shares) <= 1


def test_measurements_to_a_share() -> None:
    """The first measurement that reaches it counts; one that is never reached has none."""
    shares = (0.5, 0.9, 0.9, 0.97)
    assert [measurements_to(shares, percent) for percent in (50, 90, 95, 97, 99)] == [1, 2, 4, 4, None]
    assert measurements_to((), 90) is None


def test_feasibility_is_told_by_the_first_objective() -> None:
    """Regret is a share of the range on the scale of the card, unknown before anything is feasible."""
    table = table_of([1, 10, 100, 1000], [0.1, 0.6, 0.7, 0.2], "quality >= 0.5")
    assert list(table.objectives) == ["cost", "z"]
    found = feasibility(table, [0, 3, 2, 1])
    assert found.regret == (None, None, pytest.approx(1 / 3), 0)
    assert (found.first, found.best) == (3, 4)
    never = feasibility(table, [0, 3])
    assert (never.first, never.best, never.regret) == (None, None, (None, None))
    assert feasibility(table, [1, 2]).regret == (0, 0)
