"""Figures for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge_cli.render_configuration import level, recipe_words, varying, words
from autoedge_cli.render_figures import bare, duration, full, give_or_take, interval, number, percent, plural, unit_of
from autoedge_cli.render_metrics import gain

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (26.0, "26.0"),
        (9.996, "10.0"),
        (999.6, "1000"),
        (12345.6, "12300"),
        (-3.14159, "-3.14"),
        (1e-9, "1.00e-09"),
    ],
)
def test_three_digits(value: float, shown: str) -> None:
    """Three significant digits, written out unless extreme."""
    assert number(value) == shown


@given(st.floats(min_value=1e-6, max_value=1e8))
def test_numbers_stay_true(value: float) -> None:
    """What is shown is written out and within half of the third digit."""
    shown = number(value)
    assert "e" not in shown
    assert float(shown) == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("fraction", "shown"), [(0.9611, "96.1"), (1.0, "100.0"), (0.0, "0.0"), (0.9996, "99.96"), (0.0002, "0.02")]
)
def test_percent(fraction: float, shown: str) -> None:
    """A fraction that is not quite all or nothing does not seem to be."""
    assert percent(fraction) == shown


def test_units() -> None:
    """Each metric is shown in its own unit; fractions in percent, rates as an intent writes them."""
    shown = {key: unit_of(key) for key in ("latency_p95_ms", "accuracy", "throughput_ips", "size_mib", "unheard_of")}
    assert shown == {
        "latency_p95_ms": "ms",
        "accuracy": "%",
        "throughput_ips": "/s",
        "size_mib": "MiB",
        "unheard_of": "",
    }


def test_absent_figures() -> None:
    """What is absent or not a number is a dash, not nan."""
    assert bare(None, "size_mib") == bare(float("nan"), "size_mib") == "\N{EN DASH}"


def test_estimates_are_marked(value: Callable[..., dict[str, Any]]) -> None:
    """An estimate carries its mark, a measurement none."""
    assert full(value(12.34, 0.5, "estimated"), "energy_mj") == "~12.3 mJ"
    assert full(value(12.34), "energy_mj") == "12.3 mJ"


def test_intervals() -> None:
    """Ends that three digits do not tell apart get more; a single point is exact."""
    assert interval(41.0, 41.4, "memory_peak_mib") == "[41.0, 41.4]"
    assert interval(41.01, 41.04, "memory_peak_mib") == "[41.01, 41.04]"
    assert interval(0.021, 0.021, "size_mib") == "exact"
    assert interval(0.955, 0.98, "accuracy") == "[95.5, 98.0]"


def test_give_or_take() -> None:
    """Half an interval: relative, or in points for fractions; the wider side counts; nothing for an exact figure."""
    assert give_or_take(100, 97, 104, "latency_p95_ms") == "±4.0%"
    assert give_or_take(0.96, 0.94, 0.97, "accuracy") == "±2.0"
    assert give_or_take(1, 0.5, 1.5, "energy_mj") == "±50%"
    assert give_or_take(5, 5, 5, "size_mib") == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(4.23, "4.2 s"), (59.4, "59 s"), (59.7, "1 min 00 s"), (312, "5 min 12 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, shown: str) -> None:
    """Time spans in the units that people use."""
    assert duration(seconds) == shown


def test_plural() -> None:
    """One is not many."""
    assert [plural(1, "process", "processes"), plural(2, "process", "processes"), plural(0, "candidate")] == [
        "1 process",
        "2 processes",
        "0 candidates",
    ]


@pytest.mark.parametrize(
    ("gained", "told"),
    [
        (("latency_p95_ms", 1, 3.1), ("3.1 x faster", "green")),
        (("latency_p95_ms", 3, 1), ("3.0 x slower", "red")),
        (("latency_p95_ms", 1.06, 1), ("6.0 % slower", "red")),
        (("memory_peak_mib", 58, 100), ("42 % less", "green")),
        (("memory_peak_mib", 250, 100), ("2.5 x more", "red")),
        (("throughput_ips", 300, 100), ("3.0 x more", "green")),
        (("battery_life_h", 20, 10), ("2.0 x longer", "green")),
        (("accuracy", 0.968, 0.965), ("+0.30 points", "green")),
        (("accuracy", 0.965, 0.968), ("-0.30 points", "red")),
        (("accuracy", 0.965, 0.965), ("the same", "dim")),
        (("size_mib", 1.001, 1), ("the same", "dim")),
        (("latency_p95_ms", 1, 0), ("", "")),
    ],
)
def test_gains(gained: tuple[str, float, float], told: tuple[str, str], value: Callable[..., dict[str, Any]]) -> None:
    """A gain is told in the words of its metric, and good or bad by the metric's direction."""
    key, ours, theirs = gained
    text = gain(key, value(ours, 0.001), value(theirs, 0.001))
    assert (text.plain, str(text.style)) == told


def test_gains_of_estimates_and_noise(value: Callable[..., dict[str, Any]]) -> None:
    """A gain between estimates is marked as one, and one that the intervals do not show is called noise."""
    assert gain("energy_mj", value(1, 0.5, "estimated"), value(2, 0.5, "estimated")).plain == "~50 % less"
    assert gain("latency_p95_ms", value(1.0, 0.1), value(1.1, 0.1)).plain == "1.1 x faster, within noise"
    assert gain("latency_p95_ms", value(1.0), None).plain == ""


def test_configuration_words() -> None:
    """A configuration in few words; what does not apply is left away."""
    static = {"granularity": "channel", "calibration": "minmax", "precision": "int8-static"}
    assert recipe_words(static) == "int8-static minmax/channel"
    assert recipe_words({"precision": "fp32", "calibration": float("nan")}) == "fp32"
    configuration = {"model": "m", "recipe": {"precision": "fp32"}, "knobs": {"batch": 1, "threads": 2}}
    assert words(configuration) == "m fp32 batch=1 threads=2"
    assert words(configuration, ["threads"]) == "m fp32 threads=2"
    assert level(2.0) == "2"


def test_varying() -> None:
    """A knob varies when it has several levels; that it does not apply somewhere is none of them."""
    rows: list[dict[str, Any]] = [
        {"batch": 1, "threads": 2, "arena": "on"},
        {"batch": 1.0, "threads": 4, "arena": float("nan")},
    ]
    assert varying(rows) == ["threads"]
