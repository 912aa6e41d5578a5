"""The rule that calls a soak slower: its error rates on simulated machines, and its edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from autoedge.bench.slowdown import Slowdown, slowdown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Soak = tuple[NDArray[np.float64], NDArray[np.float64]]


def _noisy(generator: np.random.Generator, **changes: Any) -> Soak:
    """Durations and ends of a soak on a shared machine.

    Calls differ by ``cv``, the level wanders (first-order autoregression, ``drift`` and ``tau_s``), spikes of 2 to 10
    times the duration hit single calls, and other work makes most calls of one to three seconds 10 to 60 % longer.
    """
    usual = {"seconds": 60.0, "call_s": 4e-3, "cv": 0.05, "drift": 0.02, "tau_s": 5.0, "spikes": 0.01, "bursts": 0.1}
    how = {**usual, "slower": 0.0, "at": 0.5, **changes}
    count, grain = int(how["seconds"] / how["call_s"]), max(1, int(0.05 / how["call_s"]))
    keep = np.exp(-grain * how["call_s"] / how["tau_s"])
    kicks = generator.standard_normal(count // grain + 2) * how["drift"] * np.sqrt(1 - keep**2)
    level = lfilter([1], [1, -keep], kicks, zi=[keep * generator.standard_normal() * how["drift"]])[0]
    logs = np.repeat(level, grain)[:count] + generator.standard_normal(count) * how["cv"]
    at = np.arange(count) / count
    for _ in range(generator.poisson(how["bursts"] * how["seconds"] / 2)):
        begin, length = generator.uniform(), generator.uniform(1, 3) / how["seconds"]
        hit = (at >= begin) & (at < begin + length) & (generator.random(count) < 0.8)
        logs[hit] += np.log(generator.uniform(1.1, 1.6))
    logs += (generator.random(count) < how["spikes"]) * np.log(generator.uniform(2, 10, count))
    logs += np.where(at >= how["at"], np.log1p(how["slower"]), 0)
    durations = how["call_s"] * np.exp(logs)
    return durations, np.cumsum(durations)


def _drawn(generator: np.random.Generator) -> dict[str, float]:
    """A machine and a model, drawn at random."""
    ranges = {
        "seconds": (8, 150),
        "call_s": (2e-3, 3e-2),
        "tau_s": (0.5, 20),
        "drift": (0.005, 0.03),
        "cv": (0.01, 0.1),
    }
    logarithmic = {name: float(np.exp(generator.uniform(*np.log(ends)))) for name, ends in ranges.items()}
    return {**logarithmic, "spikes": generator.uniform(0, 0.03), "bursts": generator.uniform(0, 0.2)}


def _found(count: int, seed: int, **changes: float) -> int:
    found = 0
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        found += slowdown(*_noisy(generator, **{**_drawn(generator), **changes})).found
    return found


def test_flat_soaks_are_not_called_slower() -> None:
    """Of 300 flat soaks on machines drawn at random, with drift, spikes and other work, at most 1 % are flagged."""
    assert _found(300, 1) <= 3


def test_a_slowdown_midway_is_found() -> None:
    """Of 200 such soaks that slow down by 20 % midway, at least 95 % are flagged."""
    assert _found(200, 2, slower=0.2) >= 190


@pytest.mark.parametrize("at", [0.15, 0.3, 0.75])
def test_the_moment_is_found(at: float) -> None:
    """On a calm machine a slowdown is found wherever it begins, with its moment and its size."""
    seen = slowdown(*_noisy(np.random.default_rng(3), slower=0.25, at=at, bursts=0.0, drift=0.005))
    assert seen.found
    assert seen.share == pytest.approx(0.25, abs=0.04)
    assert seen.time_s == pytest.approx(60 * at, abs=4)


def test_a_slow_climb_counts() -> None:
    """A level that climbs by 40 % from end to end is a slowdown though there is no step in it."""
    durations, _ = _noisy(np.random.default_rng(4), bursts=0.0, drift=0.005)
    climbing = durations * np.linspace(1.0, 1.4, len(durations))
    assert slowdown(climbing, np.cumsum(climbing)).found


def test_a_passing_slowdown_does_not_count() -> None:
    """Calls that were slower for a while and are quick again at the end are not slower for good."""
    durations, _ = _noisy(np.random.default_rng(5), bursts=0.0)
    durations[len(durations) // 4 : len(durations) // 2] *= 1.3
    assert not slowdown(durations, np.cumsum(durations)).found


@pytest.mark.parametrize("change", [-0.3, 0.05])
def test_small_and_welcome_changes_do_not_count(change: float) -> None:
    """Calls that become quicker, or slower by less than a tenth, are no slowdown."""
    assert not slowdown(*_noisy(np.random.default_rng(6), slower=change, bursts=0.0, drift=0.005)).found


def test_too_little_is_told_as_such() -> None:
    """Where calls or time do not suffice, no block is judged."""
    nothing = Slowdown(found=False, share=0.0, time_s=0.0, blocks=0)
    assert slowdown(np.empty(0), np.empty(0)) == nothing
    assert slowdown(np.full(60, 1.0), np.arange(1, 61) * 1.0) == nothing
    assert slowdown(np.full(10_000, 1e-4), np.arange(1, 10_001) * 1e-4) == nothing


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-3, 1e9), st.integers(0, 2**32 - 1))
def test_the_unit_does_not_matter(unit: float, seed: int) -> None:
    """Durations in another unit give the same judgement."""
    durations, ends = _noisy(np.random.default_rng(seed), seconds=8.0, slower=0.2)
    one, other = slowdown(durations, ends), slowdown(durations * unit, ends)
    assert (one.found, one.blocks) == (other.found, other.blocks)
    assert one.share == pytest.approx(other.share, rel=1e-6, abs=1e-9)


def test_a_machine_that_slept() -> None:
    """A pause in which no call ended leaves a hole and does not disturb."""
    durations, ends = _noisy(np.random.default_rng(7), bursts=0.0)
    later = ends + np.where(ends > 30, 40, 0)
    assert not slowdown(durations, later).found
    assert slowdown(durations, later).blocks > 50
