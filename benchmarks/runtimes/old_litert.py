"""LiteRT under its old name and under an old Python: the same jobs, in environments that this script makes.

Every precision of two small networks runs through the agent three times: with the ai-edge-litert of this environment,
with tflite-runtime 2.14 and numpy below 2, and, where there is a Python 3.9, with the last ai-edge-litert for it.
Printed are the medians of a call, and how far the scores are from those of the first environment, relative to their
mean. It ends with exit code 1 where a job fails that should run, where one runs that should be refused, or where scores
disagree.

    python benchmarks/runtimes/old_litert.py [--folder DIR] [--python39 PYTHON]
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from autoedge.errors import ModelError
from autoedge.models.cache import VariantCache
from autoedge.models.inspect import inspect_model
from autoedge.models.variants import make_variant
from autoedge.targets.local import LocalTarget

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "models"))
from tflite_models import TfliteModel, dense_net, image_net

RECIPES = {
    "fp32": {},
    "fp16": {},
    "int8-dynamic-channel": {"granularity": "channel"},
    "int8-dynamic-tensor": {"granularity": "tensor"},
    "int8-weight": {},
    "int8-static": {},
    "int4-weight": {},
}
LATER = {("tflite-runtime 2.14", "int4-weight"), ("tflite-runtime 2.14", "int8-dynamic-channel")}
OLD = ("tflite-runtime==2.14.0", "numpy<2", "psutil")
ON_39 = ("ai-edge-litert", "numpy", "psutil")
TOLERANCE = 0.02  # of the mean score: kernels may round int8 in different ways
RUNTIMES = {"litert": "autoedge.runtimes.litert:LiteRt"}
PROTOCOL = {
    "warmup_calls": 20,
    "warmup_seconds": 0.1,
    "warmup_cap_seconds": 2.0,
    "block_calls": 10,
    "block_seconds": 0.0,
    "block_tolerance": 0.2,
    "latency_calls": 500,
    "latency_seconds": 0.2,
    "cap_seconds": 10.0,
}


def environment(python: str, folder: Path, packages: tuple[str, ...]) -> str:
    """The interpreter of an environment with those packages, made where it is not there yet."""
    made = folder / "bin" / "python"
    if not made.exists():
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(made), "-m", "pip", "install", "-q", *packages], check=True)
    return str(made)


def python39(named: str | None) -> str | None:
    """A Python 3.9, None without one."""
    pyenv = sorted(map(str, (Path.home() / ".pyenv" / "versions").glob("3.9.*/bin/python3.9")))
    for name in filter(None, [named, "python3.9", *pyenv]):
        try:
            shown = subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout
        except OSError:
            continue
        if shown.startswith("Python 3.9."):
            return name
    return None


def variants(model: TfliteModel, name: str, shape: tuple[int, ...], folder: Path) -> tuple[dict[str, Path], Path]:
    """Files by recipe, and evaluation data."""
    path, random = model.save(folder / f"{name}.tflite"), np.random.default_rng(11)
    data, calibration = folder / f"{name}.npz", folder / f"{name}-calibration.npz"
    np.savez(data, x=random.standard_normal((64, *shape)).astype(np.float32))
    np.savez(calibration, x=random.standard_normal((256, *shape)).astype(np.float32))
    info, cache, made = inspect_model(path), VariantCache(folder / "cache"), {}
    for label, options in RECIPES.items():
        recipe = {"precision": label.removesuffix("-channel").removesuffix("-tensor"), **options}
        made[label] = make_variant(path, info, recipe, runtime="litert", cache=cache, calibration=calibration).path
    return made, data


def measured(target: LocalTarget, model: Path, data: Path, xnnpack: str) -> tuple[float, np.ndarray]:
    """Median call in microseconds, and scores.

    Raises:
        ModelError: The job failed.
    """
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in (model, data)}
    target.send_files(hashes)
    job: dict[str, Any] = {
        "runtime": "litert",
        **dict(zip(("model", "data"), hashes, strict=True)),
        "knobs": {"threads": 1, "xnnpack": xnnpack},
        "batch": 1,
        "seed": 0,
        "scores": "scores",
        "evaluate": "full",
        "tolerance": 1e-4,
        "protocol": PROTOCOL,
        "limits": {"time_s": 60.0, "memory_mib": 2000.0},
        "key": {},
    }
    reply = target.run(job, {})
    if "failed" in reply.body:
        raise ModelError(str(reply.body["failed"]))
    return float(np.median(reply.arrays["latency_ns"])) / 1e3, np.asarray(reply.arrays["scores"])


def row(targets: dict[str, LocalTarget], precision: str, model: Path, data: Path, xnnpack: str) -> tuple[str, bool]:
    """One line of the table, and whether all is as it should be."""
    cells, first, good = [], np.empty(0), True
    for name, target in targets.items():
        expected = (name, precision) not in LATER
        try:
            median, scores = measured(target, model, data, xnnpack)
        except ModelError as error:
            good = good and not expected
            cells.append(f"refused: {str(error)[:70]}")
            continue
        first = first if len(first) else scores
        apart = float(np.abs(scores - first).mean() / np.abs(first).mean())
        good = good and expected and apart <= TOLERANCE
        cells.append(f"{median:8.1f} us {apart:9.1e}")
    return " | ".join(cells), good


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, help="where environments are made and kept; by default a passing one")
    parser.add_argument("--python39", help="a Python 3.9 to run on too; by default it is looked for")
    options = parser.parse_args()
    with ExitStack() as stack:
        passing = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = (options.folder or passing).absolute()
        pythons = {
            "ai-edge-litert here": sys.executable,
            "tflite-runtime 2.14": environment(sys.executable, kept / "tflite-runtime", OLD),
        }
        old = python39(options.python39)
        if old:
            pythons["ai-edge-litert on 3.9"] = environment(old, kept / "python39", ON_39)
        targets = {
            name: stack.enter_context(
                LocalTarget(RUNTIMES, blobs=passing / "blobs", jobs=passing / f"jobs{at}", name=f"t{at}", python=python)
            )
            for at, (name, python) in enumerate(pythons.items())
        }
        for name, target in targets.items():
            device = target.device
            print(f"{name}: Python {device.python}, LiteRT {device.runtimes['litert']}" if device else name)
        good = True
        models = {"image": (image_net(channels=32), (8, 8, 3)), "dense": (dense_net(256, 256, 10), (256,))}
        for name, (model, shape) in models.items():
            files, data = variants(model, name, shape, passing)
            for xnnpack in ("on", "off"):
                print(
                    f"\n{name}, XNNPACK {xnnpack}: median call, difference of scores | ".ljust(60), " | ".join(targets)
                )
                for precision, path in files.items():
                    line, right = row(targets, precision, path, data, xnnpack)
                    good = good and right
                    print(f"{precision:20} {line}{'' if right else '   <- not as it should be'}")
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
