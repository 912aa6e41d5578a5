"""Delegates of the targets file: a level of LiteRT's knob each, and what a missing library costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tflite_models import dense_net

from autoedge.candidate import Configuration
from autoedge.errors import BundleError
from autoedge.store.store import Store
from autoedge.workflows.building import _check_own
from autoedge.workflows.unsearched import library_of

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Intent = Callable[..., Path]

LIBRARY = "/no/such/lib.so"
KNOBS = "precision: [fp32], threads: [1], batch: [1, 4], xnnpack: ['on']"


@pytest.fixture
def lines(place: Path, declare_in: Callable[..., Path]) -> Callable[[str], dict[str, str]]:
    """Lines of an intent for a small .tflite model, on this machine with a delegate that is not there."""
    dense_net(4, 16, 3).save(place / "model.tflite")
    declare_in(place, local={"delegates": {"odd": {"library": LIBRARY}}})

    def made(delegates: str) -> dict[str, str]:
        return {
            "models": "[model.tflite]",
            "constraints": "[size <= 1 MiB]",
            "objectives": "[latency_p50, memory_peak]",
            "budget": "{measurements: 18}",
            "search": f"{{strategy: exhaustive, knobs: {{{KNOBS}, delegate: {delegates}}}}}",
        }

    return made


def test_a_declared_delegate_is_a_level(
    lines: Callable[[str], dict[str, str]], write_intent: Intent, autoedge: Command
) -> None:
    """The space has LiteRT's own kernels and the delegate; where none is declared it has no such level."""
    intent = write_intent(**lines("[builtin, odd]"))
    done = autoedge("space", "--intent", intent, "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert set(plan["knobs"]["delegate"]) == {"builtin", "odd"}
    assert plan["candidates"] == 4  # two batches each
    unknown = autoedge("space", "--intent", write_intent(**lines("[other]")))
    assert unknown.returncode == 2, unknown.stderr
    assert "other" in unknown.stderr


def test_a_missing_library_costs_its_candidates_alone(
    lines: Callable[[str], dict[str, str]], write_intent: Intent, autoedge: Command, place: Path
) -> None:
    """Each candidate of the delegate is a failed row that names the library; the run goes on to a verdict."""
    done = autoedge("select", "--intent", write_intent(**lines("[odd]")), "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    store = Store(place / "run" / "study.db")
    rows = store.measurements()
    candidates = store.candidates()
    store.close()
    delegates = {name: one.configuration.knobs["delegate"] for name, one in candidates.items()}
    failed = [row for row in rows if not row.ok]
    assert {delegates[row.candidate_id] for row in failed} == {"odd"}
    assert len({row.candidate_id for row in failed}) == 2
    for row in failed:
        assert f"the delegate library '{LIBRARY}' must load" in row.reason
    chosen = json.loads((place / "run" / "verdict.json").read_text())["chosen"]
    assert chosen["configuration"]["knobs"]["delegate"] == "builtin"


def test_a_library_comes_from_the_targets_file_alone(
    lines: Callable[[str], dict[str, str]],
    write_intent: Intent,
    autoedge: Command,
    place: Path,
    declare_in: Callable[..., Path],
) -> None:
    """A soak finds the library by the delegate's name in the targets file; a name that is not there loads nothing."""
    autoedge("select", "--intent", write_intent(**lines("[odd]")), "--out", "run")
    store = Store(place / "run" / "study.db")
    odd = next(name for name, one in store.candidates().items() if one.configuration.knobs["delegate"] == "odd")
    store.close()
    soak = ["soak", "--run", "run", "--candidate", odd, "--minutes", "0.01", "--json"]
    known = autoedge(*soak)
    assert known.returncode == 1, known.stderr
    assert f"the delegate library '{LIBRARY}' must load" in known.stdout
    declare_in(place, local={"meter": "none"})
    unknown = autoedge(*soak)
    assert unknown.returncode == 1, unknown.stderr
    assert "a delegate is a library that the targets file declares for this target, but got 'odd'" in unknown.stdout


def test_a_path_as_a_name_is_no_library() -> None:
    """Candidates come from files that are not trusted: what they call a delegate is looked up, never loaded."""
    configuration = Configuration("model", {}, "litert", {"delegate": LIBRARY})
    assert library_of(configuration, {}) == {}
    assert library_of(configuration, {"odd": {"library": LIBRARY}}) == {}


def test_no_bundle_brings_a_delegate_along() -> None:
    """A candidate on a delegate has no bundle, and the reason says how to get one that has."""
    with pytest.raises(BundleError, match=r"runs on 'odd'; limit the search with knobs: \{delegate: \[builtin\]\}"):
        _check_own(Configuration("model", {}, "litert", {"delegate": "odd"}))
    _check_own(Configuration("model", {}, "litert", {"delegate": "builtin"}))
