"""Replay all strategies on all recorded campaigns: budgets 15, 30 and 60, cold, warm and with a constraint.

    OMP_NUM_THREADS=1 python benchmarks/search/compare.py --campaigns ../shared/campaigns --jobs 2 [--constrained]

``run`` goes on where it was stopped: one line a run in ``benchmarks/search/results``, made anew with ``--fresh``.
``figures.py`` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.limit import Limit
from autoedge.campaign.table import Table
from autoedge.search.replaying import replay
from autoedge.search.scoring import feasibility, volume_shares

if TYPE_CHECKING:
    from autoedge.search.strategies import Maker

HERE = Path(__file__).parent
BUDGET = 60
FEWEST_ROWS = 100
SEEDS = {
    "surrogate": 10,
    "warm": 10,
    "blind": 10,
    "foreign": 10,
    "random": 10,
    "nsga2": 10,
    "tpe": 10,
    "gp": 5,
    "botorch": 3,
}
NB201 = ("1080ti_1", "gold_6240_1", "pixel3_1", "samsung_a50_1")
QUALITY = ("accuracy_pct", "map50_95")


@dataclass(frozen=True)
class Job:
    """One run."""

    root: Path
    campaign: str
    target: str
    strategy: str
    seed: int
    budget: int
    constrained: bool


def pairs(root: Path) -> list[tuple[str, str]]:
    """All (campaign, target) with enough rows; of the large campaign four."""
    found = []
    for folder in sorted(path.parent for path in root.glob("*/campaign.json")):
        campaign = read_campaign(folder)
        names = NB201 if folder.name == "nb201-devices" else campaign.targets
        found += [(folder.name, name) for name in names if len(campaign.of(name)) >= FEWEST_ROWS]
    return found


def seeds_of(strategy: str, table: Table, pair: tuple[str, str], first: set[tuple[str, str]]) -> int:
    """How often a strategy runs on a pair; the slow peers run less, or not at all."""
    if strategy == "gp" and max(len(knob.levels) for knob in table.knobs.values()) > 100:
        return 0
    if strategy == "botorch" and pair not in first:
        return 0
    return SEEDS[strategy]


def limit_of(table: Table) -> Limit | None:
    """The quality objective's 70th percentile as its limit."""
    for name in QUALITY:
        if name in table.frame:
            return Limit(name, ">=", float(np.percentile(table.frame[name], 70)))
    return None


def one(job: Job) -> dict[str, Any] | None:
    """Run one strategy with one seed on one pair; None where there is nothing to run."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    campaign = read_campaign(job.root / job.campaign)
    table = Table(campaign, job.target)
    if job.constrained:
        limit = limit_of(table)
        if limit is None:
            return None
        table = Table(campaign, job.target, [limit])
    maker = maker_of(job)
    if maker is None:
        return None
    done = replay(table, maker, seed=job.seed, budget=job.budget)
    document: dict[str, Any] = {
        "pair": f"{job.campaign}@{job.target}",
        "seed": job.seed,
        "rows": len(table),
        "proposal_ms": round(float(np.median(done.proposal_ms)), 1),
        "hypervolume": [round(share, 5) for share in volume_shares(table, done.rows)],
    }
    if job.constrained:
        regrets = feasibility(table, done.rows).regret
        document["regret"] = [None if regret is None else round(regret, 5) for regret in regrets]
    return document


def maker_of(job: Job) -> str | Maker | None:
    """The strategy of a job, or what makes its sampler."""
    if job.strategy == "botorch":
        from botorch_peer import make_botorch

        return make_botorch
    if job.strategy in {"warm", "blind", "foreign"}:
        from warm import make_warm

        return make_warm(job.root, job.campaign, job.target, job.strategy)
    return job.strategy


def where(strategy: str, *, constrained: bool) -> Path:
    """The file of a strategy's runs."""
    return HERE / "results" / ("constrained" if constrained else "free") / f"{strategy}.jsonl"


def run(options: argparse.Namespace) -> None:
    """Run what is missing."""
    everything = pairs(options.campaigns)
    first = {pair for at, pair in enumerate(everything) if pair[0] not in {other for other, _ in everything[:at]}}
    for strategy in options.strategies.split(","):
        path = where(strategy, constrained=options.constrained)
        path.parent.mkdir(parents=True, exist_ok=True)
        if options.fresh:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        done = {(run["pair"], run["seed"]) for run in map(json.loads, lines)}
        jobs = []
        for pair in everything:
            if options.only and not any(part in "@".join(pair) for part in options.only.split(",")):
                continue
            table = Table(read_campaign(options.campaigns / pair[0]), pair[1])
            count = min(seeds_of(strategy, table, pair, first), options.seeds)
            jobs += [
                Job(options.campaigns, *pair, strategy, seed, options.budget, options.constrained)
                for seed in range(count)
                if ("@".join(pair), seed) not in done
            ]
        print(strategy, len(jobs), "runs", flush=True)
        # A process of its own for each run: the peers' memory grows from run to run.
        with ProcessPoolExecutor(options.jobs, max_tasks_per_child=1, mp_context=get_context("spawn")) as executor:
            for document in executor.map(one, jobs):
                if document is not None:
                    with path.open("a") as file:
                        file.write(json.dumps(document) + "\n")
                    print(document["pair"], document["seed"], document["hypervolume"][-1], flush=True)


def main() -> None:
    """Run or print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=Path, default=HERE.parents[2] / "shared" / "campaigns")
    parser.add_argument("--strategies", default="surrogate,warm,blind,foreign,random,nsga2,tpe,gp,botorch")
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=99)
    parser.add_argument("--budget", type=int, default=BUDGET)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--constrained", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    run(parser.parse_args())


sys.path.insert(0, str(HERE))  # the peers beside this file, in spawned processes too

if __name__ == "__main__":
    main()
