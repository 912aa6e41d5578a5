"""Are the intervals honest? Repeat whole results and see how often one covers the median of the others.

For each candidate, 40 results are measured; a result is six fresh processes, interleaved with those of the other
candidates in random order, as in the confirm rounds. Printed: how often the 95 % interval of latency_p50 covers the
median of the other results, and the median half-width; and the same for results of a single process, whose interval is
widened by the spread between three baseline processes, as during a search.

    python benchmarks/intervals/coverage.py --run runs/coverage
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.evidence import Evidence, Spread
from autoedge.candidate import Candidate, Configuration
from autoedge.intent.load import load_intent
from autoedge.measurement import Measurement, Phase
from autoedge.workflows.opening import opened_run

if TYPE_CHECKING:
    from autoedge.workflows.run import Run

HERE = Path(__file__).parent
KEY = "latency_p50_ms"
PROCESSES = 6
AGO = 10  # results: two to three minutes, as between the baselines and the confirm rounds of a quick run


def candidates() -> list[Candidate]:
    """Three candidates from 5 microseconds to a millisecond a call."""
    base = {"threads": 1, "graph_level": "all", "arena": "on"}
    recipes = [("conv-large", "fp32", 8), ("conv-large", "fp32", 1), ("resnet", "fp32", 1)]
    return [
        Candidate(Configuration(model, {"precision": precision}, "onnxruntime", {**base, "batch": batch}), "local")
        for model, precision, batch in recipes
    ]


def measure(run: Run, results: int) -> None:
    """Measure what is missing."""
    begun = time.monotonic()
    have = {(row.candidate_id, row.session, row.replicate) for row in run.measurements}
    for number in range(results):
        for replicate in range(PROCESSES):
            generator = np.random.default_rng([number, replicate])
            for index in generator.permutation(3):
                candidate = candidates()[index]
                if (candidate.candidate_id, f"result {number}", replicate) not in have:
                    run.shelf.ready(candidate.configuration)
                    run.bench.measure(candidate, Phase.CONFIRM, replicate, f"result {number}")
        print(f"result {number + 1} of {results}, {time.monotonic() - begun:.0f} s", flush=True)


REFERENCE = candidates()[1].candidate_id


def report(name: str, intervals: list[tuple[float, float, float]]) -> None:
    """Print coverage of the median of the others, and the half-width."""
    values = np.array([value for value, _, _ in intervals])
    covered = []
    for index, (_, low, high) in enumerate(intervals):
        others = np.median(np.delete(values, index))
        covered.append(low <= others <= high)
    half = np.median([(high - low) / 2 / value for value, low, high in intervals])
    print(f"{name:44} covers {np.mean(covered):6.1%} of {len(covered)}, median half-width {half:.2%}")


def main() -> None:
    """Measure, then report by candidate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("runs/coverage"))
    parser.add_argument("--results", type=int, default=40)
    options = parser.parse_args()
    intent = load_intent(HERE / "intent.yaml")
    with opened_run(intent, options.run) as (run, _):
        measure(run, options.results)
        rows = [row for row in run.store.measurements() if row.ok and row.session.startswith("result ")]
    by_session: dict[tuple[str, int], list[Measurement]] = {}
    for row in sorted(rows, key=lambda row: row.replicate):
        by_session.setdefault((row.candidate_id, int(row.session.split()[1])), []).append(row)
    for candidate in candidates():
        name = f"{candidate.configuration.model} batch {candidate.configuration.batch}"
        whole, single = [], []
        for number in range(options.results):
            spread = as_in_a_run(by_session, number, options.results)
            mine = by_session[candidate.candidate_id, number]
            whole.append(Evidence(candidate.candidate_id, mine, spread).value(KEY))
            baselines = Spread.of([by_session[REFERENCE, (number - AGO) % options.results][:3]])
            single.append(Evidence(candidate.candidate_id, mine[:1], baselines).value(KEY))
        report(f"{name}, six processes", triples(whole))
        report(f"{name}, one process", triples(single))


def as_in_a_run(by_session: dict[tuple[str, int], list[Measurement]], number: int, results: int) -> Spread:
    """What a run knows of the machine when its confirm rounds end.

    Three baselines of the reference some minutes ago, one searched process of each candidate since then, and the
    rounds themselves: here the sessions before stand for those, counted round at the start.
    """
    generator = np.random.default_rng(number)
    groups = [by_session[REFERENCE, (number - AGO) % results][:3]]
    for candidate in candidates():
        ago = int(generator.integers(1, AGO))
        groups.append(by_session[candidate.candidate_id, (number - ago) % results][-1:])
        groups.append(by_session[candidate.candidate_id, number])
    return Spread.of(groups)


def triples(values: list) -> list[tuple[float, float, float]]:
    """Value, low, high."""
    return [(value.value, value.low, value.high) for value in values if value is not None]


if __name__ == "__main__":
    main()
