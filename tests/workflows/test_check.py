"""The gate on real bundles and real processes: limits, regressions, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import onnx
import pytest

from autoedge.deploy.archive import pack_bundle
from autoedge.errors import BundleError, IntentError, TargetError
from autoedge.workflows.check import check
from autoedge.workflows.events import Measured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.workflows.events import Event


def with_intent(bundle: Path, text: str) -> Path:
    """The bundle with another word about what it was chosen by."""
    document = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**document, "intent": text}))
    return bundle


def outcomes(document: Any, part: str, name: str) -> dict[str, str]:
    """By constraint or metric, its outcome."""
    return {one[name]: str(one["outcome"]) for one in document[part]}


def test_more_work_in_the_model_is_a_regression(gate_bundle: Callable[..., Path], gate_intent: str) -> None:
    """A model that works three times as much is found out, its limits being kept; both arms ran equally often."""
    events: list[Event] = []
    timed = gate_intent.replace("[latency_p50, size]", "[latency_p50]")
    base, new = gate_bundle("base", 40, timed), gate_bundle("new", 120, timed)
    checked = check(new, against=base, seed=3, on_event=events.append)
    document = checked.document
    assert (document["outcome"], checked.exit_code) == ("regressed", 1)
    changes = {one["metric"]: one for one in document["changes"]}
    assert changes["latency_p50_ms"]["outcome"] == "regressed"
    assert changes["latency_p50_ms"]["worse"] > 0.5
    assert changes["latency_p50_ms"]["low"] > 0
    assert set(outcomes(document, "constraints", "constraint").values()) == {"met"}
    assert document["processes"]["base"] == document["processes"]["new"] == document["rounds"]
    order = [event.candidate.target for event in events if isinstance(event, Measured)]
    rounds = {tuple(order[i : i + 2]) for i in range(0, len(order), 2)}
    assert rounds == {("base", "new"), ("new", "base")}
    assert document["seed"] == 3
    json.dumps(document, allow_nan=False)


def test_the_same_model_is_no_regression(gate_bundle: Callable[..., Path]) -> None:
    """A bundle against itself is never called regressed, and its size is held; archives and run folders will do."""
    base = gate_bundle("bundle", 60)
    pack_bundle(base, archive := base.with_name("packed.bundle.tar"))
    checked = check(archive, against=base.parent)
    document = checked.document
    assert document["outcome"] in ("met", "undecided")
    assert checked.exit_code == {"met": 0, "undecided": 4}[document["outcome"]]
    changes = outcomes(document, "changes", "metric")
    assert changes["size_mib"] == "held"
    assert changes["memory_peak_mib"] in ("held", "undecided")
    assert document["bundles"]["base"]["same_device"]


def test_an_open_outcome_says_what_would_decide_it(gate_bundle: Callable[..., Path], gate_intent: str) -> None:
    """Where the budget ends before the outcome is sure, the next look's budget is told; never where it is sure."""
    timed = gate_intent.replace("[latency_p50, size]", "[latency_p50]").replace("measurements: 40", "measurements: 20")
    base = gate_bundle("base", 40, timed.replace(", memory_peak <= 4 GiB", ""))
    document = check(base, against=base, limit=1e-9, seed=0).document
    told = "more rounds may decide it: budget: {measurements: 40} in the intent allows 20"
    assert document["advice"] == (told if document["outcome"] == "undecided" else "")


def test_limits_without_a_base(gate_bundle: Callable[..., Path], gate_intent: str) -> None:
    """Without a base the limits alone decide: after the first look where they are far off."""
    broken = gate_intent.replace("latency_p50 <= 10 s", "latency_p50 <= 1 ns")
    checked = check(gate_bundle("new", 20, broken))
    assert (checked.document["outcome"], checked.exit_code) == ("not met", 1)
    assert checked.document["changes"] == []
    assert checked.document["rounds"] == 6
    assert checked.document["advice"] == ""
    assert outcomes(checked.document, "constraints", "constraint") == {
        "latency_p50 <= 1 ns": "not met",
        "memory_peak <= 4 GiB": "met",
    }
    assert check(gate_bundle("new", 20)).exit_code == 0


@pytest.mark.parametrize("asked", ["latency_p50", "latency_p50_at_rate"])
def test_the_workloads_rate_is_tried_where_it_is_asked_for(
    gate_bundle: Callable[..., Path], gate_intent: str, asked: str
) -> None:
    """Processes run at the workload's rate only where the gate asks for it; its throughput is a limit all the same."""
    rated = gate_intent.replace("latency_p50 <= 10 s", f"{asked} <= 10 s") + "workload: {rate: 500 / s}\n"
    rated = rated.replace("protocol: {preset: quick, ", "protocol: {preset: quick, rate_seconds: 0.1 s, ")
    events: list[Event] = []
    document = check(gate_bundle("new", 20, rated), on_event=events.append).document
    rows = [event.measurement for event in events if isinstance(event, Measured)]
    assert rows
    assert {"latency_p50_at_rate_ms" in row.metrics for row in rows} == {asked == "latency_p50_at_rate"}
    assert outcomes(document, "constraints", "constraint")["throughput >= 500 / s"] == "met"


