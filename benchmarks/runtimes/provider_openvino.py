"""ONNX Runtime's OpenVINO provider against its CPU provider, with the nodes that each takes and what falls back.

An environment of its own gets onnxruntime-openvino, and runs AutoEdge's agent as a target on this machine. The target
is probed; `autoedge select` searches digits models with both providers; and the processes of each candidate are listed.
Three of the models go to OpenVINO whole, one partly (it ends with an operator of ai.onnx.ml), one not at all (trees).
Last, a model is given that the provider loads but cannot compile.

    python benchmarks/runtimes/provider_openvino.py [--env DIR] [--measurements 90]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper

from autoedge.measurement import Status
from autoedge.store.store import Store
from autoedge.workflows.select import select
from autoedge.workflows.targets import probe_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
PACKAGES = ("onnxruntime-openvino==1.24.1", "numpy", "psutil")
GIVEN = ("conv-large", "conv-tiny", "mlp", "boosted-trees")
KNOBS = {
    "provider": ["cpu", "openvino"],
    "precision": ["fp32"],
    "batch": [1, 8],
    "threads": [1, 2],
    "graph_level": ["all"],
    "execution": ["sequential"],
    "spinning": ["on"],
    "arena": ["on"],
}


def environment(folder: Path) -> Path:
    """The interpreter of an environment with the provider; made where it is not there yet."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def ending_with_a_normalizer(given: Path, path: Path, *, known: bool) -> None:
    """Write a model whose last two operators are a Softmax and a Normalizer, which OpenVINO does not take.

    Args:
        given: Whose scores are normalised; the highest stays the highest.
        path: To write.
        known: Whether the shape in between stands in the file: without, OpenVINO 2025 cannot compile what comes after.
    """
    model = onnx.load(given)
    graph, (scores,) = model.graph, model.graph.output
    classes = scores.type.tensor_type.shape.dim[1].dim_value
    graph.node.append(helper.make_node("Softmax", [scores.name], ["shares"], name="softmax"))
    graph.node.append(helper.make_node("Normalizer", ["shares"], ["normal"], "normal", domain="ai.onnx.ml", norm="L1"))
    graph.node.append(helper.make_node("Sqrt", ["normal"], ["roots"], name="roots"))
    if known:
        graph.value_info.append(helper.make_tensor_value_info("normal", TensorProto.FLOAT, ["n", classes]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("roots", TensorProto.FLOAT, ["n", classes]))
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    onnx.save(model, path)


def intent(folder: Path, models: list[Path], measurements: int) -> Path:
    """The intent; JSON is YAML too."""
    data = {"evaluation": str(DIGITS / "data" / "eval.npz")}
    target = {"name": "accelerated", "idle_power": "0.4 W"}
    plain = {
        "version": 1,
        "name": "providers",
        "task": {"type": "classification"},
        "models": [str(model) for model in models],
        "data": data,
        "targets": [target],
        "constraints": ["accuracy >= 90 %"],
        "objectives": ["latency_p50", "accuracy"],
        "protocol": "quick",
        "budget": {"measurements": measurements, "time": "20 min"},
        "search": {"space": "onnxruntime-cpu", "strategy": "exhaustive", "racing": False, "knobs": KNOBS},
    }
    path = folder / "intent.yaml"
    path.write_text(json.dumps(plain), encoding="utf-8")
    return path


def rows(database: Path) -> Iterator[tuple[Candidate, list[Measurement]]]:
    """The candidates of a run with their processes."""
    store = Store(database, existing=True)
    try:
        measurements, candidates = store.measurements(), store.candidates()
    finally:
        store.close()
    for name, candidate in sorted(candidates.items(), key=lambda one: str(one[1].configuration.canonical)):
        yield candidate, [row for row in measurements if row.candidate_id == name]


def line(candidate: Candidate, processes: list[Measurement]) -> str:
    """One candidate: knobs, median latency over its processes, nodes, flags that speak of providers, or the reason."""
    knobs = candidate.configuration.knobs
    words = [f"{candidate.configuration.model:14} {knobs['provider']:9}", f"{knobs['batch']:5} {knobs['threads']:7}"]
    good = [row for row in processes if row.status is Status.OK]
    if not good:
        return " ".join([*words, f"{processes[-1].status}: {' '.join(processes[-1].reason.split())[:150]}"])
    latency = median(row.metrics["latency_p50_ms"].value for row in good)
    nodes = ", ".join(f"{count} {where}" for where, count in good[-1].details.get("placement", {}).items())
    flags = "partly_on_cpu" if any("partly_on_cpu" in row.flags for row in good) else ""
    return " ".join([*words, f"{len(good):9} {1e3 * latency:8.1f} µs  {nodes or '-':22} {flags}"]).rstrip()


def main() -> None:
    """Probe, select, list."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", type=Path, help="environment to make, or to use again")
    parser.add_argument("--measurements", type=int, default=90)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        python = environment((options.env or folder / "env").absolute())
        targets = folder / "targets.yaml"
        declared: dict[str, Any] = {"version": 1, "targets": {"accelerated": {"python": str(python), "meter": "none"}}}
        targets.write_text(json.dumps(declared), encoding="utf-8")
        device = probe_target("accelerated", targets).device
        print(f"{device.cpu}, {device.cores} cores, onnxruntime {device.runtimes['onnxruntime']}")
        print(f"offers: {json.dumps(device.offers['onnxruntime'])}\n")
        models = [DIGITS / "models" / f"{name}.onnx" for name in GIVEN]
        for name, known in (("mlp-partly", True), ("mlp-unknown", False)):
            models.append(folder / f"{name}.onnx")
            ending_with_a_normalizer(DIGITS / "models" / "mlp.onnx", models[-1], known=known)
        selection = select(intent(folder, models, options.measurements), out=folder / "run", targets=targets)
        print("model          provider  batch threads processes  median p50  nodes                  flags")
        for candidate, processes in rows(folder / "run" / "study.db"):
            print(line(candidate, processes))
        print(f"\n{selection.outcome}: {json.dumps(selection.chosen['configuration'])}")
        print((selection.bundle / "requirements.txt").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
