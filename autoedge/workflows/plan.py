"""Look before measuring: what the space holds, what is left out and why, and how long a run would take."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.presets import expected_seconds
from autoedge.errors import ModelError, TargetError
from autoedge.intent.load import load_intent
from autoedge.workflows.baseline import planned
from autoedge.workflows.events import Note, StageBegan, silent
from autoedge.workflows.opening import opened_plan

if TYPE_CHECKING:
    from autoedge.targets.base import Target
    from autoedge.workflows.events import Listener
    from autoedge.workflows.run import Run

_PROBE_CALLS = 3
_MAKE_A_VARIANT_S = 1.5


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        candidates: In the space.
        by_model: Candidates by model, precision and runtime.
        left_out: Parts that are not searched: model, what, reason.
        knobs: Levels by knob.
        baselines: Processes for baselines.
        measurements: Processes in all.
        reserve: Of those, kept for confirm rounds.
        call_ms: One probe call of each model, in ms.
        expected_s: Rough wall time of the whole run in s, None when no model could be probed.
        out_of_budget: Whether the time budget would end it earlier.
    """

    candidates: int
    by_model: list[dict[str, Any]]
    left_out: list[dict[str, str]]
    knobs: dict[str, list[Any]]
    baselines: int
    measurements: int
    reserve: int
    call_ms: dict[str, float]
    expected_s: float | None
    out_of_budget: bool


def plan(intent: str | Path, *, on_event: Listener = silent) -> Plan:
    """Look at the space of an intent; nothing is stored, and each model is called a few times only.

    Raises:
        AutoEdgeError: What is wrong with the intent, its files or the target.
    """
    loaded = load_intent(Path(intent))
    with opened_plan(loaded, on_event) as (run, targets):
        on_event(StageBegan("prepare", "one probe call a model"))
        calls = {entry.name: _probe(run, targets, entry.name, on_event) for entry in loaded.models}
        known = {name: call for name, call in calls.items() if call is not None}
        expected = _expected(run, list(known.values())) if known else None
        limit = loaded.budget.time_s
        return Plan(
            candidates=len(run.space),
            by_model=_counted(run),
            left_out=[asdict(one) for one in run.space.left_out],
            knobs={name: list(knob.levels) for name, knob in run.space.knobs.items()},
            baselines=len(planned(run)),
            measurements=loaded.budget.measurements,
            reserve=run.ledger.reserve,
            call_ms={name: call * 1e3 for name, call in known.items()},
            expected_s=expected,
            out_of_budget=expected is not None and limit is not None and expected > limit,
        )


def _counted(run: Run) -> list[dict[str, Any]]:
    names = list(run.space.knobs)
    columns = [names.index(name) for name in ("model", "precision") if name in names]
    runtime = run.reference.configuration.runtime
    pairs = Counter(map(tuple, run.space.codes[:, columns].tolist()))
    levels = [run.space.knobs[names[column]].levels for column in columns]
    return [
        {
            **{names[column]: level[code] for column, level, code in zip(columns, levels, key, strict=True)},
            "runtime": runtime,
            "candidates": count,
        }
        for key, count in pairs.items()
    ]


def _probe(run: Run, targets: dict[str, Target], model: str, listener: Listener) -> float | None:
    """Seconds of one call of a model's baseline; None, with a note, when it does not run."""
    candidate = run.space.default(model)
    short = {
        **run.protocol.parameters,
        "warmup_calls": 1,
        "warmup_seconds": 0,
        "warmup_cap_seconds": 1,
        "block_calls": 1,
        "block_seconds": 0,
        "latency_calls": _PROBE_CALLS,
        "latency_seconds": 0,
    }
    try:
        reply = run.bench.try_once(candidate, short)
    except (ModelError, TargetError) as error:
        listener(Note(f"{model}: {error}", warning=True))
        return None
    if "failed" in reply.body:
        listener(Note(f"{model}: {reply.body['failed']}", warning=True))
        return None
    targets[candidate.target].acknowledge(reply.body["job"])
    return float(np.median(reply.arrays["latency_ns"])) / 1e9


def _expected(run: Run, calls: list[float]) -> float:
    """All processes at the mean model's pace, and every variant of every model made once."""
    each = float(np.mean([expected_seconds(run.protocol, call) for call in calls]))
    names = list(run.space.knobs)
    recipe = [i for i, name in enumerate(names) if name in ("model", "precision", "calibration", "granularity")]
    variants = len(np.unique(run.space.codes[:, recipe], axis=0))
    measurements = min(run.intent.budget.measurements, len(planned(run)) + run.ledger.reserve + len(run.space))
    return measurements * each + min(variants, measurements) * _MAKE_A_VARIANT_S
