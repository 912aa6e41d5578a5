"""Stand a stored run's candidates again, from its store alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.workflows.confirm import Confirmed, stored_verdict
from autoedge.workflows.standing import stand

if TYPE_CHECKING:
    from autoedge.workflows.run import Run
    from autoedge.workflows.standing import Standing


def stored_standings(run: Run) -> dict[str, Standing]:
    """Where every explored candidate of a run stands, by the confirm rounds that decided last where there are any."""
    session = run.store.fact("decided by") or ""
    plan = run.store.fact(f"finalists {session}") or {"finalists": []}
    finalists = tuple(run.candidates[name] for name in plan["finalists"] if run.is_open(name))
    verdicts = {one.candidate_id: stored_verdict(run, one, session) for one in finalists}
    return stand(run, Confirmed(session, finalists, verdicts))
