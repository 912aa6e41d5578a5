"""The first stage: every model as given, batch 1, runtime defaults; every gain is told against the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.measurement import Phase
from autoedge.workflows.events import StageBegan

if TYPE_CHECKING:
    from autoedge.candidate import Candidate
    from autoedge.workflows.crew import Crew
    from autoedge.workflows.run import Run

# The reference runs in three processes, so that the spread between processes is known from the start.
REFERENCE_PROCESSES = 3


def planned(run: Run) -> list[tuple[Candidate, int]]:
    """All baseline processes in their order: the reference first, then the other models."""
    others = [entry.name for entry in run.intent.models if entry.name != run.intent.baseline]
    first = max(REFERENCE_PROCESSES, run.search_cost)
    plan = [(run.reference, replicate) for replicate in range(first)]
    return plan + [(run.space.default(name), r) for name in others for r in range(run.search_cost)]


def measure_baselines(run: Run, crew: Crew) -> None:
    """Measure the baselines that are not measured yet.

    Raises:
        IntentError: The budget is too small for them.
        ModelError: The reference cannot run at all, so that nothing can be told against it.
    """
    plan = planned(run)
    run.ledger.require(len(plan))
    run.tell(StageBegan("baseline", f"{len(plan)} processes"))
    have = {(row.candidate_id, row.replicate) for row in run.measurements if row.phase is Phase.BASELINE}
    for candidate, replicate in plan:
        if (candidate.candidate_id, replicate) not in have:
            run.measure(crew, candidate, Phase.BASELINE, replicate)
    failed = run.rows(run.reference.candidate_id, (Phase.BASELINE,))
    if run.explored(run.reference.candidate_id) is None and have:
        # An earlier start failed at the reference; what stood in its way may be gone.
        run.measure(crew, run.reference, Phase.BASELINE, len(failed))
    if run.explored(run.reference.candidate_id) is None:
        failed = run.rows(run.reference.candidate_id, (Phase.BASELINE,))
        raise ModelError(
            f"the reference '{run.intent.baseline}' cannot be measured on '{run.reference.target}': "
            f"{failed[-1].reason}; mend the model or name another with baseline:"
        )