def test_an_intent_brings_data_and_reference(
    gate_bundle: Callable[..., Path], place: Path, write_intent: Callable[..., Path]
) -> None:
    """With an intent quality is judged on its data, and relative limits by its reference, which takes turns too."""
    intent = write_intent(
        models="[large.onnx]",
        constraints="[accuracy >= 90 %, accuracy drop <= 5 %, size <= 5000 % of baseline, latency_p50 <= 1 s]",
        budget="{measurements: 60}",
    )
    new = gate_bundle("new", 2)
    document = check(new, intent=intent, against=new).document
    assert document["processes"].keys() == {"reference", "new", "base"}
    limits = {one["constraint"]: one for one in document["constraints"]}
    assert {str(one["outcome"]) for one in limits.values()} == {"met"}
    assert limits["accuracy >= 90 %"]["figure"]["value"] == 1.0
    assert outcomes(document, "changes", "metric")["accuracy"] == "held"
    assert place.is_dir()


def test_what_only_an_intent_can_tell_is_undecided_without(gate_bundle: Callable[..., Path], gate_intent: str) -> None:
    """A relative limit without the reference is undecided and says what to give; it ends after one look."""
    relative = gate_intent.replace("latency_p50 <= 10 s", "latency_p50 <= 110 % of baseline")
    checked = check(gate_bundle("new", 5, relative))
    assert (checked.document["outcome"], checked.exit_code) == ("undecided", 4)
    note = checked.document["constraints"][0]["note"]
    assert "name its intent with --intent" in note
    assert checked.document["rounds"] == 6
    assert checked.document["advice"] == ""


def test_a_bundle_that_does_not_run_is_refused(gate_bundle: Callable[..., Path], tmp_path: Path) -> None:
    """Neither statistics nor a verdict for a model that fails: two failures, and the reason is told."""
    new = gate_bundle("new", 2)
    model = onnx.load(new / "model.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2  # but the bundle says one at a time
    onnx.save(model, new / "model.onnx")
    document = json.loads((new / "bundle.json").read_text())
    document["files"]["model.onnx"] = hashlib.sha256((new / "model.onnx").read_bytes()).hexdigest()
    (new / "bundle.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=f"{tmp_path}/new: does not run there: .*"):
        check(new)


def test_what_is_refused_before_anything_is_measured(
    gate_bundle: Callable[..., Path], gate_intent: str, tmp_path: Path
) -> None:
    """A budget too small, an intent that cannot be read, a missing runtime, an altered bundle, and none at all."""
    new = gate_bundle("new", 2)
    with pytest.raises(IntentError, match="a gate takes at least 12, 6 of each of new, base, but got 11"):
        check(gate_bundle("small", 2, gate_intent.replace("40", "11")), against=new)
    with pytest.raises(IntentError, match="no regression could ever be told from chance; give 20 or more"):
        check(gate_bundle("few", 2, gate_intent.replace("40", "13")), against=new)
    with pytest.raises(BundleError, match=r"its intent.*say what is asked with --intent FILE"):
        check(gate_bundle("odd", 2, gate_intent.replace("latency_p50 <= 10 s", "speed <= 10 s")))
    with pytest.raises(BundleError, match="its intent"):
        check(with_intent(gate_bundle("text", 2), "{"))
    with pytest.raises(TargetError, match=r"has no litert|'local' has no"):
        check(gate_bundle("other", 2, runtime="litert"), targets=_bare(tmp_path))
    (new / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match="is not the file that was bundled"):
        check(new)
    with pytest.raises(BundleError, match="is neither the folder of a bundle nor an archive"):
        check(tmp_path / "nothing")


def _bare(folder: Path) -> Path:
    """A targets file whose this-machine has an interpreter without packages of runtimes."""
    path = folder / "targets.yaml"
    path.write_text(json.dumps({"version": 1, "targets": {"local": {"python": str(_interpreter(folder))}}}))
    return path


def _interpreter(folder: Path) -> Path:
    """Python with numpy and psutil alone."""
    import sys

    import psutil

    packages = folder / "packages"
    packages.mkdir(exist_ok=True)
    for package in (np, psutil):
        inner = next(iter(package.__path__))
        (packages / package.__name__).symlink_to(inner)
        libraries = f"{inner}.libs"
        if shutil.os.path.isdir(libraries):  # type: ignore[attr-defined]
            (packages / f"{package.__name__}.libs").symlink_to(libraries)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} -S "$@"\n')
    program.chmod(0o755)
    return program


def test_the_command(
    gate_bundle: Callable[..., Path], gate_intent: str, autoedge: Callable[..., Any], place: Path
) -> None:
    """The command line writes its three forms, prints tables, and ends with the gate's exit code."""
    timed = gate_intent.replace("[latency_p50, size]", "[latency_p50]")
    base, new = gate_bundle("base", 40, timed), gate_bundle("new", 160, timed)
    done = autoedge(
        "check", "--bundle", new, "--against", base, "--junit", "j.xml", "--markdown", "m.md", "--json", "c.json"
    )
    assert done.returncode == 1, done.stderr
    assert "regressed: worse: latency_p50" in done.stdout
    assert "Against the base" in done.stdout
    suite = ET.fromstring((place / "j.xml").read_bytes())  # noqa: S314 - our own file
    assert suite.get("failures") == "1"
    assert "regressed" in (place / "m.md").read_text()
    assert json.loads((place / "c.json").read_text())["outcome"] == "regressed"
    done = autoedge("check", "--bundle", new, "--target", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
