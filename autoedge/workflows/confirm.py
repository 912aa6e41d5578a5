"""Confirm rounds: finalists and the reference again, in fresh processes, interleaved; decided at fixed looks only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.looks import LOOKS, level_at
from autoedge.decide.verdict import Decision, Outcome, Verdict, decide
from autoedge.measurement import Phase
from autoedge.workflows.budget import FIRST_LOOK
from autoedge.workflows.events import Note, StageBegan

if TYPE_CHECKING:
    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement
    from autoedge.workflows.crew import Crew
    from autoedge.workflows.run import Run


@dataclass(frozen=True)
class Confirmed:
    """What the confirm rounds of one session came to.

    Attributes:
        session: Names the rounds.
        finalists: Confirmed candidates, the reference not among them unless it is one itself.
        verdicts: By candidate id; undecided where the rounds did not suffice.
    """

    session: str
    finalists: tuple[Candidate, ...]
    verdicts: dict[str, Verdict]


def confirm(run: Run, crew: Crew) -> Confirmed:
    """Choose finalists, measure them again and decide.

    A session that was cut short goes on; a finished one is used again when it holds the present finalists.
    """
    session, finalists = _session(run)
    run.tell(StageBegan("confirm", f"{len(finalists)} finalist{'s' * (len(finalists) != 1)} and the reference"))
    for look in LOOKS if session else ():
        open_ones = [candidate for candidate in finalists if _open(run, candidate, session, look)]
        if not open_ones or not _rounds(run, crew, session, open_ones, look):
            break
    verdicts = {candidate.candidate_id: stored_verdict(run, candidate, session) for candidate in finalists}
    if session:
        run.store.finish_session(session)
        run.store.set_fact("decided by", session)
    return Confirmed(session, tuple(finalists), verdicts)


def _session(run: Run) -> tuple[str, list[Candidate]]:
    """The rounds to go on with, or new ones, and who is in them.

    A cut session goes on while the wish is the same; a finished one serves again for as long as it holds everyone that
    would be chosen now. Without the means for a first look no session begins, so that none hides an earlier one.
    """
    wanted = run.finalists(_affordable(run))
    for session, finished in run.store.sessions():
        plan = run.store.fact(f"finalists {session}") or {"wish": "", "finalists": []}
        kept = [run.candidates[name] for name in plan["finalists"] if run.is_open(name)]
        whole = len(kept) == len(plan["finalists"]) > 0
        if whole and plan["wish"] == run.wish and (not finished or set(wanted) <= set(kept)):
            return session, kept
        everyone = [*wanted, run.reference]
        if finished and all(len(_confirm_rows(run, one, session)) >= FIRST_LOOK for one in everyone):
            return session, wanted
    if not run.ledger.may_confirm(FIRST_LOOK * len({*wanted, run.reference})):
        run.tell(Note("the budget leaves no room to confirm: nothing can be decided", warning=True))
        return "", wanted
    session = run.store.begin_session()
    plan = {"wish": run.wish, "finalists": [candidate.candidate_id for candidate in wanted]}
    run.store.set_fact(f"finalists {session}", plan)
    return session, wanted


def _confirm_rows(run: Run, candidate: Candidate, session: str) -> list[Measurement]:
    return run.rows(candidate.candidate_id, (Phase.CONFIRM,), session)


def _affordable(run: Run) -> int:
    """As many finalists as the reserve pays for at the first look, the reference among the paid; at least one."""
    left = run.intent.budget.measurements - run.ledger.used
    return max(1, min(run.ledger.reserve, max(left, 0)) // FIRST_LOOK - 1)


def _rounds(run: Run, crew: Crew, session: str, finalists: list[Candidate], look: int) -> bool:
    """Bring finalists and the reference to ``look`` processes each; False when the budget ends before that."""
    everyone = {candidate.candidate_id: candidate for candidate in [run.reference, *finalists]}
    have = {(name, row.replicate) for name in everyone for row in run.rows(name, (Phase.CONFIRM,), session)}
    missing = sum(look - len([1 for name, replicate in have if name == one and replicate < look]) for one in everyone)
    if missing and not run.ledger.may_confirm(missing):
        run.tell(
            Note(f"the budget does not reach the look at {look} processes: {missing} more are needed", warning=True)
        )
        return False
    for replicate in range(look):
        generator = np.random.default_rng([run.intent.search.seed, replicate])
        names = sorted(everyone)
        for index in generator.permutation(len(names)):
            name = names[index]
            if (name, replicate) not in have:
                run.measure(crew, everyone[name], Phase.CONFIRM, replicate, session)
    return True


def _open(run: Run, candidate: Candidate, session: str, look: int) -> bool:
    """Whether a candidate still needs the rounds up to ``look``."""
    earlier = [one for one in LOOKS if one < look]
    return all(_at(run, candidate, session, one).outcome is Outcome.UNDECIDED for one in earlier)


def stored_verdict(run: Run, candidate: Candidate, session: str) -> Verdict:
    """The verdict of the first look that decided, else of the last one reached."""
    last = None
    for look in LOOKS:
        if len(_confirm_rows(run, candidate, session)) < look:
            break
        last = _at(run, candidate, session, look)
        if last.outcome is not Outcome.UNDECIDED:
            return last
    return last or _unconfirmed(run, candidate)


def _at(run: Run, candidate: Candidate, session: str, look: int) -> Verdict:
    """All constraints at one look, from its first ``look`` processes and the reference's."""
    level = level_at(look, LOOKS, max(1, len(run.prepared.constraints)))
    evidence = run.confirmed(candidate.candidate_id, session, look)
    reference = run.confirmed(run.reference.candidate_id, session, look)
    for name, known in ((candidate.configuration.model, evidence), (run.reference.configuration.model, reference)):
        ended = 0 if known is None else known.processes
        if ended < FIRST_LOOK:
            return _undecided(run, candidate, f"only {ended} processes of '{name}' ended well; {FIRST_LOOK} are needed")
    return run.verdict(evidence, reference, level) if evidence else _undecided(run, candidate, "not measured")


def _unconfirmed(run: Run, candidate: Candidate) -> Verdict:
    """What the search says, without the right to decide."""
    evidence = run.explored(candidate.candidate_id)
    reason = f"not confirmed: the budget left no room for {FIRST_LOOK} fresh processes"
    if evidence is None:
        return _undecided(run, candidate, reason)
    told = run.verdict(evidence, run.explored(run.reference.candidate_id))
    decisions = [Decision(d.constraint, Outcome.UNDECIDED, d.figure, d.slack, reason) for d in told.decisions]
    return Verdict(candidate.candidate_id, tuple(decisions))


def _undecided(run: Run, candidate: Candidate, reason: str) -> Verdict:
    return Verdict(candidate.candidate_id, tuple(decide(one, None, reason) for one in run.prepared.constraints))
