"""Energy per item over windows, gross and net, and ratios of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from autoedge.bench.energy import WindowEnergy
from autoedge.bench.idle import Idle
from autoedge.bench.per_item import EnergyPerItem, combine_windows, median_of_windows, ratio


def window(energy_j: float, length_s: float = 10.0, refused: str = "", **parts: float) -> WindowEnergy:
    """A window with these standard uncertainties in J, and none else."""
    none = dict.fromkeys(("gain", "offset", "quantisation", "noise", "edges", "unsteady"), 0.0)
    return WindowEnergy(energy_j, energy_j / length_s, 0.0, none | parts, 100, 50.0, "trapezoid", length_s, refused)


IDLE = Idle(2.7, {"noise": 0.0}, 20.0, 40, 40.0)


def test_net_by_hand() -> None:
    """6.4 W for 10 s above 2.7 W and 200 inferences: 320 mJ gross and 185 mJ net each."""
    found = combine_windows([window(64.0)], [200], IDLE)
    assert found.gross.energy_j * 1e3 == pytest.approx(320)
    assert found.net is not None
    assert found.net.energy_j * 1e3 == pytest.approx(185)
    assert (found.power_w, found.idle_w) == pytest.approx((6.4, 2.7))


def test_without_idle_there_is_no_net() -> None:
    """Net is absent where nobody measured idle."""
    assert combine_windows([window(64.0)], [200]).net is None


def test_offset_cancels_in_net_and_gain_stays_a_factor() -> None:
    """The budget of net has no offset, the gain's share of net, both roundings, and what idle adds."""
    idle = replace(IDLE, parts={"noise": 0.01})
    found = combine_windows([window(64.0, gain=0.64, offset=3.0, quantisation=0.02)], [200], idle)
    assert found.net is not None
    assert found.net.parts["offset"] == 0
    assert found.net.parts["gain"] == pytest.approx(0.01 * found.net.energy_j)
    assert found.net.parts["idle"] == pytest.approx(0.01 * 10 / 200)
    assert found.net.parts["quantisation"] == pytest.approx(0.02 / 200)
    assert found.gross.parts["offset"] == pytest.approx(3.0 / 200)


def test_windows_reduce_repetition_alone() -> None:
    """Sixteen windows divide scatter by four, and leave the instrument's parts as they are."""
    dice = np.random.default_rng(0)
    few, many = (
        combine_windows([window(64 + e, gain=0.5, edges=0.1) for e in dice.normal(0, 1, m)], [100] * m).gross
        for m in (100, 1600)
    )
    assert few.parts["repetition"] / many.parts["repetition"] == pytest.approx(4, rel=0.2)
    assert few.parts["gain"] == many.parts["gain"] == pytest.approx(0.005)
    assert few.parts["edges"] == many.parts["edges"] == pytest.approx(0.001)


def test_one_window_has_its_own_noise() -> None:
    """With one window nothing repeats, and its noise is the repetition part; equal windows have no less of it."""
    assert combine_windows([window(64.0, noise=2.0)], [10]).gross.parts["repetition"] == pytest.approx(0.2)
    four = combine_windows([window(64.0, noise=2.0)] * 4, [10] * 4).gross
    assert four.parts["repetition"] == pytest.approx(0.1)


def test_few_windows_take_students_quantile() -> None:
    """Five scattered windows and an exact meter: U is Student's t with four degrees of freedom times s / sqrt(5)."""
    energies = [60.0, 61.0, 62.0, 63.0, 64.0]
    found = combine_windows([window(energy) for energy in energies], [1] * 5).gross
    assert found.uncertainty_j == pytest.approx(2.7764 * np.std(energies, ddof=1) / math.sqrt(5), rel=1e-4)


