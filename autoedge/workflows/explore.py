"""The search stage: the strategy proposes, the bench measures, the board learns; until the reserve begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.measurement import Phase
from autoedge.search.study import Board, Row
from autoedge.workflows.events import Note, StageBegan
from autoedge.workflows.racing import is_stopped, race_on, seen_of
from autoedge.workflows.schedule import Process, land, launch, measure_all
from autoedge.workflows.standing import STARTED_FROM
from autoedge.workflows.start import start_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from autoedge.bench.evidence import Evidence
    from autoedge.candidate import Candidate
    from autoedge.decide.verdict import Decision, Verdict
    from autoedge.measurement import Measurement
    from autoedge.workflows.crew import Crew
    from autoedge.workflows.run import Run
    from autoedge.workflows.start import Sources


def explore(run: Run, crew: Crew, sources: Sources) -> None:
    """Measure what the strategy proposes while the budget lasts.

    Args:
        run: Whose space is searched.
        crew: Measures.
        sources: What is known beforehand.

    Raises:
        TargetError: No target is left.
    """
    search = run.intent.search
    where = f" on {len(run.sites)} targets" if len(run.sites) > 1 else ""
    run.tell(StageBegan("search", f"{search.strategy} over {len(run.space)} candidates{where}"))
    start = start_of(run, sources)
    run.store.set_fact(STARTED_FROM, start.document)
    if start.told:
        run.tell(Note(start.told, warning=bool(sources.unused)))
    board = Board(
        run.store.url,
        run.intent.name,
        pool=run.space,
        objectives=[(metric.key, metric.direction) for metric in run.intent.objectives],
        strategy=start.strategy,
        seed=search.seed,
        start=start.digest,
        candidate_id=lambda row: run.space.candidate(row).candidate_id,
    )
    try:
        _search(run, crew, board)
    finally:
        board.close()


def _search(run: Run, crew: Crew, board: Board) -> None:
    _finish_begun(run, crew)
    board.sync(_rows(run))
    flights: dict[Future[Measurement | None], tuple[Any, Candidate]] = {}
    while True:
        while run.ledger.may_search(run.search_cost * (1 + len(flights))):
            proposal = _proposal(run, crew, board)
            if proposal is None:
                break
            flights[_start(run, crew, proposal[1])] = proposal
        if not flights:
            if run.ledger.may_search(run.search_cost):
                run.tell(Note("every candidate of the space is measured"))
            return
        for future in crew.wait(list(flights)):
            trial, candidate = flights.pop(future)
            measurement = land(run, candidate, future)
            if measurement is None:
                board.abandon(trial)
            elif measurement.ok and len(_done(run, candidate)) < run.search_cost:
                flights[_start(run, crew, candidate)] = (trial, candidate)
            else:
                _tell(run, board, trial, candidate)


def _start(run: Run, crew: Crew, candidate: Candidate) -> Future[Measurement | None]:
    return launch(run, crew, _process(run, candidate, len(_done(run, candidate))))


def _process(run: Run, candidate: Candidate, replicate: int) -> Process:
    """A candidate's next process, held against what is known now."""
    race = race_on(run, candidate.target)
    judge = None if race is None else race.without(candidate.candidate_id)
    return Process(candidate, Phase.SEARCH, replicate, judge=judge)


def _done(run: Run, candidate: Candidate) -> list[Measurement]:
    return run.rows(candidate.candidate_id, (Phase.SEARCH,))


def _finish_begun(run: Run, crew: Crew) -> None:
    """Complete candidates whose processes were cut short by an earlier stop."""
    while (begun := _begun(run)) and run.ledger.may_search(1):
        left = run.intent.budget.measurements - run.ledger.reserve - run.ledger.used
        measure_all(run, crew, begun[:left])


def _begun(run: Run) -> list[Process]:
    """The next process of each candidate that was measured, but not as often as it should be."""
    found = []
    for candidate_id in run.explored_ids():
        rows = run.rows(candidate_id, (Phase.SEARCH,))
        candidate = run.candidates[candidate_id]
        if candidate.target not in run.away and 0 < len(rows) < run.search_cost and all(row.ok for row in rows):
            found.append(_process(run, candidate, len(rows)))
    return found


def _proposal(run: Run, crew: Crew, board: Board) -> tuple[Any, Candidate] | None:
    """The next candidate for an idle machine, whose file is not known to be impossible; None when there is none."""
    idle = [target for target in run.reachable if crew.idle(target)]
    if not idle:
        return None
    searched = {run.candidates[row.candidate_id].target for row in run.measurements if row.phase is Phase.SEARCH}
    # A target that promises little is tried all the same, once: nobody declares one to see its baselines alone.
    untried = [target for target in idle if target not in searched]
    for turn in filter(None, (untried, idle)):
        among = np.logical_or.reduce([run.space.rows_on(target) for target in turn])
        while (proposal := board.propose(among)) is not None:
            trial, row = proposal
            candidate = run.space.candidate(row)
            if not run.shelf.refused(candidate.configuration):
                return trial, candidate
            board.fail(trial, "its variant cannot be made")
    return None


def _tell(run: Run, board: Board, trial: Any, candidate: Candidate) -> None:
    index = run.space.row(candidate)
    known = dict(_known(run)).get(candidate.candidate_id)
    row = _row(run, index or 0, candidate.candidate_id, known)
    if row.reason:
        board.fail(trial, row.reason)
    else:
        board.complete(trial, row.values, row.constraints)


def _known(run: Run) -> list[tuple[str, tuple[Evidence, Verdict]]]:
    return [(evidence.candidate_id, (evidence, verdict)) for evidence, verdict in run.judged()]


def _rows(run: Run) -> list[Row]:
    """What the store knows of candidates in the space, as the board takes it."""
    known = dict(_known(run))
    rows = []
    for candidate_id in run.explored_ids():
        index = run.space.row(run.candidates[candidate_id])
        if index is not None:
            rows.append(_row(run, index, candidate_id, known.get(candidate_id)))
    return rows


def _row(run: Run, index: int, candidate_id: str, known: tuple[Evidence, Verdict] | None) -> Row:
    stopped = [row for row in run.rows(candidate_id, (Phase.SEARCH,)) if is_stopped(row)]
    if stopped:
        return seen_of(run, index, stopped[-1])
    if known is None:
        reason = next((row.reason for row in run.measurements if row.candidate_id == candidate_id and row.reason), "")
        return Row(index, reason=reason or "no valid measurement")
    evidence, verdict = known
    values = [evidence.value(metric.key) for metric in run.intent.objectives]
    if any(value is None for value in values):
        return Row(index, reason="an objective could not be measured")
    constraints = {d.constraint.key: _broken_by(d) for d in verdict.decisions}
    return Row(index, tuple(value.value for value in values if value is not None), constraints)


def _broken_by(decision: Decision) -> float:
    """How far a limit is broken, at most 0 where it is kept; what only the confirm rounds will tell counts as kept."""
    if decision.open:
        return 0.0
    return 1.0 if decision.slack is None else -decision.slack
