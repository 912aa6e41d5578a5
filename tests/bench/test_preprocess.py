"""The bench's side of prepared inputs: what a job says, the figure for it, and which outputs are shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.bench.making import Making
from autoedge.bench.quality import QualityBook
from autoedge.bench.summary import process_metrics
from autoedge.candidate import Candidate, Configuration
from autoedge.intent.inputs import InputSpec
from autoedge.intent.resolved import Limits
from autoedge.measurement import Phase, Protocol, Source
from autoedge.models.info import Tensor
from autoedge.models.model_inputs import ModelInputs
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.bench.task import Task

PROTOCOL = Protocol("quick", 1, {"warmup_cap_seconds": 1.0, "cap_seconds": 1.0})
TENSORS = (Tensor("pixels", "float32", ("n", 3, "h", "w")),)
KNOBS = {"batch": 2, "threads": 1, "image_size": 16}


def fed(**said: Any) -> Callable[[Configuration], ModelInputs]:
    """What is fed to every model."""
    inputs = ModelInputs(TENSORS, (InputSpec("image", "image", size=(8, 16), **said),), {"x": (0, 0, 3)})
    return lambda _: inputs


def candidate(**knobs: Any) -> Candidate:
    """A candidate that takes images of 16 x 16 pixels."""
    return Candidate(Configuration("linear", {"precision": "fp32"}, "onnxruntime", {**KNOBS, **knobs}), "local")


def job(task: Task, phase: Phase = Phase.SEARCH, **knobs: Any) -> dict[str, Any]:
    """What a job says."""
    return Making(task, PROTOCOL, Limits(None, None), None, frozenset(), 1.0).job(candidate(**knobs), phase, None)


def test_a_job_says_how_inputs_are_prepared(make_task: Callable[..., Task]) -> None:
    """Steps, shapes and the time for timing them are part of a job; the knob of the size is not the runtime's."""
    said = job(make_task(inputs_of=fed()))
    assert said["inputs"]["pixels"]["size"] == [16, 16]
    assert said["shapes"] == {"pixels": (2, 3, 16, 16)}
    assert said["knobs"] == {"threads": 1}
    assert said["preprocess_s"] > 0
    assert "preprocess_s" not in job(make_task(inputs_of=fed()), Phase.SOAK)


def test_without_the_section_a_job_is_as_before(make_task: Callable[..., Task]) -> None:
    """A task that tells nothing of inputs gives a job without steps and shapes."""
    said = job(make_task())
    assert not {"inputs", "shapes"} & said.keys()
    assert said["knobs"] == {"threads": 1, "image_size": 16}


def test_the_figure_is_the_median_item() -> None:
    """Preprocess is the median time of one item in ms with its interval, and absent where nothing was timed."""
    items = np.random.default_rng(0).permutation(np.arange(1, 300)) * 1_000_000
    arrays = {"latency_ns": np.full(200, 5), "preprocess_ns": items}
    body = {"cold_start_ns": 1, "memory_peak_mib": 2, "memory_empty_mib": 1}
    key = {"batch": 1, "rate": None, "battery_wh": None, "size_bytes": 1}
    found = process_metrics(body, {**arrays, "at": np.empty(0)}, key, _NoMeter)["preprocess_ms"]
    assert (found.value, found.source) == (150.0, Source.MEASURED)
    assert found.low < 150 < found.high
    assert "preprocess_ms" not in process_metrics(body, {**arrays, "preprocess_ns": items[:0]}, key, _NoMeter)


_NoMeter: Any = None  # energy then comes from elsewhere


@pytest.mark.parametrize("other", [{"scale": 0.5}, {"resize": "box"}, {"colour": "BGR"}])
def test_outputs_are_shared_by_equal_steps_alone(
    tmp_path: Path, make_task: Callable[..., Task], other: dict[str, Any]
) -> None:
    """Candidates share stored outputs where variant, size and steps agree; other steps are other outputs."""
    store = Store(tmp_path / "study.db")
    try:

        def key(inputs_of: Any, **knobs: Any) -> str:
            book = QualityBook(store, tmp_path, make_task(inputs_of=inputs_of))
            return book.key(candidate(**knobs).configuration, "v", "1", "device")

        assert key(fed()) == key(fed(), batch=4)
        assert key(fed()) != key(fed(), image_size=8)
        assert key(fed()) != key(fed(**other))
        assert key(fed()) != key(None)
    finally:
        store.close()
