"""Confirm rounds: finalists and the reference of their target again, in fresh processes, interleaved; fixed looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.looks import LOOKS, level_at
from autoedge.decide.verdict import Decision, Outcome, Verdict, decide
from autoedge.measurement import Phase, Status
from autoedge.workflows.budget import FIRST_LOOK
from autoedge.workflows.events import Note, StageBegan
from autoedge.workflows.schedule import Process, measure_all
from autoedge.workflows.sustain import measure_sustained, soak_cost

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
        finalists: Confirmed candidates, references not among them unless they are finalists themselves.
        verdicts: By candidate id; undecided where the rounds did not suffice.
    """

    session: str
    finalists: tuple[Candidate, ...]
    verdicts: dict[str, Verdict]


def confirm(run: Run, crew: Crew) -> Confirmed:
    """Choose finalists, measure them again and decide.

    A session that was cut short goes on; a finished one is used again when it holds the present finalists. Where the
    targets of all finalists are lost on the way, others take their place.

    Raises:
        TargetError: No target is left.
    """
    while True:
        session, finalists = _session(run)
        references = "reference" if len({one.target for one in finalists}) == 1 else "references of their targets"
        run.tell(StageBegan("confirm", f"{len(finalists)} finalist{'s' * (len(finalists) != 1)} and the {references}"))
        lost = set(run.away)
        _look(run, crew, session, finalists)
        confirmed = Confirmed(
            session, tuple(finalists), {c.candidate_id: stored_verdict(run, c, session) for c in finalists}
        )
        if set(run.away) == lost or not _in_vain(run, confirmed):
            break
    if session:
        run.store.finish_session(session)
        run.store.set_fact("decided by", session)
    return confirmed


def _look(run: Run, crew: Crew, session: str, finalists: list[Candidate]) -> None:
    """Measure round after round, from look to look, for as long as anything is undecided."""
    for look in LOOKS if session else ():
        open_ones = [one for one in finalists if one.target not in run.away and _open(run, one, session, look)]
        if not open_ones or not _rounds(run, crew, session, open_ones, look):
            break
        promising = [one for one in open_ones if _at(run, one, session, look).outcome is Outcome.UNDECIDED]
        measure_sustained(run, crew, session, [one for one in promising if one.target not in run.away])


def _in_vain(run: Run, confirmed: Confirmed) -> bool:
    """Whether every finalist's target is lost and none of them is decided, though other targets have candidates."""
    undecided = all(verdict.outcome is Outcome.UNDECIDED for verdict in confirmed.verdicts.values())
    return undecided and all(one.target in run.away for one in confirmed.finalists) and bool(run.worth_confirming())


def _session(run: Run) -> tuple[str, list[Candidate]]:
    """The rounds to go on with, or new ones, and who is in them.

    A cut session goes on while the wish is the same and a finalist can be reached; a finished one serves again for as
    long as it holds everyone that would be chosen now. Without the means for a first look no session begins, so that
    none hides an earlier one.
    """
    wanted = _wanted(run)
    everyone = _with_references(run, wanted)
    for session, finished in run.store.sessions():
        plan = run.store.fact(f"finalists {session}") or {"wish": "", "finalists": []}
        kept = [run.candidates[name] for name in plan["finalists"] if run.is_open(name)]
        whole = len(kept) == len(plan["finalists"]) > 0
        serves = set(wanted) <= set(kept) if finished else any(one.target not in run.away for one in kept)
        if whole and plan["wish"] == run.wish and serves:
            return session, kept
        if finished and all(len(_confirm_rows(run, one, session)) >= FIRST_LOOK for one in everyone):
            return session, wanted
    if not run.ledger.may_confirm(FIRST_LOOK * len(everyone)):
        run.tell(Note("the budget leaves no room to confirm: nothing can be decided", warning=True))
        return "", wanted
    session = run.store.begin_session()
    plan = {"wish": run.wish, "finalists": [candidate.candidate_id for candidate in wanted]}
    run.store.set_fact(f"finalists {session}", plan)
    return session, wanted


def _confirm_rows(run: Run, candidate: Candidate, session: str) -> list[Measurement]:
    return run.rows(candidate.candidate_id, (Phase.CONFIRM,), session)