@pytest.mark.parametrize("m", [2, 3, 5, 8])
@pytest.mark.parametrize("scatter", [0.1, 0.5, 3.0])
def test_the_interval_covers(m: int, scatter: float) -> None:
    """With a drawn gain and scattered windows, at least 93 % of the intervals hold the truth, with two windows too."""
    dice = np.random.default_rng(m)
    held = 0
    for _ in range(600):
        gain = 1 + dice.uniform(-0.01, 0.01)
        shown = gain * (64 + dice.normal(0, scatter, m))
        found = combine_windows([window(e, gain=0.01 * e / 3**0.5) for e in shown], [10] * m).gross
        held += found.low_j <= 6.4 <= found.high_j
    assert held >= 0.93 * 600


def test_windows_may_differ_in_items() -> None:
    """Each window is divided by its own items; the mean and the median are over windows."""
    found = combine_windows([window(10.0), window(30.0), window(80.0)], [10, 20, 40])
    assert found.each_j == pytest.approx((1.0, 1.5, 2.0))
    assert (found.gross.energy_j, found.median_j) == pytest.approx((1.5, 1.5))


def test_refusals_are_handed_on() -> None:
    """A refused window refuses the result with its reason, once; net that is not resolved refuses net alone."""
    found = combine_windows([window(64.0, refused="too short")] * 2, [10, 10], IDLE)
    assert found.gross.refused == "too short"
    faint = combine_windows([window(27.5)], [10], IDLE)
    assert not faint.gross.refused
    assert faint.net is not None
    assert "idle is 98%" in faint.net.refused


def test_nonsense_is_refused() -> None:
    """No windows, other numbers of items than windows, or no items are the caller's mistake."""
    for windows, items in (([], []), ([window(1.0)], [1, 2]), ([window(1.0)], [0])):
        with pytest.raises(ValueError, match="each window has items"):
            combine_windows(windows, items)


def results(energy_j: float, length_s: float = 10.0) -> EnergyPerItem:
    """One item by a meter of 5 % and 0.1 W, with an exact idle."""
    gain, offset = 0.05 * energy_j / 3**0.5, 0.1 * length_s / 3**0.5
    return combine_windows([window(energy_j, length_s, gain=gain, offset=offset, noise=0.01)], [1], IDLE)


def test_gain_cancels_in_ratios() -> None:
    """On one meter a ratio is far surer than either energy; on two it is less sure than either."""
    a, b = results(64.0).gross, results(128.0, 20.0).gross
    same, other = ratio(a, b), ratio(a, b, same_meter=False)
    assert same.value == other.value == pytest.approx(0.5)
    assert (same.high - same.low) / same.value < 0.002  # equal powers: the offset cancels too
    assert (other.high - other.low) / other.value > 2 * a.uncertainty_j / a.energy_j


def test_offset_stays_in_ratios_of_unlike_powers() -> None:
    """An offset changes a ratio of 6.4 W to 12.8 W by at most what it does to both; in net it is gone."""
    a, b = results(64.0), results(128.0)
    worst = (64 + 1) / (128 + 1) / 0.5 - 1
    assert ratio(a.gross, b.gross).high / 0.5 - 1 == pytest.approx(2 / 3**0.5 * worst, rel=0.1)
    assert a.net is not None
    assert b.net is not None
    net = ratio(a.net, b.net)
    assert (net.high - net.low) / net.value < 0.002
    with pytest.raises(ValueError, match="positive"):
        ratio(a.net._replace(energy_j=-1.0), b.net)


def test_median_of_five_windows() -> None:
    """10.2, 9.9, 10.0, 10.4, 10.1 uJ have the median 10.1 and no 95 % interval; six windows have one."""
    assert median_of_windows([10.2, 9.9, 10.0, 10.4, 10.1]) == (10.1, None)
    assert median_of_windows([10.2, 9.9, 10.0, 10.4, 10.1, 10.3]) == (pytest.approx(10.15), (9.9, 10.4))
    with pytest.raises(ValueError, match="takes a window"):
        median_of_windows([])
