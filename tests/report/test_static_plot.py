"""The still picture: every candidate within the frame, whatever its figures are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autoedge.report.static_plot import static_plot

if TYPE_CHECKING:
    from collections.abc import Callable

FINITE = st.floats(-1e12, 1e12, allow_subnormal=False) | st.floats(1e-9, 1e9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(values=st.lists(st.tuples(FINITE, FINITE), min_size=6, max_size=6))
@example(values=[(2.3e-308, 0.0), *[(1e12, 0.0)] * 5])
def test_points_lie_inside(document: Callable[..., dict[str, Any]], values: list[tuple[float, float]]) -> None:
    """Points, bars and labels have finite places inside the picture, with one value, equal ones or many decades."""
    made = document()
    for row, pair in zip(made["candidates"], values, strict=True):
        for key, value in zip(("latency_p95_ms", "accuracy"), pair, strict=True):
            row["metrics"][key] |= {"value": value, "low": value - abs(value), "high": value + abs(value)}
    text = static_plot(made)
    assert not re.search(r'["> (]-?(nan|inf)\b', text)
    for x, y in re.findall(r"translate\((\S+) (\S+)\)", text):
        assert 0 <= float(x) <= 640
        assert 0 <= float(y) <= 400


def test_a_picture_without_points_says_so(document: Callable[..., dict[str, Any]]) -> None:
    """Where no candidate has both metrics there is a sentence and no frame."""
    made = document()
    for row in made["candidates"]:
        row["metrics"].pop("accuracy")
    assert "No candidate has both metrics" in static_plot(made)
