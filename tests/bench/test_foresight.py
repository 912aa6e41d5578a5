"""What a first block says about a full measurement."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autoedge.agent.looks import FIRST_BLOCK, WINDOW
from autoedge.bench.evidence import Spread
from autoedge.bench.foresight import FEWEST, Foresight, first_block_values, look_values
from autoedge.measurement import Measurement, Phase, Source, Status, Value

KEY = {"batch": 4, "rate": None, "battery_wh": None, "size_bytes": 2**20, "cores": 2}
BODY = {"cold_start_ns": 5e6, "memory_peak_mib": 60.0, "memory_empty_mib": 40.0, "window_ns": 1e9, "cpu_s": 0.5}
NO_SPREAD = Spread({})


def _row(number: int, early: float, late: float, fill_ms: float = 0.0) -> Measurement:
    return Measurement(
        candidate_id=f"c{number}",
        config_id="c",
        target="local",
        fingerprint="f",
        runtime_version="1",
        variant_hash="v",
        data_hash="d",
        protocol_id="p",
        session="",
        phase=Phase.SEARCH,
        replicate=0,
        status=Status.OK,
        metrics={"latency_p50_ms": Value.exact(late + fill_ms, "median")},
        details={"fill_ms": fill_ms, "first_block": {"latency_p50_ms": early + fill_ms}},
    )


def test_figures_of_a_look() -> None:
    """Each figure has its definition; a percentile of too few calls is left out, and energy where a meter tells it."""
    calls = np.full(20, 2_000_000)
    values = look_values(BODY, calls, {**KEY, "rate": 100.0}, None)
    assert values["latency_p50_ms"] == pytest.approx(2.0 + 30.0)  # three items wait 10 ms each
    assert values["throughput_ips"] == pytest.approx(2000.0)
    assert values["memory_model_mib"] == 20.0
    assert values["size_mib"] == 1.0
    assert "latency_p95_ms" not in values
    assert "energy_mj" not in values
    assert "latency_p95_ms" in look_values(BODY, np.full(130, 2_000_000), KEY, None)


def test_a_measurement_notes_its_first_block() -> None:
    """The first calls of the warm-up and their counters are a look; an agent that counts none leaves none."""
    warmup = np.r_[np.full(10, 3_000_000), np.full(90, 2_000_000)]
    done = {**BODY, "first_block": {"calls": 10, "memory_peak_mib": 50.0, "window_ns": 3e7, "cpu_s": 0.03}}
    found = first_block_values(done, warmup, KEY, None)
    assert found["latency_p50_ms"] == 3.0
    assert found["memory_peak_mib"] == 50.0
    assert first_block_values(BODY, warmup, KEY, None) == {}


def test_little_known_says_nothing() -> None:
    """With fewer measurements than needed, or no spread between processes known, no figure is foreseen but the size."""
    spread = Spread({"latency_p50_ms": (0.01, 2)})
    rows = [_row(i, 1.0, 1.0) for i in range(FEWEST)]
    few = Foresight.of(rows[1:], spread).expected(FIRST_BLOCK, {"latency_p50_ms": 1.0, "size_mib": 2.0}, level=0.95)
    assert list(few) == ["size_mib"]
    assert Foresight.of(rows, NO_SPREAD).expected(FIRST_BLOCK, {"latency_p50_ms": 1.0}, level=0.95) == {}
    enough = Foresight.of(rows, spread).expected(FIRST_BLOCK, {"latency_p50_ms": 1.0}, level=0.95)
    assert enough["latency_p50_ms"].source is Source.DERIVED


def test_what_fills_the_batch_is_known_beforehand() -> None:
    """The ratio is that of the calls alone: a wait of 75 ms for the batch neither widens nor narrows it."""
    spread = Spread({"latency_p50_ms": (0.01, 2)})
    generator = np.random.default_rng(0)
    late = np.exp(generator.normal(0, 0.05, 12))
    plain = Foresight.of([_row(i, 1.0, x) for i, x in enumerate(late)], spread)
    filled = Foresight.of([_row(i, 1.0, x, 75.0) for i, x in enumerate(late)], spread)
    assert filled.ratios["latency_p50_ms"].deviation == pytest.approx(plain.ratios["latency_p50_ms"].deviation)
    one = plain.expected(FIRST_BLOCK, {"latency_p50_ms": 2.0}, level=0.95)["latency_p50_ms"]
    two = filled.expected(FIRST_BLOCK, {"latency_p50_ms": 77.0}, level=0.95, fill_ms=75.0)["latency_p50_ms"]
    assert two.high - two.low == pytest.approx(one.high - one.low)


def test_a_window_is_not_moved() -> None:
    """The first block's bias is taken out of a first block, and not out of a whole window."""
    foresight = Foresight.of([_row(i, 1.0, 0.8) for i in range(8)], Spread({"latency_p50_ms": (0.01, 2)}))
    values = {look: foresight.expected(look, {"latency_p50_ms": 1.0}, level=0.95) for look in (FIRST_BLOCK, WINDOW)}
    assert values[FIRST_BLOCK]["latency_p50_ms"].value == pytest.approx(0.8)
    assert values[WINDOW]["latency_p50_ms"].value == pytest.approx(1.0)


@pytest.mark.parametrize("known", [9, 30])
def test_intervals_hold_what_comes(known: int) -> None:
    """Where blocks and processes scatter as they are known to, a full figure falls below its interval in at most 2.5 %.

    Rows, spread and the candidate are drawn anew each time, 4,000 times; the bound is three standard errors above.
    """
    generator = np.random.default_rng(known)
    trials, misses = 4000, 0
    for _ in range(trials):
        logs = generator.normal(-0.02, 0.03, known)
        processes = np.std(generator.normal(0, 0.02, 3), ddof=1)
        rows: Any = [SimpleNamespace(**vars_of(i, x)) for i, x in enumerate(logs)]
        foresight = Foresight.of(rows, Spread({"latency_p50_ms": (float(processes), 2)}))
        full = generator.normal(-0.02, 0.03) + generator.normal(0, 0.02)
        low = foresight.expected(FIRST_BLOCK, {"latency_p50_ms": 1.0}, level=0.95)["latency_p50_ms"].low
        misses += math.exp(full) < low
    assert misses / trials <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / trials)


def vars_of(number: int, log: float) -> dict[str, Any]:
    """The parts of a row that matter here, quickly made."""
    metrics = {"latency_p50_ms": SimpleNamespace(value=math.exp(log))}
    return {"metrics": metrics, "details": {"first_block": {"latency_p50_ms": 1.0}}, "candidate_id": f"c{number}"}
