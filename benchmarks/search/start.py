"""What a saved surrogate is worth at the start of a search: the digits table replayed with it and without.

    autoedge retrain --from measurements/ARCHITECTURES --out surrogate_models/default
    OMP_NUM_THREADS=1 python benchmarks/search/start.py --surrogate surrogate_models/default

The surrogate must not have learned any row of the digits models. ``shuffled`` starts from one that was trained on the
table's own candidates with the figures of others: what a bad surrogate costs. ``--objectives`` asks for other columns
of the table, such as accuracy, of which a surrogate of models with drawn weights can know nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.campaign.campaign import Campaign, read_campaign
from autoedge.campaign.card import ObjectiveColumn
from autoedge.campaign.results import results_of
from autoedge.campaign.table import Table
from autoedge.metric import by_key
from autoedge.search.foretold import foretell
from autoedge.search.replaying import informed, replay
from autoedge.search.scoring import measurements_to, volume_shares
from autoedge.surrogate.saved.rows import rows_of
from autoedge.surrogate.saved.surrogate import Surrogate, load_surrogate
from autoedge.surrogate.saved.training import train

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS = Path(__file__).parent / "digits"
PLACES = (5, 15, 30, 60)


def digits(objectives: Sequence[str]) -> Campaign:
    """The recorded table with some of its columns as objectives."""
    campaign = read_campaign(DIGITS)
    columns = {
        name: campaign.card.objectives.get(name) or ObjectiveColumn(direction=by_key(name).direction)
        for name in objectives
    }
    return Campaign(campaign.card.model_copy(update={"objectives": columns}), campaign.frame)


def shuffled(campaign: Campaign) -> Surrogate:
    """Trained on the very candidates with the figures of others."""
    frame = campaign.frame.copy()
    for seed, name in enumerate(campaign.card.objectives):
        frame[name] = np.random.default_rng(seed).permutation(frame[name].to_numpy())
    trained = train(rows_of(Campaign(campaign.card, frame)), [])
    return Surrogate(trained.card, trained.text)


def runs(campaign: Campaign, surrogate: Surrogate | None, seeds: int) -> list[dict[str, Any]]:
    """What the surrogate strategy does with each seed."""
    table = Table(campaign, campaign.targets[0])
    decadic = [name for name, column in campaign.card.objectives.items() if column.scale == "log"]
    foretold = {} if surrogate is None else foretell(surrogate, results_of(table), decadic=decadic)
    found = []
    for seed in range(seeds):
        done = replay(table, informed("surrogate", (), foretold), seed=seed, budget=max(PLACES))
        shares = volume_shares(table, done.rows)
        found.append({
            "seed": seed,
            **{f"to_{percent}": measurements_to(shares, percent) for percent in (90, 95, 99)},
            "hypervolume": [round(share, 6) for share in shares],
            "proposal_ms": round(median(done.proposal_ms), 1),
        })  # fmt: skip
    return found


def line(name: str, found: Sequence[dict[str, Any]]) -> str:
    """One row of the table."""
    counts = []
    for key in ("to_95", "to_99"):
        each = [run[key] for run in found]
        known = [count if count is not None else float("inf") for count in each]
        counts.append(f"{median(known):g} ({', '.join('-' if one is None else str(one) for one in each)})")
    shares = [f"{mean(run['hypervolume'][place - 1] for run in found):.3f}" for place in PLACES]
    return f"| {name} | {' | '.join([*counts, *shares])} | {median(run['proposal_ms'] for run in found):.0f} ms |"


def main() -> None:
    """Replay, and print the table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--surrogate", type=Path, required=True, help="folder of a saved surrogate")
    options.add_argument("--objectives", default="latency_p50_ms,memory_peak_mib", help="columns, between commas")
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--out", type=Path, help="where the runs are written to as JSON")
    given = options.parse_args()
    campaign = digits(given.objectives.split(","))
    saved = load_surrogate(given.surrogate)
    if any("digits" in source.name for source in saved.card.sources):
        sys.exit(f"{given.surrogate} was trained on {', '.join(source.name for source in saved.card.sources)}")
    places = " | ".join(f"after {place}" for place in PLACES)
    print(f"| start | to 95 % (by seed) | to 99 % (by seed) | {places} | proposal |")
    print(f"|---|---|---|{'--:|' * (len(PLACES) + 1)}")
    found = {}
    for name, surrogate in (("cold", None), ("surrogate", saved), ("shuffled", shuffled(campaign))):
        found[name] = runs(campaign, surrogate, given.seeds)
        print(line(name, found[name]), flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