def _wanted(run: Run) -> list[Candidate]:
    """As many finalists, best first, as the reserve pays for at the first look; at least one.

    The reference of each target that has a finalist is among the paid.
    """
    affordable = min(run.ledger.reserve, run.ledger.room)
    of_finalist, of_reference = (FIRST_LOOK + soaks for soaks in soak_cost(run.prepared.constraints))
    wanted: list[Candidate] = []
    targets: set[str] = set()
    for candidate in run.worth_confirming():
        cost = (len(wanted) + 1) * of_finalist + len(targets | {candidate.target}) * of_reference
        if not wanted or cost <= affordable:
            wanted.append(candidate)
            targets.add(candidate.target)
    return wanted


def _with_references(run: Run, finalists: list[Candidate]) -> list[Candidate]:
    """Finalists and the reference of each one's target, everyone once."""
    return list(dict.fromkeys([*(run.reference_on(one.target) for one in finalists), *finalists]))


def _rounds(run: Run, crew: Crew, session: str, finalists: list[Candidate], look: int) -> bool:
    """Bring finalists and their references to ``look`` processes each; False when the budget ends before that.

    A process that was disturbed says nothing of its candidate, so another one takes its place, as long as the budget
    has room for it.
    """
    everyone = _with_references(run, finalists)
    missing = _missing(run, session, everyone, look)
    fits = look == FIRST_LOOK or len(missing) <= run.ledger.room
    if missing and not (fits and run.ledger.may_confirm(len(missing))):
        run.tell(
            Note(
                f"the budget does not reach the look at {look} processes: {len(missing)} more are needed", warning=True
            )
        )
        return False
    while missing and run.ledger.may_confirm(len(missing)):
        measure_all(run, crew, missing)
        reachable = [one for one in everyone if one.target not in run.away]
        missing = _missing(run, session, reachable, look)
    return True


def _missing(run: Run, session: str, everyone: list[Candidate], look: int) -> list[Process]:
    """Processes to make until a look, in rounds whose order is drawn; up to a third more where some were disturbed."""
    tried = {one.candidate_id: _confirm_rows(run, one, session) for one in everyone}
    disturbed = {name: sum(row.status is Status.INVALID for row in rows) for name, rows in tried.items()}
    have = {(name, row.replicate) for name, rows in tried.items() for row in rows}
    known = {one.candidate_id: one for one in everyone}
    plan: list[Process] = []
    for replicate in range(look + look // 3):
        generator = np.random.default_rng([run.intent.search.seed, replicate])
        names = sorted(known)
        plan += [
            Process(known[name], Phase.CONFIRM, replicate, session)
            for name in (names[index] for index in generator.permutation(len(names)))
            if replicate < look + disturbed[name] and (name, replicate) not in have
        ]
    return plan


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
    """All constraints at one look, from its first ``look`` processes and those of the reference on its target."""
    level = level_at(look, LOOKS, max(1, len(run.prepared.constraints)))
    evidence = run.confirmed(candidate.candidate_id, session, look)
    its_reference = run.reference_on(candidate.target)
    reference = run.confirmed(its_reference.candidate_id, session, look)
    for name, known in ((candidate.configuration.model, evidence), (its_reference.configuration.model, reference)):
        ended = 0 if known is None else known.processes
        if ended < FIRST_LOOK:
            return _undecided(run, candidate, f"only {ended} processes of '{name}' ended well; {FIRST_LOOK} are needed")
    return run.verdict(evidence, reference, level) if evidence else _undecided(run, candidate, "not measured")


def _unconfirmed(run: Run, candidate: Candidate) -> Verdict:
    """What the search says, without the right to decide."""
    evidence = run.explored(candidate.candidate_id)
    lost = run.away.get(candidate.target)
    why = (
        f"the budget left no room for {FIRST_LOOK} fresh processes" if lost is None else f"its target was lost: {lost}"
    )
    reason = f"not confirmed: {why}"
    if evidence is None:
        return _undecided(run, candidate, reason)
    told = run.verdict(evidence, run.explored(run.reference_on(candidate.target).candidate_id))
    decisions = [
        Decision(d.constraint, Outcome.UNDECIDED, d.figure, d.slack, f"{reason}; {d.note}" if d.note else reason)
        for d in told.decisions
    ]
    return Verdict(candidate.candidate_id, tuple(decisions))


def _undecided(run: Run, candidate: Candidate, reason: str) -> Verdict:
    return Verdict(candidate.candidate_id, tuple(decide(one, None, reason) for one in run.prepared.constraints))
