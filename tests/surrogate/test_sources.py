"""What other targets say of candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.campaign.results import Results
from autoedge.surrogate.described import describe
from autoedge.surrogate.sources import predict_from, source_predictions

OPERATIONS = np.array(["none", "skip", "conv", "pool"])
COSTS = np.array([0.0, 0.1, 1.0, 0.4])


def cells(size: int, seed: int = 0, name: str = "board") -> Results:
    """Distinct networks of five operations at a resolution, whose cost is mostly a matter of how many of which."""
    rng = np.random.default_rng(seed)
    whole = np.array([[number // 4**place % 4 for place in range(5)] for number in range(4**5)])
    codes = whole[rng.permutation(len(whole))[:size]]
    resolution = rng.choice([64.0, 96.0, 128.0], size)
    value = np.log10(2.0 + COSTS[codes].sum(axis=1) * (resolution / 64.0) ** 2) + 0.01 * rng.standard_normal(size)
    knobs: dict[str, np.ndarray[Any, Any]] = {f"op{place}": OPERATIONS[codes[:, place]] for place in range(5)}
    return Results(
        name=name,
        knobs={**knobs, "resolution": resolution},
        ordered=frozenset({"resolution"}),
        features={"macs": COSTS[codes].sum(axis=1) + 0.5},
        values={"latency_ms": value},
    )


def test_a_recorded_value_counts_as_it_is() -> None:
    """Where the very candidate was recorded, its value is the prediction, even if it is an odd one."""
    source = cells(80)
    source.values["latency_ms"][3] = 7.0
    told = predict_from(source, "latency_ms", source.take(np.array([3, 5])))
    assert told.tolist() == [7.0, source.values["latency_ms"][5]]


def test_candidates_that_were_not_recorded_are_predicted() -> None:
    """From 150 of 900 candidates the rest are ranked nearly as they are."""
    every = cells(900)
    told = predict_from(every.take(np.arange(150)), "latency_ms", every)
    error = told[150:] - every.values["latency_ms"][150:]
    assert np.sqrt(np.mean(error**2)) < 0.25 * every.values["latency_ms"].std()


def test_what_a_source_cannot_know_is_nan() -> None:
    """A level that the source never had, a number far outside its range, or a campaign with other knobs: NaN."""
    source = cells(80)
    asked = cells(3, seed=1)
    asked.knobs["op0"][0] = "attention"
    asked.knobs["resolution"][1] = 512.0
    told = predict_from(source, "latency_ms", asked)
    assert np.isnan(told).tolist() == [True, True, False]
    other = Results("other", {"clock": np.array([1.0, 2.0])}, frozenset({"clock"}))
    assert np.isnan(predict_from(source, "latency_ms", other)).all()


def test_a_source_of_two_rows_knows_only_these() -> None:
    """Too few rows for a model: what was recorded, and nothing else."""
    source = cells(40)
    told = predict_from(source.take(np.array([0, 1])), "latency_ms", source)
    assert np.isfinite(told).nonzero()[0].tolist() == [0, 1]


def test_unknown_values_are_left_out() -> None:
    """Rows whose value is NaN teach nothing and are predicted like any other."""
    source = cells(120)
    true = source.values["latency_ms"].copy()
    source.values["latency_ms"][:20] = np.nan
    told = predict_from(source, "latency_ms", source)
    assert np.abs(told[:20] - true[:20]).mean() < 0.5 * true.std()
    assert (told[20:] == true[20:]).all()


def test_a_feature_that_one_side_lacks_is_not_used() -> None:
    """A candidate without a number that the source knows is predicted from the rest."""
    every = cells(300)
    bare = Results("new", every.knobs, every.ordered, {"macs": np.full(300, np.nan)})
    told = predict_from(every.take(np.arange(150)), "latency_ms", bare)
    assert np.corrcoef(told[150:], every.values["latency_ms"][150:])[0, 1] > 0.95


def test_sources_without_the_metric_are_left_out() -> None:
    """One column a source that measured the metric; none at all is a matrix without columns."""
    source, other = cells(60), cells(60)
    other.values.pop("latency_ms")  # type: ignore[attr-defined]
    assert source_predictions([source, other], "latency_ms", source).shape == (60, 1)
    assert source_predictions([other], "latency_ms", source).shape == (60, 0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_candidates_does_not_matter(seed: int) -> None:
    """The same candidates in another order get the same predictions."""
    source, asked = cells(40), cells(30, seed=1)
    order = np.random.default_rng(seed).permutation(30)
    told = predict_from(source, "latency_ms", asked)
    assert np.allclose(predict_from(source, "latency_ms", asked.take(order)), told[order], atol=1e-6)


def test_levels_that_knobs_share_are_counted() -> None:
    """How often each operation occurs is a number; switches that share their two levels are not counted together."""
    shared = describe(cells(50))
    assert shared.numbers.shape == (50, 2 + len(OPERATIONS))
    rng = np.random.default_rng(0)
    switches = {name: rng.choice(["off", "on"], 50) for name in ("fuse", "pin")}
    assert describe(Results("x", switches, frozenset())).numbers.shape == (50, 0)
    assert describe(Results("x", switches, frozenset())).categories.shape == (50, 4)


def test_blocks_weigh_the_same_however_many_columns_they_have() -> None:
    """Rows of either block have mean squared length 1, so that priors mean the same for every campaign."""
    found = describe(cells(200), cells(100, seed=1))
    for block in (found.numbers, found.categories):
        assert np.isclose((block**2).sum(axis=1).mean(), 1.0)
        assert np.allclose(block.mean(axis=0), 0.0)
