"""Tables of what ``compare.py run`` left under ``results``: means, cells won, measurements to a share.

python benchmarks/search/figures.py
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
BUDGETS = (15, 30, 60)
PEERS = ("random", "nsga2", "tpe", "gp", "botorch")
PROCESSES = ("gp", "botorch")
NEVER = 999.0
LEVEL = 0.002  # means within this, or one paired standard error, are level
HARD = 20.0  # measurements to 95 % that the best peer must need before the ratio is asked for

HEAD = """# Figures of the search

Written by figures.py from results/. Mean share of the true hypervolume; surrogate, random, NSGA-II and TPE 10 seeds,
Optuna's GPSampler 5, BoTorch's qLogNEHVI so far 1 on one pair of five campaigns; empty where not run yet. A mean is
level with another within 0.002 or one paired standard error."""

Runs = dict[int, dict[str, Any]]


def load(kind: str) -> dict[tuple[str, str], Runs]:
    """By (strategy, pair) the runs by seed."""
    found: dict[tuple[str, str], Runs] = defaultdict(dict)
    for path in sorted((HERE / "results" / kind).glob("*.jsonl")):
        for run in map(json.loads, path.read_text().splitlines()):
            found[path.stem, run["pair"]][run["seed"]] = run
    return dict(found)


def at(runs: Runs, budget: int) -> dict[int, float]:
    """By seed the share of hypervolume after so many measurements."""
    return {seed: run["hypervolume"][budget - 1] for seed, run in runs.items() if len(run["hypervolume"]) >= budget}


def level(ours: Runs, theirs: Runs, budget: int) -> bool:
    """Whether our mean is not below theirs by more than what counts as level."""
    one, two = at(ours, budget), at(theirs, budget)
    common = sorted(set(one) & set(two))
    apart = np.array([one[seed] - two[seed] for seed in common])
    error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else 0.0
    return bool(np.mean(list(one.values())) >= np.mean(list(two.values())) - max(LEVEL, error))


def median_to(runs: Runs, share: float) -> float:
    """Median of the measurements that a share takes; ``NEVER`` where half of the seeds do not reach it."""
    counts = [
        next((at + 1 for at, value in enumerate(run["hypervolume"]) if value >= share), NEVER) for run in runs.values()
    ]
    return float(np.median(counts))


def shown(count: float) -> str:
    """A number of measurements for a table."""
    return "-" if count >= NEVER / 2 else f"{count:g}"


def pairs_of(found: dict[tuple[str, str], Runs]) -> list[str]:
    """All pairs that the surrogate ran on."""
    return sorted({pair for strategy, pair in found if strategy == "surrogate"})


def cold(found: dict[tuple[str, str], Runs]) -> None:
    """Means by pair and budget, and how often the surrogate is best or level."""
    print("\n### Cold: mean share of the hypervolume\n")
    print("| pair | budget | surrogate | " + " | ".join(PEERS) + " | |\n|---|--:|--:|" + "--:|" * len(PEERS) + "---|")
    won = total = 0
    for pair in pairs_of(found):
        ours = found["surrogate", pair]
        rows = next(iter(ours.values()))["rows"]
        for budget in (budget for budget in BUDGETS if 4 * budget <= rows):
            peers = {peer: found[peer, pair] for peer in PEERS if (peer, pair) in found}
            means = {peer: np.mean(list(at(runs, budget).values())) for peer, runs in peers.items()}
            good = all(level(ours, runs, budget) for runs in peers.values())
            won, total = won + good, total + 1
            cells = [f"{means[peer]:.4f}" if peer in means else "" for peer in PEERS]
            mean = np.mean(list(at(ours, budget).values()))
            print(f"| {pair} | {budget} | {mean:.4f} | {' | '.join(cells)} | {'' if good else 'behind'} |")
    print(f"\nBest or level in {won} of {total} cells ({won / total:.0%}).")


def needed(found: dict[tuple[str, str], Runs], strategy: str) -> None:
    """Median measurements to 95 %, and whether they are few enough."""
    print(f"\n### Measurements to 95 % (median over seeds), {strategy}\n")
    print(f"| pair | {strategy} | " + " | ".join(PEERS) + " | asked | |\n|---|--:|" + "--:|" * len(PEERS) + "--:|---|")
    good = asked = 0
    for pair in pairs_of(found):
        if (strategy, pair) not in found:
            continue
        count = median_to(found[strategy, pair], 0.95)
        peers = {peer: median_to(found[peer, pair], 0.95) for peer in PEERS if (peer, pair) in found}
        cells = [shown(peers[peer]) if peer in peers else "" for peer in PEERS]
        limits = [
            number * (0.8 if peer in PROCESSES and strategy == "surrogate" else 0.5)
            for peer, number in peers.items()
            if number < NEVER / 2
        ]
        limit = min(limits, default=NEVER)
        counts = min(peers.values()) >= HARD
        kept = count <= limit and count < NEVER / 2
        good, asked = good + (counts and kept), asked + counts
        limit_text = shown(limit) if counts else "not asked"
        print(
            f"| {pair} | {shown(count)} | {' | '.join(cells)} | {limit_text} | {'' if kept or not counts else 'more'} |"
        )
    print(f"\nFew enough in {good} of {asked} pairs that are asked for; '-' is not reached within 60.")


def warm(found: dict[tuple[str, str], Runs]) -> None:
    """What a history gives at 15, against the cold start."""
    print("\n### Warm: mean share at 15\n")
    print("| pair | warm 15 | without quality 15 | cold 15 | cold 60 | |\n|---|--:|--:|--:|--:|---|")
    good = total = 0
    for pair in pairs_of(found):
        if ("warm", pair) not in found:
            continue
        ours = found["surrogate", pair]
        numbers = {
            kind: np.mean(list(at(found[kind, pair], 15).values()))
            for kind in ("warm", "blind")
            if (kind, pair) in found
        }
        sixty = np.mean(list(at(ours, 60).values()))
        kept = numbers["warm"] >= sixty
        good, total = good + kept, total + 1
        blind = f"{numbers['blind']:.4f}" if "blind" in numbers else ""
        fifteen = np.mean(list(at(ours, 15).values()))
        print(f"| {pair} | {numbers['warm']:.4f} | {blind} | {fifteen:.4f} | {sixty:.4f} | {'' if kept else 'less'} |")
    print(f"\nAt 15 what cold reaches at 60: {good} of {total} pairs.")
    costs = {
        (pair, budget): np.mean(
            [
                at(found["surrogate", pair], budget)[seed] - share
                for seed, share in at(found["foreign", pair], budget).items()
            ]
        )
        for pair in pairs_of(found)
        for budget in BUDGETS
        if ("foreign", pair) in found
    }
    if costs:
        worst = max(costs, key=lambda key: costs[key])
        print(f"A foreign history costs at most {costs[worst]:.4f} ({worst[0]} at {worst[1]}).")


def constrained(found: dict[tuple[str, str], Runs]) -> None:
    """Median measurements to the first and to the best feasible candidate."""
    print("\n### With the quality's 70th percentile as a limit: first / best feasible (median)\n")
    print("| pair | surrogate | " + " | ".join(PEERS) + " | |\n|---|--:|" + "--:|" * len(PEERS) + "---|")
    good = total = 0
    for pair in pairs_of(found):
        numbers = {
            name: (_first(found[name, pair]), _best(found[name, pair]))
            for name in ("surrogate", *PEERS)
            if (name, pair) in found
        }
        kept = all(
            numbers["surrogate"][part] <= min(pair_of[part] for name, pair_of in numbers.items() if name != "surrogate")
            for part in (0, 1)
        )
        good, total = good + kept, total + 1
        cells = [
            f"{shown(numbers[n][0])} / {shown(numbers[n][1])}" if n in numbers else "" for n in ("surrogate", *PEERS)
        ]
        print(f"| {pair} | {' | '.join(cells)} | {'' if kept else 'more'} |")
    print(f"\nNo more than the best peer in {good} of {total} pairs.")


def _first(runs: Runs) -> float:
    counts = [next((at + 1 for at, off in enumerate(run["regret"]) if off is not None), NEVER) for run in runs.values()]
    return float(np.median(counts))


def _best(runs: Runs) -> float:
    counts = [
        next((at + 1 for at, off in enumerate(run["regret"]) if off is not None and off <= 0), NEVER)
        for run in runs.values()
    ]
    return float(np.median(counts))


def main() -> None:
    """Print all tables that there are results for."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    free, limited = load("free"), load("constrained")
    print(HEAD)
    cold(free)
    needed(free, "surrogate")
    needed(free, "warm")
    warm(free)
    if limited:
        constrained(limited)
    times = [run["proposal_ms"] for (name, _), runs in free.items() if name == "surrogate" for run in runs.values()]
    print(f"\nMedian proposal of the surrogate: {np.median(times):.0f} ms.")


if __name__ == "__main__":
    main()
