"""The search stage: the strategy proposes, the bench measures, the board learns; until the reserve begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        name=run.intent.name,
        pool=run.space,
        objectives=[(metric.key, metric.direction) for metric in run.intent.objectives],
        strategy=search.strategy,
        seed=search.seed,
        meaning=f"{run.wish} {run.protocol.protocol_id} {run.space.digest}",
    )
    board.learn(_rows(run))
    flights: dict[Future[Measurement | None], Candidate] = {}
    waiting = _unfinished(run)
    while True:
        while len(flights) < crew.size and run.ledger.may_search(run.search_cost * (1 + len(flights))):
            candidate = waiting.pop() if waiting else _proposal(run, board)
            if candidate is None:
                break
            flights[_start(run, crew, candidate)] = candidate
        if not flights:
            return
        for future in crew.wait(list(flights)):
            candidate = flights.pop(future)
            measurement = future.result()
            if measurement is None:
                raise KeyboardInterrupt
            run.take(candidate, measurement)
            if measurement.ok and len(_done(run, candidate)) < run.search_cost:
                flights[_start(run, crew, candidate)] = candidate
            else:
                _learn(run, board, candidate)


def _start(run: Run, crew: Crew, candidate: Candidate) -> Future[Measurement | None]:
    run.shelf.ready(candidate.configuration)  # here, since only the main thread hears Ctrl-C
    return crew.start(candidate, Phase.SEARCH, len(_done(run, candidate)), "")


def _done(run: Run, candidate: Candidate) -> list[Measurement]:
    return run.rows(candidate.candidate_id, (Phase.SEARCH,))


def _unfinished(run: Run) -> list[Candidate]:
    """Candidates whose processes were cut short by an earlier stop."""
    found = []
    for candidate_id in run.explored_ids():
        rows = run.rows(candidate_id, (Phase.SEARCH,))
        if rows and all(row.ok for row in rows) and len(rows) < run.search_cost:
            found.append(run.candidates[candidate_id])
    return found


def _proposal(run: Run, board: Board) -> Candidate | None:
    """The next candidate whose file is not known to be impossible; None when the space is exhausted."""
    while (row := board.propose()) is not None:
        candidate = run.space.candidate(row)
        if not run.shelf.refused(candidate.configuration):
            return candidate
        board.learn([Row(row, candidate.candidate_id, None, {}, "its variant cannot be made")])
    run.tell(Note("every candidate of the space is measured"))
    return None


def _learn(run: Run, board: Board, candidate: Candidate) -> None:
    board.learn(_rows(run, candidate.candidate_id))


def _rows(run: Run, only: str | None = None) -> list[Row]:
    """What the store knows of candidates in the space, as the board takes it."""
    verdicts = {evidence.candidate_id: (evidence, verdict) for evidence, verdict in run.judged()}
    rows = []
    for candidate_id in run.explored_ids() if only is None else [only]:
        index = run.space.row(run.candidates[candidate_id])
        if index is not None:
            rows.append(_row(run, index, candidate_id, verdicts.get(candidate_id)))
    return rows


def _row(run: Run, index: int, candidate_id: str, known: tuple[Evidence, Verdict] | None) -> Row:
    if known is None:
        reason = next((row.reason for row in run.measurements if row.candidate_id == candidate_id and row.reason), "")
        return Row(index, candidate_id, None, {}, reason)
    evidence, verdict = known
    values = [evidence.value(metric.key) for metric in run.intent.objectives]
    constraints = {d.constraint.key: 1.0 if d.slack is None else -d.slack for d in verdict.decisions}
    if any(value is None for value in values):
        return Row(index, candidate_id, None, constraints, "an objective could not be measured")
    return Row(index, candidate_id, [value.value for value in values if value is not None], constraints)
