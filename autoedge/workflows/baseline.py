"""The first stage: every model as given, batch 1, runtime defaults, on every target; gains are told against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import MeasurementError, ModelError
from autoedge.measurement import Phase, Status
from autoedge.workflows.events import Note, StageBegan
from autoedge.workflows.schedule import Process, measure_all

if TYPE_CHECKING:
    from autoedge.workflows.crew import Crew
    from autoedge.workflows.run import Run

# The reference runs in three processes, so that the spread between processes is known from the start.
REFERENCE_PROCESSES = 3


def planned(run: Run) -> list[Process]:
    """All baseline processes in their order: on each target the reference first, then the other models."""
    others = [entry.name for entry in run.intent.models if entry.name != run.intent.baseline]
    first = max(REFERENCE_PROCESSES, run.search_cost)
    plan: list[Process] = []
    for target in run.reachable:
        plan += [Process(run.reference_on(target), Phase.BASELINE, replicate) for replicate in range(first)]
        defaults = [run.space.default(name, target) for name in others]
        plan += [Process(one, Phase.BASELINE, replicate) for one in defaults for replicate in range(run.search_cost)]
    return plan


def measure_baselines(run: Run, crew: Crew) -> None:
    """Measure the baselines that are not measured yet.

    A target on which the reference does not run is left out, since nothing can be told against it there.

    Raises:
        IntentError: The budget is too small for them.
        ModelError: The reference cannot run on any target.
        MeasurementError: It runs, but no measurement of it is valid.
        TargetError: No target is left.
    """
    plan = planned(run)
    warning = run.ledger.require(len(plan))
    run.tell(StageBegan("baseline", f"{len(plan)} processes"))
    if warning:
        run.tell(Note(warning, warning=True))
    have = {(row.candidate_id, row.replicate) for row in run.measurements if row.phase is Phase.BASELINE}
    begun = {run.candidates[name].target for name, _ in have}
    measure_all(run, crew, [one for one in plan if (one.candidate.candidate_id, one.replicate) not in have])
    # An earlier start failed at the reference; what stood in its way may be gone.
    measure_all(run, crew, [_again(run, target) for target in _without_reference(run) if target in begun])
    for target in _without_reference(run):
        last = run.rows(run.reference_on(target).candidate_id, (Phase.BASELINE,))[-1]
        problem = f"the reference '{run.intent.baseline}' cannot be measured on '{target}': {last.reason}"
        if last.status is Status.INVALID:  # the model runs; it is the conditions that say nothing of it
            run.lose(target, MeasurementError(f"{problem}. What is in the way must go first; the same command goes on"))
        else:
            run.lose(target, ModelError(f"{problem}; mend the model or name another with baseline:"))


def _without_reference(run: Run) -> list[str]:
    return [target for target in run.reachable if run.explored(run.reference_on(target).candidate_id) is None]


def _again(run: Run, target: str) -> Process:
    reference = run.reference_on(target)
    return Process(reference, Phase.BASELINE, len(run.rows(reference.candidate_id, (Phase.BASELINE,))))
