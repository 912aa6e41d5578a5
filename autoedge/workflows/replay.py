"""``autoedge replay``: strategies on recorded results, how soon each finds what there is to find."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.limit import Limit
from autoedge.campaign.table import Table
from autoedge.errors import DataError, IntentError
from autoedge.intent.problem import nearest, shown
from autoedge.search.replaying import LEARNING
from autoedge.search.scoring import feasibility, measurements_to, volume_shares
from autoedge.search.strategies import STRATEGIES, make_sampler
from autoedge.workflows.replay_processes import Job, Processes
from autoedge.workflows.replay_start import read_replay_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from autoedge.campaign.campaign import Campaign
    from autoedge.search.replaying import Replayed
    from autoedge.workflows.replay_processes import Step
    from autoedge.workflows.replay_start import ReplayStart

    Listener = Callable[["ReplayState"], None]

PERCENTS = (90, 95, 99)


@dataclass(frozen=True)
class ReplayState:
    """How far a replay is.

    Attributes:
        done: Runs that are finished, a run being a strategy with a seed.
        runs: In all.
        running: Measurements so far of each run under way, by its name.
        budget: Measurements of a run.
    """

    done: int
    runs: int
    running: Mapping[str, int] = field(default_factory=dict)
    budget: int = 0


def replay(
    campaign: Path,
    *,
    strategies: Sequence[str],
    budget: int,
    seeds: int,
    target: str | None = None,
    history: Sequence[str] = (),
    surrogate: Path | None = None,
    constraints: Sequence[str] = (),
    jobs: int = 1,
    on_state: Listener = lambda _: None,
) -> dict[str, Any]:
    """Replay strategies on one target of a campaign, each with the seeds 0, 1, ...

    Runs happen in processes of their own, each on one thread; a script that calls this guards its own start with
    ``if __name__ == "__main__"``. An interrupt ends it with the runs that are finished.

    Args:
        campaign: Its folder.
        strategies: Names from ``autoedge.search.strategies.STRATEGIES``.
        budget: Measurements of a run, at least 1; all rows where there are fewer.
        seeds: Runs of a strategy, at least 1.
        target: Which one; None where there is but one.
        history: ``DIR`` or ``DIR:target,...``: results of other targets to learn from.
        surrogate: Folder of a saved surrogate to start from.
        constraints: ``METRIC <= NUMBER`` or ``METRIC >= NUMBER``.
        jobs: Runs at a time; figures do not depend on it, but for the time of a proposal.
        on_state: Told how far it is.

    Returns:
        The document that the command prints as JSON, see docs/replay.md.

    Raises:
        DataError: The campaign, target, history or constraints cannot be meant.
        SurrogateError: The folder holds no sound surrogate.
        IntentError: A strategy does not exist, or what it needs is not installed; a count is below 1.
        KeyboardInterrupt: Interrupted before any run was finished.
    """
    for name, count in (("budget", budget), ("seeds", seeds), ("jobs", jobs)):
        if count < 1:
            raise IntentError(f"{name} is at least 1, but got {count}")
    names = list(dict.fromkeys(strategies))
    for name in names:
        _known(name)
    recorded = read_campaign(campaign)
    chosen = _target(recorded, target)
    limits = [Limit.parse(text) for text in constraints]
    table = Table(recorded, chosen, limits)
    _satisfiable(table, limits)
    start = read_replay_start(recorded, table, history, surrogate)
    for name in names:
        make_sampler(name, pool=table, seed=0)  # what it needs may not be installed: better told now
    work = [Job(name, seed, min(budget, len(table))) for seed in range(seeds) for name in names]
    replayed, interrupted = _replayed(table, start, work, jobs, on_state)
    return {
        "schema_version": 1,
        "campaign": recorded.card.name,
        "target": chosen,
        "budget": budget,
        "rows": len(table),
        "objectives": dict(table.objectives),
        "constraints": [str(limit) for limit in limits],
        "history": [each.name for each in start.history.results],
        "surrogate": start.about(),
        "notes": [*start.notes, *_beyond(budget, len(table)), *start.without(names)],
        "interrupted": interrupted,
        "true_hypervolume": round(table.true_hypervolume, 6),
        "strategies": {name: _strategy(name, table, start, work, replayed) for name in names},
    }


def _strategy(
    name: str, table: Table, start: ReplayStart, work: Sequence[Job], replayed: Mapping[Job, Replayed]
) -> dict[str, Any]:
    """What came of one strategy: whether it was told anything, and each run that is finished."""
    done = [job for job in work if job.strategy == name and job in replayed]
    return {
        "history": bool(start.history.results) and name in LEARNING,
        "surrogate": bool(start.foretold) and name in LEARNING,
        "seeds": [{"seed": job.seed, **_figures(table, replayed[job])} for job in done],
    }


def _known(name: str) -> None:
    if name not in STRATEGIES:
        meant = nearest(name, tuple(STRATEGIES))
        hint = f"; did you mean {meant}?" if meant else ""
        raise IntentError(f"a strategy is one of {', '.join(STRATEGIES)}, but got {shown(name)}{hint}")


def _target(campaign: Campaign, target: str | None) -> str:
    if target is None and len(campaign.targets) > 1:
        raise DataError(
            f"campaign {campaign.card.name} has several targets: name one with --target: {', '.join(campaign.targets)}"
        )
    return campaign.targets[0] if target is None else target


def _satisfiable(table: Table, limits: Sequence[Limit]) -> None:
    if table.feasible.any():
        return
    ranges = [
        f"{limit.metric} goes from {table.frame[limit.metric].min():g} to {table.frame[limit.metric].max():g}"
        for limit in limits
    ]
    raise DataError(f"target {table.name}: no row keeps all constraints; {', '.join(dict.fromkeys(ranges))}")


def _beyond(budget: int, rows: int) -> list[str]:
    return [f"there are {rows} rows: a run measures all of them, not {budget}"] if budget > rows else []


def _replayed(
    table: Table, start: ReplayStart, work: Sequence[Job], jobs: int, on_state: Listener
) -> tuple[dict[Job, Replayed], bool]:
    """What came of each job, and whether an interrupt ended them."""
    done: dict[Job, Replayed] = {}
    running: dict[str, int] = {}

    def take(step: Step) -> None:
        name = f"{step.job.strategy} seed {step.job.seed}"
        running[name] = step.count
        if step.replayed is not None:
            done[step.job] = step.replayed
            del running[name]
        on_state(ReplayState(len(done), len(work), dict(running), step.job.budget))

    try:
        on_state(ReplayState(0, len(work)))
        with Processes(table, start.history.results, min(jobs, len(work)), start.foretold) as processes:
            for step in processes.run(work):
                take(step)
    except KeyboardInterrupt:
        if not done:
            raise
        return done, True
    return done, False


def _figures(table: Table, replayed: Replayed) -> dict[str, Any]:
    """What a run is judged by."""
    shares = volume_shares(table, replayed.rows)
    figures: dict[str, Any] = {
        "hypervolume": [round(share, 6) for share in shares],
        "proposal_ms": [round(ms, 3) for ms in replayed.proposal_ms],
        **{f"to_{percent}": measurements_to(shares, percent) for percent in PERCENTS},
    }
    if table.violations:
        found = feasibility(table, replayed.rows)
        figures |= {
            "to_first_feasible": found.first,
            "to_best_feasible": found.best,
            "regret": [None if regret is None else round(regret, 6) for regret in found.regret],
        }
    return figures
