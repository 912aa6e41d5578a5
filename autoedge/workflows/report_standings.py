"""Where every measured candidate of a run stands, kept with the run so that its report can be made again anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.workflows.opening import reopened_run
from autoedge.workflows.report_operation import keep_operation
from autoedge.workflows.standing import best_first, figures
from autoedge.workflows.stored import stored_standings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.store.store import Store
    from autoedge.workflows.run import Run
    from autoedge.workflows.standing import Ranking, Standing

_FACT = "standings"


@dataclass(frozen=True)
class Standings:
    """Every explored candidate when the run was decided.

    Attributes:
        rows: As ``figures`` gives them, best first.
        references: Ids of the references, one a target.
    """

    rows: Sequence[Mapping[str, Any]]
    references: Sequence[str]


def keep_standings(run: Run, ranking: Ranking) -> Standings:
    """Keep in the store how every candidate stands: where model and data files are gone, nobody could tell again.

    What the intent says of carbon and fleet is kept beside it.
    """
    found = _of(run, best_first(run, ranking.standings.values(), ranking.chosen.candidate.candidate_id))
    run.store.set_fact(_FACT, {"rows": found.rows, "references": found.references})
    keep_operation(run.store, run.intent)
    return found


def kept_standings(root: Path, store: Store, chosen: str) -> Standings:
    """What was kept; for a run of an AutoEdge that did not keep it yet, made from the run's own files.

    Args:
        root: The run folder.
        store: The run's.
        chosen: Id of the candidate that its verdict chose.

    Raises:
        AutoEdgeError: It was not kept, and the run's models or data are not where they were.
    """
    known = store.fact(_FACT)
    if known is not None:
        return Standings(known["rows"], known["references"])
    with reopened_run(root) as run:
        return _of(run, best_first(run, stored_standings(run).values(), chosen))


def _of(run: Run, standings: Sequence[Standing]) -> Standings:
    references = [run.reference_on(name).candidate_id for name in run.sites]
    return Standings([figures(standing) for standing in standings], references)
