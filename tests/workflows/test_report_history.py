"""The search history: what had been found by when, in final figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.measurement import Measurement, Phase, Status
from autoedge.workflows.report_history import of_run, search_history

OBJECTIVES = ["latency_p50_ms", "accuracy"]


def _row(name: str, phase: Phase = Phase.SEARCH, status: Status = Status.OK, **other: Any) -> Measurement:
    plain: dict[str, Any] = {
        "config_id": name, "target": "local", "fingerprint": "f", "runtime_version": "1", "variant_hash": "",
        "data_hash": "d", "protocol_id": "p", "session": "", "replicate": 0,
    }  # fmt: skip
    return Measurement(**{**plain, "candidate_id": name, "phase": phase, "status": status, **other})


def _standing(name: str, latency: float, accuracy: float, *, feasible: bool = True) -> dict[str, Any]:
    metrics = {"latency_p50_ms": {"value": latency}, "accuracy": {"value": accuracy}}
    return {"candidate_id": name, "feasible": feasible, "metrics": metrics}


STANDINGS = [_standing("a", 8.0, 0.9), _standing("b", 1.0, 0.8), _standing("c", 2.0, 0.95), _standing("d", 9.0, 0.7)]


def test_the_curve_rises_to_the_whole() -> None:
    """Each candidate counts once, from its first valid measurement on; failed ones and repetitions add nothing."""
    rows = [
        _row("a", Phase.BASELINE), _row("b", status=Status.FAILED), _row("c"), _row("a"), _row("b"), _row("d"),
        _row("c", Phase.CONFIRM), _row("c", Phase.CONFIRM),
    ]  # fmt: skip
    history = search_history(rows, STANDINGS, OBJECTIVES)
    shares = [point["share"] for point in history["points"]]
    assert shares[0] == shares[1] > 0
    assert shares[2] == shares[3] > shares[1]
    assert shares[4:] == [1.0, 1.0, 1.0, 1.0]
    assert [(one["phase"], one["first"], one["last"]) for one in history["phases"]] == [
        ("baseline", 1, 1), ("search", 2, 6), ("confirm", 7, 8),
    ]  # fmt: skip
    assert history["reached"]["99"] == 5


@given(st.permutations(["a", "b", "c", "d"]), st.integers(0, 3))
def test_order_changes_the_way_and_not_the_end(names: list[str], refused: int) -> None:
    """However a search went, its curve never falls and ends at everything that it found."""
    standings = [{**one, "feasible": i != refused} for i, one in enumerate(STANDINGS)]
    shares = [
        point["share"] for point in search_history([_row(name) for name in names], standings, OBJECTIVES)["points"]
    ]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_without_anything_feasible_there_is_no_share() -> None:
    """Where nothing keeps the limits the share is unknown, not zero."""
    standings = [{**one, "feasible": False} for one in STANDINGS]
    assert [point["share"] for point in search_history([_row("a")], standings, OBJECTIVES)["points"]] == [None]


def test_what_cost_no_process_is_no_measurement() -> None:
    """A file that could not be made stands nowhere on the axis; a measurement of several processes takes its room."""
    rows = [_row("a", details={"processes": 3}), _row("b", status=Status.FAILED, details={"processes": 0}), _row("c")]
    assert [point["n"] for point in search_history(rows, STANDINGS, OBJECTIVES)["points"]] == [3, 4]


def test_only_what_the_verdict_rests_on_counts() -> None:
    """Measurements of another device, protocol or data, and of targets that are gone, have no part."""
    verdict = {"targets": [{"name": "local", "fingerprint": "f", "protocol": "p"}]}
    mine = _row("a", started=2.0)
    others = [
        _row("a", fingerprint="g"), _row("a", protocol_id="q"), _row("a", target="pi"),
        _row("a", data_hash="old", started=1.0),
    ]  # fmt: skip
    assert of_run([*others, mine], verdict) == [mine]
