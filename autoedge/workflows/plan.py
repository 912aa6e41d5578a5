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
from autoedge.space.columns import RUNTIME
from autoedge.workflows.baseline import planned
from autoedge.workflows.events import Note, StageBegan, silent
from autoedge.workflows.opening import opened_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autoedge.space.space import Space
    from autoedge.targets.base import Target
    from autoedge.workflows.events import Listener
    from autoedge.workflows.run import Run

_PROBE_CALLS = 3
_MAKE_A_VARIANT_S = 1.5


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        candidates: In the space, screened.
        all_candidates: Those that were screened out before measuring too.
        targets: Names of the targets that can be measured on.
        by_model: Candidates by model, precision and runtime, and by target where there are several.
        left_out: Parts that are not searched: model, what, reason, target, and how many candidates that were.
        knobs: Levels by knob.
        baselines: Processes for baselines.
        measurements: Processes in all.
        reserve: Of those, kept for confirm rounds.
        call_ms: By target and model, one probe call in ms.
        expected_s: Rough wall time of the whole run in s, None when no model could be probed.
        out_of_budget: Whether the time budget would end it earlier.
    """

    candidates: int
    all_candidates: int
    targets: list[str]
    by_model: list[dict[str, Any]]
    left_out: list[dict[str, Any]]
    knobs: dict[str, list[Any]]
    baselines: int
    measurements: int
    reserve: int
    call_ms: dict[str, dict[str, float]]
    expected_s: float | None
    out_of_budget: bool


def plan(
    intent: str | Path,
    *,
    targets: str | Path | None = None,
    on_event: Listener = silent,
    trust: Iterable[str | Path] = (),
) -> Plan:
    """Look at the space of an intent; nothing is stored, and each model is called a few times on each target only.

    Args:
        intent: The intent file.
        targets: The file that declares targets; by default the user's own, where there is one.
        on_event: Told what happens.
        trust: Files and folders whose code may be loaded, where the intent says ``trust: true`` too.

    Raises:
        TargetError: No target can be reached.
        AutoEdgeError: What is wrong with the intent or its files.
    """
    loaded = load_intent(Path(intent), map(Path, trust))
    with opened_plan(loaded, on_event, None if targets is None else Path(targets)) as (run, reached):
        on_event(StageBegan("prepare", "one probe call a model"))
        calls = {name: _probed(run, target, on_event) for name, target in reached.items()}
        machines = {name: target.machine for name, target in reached.items()}
        expected = _expected(run, machines, calls)
        limit = loaded.budget.time_s
        return Plan(
            candidates=len(run.space),
            all_candidates=len(run.space) + sum(one.candidates for one in run.space.left_out),
            targets=list(reached),
            by_model=_counted(run),
            left_out=[asdict(one) for one in run.space.left_out],
            knobs=_levels(run.space),
            baselines=len(planned(run)),
            measurements=loaded.budget.measurements,
            reserve=run.ledger.reserve,
            call_ms={name: {model: s * 1e3 for model, s in known.items()} for name, known in calls.items()},
            expected_s=expected,
            out_of_budget=expected is not None and limit is not None and expected > limit,
        )


def _levels(space: Space) -> dict[str, list[Any]]:
    """By knob, the levels that some candidate has."""
    used = [np.unique(column) for column in space.codes.T]
    return {
        name: [knob.levels[code] for code in codes]
        for (name, knob), codes in zip(space.knobs.items(), used, strict=True)
    }


def _counted(run: Run) -> list[dict[str, Any]]:
    names = list(run.space.knobs)
    columns = [names.index(name) for name in ("model", "target", "precision") if name in names]
    codes = run.space.codes[:, columns].tolist()
    pairs = Counter((*each, runtime) for each, runtime in zip(codes, run.space.runtimes, strict=True))
    levels = [run.space.knobs[names[column]].levels for column in columns]
    return [
        {
            **{names[column]: level[code] for column, level, code in zip(columns, levels, key, strict=True)},
            "runtime": runtime,
            "candidates": count,
        }
        for (*key, runtime), count in pairs.items()
    ]


def _probed(run: Run, target: Target, listener: Listener) -> dict[str, float]:
    """By model that runs on a target, seconds of one call."""
    calls = {entry.name: _probe(run, target, entry.name, listener) for entry in run.intent.models}
    return {model: call for model, call in calls.items() if call is not None}


def _probe(run: Run, target: Target, model: str, listener: Listener) -> float | None:
    """Seconds of one call of a model's baseline; None, with a note, when it does not run."""
    candidate = run.space.default(model, target.name)
    where = f" on {target.name}" if len(run.sites) > 1 else ""
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
        reply = run.sites[target.name].bench.try_once(candidate, short)
    except (ModelError, TargetError) as error:
        listener(Note(f"{model}{where}: {error}", warning=True))
        return None
    if "failed" in reply.body:
        listener(Note(f"{model}{where}: {reply.body['failed']}", warning=True))
        return None
    target.acknowledge(reply.body["job"])
    return float(np.median(reply.arrays["latency_ns"])) / 1e9


def _expected(run: Run, machines: Mapping[str, str], calls: Mapping[str, Mapping[str, float]]) -> float | None:
    """All processes at the mean model's pace, machines side by side, and every variant of every model made once.

    Args:
        run: Not begun.
        machines: By target, its machine.
        calls: By target and model, seconds of one call.

    Returns:
        Seconds; None when nothing could be probed.
    """
    paces: dict[str, list[float]] = {}
    for name, known in calls.items():
        paces.setdefault(machines[name], []).extend(expected_seconds(run.protocol, call) for call in known.values())
    each = [float(np.mean(pace)) for pace in paces.values() if pace]
    if not each:
        return None
    names = list(run.space.knobs)
    recipe = [i for i, name in enumerate(names) if name in {"model", RUNTIME, *run.space.recipe_knobs}]
    variants = len(np.unique(run.space.codes[:, recipe], axis=0))
    measurements = min(run.intent.budget.measurements, len(planned(run)) + run.ledger.reserve + len(run.space))
    return measurements / sum(1 / seconds for seconds in each) + min(variants, measurements) * _MAKE_A_VARIANT_S
