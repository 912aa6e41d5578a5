"""How much the harness adds to a call: the agent's own latency loop against a bare loop over the same session.

Both loops run in one process, interleaved in random order, over several candidates; printed is the ratio of medians.
Aim: under 1 % for candidates slower than 50 microseconds.

    python benchmarks/harness/overhead.py
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoedge.agent.feed import Feed
from autoedge.agent.job import _window
from autoedge.runtimes.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    import onnxruntime as ort

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


def bare(session: ort.InferenceSession, batches: list[dict[str, np.ndarray]], seconds: float) -> np.ndarray:
    """The loop that one would write by hand."""
    names = [output.name for output in session.get_outputs()]
    run = partial(session.run, names)
    times, end, index = [], time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        batch = batches[index % len(batches)]
        start = time.perf_counter_ns()
        run(batch)
        times.append(time.perf_counter_ns() - start)
        index += 1
    return np.array(times)


def compare(model: str, batch: int, rounds: int, seconds: float) -> tuple[float, float, float, float]:
    """Median call in microseconds, ratio harness to bare, and the 95 % interval of the ratio over rounds."""
    loaded = OnnxRuntime().load(DIGITS / "models" / f"{model}.onnx", {"threads": 1})
    job = {"data": str(DIGITS / "data" / "eval.npz"), "batch": batch, "seed": 0}
    batches = list(Feed(loaded.inputs, job).batches(16))
    call = loaded.bind([port.name for port in loaded.outputs])
    protocol = {"latency_calls": 10, "latency_seconds": seconds, "cap_seconds": 60.0}
    generator = np.random.default_rng(0)
    ratios, medians = [], []
    for _ in range(rounds):
        pair = {}
        for which in generator.permutation(["harness", "bare"]):
            if which == "harness":
                pair[which] = np.median(np.frombuffer(_window(call, batches, protocol)[0], np.int64))
            else:
                pair[which] = np.median(bare(loaded._session, batches, seconds))  # noqa: SLF001 - the same session
        ratios.append(pair["harness"] / pair["bare"])
        medians.append(pair["bare"] / 1e3)
    generator = np.random.default_rng(1)
    boot = [np.median(generator.choice(ratios, len(ratios))) for _ in range(2000)]
    return float(np.median(medians)), float(np.median(ratios)), *np.percentile(boot, [2.5, 97.5])


def main() -> None:
    """Print one line a candidate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    print(f"{'candidate':24} {'median us':>10} {'harness / bare':>15}   95 % interval")
    for model, batch in (("conv-large", 1), ("conv-large", 8), ("resnet", 8), ("conv-separable", 8), ("mlp", 1)):
        median, ratio, low, high = compare(model, batch, options.rounds, options.seconds)
        print(f"{model + ' batch ' + str(batch):24} {median:10.1f} {ratio:15.4f}   {low:.4f} .. {high:.4f}")


if __name__ == "__main__":
    main()
