"""The search stage: the strategy proposes, the bench measures, the board learns; until the reserve begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.measurement import Phase
from autoedge.search.study import Board, Row
from autoedge.workflows.events import Note, StageBegan

if TYPE_CHECKING:
    from concurrent.futures import Future

    from autoedge.bench.evidence import Evidence
    from autoedge.candidate import Candidate
    from autoedge.decide.verdict import Verdict
    from autoedge.measurement import Measurement
    from autoedge.workflows.crew import Crew
    from autoedge.workflows.run import Run


def explore(run: Run, crew: Crew) -> None:
    """Measure what the strategy proposes while the budget lasts."""
    search = run.intent.search
    run.tell(StageBegan("search", f"{search.strategy} over {len(run.space)} candidates"))
    board = Board(
        run.store.url,
        run.intent.name,
        pool=run.space,
        objectives=[(metric.key, metric.direction) for metric in run.intent.objectives],
        strategy=search.strategy,
        seed=search.seed,
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
        while len(flights) < crew.size and run.ledger.may_search(run.search_cost * (1 + len(flights))):
            proposal = _proposal(run, board)
            if proposal is None:
                break
            flights[_start(run, crew, proposal[1])] = proposal
        if not flights:
            return
        for future in crew.wait(list(flights)):
            trial, candidate = flights.pop(future)
            measurement = future.result()
            if measurement is None:
                raise KeyboardInterrupt
            run.take(candidate, measurement)
            if measurement.ok and len(_done(run, candidate)) < run.search_cost:
                flights[_start(run, crew, candidate)] = (trial, candidate)
            else:
                _tell(run, board, trial, candidate)


def _start(run: Run, crew: Crew, candidate: Candidate) -> Future[Measurement | None]:
    run.shelf.ready(candidate.configuration)  # here, since only the main thread hears Ctrl-C
    return crew.start(candidate, Phase.SEARCH, len(_done(run, candidate)), "")


def _done(run: Run, candidate: Candidate) -> list[Measurement]:
    return run.rows(candidate.candidate_id, (Phase.SEARCH,))


def _finish_begun(run: Run, crew: Crew) -> None:
    """Complete candidates whose processes were cut short by an earlier stop."""
    for candidate_id in run.explored_ids():
        rows = run.rows(candidate_id, (Phase.SEARCH,))
        while rows and all(row.ok for row in rows) and len(rows) < run.search_cost and run.ledger.may_search(1):
            run.measure(crew, run.candidates[candidate_id], Phase.SEARCH, len(rows))
            rows = run.rows(candidate_id, (Phase.SEARCH,))


def _proposal(run: Run, board: Board) -> tuple[Any, Candidate] | None:
    """The next candidate whose file is not known to be impossible; None when the space is exhausted."""
    while (proposal := board.propose()) is not None:
        trial, row = proposal
        candidate = run.space.candidate(row)
        if not run.shelf.refused(candidate.configuration):
            return trial, candidate
        board.fail(trial, "its variant cannot be made")
    run.tell(Note("every candidate of the space is measured"))
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
    if known is None:
        reason = next((row.reason for row in run.measurements if row.candidate_id == candidate_id and row.reason), "")
        return Row(index, reason=reason or "no valid measurement")
    evidence, verdict = known
    values = [evidence.value(metric.key) for metric in run.intent.objectives]
    if any(value is None for value in values):
        return Row(index, reason="an objective could not be measured")
    constraints = {d.constraint.key: 1.0 if d.slack is None else -d.slack for d in verdict.decisions}
    return Row(index, tuple(value.value for value in values if value is not None), constraints)
