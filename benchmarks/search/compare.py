"""Replay all strategies on all recorded campaigns: budgets 15, 30 and 60, cold, warm and with a constraint.

    OMP_NUM_THREADS=1 python benchmarks/search/compare.py run --campaigns ../shared/campaigns --jobs 2
    python benchmarks/search/compare.py table

``run`` goes on where it was stopped: one file a run under ``benchmarks/search/results``, made anew with ``--fresh``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import optuna

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.limit import Limit
from autoedge.campaign.table import Table
from autoedge.search.replaying import replay

HERE = Path(__file__).parent
BUDGET = int(__import__("os").environ.get("BUD", "60"))
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


def one(job: tuple[str, str, str, str, int, bool]) -> str:
    """Run one strategy with one seed on one pair, and write its curve."""
    root, name, target, strategy, seed, constrained = job
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    campaign = read_campaign(Path(root) / name)
    table = Table(campaign, target)
    if constrained:
        limit = limit_of(table)
        if limit is None:
            return ""
        table = Table(campaign, target, [limit])
    maker = strategy
    if strategy == "botorch":
        from botorch_peer import make_botorch as maker
    elif strategy in {"warm", "blind", "foreign"}:
        from warm import make_warm

        maker = make_warm(Path(root), name, target, strategy)
        if maker is None:
            return ""
    begun = time.time()
    done = replay(table, maker, seed=seed, budget=BUDGET)
    curve = [table.hypervolume(done.rows[: count + 1]) / table.true_hypervolume for count in range(len(done.rows))]
    document = {
        "hypervolume": [round(value, 6) for value in curve],
        "proposal_ms": [round(ms, 1) for ms in done.proposal_ms],
        "rows": len(table),
    }
    if constrained:
        feasible = table.feasible
        signed = table.points[:, 0]
        best = signed[feasible].min()
        kept = [signed[row] if feasible[row] else np.inf for row in done.rows]
        regret = np.minimum.accumulate(kept) - best
        document["regret"] = [round(float(value), 6) if np.isfinite(value) else None for value in regret]
    path = where(name, target, strategy, seed, constrained=constrained)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document) + "\n")
    return f"{path.stem} {curve[-1]:.4f} in {time.time() - begun:.0f} s"


def where(name: str, target: str, strategy: str, seed: int, *, constrained: bool) -> Path:
    """The file of one run."""
    folder = HERE / "results" / ("constrained" if constrained else "free") / strategy
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in target)
    return folder / f"{name}@{safe}@{seed}.json"


def run(options: argparse.Namespace) -> None:
    """Run what is missing."""
    root = options.campaigns
    everything = pairs(root)
    first = {pair for at, pair in enumerate(everything) if pair[0] not in {other for other, _ in everything[:at]}}
    jobs = []
    for strategy in options.strategies.split(","):
        for pair in everything:
            if options.only and not any(part in "@".join(pair) for part in options.only.split(",")):
                continue
            table = Table(read_campaign(root / pair[0]), pair[1])
            count = min(seeds_of(strategy, table, pair, first), options.seeds)
            jobs += [
                (str(root), *pair, strategy, seed, options.constrained)
                for seed in range(count)
                if options.fresh or not where(*pair, strategy, seed, constrained=options.constrained).exists()
            ]
    print(len(jobs), "runs", flush=True)
    with ProcessPoolExecutor(options.jobs) as executor:
        for line in executor.map(one, jobs):
            print(line, flush=True)


def main() -> None:
    """Run or print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("--campaigns", type=Path, default=HERE.parents[2] / "shared" / "campaigns")
    parser.add_argument("--strategies", default="surrogate,warm,blind,foreign,random,nsga2,tpe,gp,botorch")
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=99)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--constrained", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    run(parser.parse_args())


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
