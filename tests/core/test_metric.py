"""The table of metrics is one, and complete."""

from __future__ import annotations

import pytest

from autoedge.metric import (
    ENERGY,
    METRICS,
    OF_FINALISTS,
    PAIRED,
    PERCENTILES,
    QUALITY,
    TASK_METRICS,
    TO_REFERENCE,
    by_key,
)


def test_keys_are_names_with_units() -> None:
    """Stored keys are those of the metrics table: lower case, unit last, none for fractions."""
    keys = {metric.name: metric.key for metric in METRICS.values()}
    assert keys["latency_p95"] == "latency_p95_ms"
    assert keys["energy"] == "energy_mj"
    assert keys["power"] == "power_w"
    assert keys["memory_peak"] == "memory_peak_mib"
    assert keys["battery_life"] == "battery_life_h"
    assert keys["throughput"] == "throughput_ips"
    assert keys["accuracy"] == "accuracy"
    assert len(set(keys.values())) == len(keys)


def test_every_key_leads_back() -> None:
    """A stored key names one metric; an unknown one is a KeyError."""
    assert all(by_key(metric.key) is metric for metric in METRICS.values())
    assert all(metric.name == name for name, metric in METRICS.items())
    with pytest.raises(KeyError):
        by_key("latency_p95")


def test_better_follows_the_direction() -> None:
    """Less latency and more accuracy are better; equal is not better."""
    assert METRICS["latency_p50"].better(1, 2)
    assert not METRICS["latency_p50"].better(2, 1)
    assert METRICS["accuracy"].better(0.9, 0.8)
    assert not METRICS["accuracy"].better(0.8, 0.9)
    assert not any(metric.better(1, 1) for metric in METRICS.values())


def test_percentiles_and_quality_are_metrics() -> None:
    """What other parts single out is in the table, with the right kind."""
    assert set(PERCENTILES) == {name for name in METRICS if name.startswith("latency_p")} - set(OF_FINALISTS)
    assert {*OF_FINALISTS, *ENERGY, *QUALITY} <= METRICS.keys()
    assert all(int(name.removeprefix("latency_p")) == round(100 * share) for name, share in PERCENTILES.items())
    quality = [METRICS[name] for name in QUALITY]
    assert all(one.direction == "maximize" for one in quality if one.dimension == "fraction")
    assert {one.dimension for one in quality} == {"fraction", "number"}
    assert {*PAIRED, *TO_REFERENCE} <= set(QUALITY)
    assert all(METRICS[name].dimension == "fraction" for name in PAIRED)


def test_each_quality_belongs_to_one_task() -> None:
    """No metric tells of two tasks, so that a name says what it is a metric of."""
    assert len(set(QUALITY)) == len(QUALITY) == sum(map(len, TASK_METRICS.values()))
