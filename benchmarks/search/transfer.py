r"""A new device from ten of its own values: leave out one hardware at a time, and learn from all others.

For each seed, one model a device is learned from the same random candidates. Then each device is predicted from the
devices of other hardware and a few rows of its own, and ranked beside two references: the nearest training device (of
all models the one whose predictions rank the few rows best), and one known number such as MACs. "own rows" is what
a model learned from as many rows of the device itself reaches: about what there is to be reached.

    python benchmarks/search/transfer.py DIR/nb201-devices \
        --hardware-of _ --twins 1080ti,titanx --rank-by macs_32x32
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.results import Results, results_of
from autoedge.campaign.table import Table
from autoedge.surrogate.described import describe
from autoedge.surrogate.fewshot import FewShot
from autoedge.surrogate.sources import predict_from
from autoedge.surrogate.threads import one_thread

COLUMNS = ("random", "spread", "nearest device", "known number", "own rows", "median error", "in 90 % band")


def main() -> None:
    """Print the table, one row a device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("--objective", default="latency_ms")
    parser.add_argument("--train-samples", type=int, default=900)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--hardware-of", default="", help="a target is its hardware up to the last of this mark")
    parser.add_argument("--twins", default="", help="hardware that is left out together, between commas")
    parser.add_argument("--rank-by", default="", help="a feature to rank by, as reference")
    asked = parser.parse_args()
    with one_thread():
        figures = {seed: _judged(asked, seed) for seed in range(asked.seeds)}
    names = list(figures[0])
    print("| device | " + " | ".join(COLUMNS) + " |")
    print("|---|" + "---:|" * len(COLUMNS))
    each = {name: np.mean([figures[seed][name] for seed in figures], axis=0) for name in names}
    for name in names:
        print(f"| {name} | " + _cells(each[name]))
    print("| **mean** | " + _cells(np.mean(list(each.values()), axis=0)))


def _cells(row: np.ndarray) -> str:
    ranks = " | ".join("" if np.isnan(value) else f"{value:.3f}" for value in row[:5])
    return f"{ranks} | {row[5]:.1%} | {row[6]:.0%} |"


def _judged(asked: argparse.Namespace, seed: int) -> dict[str, list[float]]:
    """Figures of each device for one seed, in the order of ``COLUMNS``."""
    campaign = read_campaign(asked.campaign)
    tables = {name: results_of(Table(campaign, name)) for name in campaign.targets}
    log = campaign.card.objectives[asked.objective].scale == "log"
    twins = {name: asked.twins for name in asked.twins.split(",") if name}
    hardware = {name: name.rsplit(asked.hardware_of, 1)[0] if asked.hardware_of else name for name in tables}
    hardware = {name: twins.get(kind, kind) for name, kind in hardware.items()}
    learned = {name: _drawn(table, asked.train_samples, seed) for name, table in tables.items()}
    told: dict[tuple[str, int], np.ndarray] = {}  # devices with the same candidates share what a model says of them
    figures = {}
    for name, table in tables.items():
        others = [other for other in tables if hardware[other] != hardware[name]]
        same = _candidates(table)
        for other in [*others, name]:
            if (other, same) not in told:
                told[other, same] = predict_from(learned[other], asked.objective, table)
        predictions = np.column_stack([told[other, same] for other in others])
        values = table.values[asked.objective]
        model = FewShot(predictions, describe(table))
        rows = np.random.default_rng([seed, 1]).choice(len(table), asked.samples, replace=False)
        rest = np.setdiff1d(np.arange(len(table)), rows)
        mean, std = model.fit(rows, values[rows]).predict(rest)
        spread = model.spread_out(asked.samples, np.arange(len(table)))
        unspread = np.setdiff1d(np.arange(len(table)), spread)
        designed, _ = model.fit(spread, values[spread]).predict(unspread)
        nearest = max(predictions.T, key=lambda column: _rank(column[rows], values[rows]))
        off = np.abs(10.0 ** (mean - values[rest]) - 1.0) if log else np.abs(mean / values[rest] - 1.0)
        unseen = np.setdiff1d(np.arange(len(table)), _places(learned[name], table))
        figures[name] = [
            _rank(mean, values[rest]),
            _rank(designed, values[unspread]),
            _rank(nearest[rest], values[rest]),
            _rank(table.features[asked.rank_by][rest], values[rest]) if asked.rank_by else np.nan,
            _rank(told[name, same][unseen], values[unseen]) if len(unseen) > 2 else np.nan,
            float(np.median(off)),
            float((np.abs(mean - values[rest]) <= 1.645 * std).mean()),
        ]
    return figures


def _rank(predicted: np.ndarray, values: np.ndarray) -> float:
    """Spearman's correlation; what cannot be predicted is taken as average, and what does not differ ranks nothing."""
    known = np.isfinite(predicted)
    if not known.any():
        return -1.0
    filled = np.where(known, predicted, np.median(predicted[known]))
    return -1.0 if np.ptp(filled) == 0 else float(spearmanr(filled, values)[0])


def _drawn(table: Results, count: int, seed: int) -> Results:
    """The same candidates for all devices that have the same."""
    return table.take(np.random.default_rng([seed, 0]).permutation(len(table))[:count])


def _keys(table: Results) -> list[tuple[str, ...]]:
    return list(zip(*[np.asarray(column).astype(str).tolist() for column in table.knobs.values()], strict=True))


def _candidates(table: Results) -> int:
    return hash(tuple(_keys(table)))


def _places(part: Results, whole: Results) -> list[int]:
    places = {key: row for row, key in enumerate(_keys(whole))}
    return [places[key] for key in _keys(part)]


if __name__ == "__main__":
    main()
