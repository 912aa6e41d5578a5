"""``autoedge select``: from an intent to a measured front, a verdict and a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.decide.verdict import Outcome
from autoedge.intent.load import load_intent
from autoedge.report.verdict import write_verdict
from autoedge.workflows.baseline import measure_baselines
from autoedge.workflows.building import build_if_possible
from autoedge.workflows.confirm import confirm
from autoedge.workflows.crew import Crew
from autoedge.workflows.events import Note, StageBegan, silent
from autoedge.workflows.explore import explore
from autoedge.workflows.opening import opened_run
from autoedge.workflows.report_document import report_document
from autoedge.workflows.report_files import write_fronts, write_reports
from autoedge.workflows.report_standings import keep_standings
from autoedge.workflows.standing import rank, verdict_document
from autoedge.workflows.start import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from autoedge.workflows.events import Listener
    from autoedge.workflows.run import Run

EXIT_CODES = {Outcome.MET: 0, Outcome.NOT_MET: 1, Outcome.UNDECIDED: 4}


@dataclass(frozen=True)
class Selection:
    """What ``select`` came to.

    Attributes:
        folder: The run folder.
        outcome: Of the intent: met, not met or undecided.
        front: Non-dominated feasible results, one row each, best first by the preference, and the reference; columns
            as in ``front.csv``.
        chosen: The chosen candidate's configuration, figures and decisions, as in ``verdict.json``.
        verdict: All of ``verdict.json``.
        bundle: The bundle's folder; None where the chosen runtime is a plugin's.
    """

    folder: Path
    outcome: Outcome
    front: pd.DataFrame
    chosen: dict[str, Any]
    verdict: dict[str, Any]
    bundle: Path | None

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return EXIT_CODES[self.outcome]


def select(
    intent: str | Path,
    *,
    out: str | Path | None = None,
    targets: str | Path | None = None,
    on_event: Listener = silent,
    trust: Iterable[str | Path] = (),
) -> Selection:
    """Measure what an intent allows, and choose.

    A run that was stopped at any moment goes on where it was; nothing that was measured is lost or measured twice.
    Several targets are measured side by side, one measurement at a time on a machine; a target that is lost is told
    of, and the run goes on with the others.

    Args:
        intent: The intent file.
        out: The run folder; by default ``runs/NAME`` below the current folder.
        targets: The file that declares targets; by default the user's own, where there is one.
        on_event: Told what happens.
        trust: Files and folders whose code may be loaded, where the intent says ``trust: true`` too.

    Raises:
        TargetError: No target is left; the state is saved.
        AutoEdgeError: What is wrong with the intent, its files or the folder.
        KeyboardInterrupt: Interrupted; the state is saved.
    """
    loaded = load_intent(Path(intent), map(Path, trust))
    sources = read_sources(loaded)
    root = Path(out) if out is not None else Path("runs") / loaded.name
    declared_in = None if targets is None else Path(targets)
    with (
        opened_run(loaded, root, on_event, declared_in) as (run, reached),
        Crew({name: site.bench for name, site in run.sites.items()}, reached, on_event) as crew,
    ):
        run.folder.verdict.unlink(missing_ok=True)  # it speaks of an earlier state from here on
        measure_baselines(run, crew)
        explore(run, crew, sources)
        return _concluded(run, crew)


def _concluded(run: Run, crew: Crew) -> Selection:
    confirmed = confirm(run, crew)
    ranking = rank(run, confirmed)
    document = verdict_document(run, ranking)
    standings = keep_standings(run, ranking)
    table = write_fronts(run.folder, document, standings)
    run.tell(StageBegan("bundle", str(run.folder.bundle)))
    unbundled = build_if_possible(run, ranking.chosen, run.folder.bundle)
    write_verdict(document, run.folder.verdict)
    write_reports(run.folder, report_document(run.folder.root, run.store, document, standings))
    for warning in filter(None, [unbundled, *_warnings(run)]):
        run.tell(Note(warning, warning=True))
    return Selection(
        folder=run.folder.root,
        outcome=ranking.outcome,
        front=table,
        chosen=document["chosen"],
        verdict=document,
        bundle=None if unbundled else run.folder.bundle,
    )


def _warnings(run: Run) -> list[str]:
    noisy = [row for row in run.measurements if "background_load" in row.flags]
    share = len(noisy) / max(1, len(run.measurements))
    if share > 0.5:  # noqa: PLR2004 - most of them
        return [f"{share:.0%} of the measurements ran beside other work on their machine: intervals are wider for it"]
    return []
