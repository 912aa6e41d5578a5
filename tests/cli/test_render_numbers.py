"""Plain numbers for people: no percent, no unit, any sign."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from autoedge.report.decisions import relaxed
from autoedge_cli.render_figures import full, interval
from autoedge_cli.render_metrics import render_metrics


def _value(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "source": "measured", "estimator": "bootstrap", "n": 90}


def test_errors_and_losses_are_shown_bare() -> None:
    """An error of 0.25 is 0.25 and not 25 %, and a negative R2 keeps its sign."""
    assert full(_value(0.25, 0.2, 0.3), "mae") == "0.250"
    assert full(_value(-0.5, -0.6, -0.4), "r2").startswith("-0.5")
    assert interval(0.2, 0.3, "mae") == "[0.200, 0.300]"
    assert "%" in full(_value(0.25, 0.2, 0.3), "map")


def test_gains_of_errors_are_ratios() -> None:
    """An error is less or more than the reference's; what has no ratio is left out."""
    out = StringIO()
    ours = {"mae": _value(0.5, 0.49, 0.51), "r2": _value(-0.1, -0.2, 0.0)}
    theirs = {"mae": _value(1.0, 0.98, 1.02), "r2": _value(0.5, 0.4, 0.6)}
    render_metrics(Console(file=out, width=160), ours, ["mae"], theirs)
    lines = {line.split()[0]: line for line in out.getvalue().splitlines() if line.split()}
    assert "50 % less" in lines["mae"]
    assert "more" not in lines["r2"]
    assert "less" not in lines["r2"]


@pytest.mark.parametrize(
    ("constraint", "limit", "relative", "shown"),
    [
        ("mae <= 0.3", 0.34567, "absolute", "0.346"),
        ("r2 >= 0.9", 0.81, "absolute", "0.810"),
        ("mae <= 110 % of baseline", 1.2, "ratio", "120 % of baseline"),
        ("accuracy >= 95 %", 0.9, "absolute", "90.0 %"),
    ],
)
def test_a_relaxed_limit_is_written_as_the_intent_would(
    constraint: str, limit: float, relative: str, shown: str
) -> None:
    """A number is relaxed to a number and a share to a percentage."""
    one = {"constraint": constraint, "limit": limit, "relative": relative, "unit": ""}
    assert relaxed(one) == shown
