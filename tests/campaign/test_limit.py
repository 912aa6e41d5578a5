"""Constraints on recorded objectives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.campaign.card import ObjectiveColumn
from autoedge.campaign.limit import Limit
from autoedge.errors import DataError

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(
    metric=st.from_regex(r"[a-z_0-9]{1,12}", fullmatch=True),
    sense=st.sampled_from(["<=", ">="]),
    bound=st.one_of(st.integers(-(10**5), 10**5), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_what_is_printed_is_read(metric: str, sense: str, bound: float) -> None:
    """A limit's text is the limit to the last digit, with or without spaces."""
    limit = Limit.parse(f" {metric}  {sense}{bound}")
    assert limit == Limit.parse(str(limit)) == Limit(metric, "<=" if sense == "<=" else ">=", bound)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "accuracy",
        "accuracy > 3",
        "accuracy >= ",
        "accuracy >= high",
        ">= 3",
        "accuracy >= nan",
        "a <= inf",
        "a <= 3 ms",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """The message states the form and what was written."""
    with pytest.raises(DataError, match="a constraint is METRIC <= NUMBER or METRIC >= NUMBER, but got "):
        Limit.parse(text)


@given(numbers=st.lists(FINITE, min_size=1, max_size=5), bound=FINITE, sense=st.sampled_from(["<=", ">="]))
def test_kept_means_at_most_zero(numbers: list[float], bound: float, sense: str) -> None:
    """The violation is at most 0 exactly where the limit is kept, and grows with the distance."""
    limit = Limit("x", "<=" if sense == "<=" else ">=", bound)
    values = np.array(numbers)
    kept = values <= bound if sense == "<=" else values >= bound
    violation = limit.violation(values, ObjectiveColumn(direction="minimize"))
    assert ((violation <= 0) == kept).all()


def test_a_logarithmic_column_breaks_its_limit_by_a_factor() -> None:
    """Ten times too much is 1, whatever the unit; a limit that no logarithm has is compared as it stands."""
    log = ObjectiveColumn(direction="minimize", scale="log")
    assert Limit.parse("x <= 5").violation(np.array([50.0, 0.5]), log) == pytest.approx([1, -1])
    assert Limit.parse("x >= 0").violation(np.array([50.0]), log) == pytest.approx([-50])
