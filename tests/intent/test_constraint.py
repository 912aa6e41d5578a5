"""Constraints as expressions."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.intent.constraint import Constraint, metric_named, read_constraint
from autoedge.intent.problem import RuleError
from autoedge.measurement import Source
from autoedge.metric import METRICS, QUALITY


@pytest.mark.parametrize(
    ("text", "sense", "limit", "relative"),
    [
        ("latency_p95 <= 20 ms", "max", 20.0, "absolute"),
        ("latency_p95<=20ms", "max", 20.0, "absolute"),
        ("battery_life >= 2 d", "min", 48.0, "absolute"),
        ("accuracy >= 95 %", "min", 0.95, "absolute"),
        ("accuracy >= 0.95", "min", 0.95, "absolute"),
        ("accuracy >= 1", "min", 1.0, "absolute"),
        ("throughput >= 100 ips", "min", 100.0, "absolute"),
        ("throughput >= 6000 / min", "min", 100.0, "absolute"),
        ("size <= 1 GiB", "max", 1024.0, "absolute"),
        ("power <= 400 mW", "max", 0.4, "absolute"),
        ("accuracy drop <= 1 %", "max", 0.01, "drop"),
        ("accuracy drop <= 0.01", "max", 0.01, "drop"),
        ("accuracy drop <= -2 %", "max", -0.02, "drop"),
        ("f1_macro drop <= 0 %", "max", 0.0, "drop"),
        ("latency_p50 <= 50 % of baseline", "max", 0.5, "ratio"),
        ("latency_p50 <= 0.5 of baseline", "max", 0.5, "ratio"),
        ("latency_p50 <= 50% of  baseline", "max", 0.5, "ratio"),
        ("throughput >= 200 % of baseline", "min", 2.0, "ratio"),
    ],
)
def test_expressions(text: str, sense: str, limit: float, relative: str) -> None:
    """An expression states metric, sense and limit, in the metric's unit or relative to the baseline."""
    constraint = read_constraint(text)
    assert (constraint.sense, constraint.limit, constraint.relative) == (sense, limit, relative)
    assert constraint.metric.name == re.split(r"[ <>]", text)[0]
    assert constraint.text == " ".join(text.split())


@pytest.mark.parametrize("name", METRICS)
def test_default_rule(name: str) -> None:
    """Quality is decided by its value, everything that varies from run to run by its interval."""
    unit = {"ips": "/ s", "": "%"}.get(METRICS[name].unit, METRICS[name].unit)
    unit = "" if METRICS[name].dimension == "number" else unit
    assert read_constraint(f"{name} <= 5 {unit}").decide == ("value" if name in QUALITY else "interval")


def test_stricter_rules() -> None:
    """The strict rule and the demand for a measurement are kept as asked for."""
    constraint = read_constraint("accuracy >= 90 %", Source.MEASURED, "interval")
    assert (constraint.source, constraint.decide) == (Source.MEASURED, "interval")
    with pytest.raises(RuleError, match="varies from run to run"):
        read_constraint("latency_p95 <= 5 ms", None, "value")


def test_keys_tell_limits_apart() -> None:
    """Limits on one metric that may stand together have different keys."""
    texts = ["<= 5 %", ">= 2 %", "drop <= 1 %", "<= 50 % of baseline", ">= 10 % of baseline"]
    assert len({read_constraint(f"accuracy {text}").key for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "text",
    ["", "<=", "latency_p95 <=", "<= 5 ms", "latency_p95", "latency_p95 = 5 ms", "latency_p95 ≤ 5 ms", "5 ms >= size",
     "latency_p95 <= 5 ms <= 6 ms", "latency_p95 != 5 ms", "accuracy drop <= 1 % of baseline",
     "accuracy drop drop <= 1 %",
     "latency_p95 <= of baseline", "latency_p95 <= 0 % of baseline", "accuracy drop <= 101 %", "size <= -1 MB",
     "x" * 100_000, "latency_p95 <= 5 ms" + " " * 1000],
)  # fmt: skip
def test_refused(text: str) -> None:
    """What states no limit is refused with a short message."""
    with pytest.raises(RuleError) as caught:
        read_constraint(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latency_p95_ms", "write latency_p95"),
        ("memory_peak_mb", "write memory_peak"),
        ("latncy_p95", "did you mean latency_p95?"),
        ("Accuracy", "did you mean accuracy?"),
        ("qqqqqqqqqqqq", "known are accuracy, agreement, battery_life"),
    ],
)
def test_nearest_metric(name: str, message: str) -> None:
    """An unknown metric is answered with the one that was meant."""
    with pytest.raises(RuleError, match="metric") as caught:
        metric_named(name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"), [("limit", float("nan")), ("limit", float("inf")), ("limit", -1.0), ("relative", "drop")]
)
def test_validates_itself(field: str, value: Any) -> None:
    """A constraint that no measurement can be held against cannot be made."""
    with pytest.raises(ValueError, match=r"but got|drop"):
        dataclasses.replace(read_constraint("latency_p95 <= 5 ms"), **{field: value})


@given(
    st.text(max_size=60) | st.from_regex(r"(accuracy|size)( drop)? ?[<>=]{1,2} ?[0-9.]{1,4} ?(%|MB)?( of baseline)?")
)
def test_any_text(text: str) -> None:
    """Whatever the text, the answer is a constraint or a refusal."""
    message = ""
    try:
        assert isinstance(read_constraint(text), Constraint)
    except RuleError as error:
        message = str(error)
    assert not message or message.isprintable()
