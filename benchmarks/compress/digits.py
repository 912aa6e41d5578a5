"""What compression adds to conversion on the digits: `python benchmarks/compress/digits.py FOLDER`.

FOLDER is where `autoedge compress --spec examples/digits/compress.yaml` put its candidates. Every given model and every
candidate is converted in every way that AutoEdge knows for ONNX Runtime; accuracy is that on the 600 evaluation
images, which no training saw. Latency is that of one image on one thread, all files measured in turn in every round
and told as a ratio to the reference of the same round, so that other work on the machine falls on all of them alike.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from autoedge.errors import ModelError
from autoedge.models.cache import VariantCache
from autoedge.models.inspect import inspect_model
from autoedge.models.variants import make_variant

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
REFERENCE = "resnet fp32"
ROUNDS, CALLS = 40, 30
STATIC = [
    {"precision": "int8-static", "calibration": calibration, "granularity": granularity}
    for calibration in ("minmax", "entropy", "percentile")
    for granularity in ("tensor", "channel")
]
SAMPLES = np.load(DIGITS / "data" / "eval.npz")


@dataclass
class File:
    """One file that could be deployed."""

    name: str
    made: bool
    size: int
    macs: int | None
    accuracy: float
    call: Any
    times: list[float] = field(default_factory=list)
    ratio: float = 0.0

    @property
    def cost(self) -> tuple[float, float, float]:
        """What is to be small."""
        return (-self.accuracy, self.size, self.ratio)


def beats(one: File, other: File) -> bool:
    """Whether a file is at least as accurate, small and fast as another, and not equal."""
    return one.cost != other.cost and all(mine <= its for mine, its in zip(one.cost, other.cost, strict=True))


def files(folder: Path, cache: VariantCache) -> Iterator[File]:
    """Every given model and candidate in every precision that can be made of it."""
    made = sorted(json.loads((folder / "compressed.json").read_text())["candidates"])
    paths = [*sorted((DIGITS / "models").glob("*.onnx")), *(folder / f"{name}.onnx" for name in made)]
    for path in paths:
        info = inspect_model(path)
        others = [{"precision": "fp16"}, {"precision": "int8-dynamic"}, *STATIC] if info.precision == "fp32" else []
        for recipe in [{"precision": info.precision}, *others]:
            try:
                variant = make_variant(
                    path, info, recipe, runtime="onnxruntime", cache=cache, calibration=DIGITS / "data" / "calib.npz"
                )
            except ModelError:
                continue  # trees and linear models have nothing to quantise
            yield measured(" ".join([path.stem, *recipe.values()]), variant.path, info.macs, made=path.stem in made)


def measured(name: str, path: Path, macs: int | None, *, made: bool) -> File:
    """The file with its accuracy, ready to be timed."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,), output = session.get_inputs(), session.get_outputs()[-1].name
    fixed = all(isinstance(size, int) for size in given.shape[1:])
    x = SAMPLES["x"].reshape(len(SAMPLES["x"]), *given.shape[1:]) if fixed else SAMPLES["x"]
    accuracy = float((session.run([output], {given.name: x})[0].argmax(1) == SAMPLES["y"]).mean())
    feed = {given.name: x[:1]}
    return File(name, made, path.stat().st_size, macs, accuracy, lambda: session.run([output], feed))


def time_all(every: list[File]) -> None:
    """Fill in the median ratio to the reference."""
    order = random.Random(0)  # noqa: S311 - of measurements, not of secrets
    for _ in range(ROUNDS):
        for one in order.sample(every, len(every)):
            one.call()
            spent = []
            for _ in range(CALLS):
                began = time.perf_counter()
                one.call()
                spent.append(time.perf_counter() - began)
            one.times.append(statistics.median(spent))
    reference = next(one for one in every if one.name == REFERENCE)
    for one in every:
        one.ratio = statistics.median(a / b for a, b in zip(one.times, reference.times, strict=True))


def table(rows: list[File], every: list[File]) -> None:
    """Print files as a table."""
    print("| file | accuracy | bytes | MACs | latency ratio | |")
    print("|---|--:|--:|--:|--:|---|")
    for one in sorted(rows, key=lambda row: row.cost):
        beaten = [other.name for other in every if other.made and beats(other, one)]
        note = "**compressed**" if one.made else f"beaten by {beaten[0]}" if beaten else ""
        macs = "" if one.macs is None else one.macs
        print(f"| `{one.name}` | {100 * one.accuracy:.2f} % | {one.size} | {macs} | {one.ratio:.2f} | {note} |")


def main() -> None:
    """Print the front of the given models with all conversions, and that with the candidates."""
    with tempfile.TemporaryDirectory() as cache:
        every = list(files(Path(sys.argv[1]), VariantCache(Path(cache))))
        time_all(every)
    given = [one for one in every if not one.made]
    before = [one for one in given if not any(beats(other, one) for other in given)]
    after = [one for one in every if not any(beats(other, one) for other in every)]
    print(
        f"{len(given)} files of given models, {len(every) - len(given)} of compressed ones; ratio to {REFERENCE}, ",
        end="",
    )
    print(f"{1e6 * statistics.median(next(one for one in every if one.name == REFERENCE).times):.0f} us\n")
    print("Front of conversion alone:\n")
    table(before, every)
    print("\nFront with compression:\n")
    table(after, every)


if __name__ == "__main__":
    main()
