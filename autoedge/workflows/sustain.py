"""Soaks of finalists, where an intent limits what a candidate sustains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.measurement import Phase
from autoedge.metric import SUSTAINED
from autoedge.workflows.events import Note
from autoedge.workflows.schedule import Process, measure_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autoedge.bench.evidence import Evidence
    from autoedge.candidate import Candidate
    from autoedge.intent.constraint import Constraint
    from autoedge.measurement import Measurement
    from autoedge.workflows.crew import Crew
    from autoedge.workflows.run import Run


def soak_cost(constraints: Iterable[Constraint]) -> tuple[int, int]:
    """Soaks of each finalist and of each reference: one process where a constraint needs it, else none."""
    sustained = [one for one in constraints if one.metric.name in SUSTAINED]
    return int(bool(sustained)), int(any(one.relative != "absolute" for one in sustained))


def measure_sustained(run: Run, crew: Crew, session: str, finalists: Sequence[Candidate]) -> None:
    """Soak finalists of a confirm session that have not been soaked in it; references too where limits are relative.

    Raises:
        TargetError: No target is left.
        KeyboardInterrupt: A soak was cancelled.
    """
    of_finalist, of_reference = soak_cost(run.prepared.constraints)
    if not of_finalist or not finalists:
        return
    wanted = [*(run.reference_on(one.target) for one in finalists)] if of_reference else []
    everyone = dict.fromkeys([*wanted, *finalists])
    soaks = {one: run.rows(one.candidate_id, (Phase.SOAK,), session) for one in everyone}
    missing = [one for one, rows in soaks.items() if not rows or (rows[-1].ok and _seconds(rows[-1]) != run.soak_s)]
    if not missing:
        return
    if not run.ledger.may_confirm(len(missing)):
        run.tell(Note(f"the budget does not reach {len(missing)} soaks: what is sustained stays unknown", warning=True))
        return
    run.tell(Note(f"soaking {len(missing)} candidate{'s' * (len(missing) != 1)} for {run.soak_s:g} s each"))
    measure_all(run, crew, [Process(one, Phase.SOAK, len(soaks[one]), session) for one in missing])


def _seconds(row: Measurement) -> float:
    return float(row.details["soak_s"])


def why_not_sustained(run: Run, evidence: Evidence) -> str:
    """Why a sustained figure of a candidate is absent."""
    if evidence.phase is not Phase.CONFIRM:
        return "what is sustained is measured in the confirm rounds"
    tried = run.rows(evidence.candidate_id, (Phase.SOAK,), evidence.measurements[0].session)
    if not tried:
        return "it was not soaked"
    return f"the soak failed: {tried[-1].reason}" if tried[-1].reason else "the soak had too few calls for it"
