"""How often the gate errs: `autoedge check` on unchanged bundles, and on bundles whose model works 10 % more.

Two bundles are built of one net, a chain of matrix products: as it is, and with 10 % more of them. Every run is the
real command in a process of its own. Unchanged: the bundle against a copy of itself. Slower: the longer chain against
the shorter one. The two kinds take turns, so that what the machine does hits both alike. Each run is a line of the
results file, so that a stopped benchmark goes on where it was.

    python benchmarks/gate/gate.py [--runs 100] [--out runs/gate] [--layers 200]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.stats import binomtest

from autoedge.bench.presets import protocol_for
from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import BundleSpec, build_bundle
from autoedge.measurement import Phase, Result, Source, Value
from autoedge.models.info import Tensor
from autoedge.registry import places
from autoedge.targets.local import LocalTarget

FEATURES, CLASSES, WIDTH = 4, 3, 96
SHORT = {"warmup_seconds": 0.1, "latency_seconds": 0.15, "latency_calls": 64}
INTENT = """\
version: 1
name: gate
task: {type: classification}
models: [model.onnx]
constraints: [latency_p50 <= 1 s, memory_peak <= 4 GiB]
objectives: [latency_p50]
protocol: {preset: quick, warmup_seconds: 0.1 s, latency_seconds: 0.15 s, latency_calls: 64}
budget: {measurements: 80, time: 50 s}
"""
KINDS = ("unchanged", "slower")


def net(path: Path, layers: int) -> None:
    """A chain of matrix products that keeps its features; the weights of all but the ends are shared."""
    first = np.zeros((FEATURES, WIDTH), np.float32)
    first[:, :FEATURES] = np.eye(FEATURES)
    arrays = {
        "first": first,
        "inner": np.eye(WIDTH, dtype=np.float32),
        "last": np.eye(WIDTH, CLASSES, dtype=np.float32),
    }
    names = ["x", *(f"h{i}" for i in range(layers + 1)), "scores"]
    used = ["first", *["inner"] * layers, "last"]
    nodes = [helper.make_node("MatMul", [names[i], weight], [names[i + 1]]) for i, weight in enumerate(used)]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])]
        for name, size in (("x", FEATURES), ("scores", CLASSES))
    ]
    graph = helper.make_graph(
        nodes, "net", *ends, [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)


def bundle(folder: Path, layers: int) -> Path:
    """A bundle of the net, as `autoedge select` would build it."""
    model = folder / f"net-{layers}.onnx"
    net(model, layers)
    with LocalTarget(places("autoedge.runtimes"), blobs=folder / "blobs", jobs=folder / "jobs") as target:
        device = target.device
        assert device is not None
    candidate = Candidate(
        Configuration("net", {"precision": "fp32"}, "onnxruntime", {"batch": 1, "threads": 1}), "local"
    )
    latency = Value(1.0, 0.9, 1.1, Source.MEASURED, "placeholder: the gate measures anew", 6)
    spec = BundleSpec(
        candidate=candidate,
        model_file=model,
        suffix=".onnx",
        model_hash=hashlib.sha256(model.read_bytes()).hexdigest(),
        inputs=(Tensor("x", "float32", ("n", FEATURES)),),
        outputs=(Tensor("scores", "float32", ("n", CLASSES)),),
        scores="scores",
        device=device,
        result=Result(candidate.candidate_id, Phase.CONFIRM, 6, {"latency_p50_ms": latency}, ()),
        protocol=protocol_for("quick", SHORT, [], {}),
        runtime_version=device.runtimes["onnxruntime"],
        verdict={"outcome": "met", "decisions": []},
        intent=INTENT,
        tools={},
        data_hash="",
    )
    build_bundle(spec, folder / f"bundle-{layers}")
    return folder / f"bundle-{layers}"


def checked(base: Path, new: Path, seed: int) -> dict[str, object]:
    """One run of the real command."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "autoedge_cli.main", "check", "--bundle", str(new), "--against", str(base)]
    done = subprocess.run([*command, "--seed", str(seed), "--json"], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    if done.returncode not in (0, 1, 4):
        raise SystemExit(done.stderr)
    document = json.loads(done.stdout)
    latency = next(change for change in document["changes"] if change["metric"] == "latency_p50_ms")
    told = {key: latency[key] for key in ("worse", "low", "high")}
    return {"outcome": document["outcome"], "rounds": document["rounds"], "seconds": seconds, **told}


def share(count: int, total: int) -> str:
    """A share with its exact (Clopper-Pearson) 95 % interval."""
    ends = binomtest(count, total).proportion_ci(0.95, method="exact")
    return f"{count:3d} of {total} ({100 * ends.low:.1f} to {100 * ends.high:.1f} %)"


def report(rows: list[dict[str, object]]) -> None:
    """Outcomes by kind with exact intervals."""
    for kind in KINDS:
        mine = [row for row in rows if row["kind"] == kind]
        if not mine:
            continue
        outcomes = [str(row["outcome"]) for row in mine]
        seconds, rounds = ([float(str(row[key])) for row in mine] for key in ("seconds", "rounds"))
        print(f"{kind}: change of latency_p50 {100 * median(float(str(row['worse'])) for row in mine):+.2f} % (median)")
        for outcome in ("regressed", "undecided", "met", "not met"):
            print(f"  {outcome:10} {share(outcomes.count(outcome), len(mine))}")
        print(
            f"  rounds {median(rounds):.0f} (median), seconds {median(seconds):.1f} (median), {max(seconds):.1f} (most)"
        )


def main() -> None:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/gate"))
    parser.add_argument("--layers", type=int, default=200)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = options.out / "results.jsonl"
    base = bundle(options.out, options.layers)
    copy = options.out / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(base, copy)
    others = {"unchanged": copy, "slower": bundle(options.out, options.layers * 11 // 10)}
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    for seed in range(options.runs):
        for kind in KINDS:
            if any(row["kind"] == kind and row["seed"] == seed for row in rows):
                continue
            rows.append({"kind": kind, "seed": seed, **checked(base, others[kind], seed)})
            with results.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
                os.fsync(file.fileno())
            print(json.dumps(rows[-1]), flush=True)
    report(rows)


if __name__ == "__main__":
    main()
