"""The folder that the pages' commands run in: small real models, a finished run, bundles, campaigns, traces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[3]
SHORT: dict[str, Any] = {
    "protocol": {"preset": "quick", "warmup_seconds": "0.02 s", "latency_seconds": "0.02 s", "latency_calls": 64},
    "budget": {"measurements": 20},
}
INTENT = {
    "version": 1,
    "name": "doorbell",
    "task": {"type": "classification"},
    "models": ["models/small.onnx", "models/large.onnx"],
    "data": {"evaluation": "data/eval.npz", "calibration": "data/calib.npz"},
    "constraints": ["accuracy >= 80 %", "latency_p50 <= 10 s", "memory_peak <= 4 GiB"],
    "objectives": ["latency_p50", "size"],
    "search": {"knobs": {"precision": ["fp32", "int8-dynamic"], "batch": [1, 4], "threads": 1}},
    **SHORT,
}
# A name without an address is a further view of this machine: it stands for the board that readers have.
TARGETS = {"version": 1, "targets": {"pi4": {}, "local": {"meter": "none"}}}


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a command in a folder, which is its home too, with this checkout's `autoedge` first on the path."""
    foreign = ("AUTOEDGE_", "XDG_", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def call(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        places = {"HOME": folder, "AUTOEDGE_TARGETS": folder / "targets.yaml", "AUTOEDGE_CACHE": folder / "cache"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**kept, **{name: str(place) for name, place in places.items()}, "PATH": path}
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return call


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """What the pages take for granted, made once; each page has a copy of its own."""
    folder = tmp_path_factory.mktemp("stand")
    _put_models(folder)
    _put_campaigns(folder)
    _put_traces(folder)
    _put_training(folder)
    for name, content in {"intent": INTENT, "targets": TARGETS, "lab": TARGETS}.items():
        _write_yaml(folder / f"{name}.yaml", content)
    digits = shutil.copytree(ROOT / "examples" / "digits", folder / "examples" / "digits")
    _shorten(digits / "intent.yaml", ("conv-large", "conv-tiny"))  # a reference, and one that meets the intent
    for command in (
        "select --intent intent.yaml",
        "bundle build runs/doorbell --candidate REFERENCE --out v1",
        "bundle pack v1",
        "bundle deploy v1 --target pi4 --allow-unsigned",
        "retrain --from measurements/digits-x86 --out surrogate_models/mine",
    ):
        words = [_reference(folder) if word == "REFERENCE" else word for word in command.split()]
        done = run(["autoedge", *words], folder)
        assert done.returncode in (0, 4), (command, done.stdout, done.stderr)
    for copy in ("bundle", "released/bundle"):
        shutil.copytree(folder / "runs" / "doorbell" / "bundle", folder / copy)
    return folder


@pytest.fixture(scope="session")
def reference() -> Callable[[Path], str]:
    """Tells the candidate of the finished run that others are held against."""
    return _reference


@pytest.fixture(scope="session")
def shorten() -> Callable[..., None]:
    """Gives an intent short measurements, and few of them; limits and objectives where it was just begun."""
    return _shorten


def _reference(folder: Path) -> str:
    verdict = json.loads((folder / "runs" / "doorbell" / "verdict.json").read_text())
    return str(verdict["reference"]["candidate_id"])


def _write_yaml(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))  # JSON is YAML


def _shorten(intent: Path, models: tuple[str, ...] = (), *, begun: bool = False) -> None:
    content = YAML(typ="safe", pure=True).load(intent.read_text())
    if begun:
        content |= {key: INTENT[key] for key in ("constraints", "objectives")}
    if models:
        content["models"] = [model for model in content["models"] if Path(str(model)).stem in models]
        content["search"] = {"knobs": {"precision": "fp32", "batch": 1, "threads": 1}}
    _write_yaml(intent, {**content, **SHORT})


def _put_models(folder: Path) -> None:
    for name in ("models", "data"):
        (folder / name).mkdir()
    for name, hidden in (("models/small", 8), ("models/large", 256), ("model", 32)):
        _classifier(folder / f"{name}.onnx", hidden)
    generator = np.random.default_rng(2)
    for name, count in (("eval", 120), ("calib", 60), ("x", 4)):
        x = generator.standard_normal((count, 4)).astype(np.float32)
        for place in (folder, folder / "data"):
            np.savez(place / f"{name}.npz", x=x, **({} if name == "x" else {"y": x[:, :3].argmax(axis=1)}))


def _classifier(path: Path, hidden: int) -> None:
    """Four features into three classes: the first layer spreads the features, the second gathers them again."""
    spread = np.random.default_rng(hidden).standard_normal((4, hidden)).astype(np.float32)
    weights = {"a": spread, "b": np.linalg.pinv(spread)[:, :3].astype(np.float32)}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["scores"])],
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)


