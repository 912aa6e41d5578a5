"""How long a proposal takes in large spaces, how long they take to enumerate, and in how much memory.

Each case runs in a fresh process: a space made from a search space file (models, precisions, knobs that apply only
under conditions; one target or three), or a plain product of knobs with features. The surrogate measures made-up values
until 100 are known, then the next 20 proposals are timed, by the clock and, since other work on the machine slows that,
by the time of the processor: in a study in memory, and in a SQLite file as ``select`` keeps it. ``board`` is what it
takes to begin a search, ``slowest`` has the loading of the libraries in it.

Aims, as medians: a million candidates enumerated in 2 s; a proposal in 150 ms with 50,000 candidates and in 1 s with a
million; each in 1.5 GiB.

    python benchmarks/search/speed.py [--case NAME] [--json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN, TIMED = 100, 20

SPACE_FILE = """
version: 1
name: speed
runtime: onnxruntime
formats: [.onnx]
knobs:
  precision: {part: recipe, levels: [fp32, fp16, int8-dynamic, int8-static]}
  calibration: {part: recipe, levels: [minmax, entropy, percentile], when: {precision: [int8-static]}}
  granularity: {part: recipe, levels: [tensor, channel], when: {precision: [int8-static]}}
  batch: {ordered: true, levels: [1, 2, 4, 8, 16, 32, 64], default: 1}
  threads: {ordered: true, levels: {from: 1, to: cores}, default: cores}
  graph_level: {levels: [disable, basic, extended, all], default: all}
  execution: {levels: [sequential, parallel], default: sequential, when: {threads: {min: 2}}}
  spinning: {levels: ["on", "off"], default: "on", when: {threads: {min: 2}}}
  arena: {levels: ["on", "off"], default: "on"}
"""
SWITCHES = ("memory_pattern", "prepacking", "denormals")  # turn 8,568 candidates of a model into 68,544


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        models: Of a space; 0 for a plain product.
        targets: Of a space.
        switches: More knobs of two levels.
        levels: Of each knob of a plain product.
        objectives: How many; with more than two there is a constraint too.
        stored: Whether the study is a SQLite file.
    """

    models: int = 0
    targets: int = 1
    switches: int = 0
    levels: tuple[int, ...] = ()
    objectives: int = 2
    stored: bool = False


SMALL, LARGE = {"models": 6}, {"models": 5, "targets": 3, "switches": 3}
CASES = {
    "space-50k": Case(**SMALL),
    "space-50k-sqlite": Case(**SMALL, stored=True),
    "space-50k-three": Case(**SMALL, objectives=3),
    "product-50k": Case(levels=(8, 5, 5, 5, 5, 10)),
    "space-1m": Case(**LARGE),
    "space-1m-sqlite": Case(**LARGE, stored=True),
    "space-1m-three": Case(**LARGE, objectives=3),
    "product-1m": Case(levels=(10,) * 6),
}


@dataclass(frozen=True)
class Knob:
    """One knob of a plain product."""

    name: str
    levels: tuple[Any, ...]
    ordered: bool


