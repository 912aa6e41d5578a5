"""A candidate measured through AutoEdge against the runtime's own loop: the same latency within 3 %?

For each runtime one model: in turn, in random order, a fresh process of AutoEdge's agent measures it under a protocol,
and a fresh process runs the loop that the runtime's documentation shows, with the same batches, threads and warm-up, on
the same samples. Printed is the ratio of the medians of all calls pooled, with a bootstrap interval over processes.

    python benchmarks/runtimes/own_loop.py --rounds 15
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.task import file_hash
from autoedge.registry import places
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
CASES = {
    "onnxruntime": ("conv-any.onnx", {"threads": 1}),
    "litert": ("conv-any.tflite", {"threads": 1}),
    "openvino": ("conv-any.onnx", {"threads": 1, "hint": "latency"}),
}
BATCH, SIZE, DISTINCT = 8, 8, 16
PROTOCOL = {
    "warmup_calls": 50,
    "warmup_seconds": 0.5,
    "warmup_cap_seconds": 5.0,
    "block_calls": 10,
    "block_seconds": 0.05,
    "block_tolerance": 0.05,
    "latency_calls": 300,
    "latency_seconds": 1.0,
    "cap_seconds": 20.0,
}


def onnxruntime_loop(path: Path, batches: list[np.ndarray]) -> Callable[[np.ndarray], Any]:
    """ONNX Runtime: ``session.run(None, {name: array})``."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    del batches
    return lambda batch: session.run(None, {name: batch})


def litert_loop(path: Path, batches: list[np.ndarray]) -> Callable[[np.ndarray], Any]:
    """LiteRT: ``set_tensor``, ``invoke``, ``get_tensor``."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    given = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(given, batches[0].shape)
    interpreter.allocate_tensors()
    told = interpreter.get_output_details()[0]["index"]

    def call(batch: np.ndarray) -> Any:
        interpreter.set_tensor(given, batch)
        interpreter.invoke()
        return interpreter.get_tensor(told)

    return call


def openvino_loop(path: Path, batches: list[np.ndarray]) -> Callable[[np.ndarray], Any]:
    """OpenVINO: ``compiled_model({name: array})``."""
    from autoedge.runtimes.openvino import engine

    ov = engine()  # openvino itself, without its telemetry
    core = ov.Core()
    model = core.read_model(path)
    model.reshape(batches[0].shape)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"})
    return lambda batch: compiled({"image": batch})


LOOPS = {"onnxruntime": onnxruntime_loop, "litert": litert_loop, "openvino": openvino_loop}


def batches_for(runtime: str) -> list[np.ndarray]:
    """The batches that AutoEdge feeds, in the layout of the runtime's model."""
    x = np.load(DIGITS / "data" / "eval.npz")["x"][: BATCH * DISTINCT]
    if runtime == "litert":
        x = x.transpose(0, 2, 3, 1)
    return [np.ascontiguousarray(x[start : start + BATCH]) for start in range(0, len(x), BATCH)]


def own(runtime: str) -> None:
    """What the fresh process of the bare loop does: warm up as the protocol says, then time calls one by one."""
    batches = batches_for(runtime)
    call = LOOPS[runtime](DIGITS / "models" / CASES[runtime][0], batches)
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < PROTOCOL["warmup_seconds"] or done < PROTOCOL["warmup_calls"]:
        call(batches[done % len(batches)])
        done += 1
    times: list[int] = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < PROTOCOL["latency_seconds"] or len(times) < PROTOCOL["latency_calls"]:
        batch = batches[len(times) % len(batches)]
        start = time.perf_counter_ns()
        call(batch)
        times.append(time.perf_counter_ns() - start)
    print(json.dumps(times))


def through_autoedge(target: LocalTarget, runtime: str, model: str, data: str) -> np.ndarray:
    """Latencies in ns of one fresh process of the agent."""
    job = {
        "runtime": runtime,
        "model": model,
        "data": data,
        "knobs": CASES[runtime][1],
        "batch": BATCH,
        "seed": 0,
        "scores": None,
        "evaluate": "no",
        "tolerance": 0.0,
        "protocol": PROTOCOL,
        "shapes": {"image": list(batches_for(runtime)[0].shape)},
        "limits": {"time_s": 120.0, "memory_mib": 4096},
        "key": {},
    }
    reply = target.run(job, {})
    if "done" not in reply.body:
        raise RuntimeError(reply.body.get("failed"))
    target.acknowledge(reply.body["job"])
    return np.asarray(reply.arrays["latency_ns"])


def data_file(runtime: str, folder: Path) -> Path:
    """The samples as the runtime's model takes them."""
    path = folder / f"{runtime}.npz"
    np.savez(path, x=np.concatenate(batches_for(runtime)))
    return path


def compare(runtime: str, rounds: int, folder: Path) -> tuple[float, float, float, float]:
    """Pooled median of the own loop in us, ratio AutoEdge to own, and its 95 % interval over processes."""
    path, data = DIGITS / "models" / CASES[runtime][0], data_file(runtime, folder)
    generator = np.random.default_rng(0)
    found: dict[str, list[np.ndarray]] = {"autoedge": [], "own": []}
    with LocalTarget(places("autoedge.runtimes"), blobs=folder / "blobs", jobs=folder / "jobs") as target:
        target.send_files({file_hash(path): path, file_hash(data): data})
        for _ in range(rounds):
            for which in generator.permutation(["autoedge", "own"]):
                if which == "autoedge":
                    found[which].append(through_autoedge(target, runtime, file_hash(path), file_hash(data)))
                else:
                    command = [sys.executable, __file__, "--own", runtime]
                    ran = subprocess.run(command, capture_output=True, check=True, text=True)
                    found[which].append(np.array(json.loads(ran.stdout.strip().splitlines()[-1])))
    medians = {which: np.array([np.median(times) for times in several]) for which, several in found.items()}
    pooled = {which: float(np.median(np.concatenate(several))) for which, several in found.items()}
    picks = generator.integers(0, rounds, (2000, rounds))
    boot = np.median(medians["autoedge"][picks], axis=1) / np.median(medians["own"][picks], axis=1)
    return pooled["own"] / 1e3, pooled["autoedge"] / pooled["own"], *np.percentile(boot, [2.5, 97.5])


def main() -> None:
    """Print one line a runtime."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--own", choices=LOOPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.own:
        own(options.own)
        return
    print(f"{'runtime':12} {'own loop us':>12} {'autoedge / own':>15}   95 % interval over processes")
    for runtime in LOOPS:
        with tempfile.TemporaryDirectory(prefix="autoedge-loop-") as folder:
            median, ratio, low, high = compare(runtime, options.rounds, Path(folder))
        print(f"{runtime:12} {median:12.1f} {ratio:15.4f}   {low:.4f} .. {high:.4f}", flush=True)


if __name__ == "__main__":
    main()