def _put_campaigns(folder: Path) -> None:
    for name, targets in {
        "boards": ("pi4", "pi5", "nano", "coral"),
        "jetson": ("orin",),
        "phones": ("s24", "s25"),
    }.items():
        _campaign(folder / "campaigns" / name, targets)
    pd.read_csv(folder / "campaigns" / "boards" / "rows.csv").rename(
        columns={"device": "board", "latency_ms": "latency"}
    )[["board", "model", "batch", "threads", "latency", "accuracy"]].to_csv(folder / "measured.csv", index=False)
    for name, rows in {"measurements/digits-x86": 120, "benchmarks/search/digits": 60}.items():
        shutil.copytree(ROOT / name, folder / name)
        (table,) = (folder / name).glob("rows.*")
        whole = pd.read_parquet(table) if table.suffix == ".parquet" else pd.read_csv(table)
        some = whole.sample(rows, random_state=0)
        some.to_parquet(table) if table.suffix == ".parquet" else some.to_csv(table, index=False)


def _campaign(folder: Path, targets: tuple[str, ...]) -> None:
    """Boards that differ in their speed: six networks, two precisions, three batches, two numbers of threads each."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(len(targets))
    rows = [
        {
            "device": target,
            "model": f"net{model}",
            "runtime": "onnxruntime",
            "precision": precision,
            "batch": batch,
            "threads": threads,
            "log_macs": 5 + 0.5 * model,
            "log_parameters": 4 + 0.4 * model,
            "latency_ms": (cost := (1 + place) * 2.0**model * batch / threads**0.7 * generator.lognormal(0, 0.03)),
            "latency_p50_ms": cost,
            "size_mib": 0.01 * 2.5**model * (1 if precision == "fp32" else 0.3),
            "accuracy": 0.7 + 0.04 * model,
        }
        for place, target in enumerate(targets)
        for model in range(6)
        for precision in ("fp32", "int8-dynamic")
        for batch in (1, 4, 16)
        for threads in (1, 4)
    ]
    pd.DataFrame(rows).to_csv(folder / "rows.csv", index=False)
    smaller = {"direction": "minimize", "scale": "log"}
    card = {
        "schema_version": 1,
        "name": folder.name,
        "description": "Six networks.",
        "source": "made up for a test",
        "licence": "CC0-1.0",
        "rows": "rows.csv",
        "target": "device",
        "knobs": {
            **{name: {"type": "categorical"} for name in ("model", "runtime", "precision")},
            **{name: {"type": "int"} for name in ("batch", "threads")},
        },
        "features": {name: {"scale": "linear"} for name in ("log_macs", "log_parameters")},
        "objectives": {
            **dict.fromkeys(("latency_ms", "latency_p50_ms", "size_mib"), smaller),
            "accuracy": {"direction": "maximize"},
        },
    }
    (folder / "campaign.json").write_text(json.dumps(card))


def _put_traces(folder: Path) -> None:
    """Sixty seconds at a hundred values each, 2 W with a window of 3 W in the middle; a folder of bins, and tables."""
    time_s = np.arange(6001) / 100
    power_w = np.where((time_s > 20) & (time_s < 40), 3.0, 2.0)
    table = pd.DataFrame({"time_s": time_s, "power_w": power_w})
    table.to_csv(folder / "power.csv", index=False)
    table.to_parquet(folder / "power.parquet")
    windows = [{"start_s": 22.0, "end_s": 38.0, "inferences": 800}]
    (folder / "windows.json").write_text(json.dumps(windows))
    pd.DataFrame(windows).to_csv(folder / "windows.csv", index=False)
    spec = {"name": "um25c", "scope": "board-input", "update_period_s": 0.5, "settling_s": 1.0}
    limits = {"resolution_w": 0.0005, "gain": 0.0015, "offset_w": 0.004}
    (folder / "um25c.json").write_text(json.dumps({**spec, **limits}))
    door = folder / "traces" / "door"
    door.mkdir(parents=True)
    pd.DataFrame({"energy_uj": power_w[:-1] * 1e4}).to_parquet(door / "bins.parquet")
    head = {"schema_version": 1, "trace": "bins.parquet", "bin_s": 0.01, "windows": windows}
    (door / "trace.json").write_text(json.dumps(head))


def _put_training(folder: Path) -> None:
    generator = np.random.default_rng(4)
    for name, count in (("train", 64), ("holdout", 32)):
        x = generator.standard_normal((count, 16)).astype(np.float32)
        np.savez(folder / "data" / f"{name}.npz", x=x, y=x[:, :3].argmax(axis=1))
    (folder / "nets.py").write_text(
        "from torch import nn\n\n\ndef large():\n"
        "    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 3))\n"
    )
    spec = {
        "version": 1,
        "name": "doorbell",
        "model": "nets:large",
        "data": {"train": "data/train.npz", "holdout": "data/holdout.npz"},
        "inputs": {"x": [16]},
        "task": "classification",
        "trust": True,
        "make": [{"kind": "prune", "ratio": [0.5], "epochs": 1}],
    }
    _write_yaml(folder / "compress.yaml", spec)