class Product:
    """All combinations of some knobs; every other one is ordered, the first decides eight features."""

    def __init__(self, levels: tuple[int, ...]) -> None:
        self.knobs = {
            f"k{i}": Knob(f"k{i}", tuple(range(n)) if i % 2 else tuple(f"v{j}" for j in range(n)), bool(i % 2))
            for i, n in enumerate(levels)
        }
        self.codes = np.indices(levels, dtype=np.int32).reshape(len(levels), -1).T

    def __len__(self) -> int:
        return len(self.codes)

    def features(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Eight numbers, as if of a model."""
        table = np.exp(np.random.default_rng(0).normal(size=(len(self.knobs["k0"].levels), 8)))
        return tuple(f"f{i}" for i in range(8)), table[self.codes[:, 0]]


def made(case: Case) -> Any:
    """The pool of a case."""
    if case.levels:
        return Product(case.levels)
    from autoedge.device import Device
    from autoedge.space.declaration import read_space_file
    from autoedge.space.facts import ModelFacts
    from autoedge.space.space import Space

    rng = np.random.default_rng(0)
    names = ("log_macs", "log_parameters", "log_activations", "depth", "convolutions")
    models = [
        ModelFacts(f"m{i}", features=dict(zip(names, rng.random(5) * 5, strict=True))) for i in range(case.models)
    ]
    devices = {
        f"board{i}": Device(f"id{i}", "aarch64", "A CPU", 16, 8, 4096 * (i + 1), "Linux 6", "3.11.7", {})
        for i in range(case.targets)
    }
    text = SPACE_FILE + "".join(
        f'  {name}: {{levels: ["on", "off"], default: "on"}}\n' for name in SWITCHES[: case.switches]
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speed.yaml"
        path.write_text(text, encoding="utf-8")
        file = read_space_file(path)
    begun = time.perf_counter()
    space = Space([file], models, devices, {})
    MEASURED["enumerate_s"] = time.perf_counter() - begun
    return space


MEASURED: dict[str, float] = {}


def values_of(codes: np.ndarray, knobs: list[Any], count: int) -> np.ndarray:
    """Made-up costs of candidates, shape (n, count): effects of single knobs and of pairs, the objectives at odds."""
    rng = np.random.default_rng(1)
    total = np.zeros((len(codes), count))
    for column, knob in zip(codes.T, knobs, strict=True):
        effects = rng.normal(size=(len(knob.levels), count)) * rng.choice([0.1, 0.3, 1.0])
        if knob.ordered:
            effects = np.cumsum(np.abs(effects) / len(effects), axis=0) * rng.choice([-1.0, 1.0], size=count)
        effects[:, -1] -= effects[:, 0] * 0.7
        total += effects[column]
    for first, second in itertools.pairwise(range(codes.shape[1])):
        effects = rng.normal(size=(len(knobs[first].levels), len(knobs[second].levels), count)) * 0.15
        total += effects[codes[:, first], codes[:, second]]
    return np.exp(total)


def proposals(board: Any, codes: np.ndarray, knobs: list[Any], count: int) -> Iterator[tuple[float, float]]:
    """Seconds of each proposal by the clock and of the processor, the one after the other measured."""
    while True:
        begun, worked = time.perf_counter(), time.process_time()
        trial, row = board.propose()
        yield time.perf_counter() - begun, time.process_time() - worked
        values = values_of(codes[[row]], knobs, count)[0]
        limits = {"first <= 1": float(values[0] - 1.0)} if count > 2 else {}
        board.complete(trial, values.tolist(), limits)


def run(case: Case) -> dict[str, float]:
    """What a case measures, in this process."""
    import optuna

    from autoedge.search.study import Board

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    begun = time.perf_counter()
    pool = made(case)
    MEASURED.setdefault("enumerate_s", time.perf_counter() - begun)
    objectives = [(f"y{i}", "minimize") for i in range(case.objectives)]
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/study.db" if case.stored else optuna.storages.InMemoryStorage()
        begun = time.perf_counter()
        board = Board(storage, "speed", pool=pool, objectives=objectives)
        board_s = time.perf_counter() - begun
        knobs = list(pool.knobs.values())
        times = list(itertools.islice(proposals(board, pool.codes, knobs, case.objectives), KNOWN + TIMED))
        board.close()
    seconds = [clock for clock, _ in times]
    return {
        "candidates": len(pool),
        "knobs": len(knobs),
        **MEASURED,
        "board_s": board_s,
        "first_ms": seconds[0] * 1e3,
        "median_ms": float(np.median(seconds[KNOWN:])) * 1e3,
        "processor_ms": float(np.median([worked for _, worked in times[KNOWN:]])) * 1e3,
        "worst_ms": max(seconds) * 1e3,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Print one row a case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--json", action="store_true", help="one case, in this process, as JSON")
    options = parser.parse_args()
    if options.json:
        print(json.dumps(run(CASES[options.case[0]])))
        return
    print("| case | candidates | enumerate | board | first | median of 20 at 100 | processor | slowest | peak memory |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name in options.case or CASES:
        command = [sys.executable, __file__, "--json", "--case", name]
        seen = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        print(
            f"| {name} | {seen['candidates']:,} | {seen['enumerate_s']:.2f} s | {seen['board_s']:.2f} s "
            f"| {seen['first_ms']:.0f} ms | {seen['median_ms']:.0f} ms | {seen['processor_ms']:.0f} ms "
            f"| {seen['worst_ms']:.0f} ms "
            f"| {seen['peak_mib']:.0f} MiB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
