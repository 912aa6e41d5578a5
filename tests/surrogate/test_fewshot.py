"""A new target from a handful of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.campaign.results import Results
from autoedge.errors import SurrogateError
from autoedge.surrogate.consensus import agree
from autoedge.surrogate.described import Described, describe
from autoedge.surrogate.fewshot import FewShot
from autoedge.surrogate.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 300


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Small matrices on one thread, as in use."""
    with one_thread():
        yield


def candidates(size: int = SIZE, seed: int = 0) -> Described:
    """Three numbers and a choice among many, as models are, about which a few values say little."""
    rng = np.random.default_rng(seed)
    knobs = {name: rng.random(size) for name in ("width", "depth", "resolution")}
    return describe(
        Results(
            "new", {**knobs, "model": rng.choice([f"model {level}" for level in range(40)], size)}, frozenset(knobs)
        )
    )


def family(count: int, *, seed: int = 0, unlike: float = 0.4) -> tuple[Described, np.ndarray, np.ndarray]:
    """Candidates, what ``count`` sources say of them, and a new target of the same kind with a little noise."""
    described = candidates(seed=seed)
    rng = np.random.default_rng(seed + 1)
    weights = rng.standard_normal(described.all.shape[1])
    each = []
    for _ in range(count + 1):
        own = weights + unlike * rng.standard_normal(len(weights))
        each.append(
            rng.uniform(0.5, 2.0) * (described.all @ own + 0.2 * np.sin(3 * described.all @ own)) + rng.normal()
        )
    target = each.pop() + 0.05 * rng.standard_normal(SIZE)
    return described, np.column_stack(each), target


def error(model: FewShot, rows: np.ndarray, target: np.ndarray) -> float:
    """Root mean square error on all other rows, in units of the target's spread."""
    mean, _ = model.fit(rows, target[rows]).predict()
    rest = np.setdiff1d(np.arange(SIZE), rows)
    return float(np.sqrt(np.mean((mean[rest] - target[rest]) ** 2)) / target.std())


def some(count: int, seed: int = 0) -> np.ndarray:
    """Rows at random."""
    return np.random.default_rng([seed, 9]).choice(SIZE, count, replace=False)


def test_sources_help_where_little_is_measured() -> None:
    """With eight values the sources at least halve the error, as the mean over ten families."""
    with_sources, without = [], []
    for seed in range(10):
        described, sources, target = family(5, seed=seed, unlike=0.2)
        with_sources.append(error(FewShot(sources, described), some(8, seed), target))
        without.append(error(FewShot(sources[:, :0], described), some(8, seed), target))
    assert np.mean(with_sources) < 0.5 * np.mean(without)


@pytest.mark.parametrize("count", [10, 30])
def test_useless_sources_hurt_little(count: int) -> None:
    """Sources of pure noise cost at most a tenth more error than none, as the mean over ten families."""
    with_noise, without = [], []
    for seed in range(10):
        described, sources, target = family(4, seed=seed)
        noise = np.random.default_rng(seed).standard_normal(sources.shape)
        with_noise.append(error(FewShot(noise, described), some(count, seed), target))
        without.append(error(FewShot(noise[:, :0], described), some(count, seed), target))
    assert np.mean(with_noise) < 1.1 * np.mean(without)


def test_one_useless_source_among_good_ones_hurts_little() -> None:
    """A source of noise beside four good ones costs at most a quarter more error."""
    spoiled, good = [], []
    for seed in range(10):
        described, sources, target = family(4, seed=seed, unlike=0.2)
        noise = np.random.default_rng(seed).standard_normal((SIZE, 1))
        spoiled.append(error(FewShot(np.hstack([sources, noise]), described), some(10, seed), target))
        good.append(error(FewShot(sources, described), some(10, seed), target))
    assert np.mean(spoiled) < 1.25 * np.mean(good)


def test_a_twin_is_found() -> None:
    """Where one source is the target on another scale, ten values are enough to see it."""
    described, sources, target = family(5, seed=3)
    sources[:, 2] = 3.0 * target + 1.0
    mean, _ = FewShot(sources, described).fit(some(10), target[some(10)]).predict()
    assert np.corrcoef(mean, target)[0, 1] > 0.98


@pytest.mark.parametrize("count", [10, 30])
def test_intervals_cover_about_what_they_claim(count: int) -> None:
    """Over 20 families, 90 % intervals hold between 82 and 97 % of the other values, 68 % ones between 55 and 85 %."""
    wide, narrow = [], []
    for seed in range(20):
        described, sources, target = family(4, seed=seed)
        rows = some(count, seed)
        mean, std = FewShot(sources, described).fit(rows, target[rows]).predict()
        off = np.abs(np.delete(target - mean, rows)) / np.delete(std, rows)
        wide.append((off < 1.645).mean())
        narrow.append((off < 1.0).mean())
    assert 0.82 < np.mean(wide) < 0.97
    assert 0.55 < np.mean(narrow) < 0.85


