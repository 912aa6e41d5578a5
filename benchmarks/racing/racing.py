"""What racing saves, and whether it changes the choice: `python benchmarks/racing/racing.py --seeds 10`.

Runs `autoedge select` on the digits example with and without racing, in turns and with the order turned round from seed
to seed, since only ratios of runs side by side mean anything on a machine that does other work too. `--samples N` grows
the evaluation set to N samples by small shifts and noise. Appends one JSON line a run to `--out`; runs that are there
already are not repeated, so that the same command goes on where it was stopped; then the table is printed.

To measure one state while others work on the tree, copy the tree and run the copy with PYTHONPATH set to its root. The
copy's AutoEdge must be the one that is imported, else nothing runs.

Search time is wall time from the first search measurement to the confirm rounds, less the making of model files, which
are cached between runs. Measuring time is that of the search's processes alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import autoedge
from autoedge.measurement import Phase, Status
from autoedge.workflows.events import Event, Measured, StageBegan
from autoedge.workflows.select import select

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


class Watch:
    """Times of one run's search."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.measured: list[Measured] = []

    def __call__(self, event: Event) -> None:
        """Note when stages began and what the search measured."""
        if isinstance(event, StageBegan):
            self.began.setdefault(event.stage, time.monotonic())
        if isinstance(event, Measured) and event.measurement.phase is Phase.SEARCH:
            self.measured.append(event)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--measurements", type=int, default=44, help="budget of each run")
    parser.add_argument("--samples", type=int, default=0, help="size of the evaluation set; 0 for the example's own")
    parser.add_argument("--out", type=Path, default=Path("racing.jsonl"))
    chosen = parser.parse_args()
    _check_origin()
    form = {"samples": chosen.samples, "measurements": chosen.measurements}
    runs = _read(chosen.out)
    if any({key: one[key] for key in form} != form for one in runs):
        sys.exit(f"{chosen.out}: holds runs with other --samples or --measurements; choose another file")
    known = {(one["seed"], one["racing"]) for one in runs}
    with tempfile.TemporaryDirectory() as folder:
        data = _data(Path(folder), chosen.samples)
        for seed in range(chosen.seeds):
            for racing in (True, False) if seed % 2 else (False, True):
                if (seed, racing) not in known:
                    intent = _intent(Path(folder), data, seed=seed, racing=racing, measurements=chosen.measurements)
                    found = _run(intent, Path(folder) / f"run-{seed}-{racing}")
                    line = {"seed": seed, "racing": racing, **form, **found}
                    with chosen.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
    print(_table(_read(chosen.out)))


def _check_origin() -> None:
    """A copy of the tree that runs the code of another one would measure that."""
    root, origin = Path(__file__).resolve().parents[2], Path(autoedge.__file__).resolve()
    if not origin.is_relative_to(root):
        sys.exit(f"autoedge is imported from {origin.parent}; run again with PYTHONPATH={root}")


def _read(path: Path) -> list[dict[str, Any]]:
    """Runs in a file; one that was cut off while it was written is cut away, to be made again."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        path.write_text(text, encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _data(folder: Path, samples: int) -> Path:
    """The example's evaluation data, or more of them: shifted by part of a pixel, with noise."""
    if not samples:
        return DIGITS / "data" / "eval.npz"
    generator = np.random.default_rng(0)
    with np.load(DIGITS / "data" / "eval.npz") as arrays:
        x, y = arrays["x"], arrays["y"]
    drawn = generator.integers(0, len(x), samples)
    parts = generator.uniform(-0.3, 0.3, (samples, 2)).astype(np.float32)
    images = x[drawn]
    for axis in (2, 3):
        share = np.abs(parts[:, axis - 2])[:, None, None, None]
        moved = np.where(parts[:, axis - 2, None, None, None] > 0, np.roll(images, 1, axis), np.roll(images, -1, axis))
        images = (1 - share) * images + share * moved
    images = np.clip(images + generator.normal(0, 0.03, images.shape), 0, 1).astype(np.float32)
    np.savez(folder / "eval.npz", x=images, y=y[drawn])
    return folder / "eval.npz"


def _intent(folder: Path, data: Path, *, seed: int, racing: bool, measurements: int) -> Path:
    form = yaml.safe_load((DIGITS / "intent.yaml").read_text(encoding="utf-8"))
    form["models"] = [str(DIGITS / path) for path in form["models"]]
    form["data"] = {"evaluation": str(data), "calibration": str(DIGITS / form["data"]["calibration"])}
    form["budget"] = {"measurements": measurements}
    # The figures in benchmarks/README.md are of this space, whatever else is installed.
    form["search"]["space"] = "onnxruntime-cpu"
    # The shipped surrogate has learned these very models, as it will not have learned a user's.
    form["search"] = {**form["search"], "seed": seed, "racing": racing, "surrogate": "none"}
    if data.parent == folder:  # nobody knows what can be had on these data
        form["constraints"] = [one for one in form["constraints"] if not one.startswith("accuracy >=")]
    path = folder / f"intent-{seed}-{racing}.yaml"
    path.write_text(yaml.safe_dump(form), encoding="utf-8")
    return path


def _run(intent: Path, out: Path) -> dict[str, Any]:
    watch = Watch()
    selection = select(intent, out=out, on_event=watch)
    used, chosen = selection.verdict["used"], selection.chosen
    rows = [event.measurement for event in watch.measured]
    return {
        "load": round(os.getloadavg()[0], 1),
        "search_s": watch.began["confirm"] - watch.began["search"] - used["variant_seconds"],
        "measuring_s": sum(row.duration_s for row in rows),
        "searched": len(rows),
        "stopped": sum(row.status is Status.STOPPED for row in rows),
        "outcome": str(selection.outcome),
        "met": sorted(one["constraint"] for one in chosen["decisions"] if one["outcome"] == "met"),
        "candidate": chosen["candidate_id"],
        "figures": {key: chosen["metrics"][key]["value"] for key in ("latency_p50_ms", "energy_mj", "accuracy")},
    }


def _table(runs: list[dict[str, Any]]) -> str:
    by_seed = {seed: {one["racing"]: one for one in runs if one["seed"] == seed} for seed in {r["seed"] for r in runs}}
    lines = ["| seed | search time | measuring time | stopped | same constraints met | choice without, with |"]
    lines.append("|--:|--:|--:|--:|---|---|")
    ratios = []
    for seed, pair in sorted(by_seed.items()):
        if len(pair) < 2:
            continue
        full, raced = pair[False], pair[True]
        per_run = [
            (raced[name] / raced["searched"]) / (full[name] / full["searched"]) for name in ("search_s", "measuring_s")
        ]
        ratios.append(per_run)
        same = "yes" if set(full["met"]) <= set(raced["met"]) else "no"
        choices = " / ".join(
            f"{one['outcome']}, {one['figures']['latency_p50_ms']:.4f} ms, {100 * one['figures']['accuracy']:.1f} %"
            for one in (full, raced)
        )
        share = f"{raced['stopped']} of {raced['searched']}"
        lines.append(f"| {seed} | {per_run[0]:.2f} | {per_run[1]:.2f} | {share} | {same} | {choices} |")
    middle = np.exp(np.mean(np.log(ratios), axis=0)) if ratios else (np.nan, np.nan)
    lines.append(f"| geometric mean | {middle[0]:.2f} | {middle[1]:.2f} | | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
