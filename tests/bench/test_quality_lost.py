"""Conversions, and runtimes, that destroy what a model can do are flagged; others are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pytest

from autoedge.agent.frames import Frame
from autoedge.bench.bench import Bench
from autoedge.bench.records import QUALITY_LOST
from autoedge.bench.sight import Sight
from autoedge.candidate import Candidate, Configuration
from autoedge.intent.resolved import Limits
from autoedge.measurement import Phase, Protocol, Source, Value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.bench.task import Task
    from autoedge.store.store import Store
    from autoedge.targets.local import LocalTarget

KNOBS = {"batch": 1, "threads": 1, "graph_level": "all", "arena": "on"}
CANDIDATE = {
    precision: Candidate(Configuration("linear", {"precision": precision}, "onnxruntime", KNOBS), "local")
    for precision in ("fp32", "fp16", "int8-static")
}


@pytest.fixture
def bench(
    *,
    store: Store,
    tmp_path: Path,
    target: LocalTarget,
    make_task: Callable[..., Task],
    model_file: Callable[..., Any],
    protocol: Protocol,
    data: Path,
) -> Bench:
    """A model that is always right as given and as fp16, and an int8 variant with a stranger's weights."""
    given, foreign = model_file("linear", 0), model_file("other", 7)
    session = ort.InferenceSession(given.path, providers=["CPUExecutionProvider"])
    with np.load(data) as arrays:
        labels = session.run(["scores"], {session.get_inputs()[0].name: arrays["x"]})[0].argmax(axis=1)
    made = {"fp32": given, "fp16": given, "int8-static": foreign}
    return Bench(
        store=store,
        folder=tmp_path,
        task=make_task(labels=labels.astype(np.int64)),
        protocol=protocol,
        limits=Limits(30.0, 2000.0),
        targets={"local": target},
        variant_of=lambda configuration: made[str(configuration.recipe["precision"])],
        variant_key=lambda configuration: f"key of {configuration.recipe['precision']}",
    )


def _measured(bench: Bench, precision: str, phase: Phase = Phase.SEARCH) -> Any:
    row = bench.measure(CANDIDATE[precision], phase, 0, "")
    assert row is not None
    return row


def test_a_conversion_that_destroys_accuracy_is_flagged(bench: Bench) -> None:
    """A variant that keeps less than 75 % of what its model as given has above guessing says so; a faithful one not."""
    baseline = _measured(bench, "fp32", Phase.BASELINE)
    assert baseline.metrics["accuracy"].value == 1.0
    assert QUALITY_LOST not in baseline.flags
    assert QUALITY_LOST not in _measured(bench, "fp16").flags
    destroyed = _measured(bench, "int8-static")
    assert destroyed.ok
    assert destroyed.metrics["accuracy"].value < 0.7
    assert QUALITY_LOST in destroyed.flags


def test_what_is_not_known_flags_nothing(bench: Bench) -> None:
    """Before the model as given was measured there is nothing to hold a variant against; a variant is no yardstick."""
    assert QUALITY_LOST not in _measured(bench, "int8-static").flags
    assert QUALITY_LOST not in _measured(bench, "fp32").flags


@dataclass
class Seen:
    """What an onlooker had seen of a candidate when it was stopped."""

    sight: Sight
    reason: str = "surely dominated"
    scores: None = None
    calls_ns: np.ndarray[Any, Any] = field(default_factory=lambda: np.full(10, 1000))


@pytest.mark.parametrize(("best", "flags"), [(0.55, (QUALITY_LOST,)), (0.9, ())])
def test_one_that_is_ruled_out_early_is_judged_by_its_best(bench: Bench, best: float, flags: tuple[str, ...]) -> None:
    """It is flagged where even the best that could still come is too little, and is never a yardstick itself."""
    seen: Any = Seen(Sight({"accuracy": Value(0.1, 0.0, best, Source.DERIVED, "share, the first 10", 10)}))
    key = bench._key(CANDIDATE["fp32"], Phase.SEARCH, 0, "", bench._variant_of(CANDIDATE["fp32"].configuration))
    ended = Frame({"key": key, "job": "one", "stopped": "first block"}, {})
    assert bench._records.stopped(ended, seen).flags == ()
    assert QUALITY_LOST not in _measured(bench, "int8-static").flags
    _measured(bench, "fp32", Phase.BASELINE)
    again = Frame({"key": {**key, "replicate": 1}, "job": "two", "stopped": "first block"}, {})
    assert bench._records.stopped(again, seen).flags == flags
