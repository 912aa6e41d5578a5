"""Two bundles side by side: everything that differs is named, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.archive import pack_bundle
from autoedge.deploy.bundle import build_bundle
from autoedge.measurement import Source, Value
from autoedge.workflows.bundle_diff import diff_bundles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.deploy.bundle import BundleSpec
    from autoedge.deploy.difference import Change


@pytest.fixture
def newer(spec: BundleSpec, spec_of: Callable[..., BundleSpec], tmp_path: Path) -> Path:
    """Another candidate, slower and undecided, of a newer runtime, with an estimate less and a measurement more."""
    knobs = {"batch": 4, "threads": 2, "graph_level": "basic", "spinning": "on"}
    candidate = Candidate(Configuration("toy", {"precision": "fp16"}, "onnxruntime", knobs), "local")
    metrics = {**spec.result.metrics, "latency_p50_ms": Value(3.0, 2.9, 3.1, Source.MEASURED, "mean", 6)}
    del metrics["energy_mj"]
    metrics["cold_start_ms"] = Value(9.0, 8.0, 10.0, Source.MEASURED, "median", 6)
    decision = {"constraint": "latency_p50 <= 2 ms", "outcome": "undecided", "slack": -0.5, "note": ""}
    other = spec_of(
        candidate=candidate,
        result=replace(spec.result, candidate_id=candidate.candidate_id, metrics=metrics, flags=()),
        runtime_version="9.9.9",
        verdict={"outcome": "undecided", "decisions": [decision]},
        tools={"autoedge": "0.2.0", "numpy": "2.0"},
    )
    build_bundle(other, tmp_path / "v2")
    return tmp_path / "v2"


def told(changes: tuple[Change, ...]) -> dict[str, tuple[Any, Any]]:
    """Both sides by what differs."""
    return {change.what: (change.a, change.b) for change in changes}


def test_what_differs_is_told(built: Path, newer: Path) -> None:
    """Knobs, recipe, runtime version, outcome of each constraint, tools and flags, each with both sides."""
    found = diff_bundles(built, newer)
    assert not found.same
    configuration = told(found.configuration)
    assert configuration.pop("runtime version")[1] == "9.9.9"
    assert configuration == {
        "recipe.precision": ("fp32", "fp16"),
        "knobs.arena": ("off", None),
        "knobs.spinning": (None, "on"),
        "knobs.threads": (1, 2),
    }
    assert told(found.verdict) == {"outcome": ("met", "undecided"), "latency_p50 <= 2 ms": ("met", "undecided")}
    assert told(found.tools) == {
        "autoedge": ("0.1.0", "0.2.0"),
        "onnxruntime": ("1.2.3", None),
        "numpy": (None, "2.0"),
    }
    assert told(found.others) == {"flags": (["background_load"], [])}
    assert set(told(found.files)) == {"README.md", "requirements.txt"}


def test_figures_stand_side_by_side(built: Path, newer: Path) -> None:
    """All that either recorded, with interval and source, in the order of the table of metrics."""
    pairs = {pair.key: pair for pair in diff_bundles(built, newer).figures}
    assert list(pairs) == ["latency_p50_ms", "cold_start_ms", "accuracy", "energy_mj", "memory_peak_mib"]
    one, other = pairs["latency_p50_ms"].a, pairs["latency_p50_ms"].b
    assert one is not None
    assert other is not None
    assert (one.value, one.low, other.value, other.high) == (1.5, 1.4, 3.0, 3.1)
    assert pairs["cold_start_ms"].a is None
    assert pairs["energy_mj"].b is None
    assert pairs["energy_mj"].a is not None
    assert pairs["energy_mj"].a.source is Source.ESTIMATED


def test_files_have_their_sizes(built: Path, tmp_path: Path, another: Callable[..., Path]) -> None:
    """Added, removed and changed; an archive tells the same as its folder."""
    files = {"README.md": b"12345", "more.txt": b"1", "bundle_parts/errors.py": None}
    other = another(built, tmp_path / "other", files)
    pack_bundle(other, tmp_path / "other.bundle.tar")
    sizes = {place: (built / place).stat().st_size for place in files if place != "more.txt"}
    for path in (other, tmp_path / "other.bundle.tar"):
        assert told(diff_bundles(built, path).files) == {
            "README.md": (sizes["README.md"], 5),
            "bundle_parts/errors.py": (sizes["bundle_parts/errors.py"], None),
            "more.txt": (None, 1),
        }


def test_a_bundle_is_the_same_as_its_archive(built: Path, tmp_path: Path) -> None:
    """Nothing differs, and all figures are still there."""
    pack_bundle(built, tmp_path / "v1.bundle.tar")
    found = diff_bundles(built, tmp_path / "v1.bundle.tar")
    assert found.same
    assert not any((found.configuration, found.files, found.verdict, found.tools, found.others))
    assert len(found.figures) == 4


def test_a_difference_that_nothing_else_tells_is_told(
    built: Path, tmp_path: Path, another: Callable[..., Path]
) -> None:
    """A record that is written otherwise, or differs in a note alone, is another bundle: both hashes are shown."""
    found = diff_bundles(built, another(built, tmp_path / "other"))
    assert not found.same
    assert told(found.others) == {"bundle.json": (found.a.sha256, found.b.sha256)}


def test_true_is_not_one(built: Path, tmp_path: Path, another: Callable[..., Path]) -> None:
    """A knob that changes its type alone has changed."""
    record = json.loads((built / "bundle.json").read_text())
    protocol = {**record["protocol"], "parameters": {**record["protocol"]["parameters"], "cap_seconds": True}}
    other = another(built, tmp_path / "other", protocol=protocol)
    assert told(diff_bundles(built, other).others) == {"protocol.cap_seconds": (1.0, True)}


def test_it_is_plain_json(built: Path, newer: Path) -> None:
    """The document says which bundles were compared, whether they are the same, and every part of the difference."""
    document = json.loads(json.dumps(diff_bundles(built, newer).plain(), allow_nan=False))
    assert (document["schema_version"], document["same"]) == (1, False)
    assert document["a"]["bundle"] != document["b"]["bundle"]
    assert document["figures"][0]["a"]["source"] == "measured"
    assert {"configuration", "files", "figures", "verdict", "tools", "others"} <= set(document)
