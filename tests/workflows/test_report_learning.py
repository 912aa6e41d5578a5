"""What a run's results teach: knobs that matter are found, others are not, and pairs say the same without a model."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from autoedge.workflows.report_learning import learned
from autoedge.workflows.report_pairs import changes, seen

FEATURES = {"small": {"log_macs": 1.0}, "large": {"log_macs": 3.0}}


def _row(model: str, batch: int, precision: str, spin: str, latency: float, **recipe: str) -> dict[str, Any]:
    made = {"model": model, "recipe": {"precision": precision, **recipe}, "runtime": "r",
            "knobs": {"batch": batch, "spin": spin}}  # fmt: skip
    return {
        "candidate_id": f"{model}-{batch}-{precision}-{spin}",
        "target": "local",
        "configuration": made,
        "metrics": {"latency_p50_ms": {"value": latency, "source": "measured"}},
    }


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Latency grows with the model, and with the batch by a half a step; the precision halves it; spin does nothing."""
    noise = np.random.default_rng(0)
    found = []
    for model, batch, precision, spin in itertools.product(
        ("small", "large"), (1, 2, 4), ("fp32", "int8"), ("on", "off")
    ):
        latency = {"small": 1.0, "large": 4.0}[model] * batch**0.585 * {"fp32": 1.0, "int8": 0.5}[precision]
        recipe = {"calibration": "minmax"} if precision == "int8" else {}
        found.append(_row(model, batch, precision, spin, latency * math.exp(noise.normal(0, 0.01)), **recipe))
    return found


def test_the_knobs_that_matter_come_first(rows: list[dict[str, Any]]) -> None:
    """Shares rank the model, batch and precision as they were made, and give nothing to a knob without effect."""
    (one,) = learned(rows, ["latency_p50_ms"], FEATURES, rows[0])["metrics"]
    shares = {knob["knob"]: knob["share"] for knob in one["knobs"]}
    assert one["knobs"][0]["knob"] == "model"
    assert shares["spin"] < 0.01
    assert shares["model"] > shares["batch"] > 0.03
    assert one["explained"] > 0.95
    assert 0.7 <= one["inside"] <= 1.0


def test_predictions_are_of_what_was_not_seen(rows: list[dict[str, Any]]) -> None:
    """Every result has a prediction with a band around it, and a value changed alone does not move its own."""
    (one,) = learned(rows, ["latency_p50_ms"], FEATURES, rows[0])["metrics"]
    assert len(one["predicted"]) == len(rows)
    assert all(each["low"] < each["predicted"] < each["high"] for each in one["predicted"])
    odd = [dict(row) for row in rows]
    odd[5] = {**odd[5], "metrics": {"latency_p50_ms": {"value": 400.0, "source": "measured"}}}
    (other,) = learned(odd, ["latency_p50_ms"], FEATURES, rows[0])["metrics"]
    assert other["predicted"][5]["predicted"] < 40.0


def test_the_same_results_teach_the_same(rows: list[dict[str, Any]]) -> None:
    """Nothing is left to chance."""
    assert learned(rows, ["latency_p50_ms"], FEATURES, rows[0]) == learned(rows, ["latency_p50_ms"], FEATURES, rows[0])


def test_pairs_tell_what_one_knob_did(rows: list[dict[str, Any]]) -> None:
    """Changes go from the reference's level, numbers upwards; their effect is the one that the rows were made with."""
    (one,) = learned(rows, ["latency_p50_ms"], FEATURES, rows[0])["metrics"]
    told = {(each["knob"], each["before"], each["after"]): each for each in one["changes"]}
    halved = told["precision", "fp32", "int8"]
    assert halved["pairs"] == 12
    assert math.exp(halved["median"]) == pytest.approx(0.5, rel=0.02)
    assert math.exp(halved["foretold"]) == pytest.approx(0.5, rel=0.1)
    assert math.exp(told["batch", 1, 2]["median"]) == pytest.approx(1.5, rel=0.03)
    assert ("batch", 2, 1) not in told
    assert abs(told["spin", "on", "off"]["median"]) < 0.03


def test_a_knob_that_follows_is_no_difference() -> None:
    """What applies to one of two candidates alone does not count; a second knob that differs makes them no pair."""
    levels = [
        {"precision": "fp32", "batch": 1},
        {"precision": "int8", "calibration": "minmax", "batch": 1},
        {"precision": "int8", "calibration": "entropy", "batch": 2},
    ]
    (found,) = changes(levels, levels[0])
    assert (found.knob, found.before, found.after, found.pairs.tolist()) == ("precision", "fp32", "int8", [[0, 1]])
    assert seen(found, np.array([1.0, np.nan, 2.0])) is None
    assert seen(found, np.array([1.0, 4.0, 2.0])) == {"pairs": 1, "median": 3.0, "low": 3.0, "high": 3.0}


def test_few_results_teach_pairs_alone(rows: list[dict[str, Any]]) -> None:
    """Below ten results no surrogate is asked, and the document says so; without a knob that varies nothing is told."""
    few = learned(rows[:6], ["latency_p50_ms"], FEATURES, rows[0])
    assert "needs 10 results, there are 6" in few["note"]
    assert few["metrics"][0]["knobs"] == []
    assert few["metrics"][0]["changes"]
    assert learned(rows[:1], ["latency_p50_ms"], FEATURES, rows[0])["metrics"] == []


def test_estimates_are_known_as_such(rows: list[dict[str, Any]]) -> None:
    """A metric with an estimated figure is marked, so that nobody takes what is learned from it for measured."""
    guessed = [
        {**row, "metrics": {"energy_mj": {**row["metrics"]["latency_p50_ms"], "source": "estimated"}}} for row in rows
    ]
    assert learned(guessed, ["energy_mj"], {}, rows[0])["metrics"][0]["estimated"]


def test_several_targets_are_a_knob(rows: list[dict[str, Any]]) -> None:
    """Where there are several devices, which one it is counts like any other choice."""
    slower = [
        {"latency_p50_ms": {"value": 9.0 * row["metrics"]["latency_p50_ms"]["value"], "source": "measured"}}
        for row in rows
    ]
    others = [{**row, "target": "pi", "metrics": metrics} for row, metrics in zip(rows, slower, strict=True)]
    both = [*rows, *others]
    document = learned(both, ["latency_p50_ms"], FEATURES, rows[0])
    assert "target" in document["knobs"]
    told = [one for one in document["metrics"][0]["changes"] if one["knob"] == "target"]
    assert math.exp(told[0]["median"]) == pytest.approx(9.0)
