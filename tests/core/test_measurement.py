"""Figures hold together, and protocols are told apart."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.measurement import Measurement, Phase, Protocol, Source, Status, Value


@pytest.mark.parametrize(
    ("value", "low", "high", "rule"),
    [
        (1.0, 1.1, 2.0, "an interval holds its value"),
        (1.0, 0.5, 0.9, "an interval holds its value"),
        (math.nan, 0.0, 1.0, "finite"),
        (1.0, -math.inf, 1.0, "finite"),
        (1.0, 1.0, math.inf, "finite"),
        (1.0, math.nan, 1.0, "finite"),
    ],
)
def test_an_impossible_figure_is_refused(value: float, low: float, high: float, rule: str) -> None:
    """A value lies inside its interval and all three are finite; the message states the rule, then the value."""
    with pytest.raises(ValueError, match=f"{rule}.*but got"):
        Value(value, low, high, Source.MEASURED, "mean", 1)


def test_an_exact_figure_has_no_width() -> None:
    """What does not vary has an interval of no width, and is measured unless said otherwise."""
    assert Value.exact(3.5, "bytes") == Value(3.5, 3.5, 3.5, Source.MEASURED, "bytes", 1)
    assert Value.exact(3.5, "bytes", Source.DERIVED).source is Source.DERIVED


PARAMETERS: dict[str, float | int | str | bool] = {"latency_calls": 64, "latency_seconds": 1.0, "tuned": False}


@pytest.mark.parametrize(
    "other",
    [
        Protocol("standard", 1, PARAMETERS),
        Protocol("quick", 2, PARAMETERS),
        Protocol("quick", 1, {**PARAMETERS, "latency_calls": 65}),
        Protocol("quick", 1, {**PARAMETERS, "latency_seconds": 1.0000001}),
        Protocol("quick", 1, {**PARAMETERS, "tuned": True}),
        Protocol("quick", 1, {**PARAMETERS, "more": 0}),
        Protocol("quick", 1, {"latency_calls": 64, "latency_seconds": 1.0}),
    ],
)
def test_any_change_is_another_protocol(other: Protocol) -> None:
    """Name, version and every parameter are part of the id, so that their rows never mix."""
    assert other.protocol_id != Protocol("quick", 1, PARAMETERS).protocol_id


@given(st.permutations(sorted(PARAMETERS)))
def test_the_order_of_parameters_does_not_matter(order: list[str]) -> None:
    """The id names the preset, and the same parameters have the same one."""
    shuffled = Protocol("quick", 1, {name: PARAMETERS[name] for name in order})
    assert shuffled.protocol_id == Protocol("quick", 1, PARAMETERS).protocol_id
    assert shuffled.protocol_id.startswith("quick-1-")


def _row(**changes: Any) -> Measurement:
    names = ("candidate_id", "config_id", "target", "fingerprint", "runtime_version", "variant_hash", "data_hash")
    texts = dict.fromkeys((*names, "protocol_id", "session"), "")
    fields: dict[str, Any] = {**texts, "phase": Phase.SEARCH, "replicate": 0, "status": Status.OK}
    return Measurement(**{**fields, **changes})


@pytest.mark.parametrize(("status", "ok"), [(Status.OK, True), (Status.FAILED, False), (Status.INVALID, False)])
def test_only_ok_measurements_count(status: Status, ok: bool) -> None:  # noqa: FBT001 - a table's column
    """Figures of failed and invalid measurements are not to be used."""
    assert _row(status=status).ok is ok


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replicate": -1}, "replicates count from 0, but got -1"),
        ({"replicate": None}, "replicates count from 0, but got None"),
        ({"session": None}, "session is text, but got None"),
        ({"variant_hash": 7}, "variant_hash is text, but got 7"),
        ({"reason": b"bytes"}, "reason is text, but got b'bytes'"),
    ],
)
def test_a_row_without_its_identity_is_refused(changes: dict[str, Any], said: str) -> None:
    """Texts are texts and replicates count from 0, so that what a device or a damaged file says is found out."""
    with pytest.raises(ValueError, match=said):
        _row(**changes)
