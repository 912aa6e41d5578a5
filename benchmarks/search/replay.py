"""Replay strategies on the recorded table: how much of the true hypervolume after how many measurements.

Objectives: logarithm of latency_p50 and of memory_peak, min-max over the table, reference point 1.1.

    python benchmarks/search/replay.py --seeds 10 --budget 40
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import optuna
import pandas as pd

from autoedge.pareto import hypervolume
from autoedge.search.study import Board
from autoedge.space.columns import Knob

HERE = Path(__file__).parent
OBJECTIVES = ("latency_p50_ms", "memory_peak_mib")
KNOBS = ("model", "precision", "calibration", "granularity", "batch", "threads", "graph_level", "execution", "spinning")
ORDERED = ("batch", "threads")


class Recorded:
    """A pool of recorded candidates."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._features = frame[[name for name in frame if name.startswith("log_")]]
        self.knobs: dict[str, Knob] = {}
        columns = []
        for name in KNOBS:
            values = frame[name].tolist()
            levels = sorted(set(values)) if name in ORDERED else list(dict.fromkeys(values))
            self.knobs[name] = Knob(name, tuple(levels), name in ORDERED)
            columns.append([levels.index(value) for value in values])
        self.codes = np.array(columns).T

    def features(self) -> tuple[tuple[str, ...], np.ndarray]:
        """What is known of each candidate's model."""
        return tuple(self._features), self._features.to_numpy(float)


def replay(frame: pd.DataFrame, points: np.ndarray, strategy: str, seed: int, budget: int) -> tuple[list[float], float]:
    """Hypervolume after each measurement, and the median time of a proposal in ms."""
    storage = optuna.storages.InMemoryStorage()
    objectives = [(name, "minimize") for name in OBJECTIVES]
    board = Board(storage, "replay", pool=Recorded(frame), objectives=objectives, strategy=strategy, seed=seed)
    seen: list[int] = []
    curve, times = [], []
    while len(seen) < budget:
        begun = time.perf_counter()
        proposal = board.propose()
        times.append((time.perf_counter() - begun) * 1e3)
        if proposal is None:
            break
        trial, row = proposal
        board.complete(trial, tuple(float(frame[name].iloc[row]) for name in OBJECTIVES))
        seen.append(row)
        curve.append(hypervolume(points[seen], [1.1, 1.1]))
    return curve, float(np.median(times))


def main() -> None:
    """Print median and quartiles of the fraction of the table's hypervolume, by strategy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", type=Path, default=HERE / "digits-table.csv")
    parser.add_argument("--strategies", default="surrogate,tpe,nsga2,random")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=int, default=40)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    frame = pd.read_csv(options.table, keep_default_na=False)
    logs = np.log(frame[list(OBJECTIVES)].to_numpy(float))
    points = (logs - logs.min(axis=0)) / np.ptp(logs, axis=0)
    truth = hypervolume(points, [1.1, 1.1])
    print(
        f"{len(frame)} candidates, {options.budget} measurements, {options.seeds} seeds, true hypervolume {truth:.4f}"
    )
    for strategy in options.strategies.split(","):
        results = [replay(frame, points, strategy, seed, options.budget) for seed in range(options.seeds)]
        ends = np.array([curve[-1] for curve, _ in results]) / truth
        half = np.array([curve[options.budget // 2 - 1] for curve, _ in results]) / truth
        low, median, high = np.percentile(ends, [25, 50, 75])
        print(
            f"{strategy:10} median {median:.4f} (quartiles {low:.4f} .. {high:.4f}), "
            f"after {options.budget // 2}: {np.median(half):.4f}, proposal {np.median([t for _, t in results]):.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