def test_held_out_predictions_are_those_of_a_fit_without_the_row() -> None:
    """With the same hyperparameters a row left out is predicted from the others: no value predicts itself."""
    described, sources, target = family(4)
    rows = some(20)
    fitted = FewShot(sources, described).fit(rows, target[rows])
    off = np.abs(fitted.held_out_mean - target[rows])
    mean, _ = fitted.predict(rows)
    assert fitted.held_out_std.shape == fitted.held_out_mean.shape == (20,)
    assert off.mean() > np.abs(mean - target[rows]).mean()
    assert (off < 3.0 * fitted.held_out_std).mean() > 0.9


def test_one_wild_value_does_little() -> None:
    """One of 20 values that is three spreads off at most doubles the error, as the mean over ten families."""
    wild, clean = [], []
    for seed in range(10):
        described, sources, target = family(5, seed=seed, unlike=0.2)
        rows, spoiled = some(20, seed), target.copy()
        spoiled[rows[4]] += 3.0 * target.std()
        model = FewShot(sources, described)
        mean, _ = model.fit(rows, spoiled[rows]).predict()
        rest = np.setdiff1d(np.arange(SIZE), rows)
        wild.append(np.sqrt(np.mean((mean[rest] - target[rest]) ** 2)) / target.std())
        clean.append(error(model, rows, target))
    assert np.mean(wild) < 2.0 * np.mean(clean)


def test_without_values_the_consensus_is_told() -> None:
    """Nothing measured: the sources' common order, centred, with a spread above 0."""
    described, sources, _ = family(4)
    mean, std = FewShot(sources, described).fit([], []).predict()
    assert np.corrcoef(mean, sources.mean(axis=1))[0, 1] > 0.8
    assert abs(mean.mean()) < 1e-9
    assert (std > 0).all()


def test_without_sources_and_values_nothing_is_told() -> None:
    """All candidates are alike then."""
    mean, std = FewShot(np.zeros((SIZE, 0)), candidates()).fit([], []).predict()
    assert np.ptp(mean) == 0
    assert (std > 0).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_and_sources_does_not_matter(seed: int) -> None:
    """Values and sources in another order give the same predictions."""
    described, sources, target = family(4)
    rng, rows = np.random.default_rng(seed), some(12)
    mean, std = FewShot(sources, described).fit(rows, target[rows]).predict()
    other = rng.permutation(rows)
    again = FewShot(sources[:, rng.permutation(4)], described).fit(other, target[other]).predict()
    assert np.allclose(again[0], mean, atol=1e-2 * target.std())
    assert np.allclose(again[1], std, atol=2e-2 * target.std())


def test_it_is_deterministic() -> None:
    """The same input gives the same bytes."""
    described, sources, target = family(4)
    once, again = (FewShot(sources, described).fit(some(12), target[some(12)]).predict() for _ in range(2))
    assert (once[0] == again[0]).all()
    assert (once[1] == again[1]).all()


def test_candidates_that_no_source_knows_are_less_sure() -> None:
    """They are expected where those like them lie, and their interval is wider."""
    described, sources, target = family(4, unlike=0.1)
    sources[:100] = np.nan
    rows = some(10)[some(10) >= 100]
    mean, std = FewShot(sources, described).fit(rows, target[rows]).predict()
    assert np.corrcoef(mean[:100], target[:100])[0, 1] > 0.8
    assert np.median(std[:100]) > np.median(std[100:])


def test_gaps_in_a_source_are_filled_from_the_others() -> None:
    """A source that knows only the low half does not pull the consensus of the rest apart."""
    _, sources, _ = family(4, unlike=0.0)
    whole = agree(sources)
    gappy = sources.copy()
    gappy[sources[:, 0] > np.median(sources[:, 0]), 0] = np.nan
    part = agree(gappy)
    assert whole is not None
    assert part is not None
    assert np.corrcoef(whole.mean, part.mean)[0, 1] > 0.99


@pytest.mark.parametrize("level", [True, False])
def test_values_that_do_not_differ_are_no_problem(level: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Equal values, of the target or of a source, give finite predictions."""
    described, sources, target = family(3)
    if level:
        target = np.full(SIZE, 2.0)
    else:
        sources[:, 0] = 1.0
    for count in (1, 2, 8):
        fitted = FewShot(sources, described).fit(some(count), target[some(count)])
        assert np.isfinite(fitted.predict()).all()
        assert np.isfinite(fitted.held_out_std).all()


def test_the_spread_choice_looks_at_no_value_and_repeats_none() -> None:
    """Chosen rows are distinct, among those offered, and better than random ones as the mean over ten families."""
    spread, random = [], []
    for seed in range(10):
        described, sources, target = family(4, seed=seed)
        model = FewShot(sources, described)
        offered = np.arange(50, SIZE)
        rows = model.spread_out(8, offered)
        assert len(set(rows.tolist())) == 8
        assert np.isin(rows, offered).all()
        spread.append(error(model, rows, target))
        random.append(error(model, some(8, seed), target))
    assert np.mean(spread) < np.mean(random)


def test_bad_input_is_refused() -> None:
    """Values that are not finite, or not as many as rows, and predictions for other candidates."""
    described, sources, _ = family(3)
    with pytest.raises(SurrogateError, match="finite"):
        FewShot(sources, described).fit([0, 1], [1.0, np.nan])
    with pytest.raises(SurrogateError, match="rows"):
        FewShot(sources, described).fit([0, 1], [1.0])
    with pytest.raises(SurrogateError, match="candidates"):
        FewShot(sources[:5], described)
