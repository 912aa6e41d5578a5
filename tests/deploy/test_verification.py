"""What a verification comes to, from a record and new figures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.deploy.bundle import build_bundle
from autoedge.deploy.compare import Kept
from autoedge.deploy.read import read_bundle
from autoedge.deploy.verification import Remeasured, judge
from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.deploy.bundle import BundleSpec
    from autoedge.deploy.read import Bundle

SAME = {
    "latency_p50_ms": Value(1.5, 1.45, 1.55, Source.MEASURED, "test", 6),
    "memory_peak_mib": Value(60.0, 59.9, 60.1, Source.MEASURED, "test", 6),
    "accuracy": Value(0.95, 0.92, 0.97, Source.MEASURED, "test", 300),
    "energy_mj": Value(80.0, 40.0, 120.0, Source.ESTIMATED, "test", 6),
}
SLOW = {**SAME, "latency_p50_ms": Value(3.0, 2.9, 3.1, Source.MEASURED, "test", 6)}


@pytest.fixture
def bundle(spec: BundleSpec, tmp_path: Path) -> Bundle:
    """A bundle of the spec, read back."""
    build_bundle(spec, tmp_path / "bundle")
    return read_bundle(tmp_path / "bundle")


@pytest.fixture
def now(spec: BundleSpec) -> Remeasured:
    """The same figures on the same device."""
    device = replace(spec.device, runtimes={"onnxruntime": spec.runtime_version})
    return Remeasured(device, SAME, 6, {}, labelled=True)


def outcomes(verification: Any) -> dict[str, Kept]:
    """Outcome by metric key."""
    return {check.key: check.outcome for check in verification.checks}


def test_the_same_figures_are_ok(bundle: Bundle, now: Remeasured) -> None:
    """All that can be checked is inside; the estimate is left alone and shows no new figure."""
    verification = judge(bundle, now)
    assert verification.outcome == "ok"
    assert outcomes(verification) == {
        "latency_p50_ms": Kept.INSIDE,
        "accuracy": Kept.INSIDE,
        "energy_mj": Kept.UNCHECKED,
        "memory_peak_mib": Kept.INSIDE,
    }
    energy = next(check for check in verification.checks if check.key == "energy_mj")
    assert (energy.now, energy.note) == (None, "an estimate, not a measurement")


def test_memory_on_generated_inputs_is_not_held_against_that_on_data(bundle: Bundle, now: Remeasured) -> None:
    """Making inputs takes memory of its own: judged only where the record was made on generated ones too."""
    more = {**SAME, "memory_peak_mib": Value(62.3, 62.2, 62.4, Source.MEASURED, "test", 6)}
    generated = replace(now, figures=more, generated=True)
    found = judge(replace(bundle, data_hash="0" * 64), generated)
    assert outcomes(found)["memory_peak_mib"] is Kept.UNCHECKED
    assert outcomes(judge(replace(bundle, data_hash=""), generated))["memory_peak_mib"] is Kept.OUTSIDE
    assert outcomes(judge(bundle, replace(now, figures=more)))["memory_peak_mib"] is Kept.OUTSIDE


def test_a_slower_model_is_outside(bundle: Bundle, now: Remeasured) -> None:
    """One figure outside is enough."""
    assert judge(bundle, replace(now, figures=SLOW)).outcome == "outside"


def test_a_noise_that_was_there_before_is_no_excuse(bundle: Bundle, now: Remeasured) -> None:
    """The record was made under background load too, so a slower model is outside."""
    assert judge(bundle, replace(now, figures=SLOW, flags={"background_load": 6})).outcome == "outside"


def test_a_new_disturbance_makes_time_undecided_but_not_memory(bundle: Bundle, now: Remeasured) -> None:
    """Half of the processes slowed down while they ran: that says nothing against the bundle's times."""
    disturbed = replace(now, figures=SLOW, flags={"slowdown": 3})
    verification = judge(bundle, disturbed)
    assert verification.outcome == "undecided"
    latency = next(check for check in verification.checks if check.key == "latency_p50_ms")
    assert latency.note.startswith("slowdown in 3 of 6 processes, but not when recorded")
    assert judge(bundle, replace(disturbed, flags={"slowdown": 2})).outcome == "outside"
    fat = {**SAME, "memory_peak_mib": Value(90, 89, 91, Source.MEASURED, "test", 6)}
    assert judge(bundle, replace(disturbed, figures=fat)).outcome == "outside"


@pytest.mark.parametrize("change", [{"machine": "another"}, {"runtimes": {"onnxruntime": "9.9"}}, {"runtimes": {}}])
def test_on_another_device_or_runtime_only_quality_is_judged(
    bundle: Bundle, now: Remeasured, change: dict[str, Any]
) -> None:
    """Its times are shown and not judged, so the whole is undecided; an accuracy that broke is outside all the same."""
    elsewhere = replace(now, figures=SLOW, device=replace(now.device, **change))
    verification = judge(bundle, elsewhere)
    assert verification.outcome == "undecided"
    assert not verification.comparable
    latency = next(check for check in verification.checks if check.key == "latency_p50_ms")
    assert (latency.outcome, latency.now) == (Kept.UNCHECKED, SLOW["latency_p50_ms"])
    assert verification.notes[-1].endswith("time and memory are not judged")
    wrong = {**SLOW, "accuracy": Value(0.5, 0.4, 0.6, Source.MEASURED, "test", 300)}
    assert judge(bundle, replace(elsewhere, figures=wrong)).outcome == "outside"


def test_quality_needs_the_recorded_data(bundle: Bundle, now: Remeasured) -> None:
    """Without them accuracy is said to be not checked, and the rest decides."""
    verification = judge(bundle, replace(now, labelled=False), ["told before"])
    assert verification.outcome == "ok"
    assert outcomes(verification)["accuracy"] is Kept.UNCHECKED
    assert verification.notes == ("told before",)


def test_nothing_measured_is_undecided(bundle: Bundle, now: Remeasured) -> None:
    """A model that failed each time kept no promise and broke none."""
    verification = judge(bundle, replace(now, figures={}, processes=0))
    assert verification.outcome == "undecided"
    assert {check.note for check in verification.checks} >= {"too few valid measurements"}


def test_an_absent_percentile_is_undecided(bundle: Bundle, now: Remeasured) -> None:
    """A figure that this machine had no time for is not taken for kept."""
    figures = {key: value for key, value in SAME.items() if key != "latency_p50_ms"}
    verification = judge(bundle, replace(now, figures=figures))
    assert outcomes(verification)["latency_p50_ms"] is Kept.UNDECIDED


def test_a_verification_is_plain_json(bundle: Bundle, now: Remeasured) -> None:
    """With both fingerprints, each check and its source."""
    plain = json.loads(json.dumps(judge(bundle, now).plain(), allow_nan=False))
    assert plain["schema_version"] == 1
    assert plain["outcome"] == "ok"
    assert plain["fingerprint"] == {"recorded": bundle.fingerprint, "now": now.device.fingerprint}
    assert plain["checks"][0]["recorded"]["source"] == "measured"
