"""Measure every candidate of a space in interleaved passes, and keep the medians as a campaign.

Stop it whenever you like: the same command goes on where it was.

    python benchmarks/search/table.py --run runs/digits-table --passes 3
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoedge.campaign.campaign import write_campaign
from autoedge.campaign.card import Card
from autoedge.intent.load import load_intent
from autoedge.measurement import Phase
from autoedge.workflows.opening import opened_run

if TYPE_CHECKING:
    from autoedge.workflows.run import Run

HERE = Path(__file__).parent
METRICS = ("latency_p50_ms", "memory_peak_mib", "size_mib", "accuracy", "energy_mj")
OBJECTIVES = METRICS[:2]
ORDERED = ("batch", "threads")
DESCRIPTION = (
    "The digits models at every precision, batch, number of threads and graph level: medians of three interleaved "
    "passes of one process each. energy_mj is an estimate of software and no objective; accuracy is of the evaluation "
    "set; features are logarithms to base 10."
)


def measure(run: Run, passes: int) -> None:
    """Each pass takes all candidates once, in an order of its own."""
    begun = time.monotonic()
    for number in range(passes):
        order = np.random.default_rng(number).permutation(len(run.space))
        for done, row in enumerate(order):
            candidate = run.space.candidate(int(row))
            rows = run.rows(candidate.candidate_id, (Phase.SEARCH,))
            if len(rows) > number or run.shelf.refused(candidate.configuration):
                continue
            run.shelf.ready(candidate.configuration)
            run.bench.measure(candidate, Phase.SEARCH, number, "")
            if done % 50 == 0:
                print(f"pass {number + 1}: {done} of {len(run.space)}, {time.monotonic() - begun:.0f} s", flush=True)


def table(run: Run) -> pd.DataFrame:
    """One row a candidate: knobs, known features, medians over the passes and how many there were."""
    names, features = run.space.features()
    rows = []
    stored = [row for row in run.store.measurements() if row.ok and row.phase is Phase.SEARCH]
    for index in range(len(run.space)):
        candidate = run.space.candidate(index)
        mine = [row for row in stored if row.candidate_id == candidate.candidate_id]
        if mine:
            knobs = {
                name: knob.levels[run.space.codes[index, i]] for i, (name, knob) in enumerate(run.space.knobs.items())
            }
            values = {key: np.median([row.metrics[key].value for row in mine]) for key in METRICS}
            rows.append({**knobs, **dict(zip(names, features[index], strict=True)), **values, "passes": len(mine)})
    return pd.DataFrame(rows)


def card(frame: pd.DataFrame) -> Card:
    """What the columns mean; a knob with one level is none."""
    features = [name for name in frame if name.startswith("log_")]
    others = {*features, *METRICS, "passes"}
    knobs = [name for name in frame if name not in others and len(set(frame[name])) > 1]
    return Card.model_validate(
        {
            "schema_version": 1,
            "name": "digits-table",
            "description": DESCRIPTION,
            "source": "benchmarks/search/table.py on a shared virtual machine with two cores of an AMD EPYC",
            "licence": "Apache-2.0",
            "rows": "rows.csv",
            "knobs": {name: {"type": "int" if name in ORDERED else "categorical"} for name in knobs},
            "features": {name: {} for name in features},
            "objectives": {name: {"direction": "minimize", "scale": "log"} for name in OBJECTIVES},
        }
    )


def main() -> None:
    """Measure what is missing, then write the campaign."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("runs/digits-table"))
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "digits")
    options = parser.parse_args()
    intent = load_intent(HERE / "intent.yaml")
    with opened_run(intent, options.run) as (run, _):
        print(f"{len(run.space)} candidates, {options.passes} passes")
        measure(run, options.passes)
        frame = table(run).round(6)
        write_campaign(options.out, card(frame), frame)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
