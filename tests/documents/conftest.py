"""Real runs, with and without a power meter, and every command that prints JSON about them, meters and tables."""

from __future__ import annotations

import json
import os
import tarfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from autoedge.bench.loads import calibration_loads
from autoedge.bench.power_fit import fit_power
from autoedge.bench.power_models import Calibration
from autoedge.meters.spec import MeterSpec
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator
from autoedge.testing.following import Following
from autoedge.testing.simulated_device import Character, SimulatedDevice
from autoedge.workflows.calibrate import document
from autoedge_cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator

VOLTS = 3.0
QUICK = "preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, latency_calls: 64, soak_seconds: 1 s"
SPACE = "space: onnxruntime-cpu, seed: 0"
INTENT = f"""\
version: 1
name: small
task: {{type: classification}}
models: [large.onnx, small.onnx]
data: {{evaluation: eval.npz, calibration: calib.npz}}
constraints: [accuracy >= 90 %, size <= 50 % of baseline, accuracy drop <= 20 %, latency_p95 sustained <= 1 s,
              latency_p50 <= 1 s]
objectives: [latency_p50, accuracy]
protocol: {{{QUICK}}}
budget: {{measurements: 24}}
search: {{{SPACE}, strategy: surrogate, knobs: {{precision: [fp32, fp16, int8-static], threads: [1], arena: ['on'],
         batch: [1, 4]}}}}
"""
METERED = f"""\
version: 1
name: metered
task: {{type: classification}}
models: [small.onnx]
data: {{evaluation: eval.npz}}
constraints: [{{metric: energy, max: 0.0001 mJ, source: measured}}]
objectives: [energy, latency_p50]
workload: {{rate: 2 / s}}
battery: {{capacity: 2600 mAh, voltage: 3.7 V}}
protocol: {{{QUICK}, idle_seconds: 0.4 s, idle_samples: 4, energy_seconds: 0.6 s, energy_windows: 1}}
budget: {{measurements: 3}}
search: {{{SPACE}, strategy: random, knobs: {{precision: [fp32, fp16], threads: [1], arena: ['on'], batch: [1]}}}}
"""
GATE = """\
version: 1
name: gate
task: {type: classification}
models: [large.onnx]
constraints: [latency_p50 <= 10 s, energy <= 1 J]
objectives: [latency_p50, size]
protocol: {preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, latency_calls: 64}
budget: {measurements: 20}
"""


class Outputs:
    """What commands printed and left, by group of commands and by the name of the schema that each is of."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._groups: dict[str, dict[str, list[Any]]] = {}
        self._now: dict[str, list[Any]] = {}

    def of(self, group: str) -> dict[str, list[Any]]:
        """The documents of a group, whose commands run when it is first asked for."""
        if group not in self._groups:
            before, self._now = self._now, {}
            try:
                GROUPS[group](self)
                self._groups[group] = self._now
            finally:
                self._now = before
        return self._groups[group]

    def call(self, name: str, *arguments: object, codes: tuple[int, ...] = (0,)) -> Any:
        """Run a command with ``--json`` and keep what it prints."""
        file = self.place / "printed.json"
        file.unlink(missing_ok=True)
        words = [str(one) for one in arguments]
        assert run([*words, "--json", str(file)]) in codes, words
        return self.keep(name, file)

    def keep(self, name: str, file: Path) -> Any:
        """Keep a file that a command left."""
        return self.take(name, file.read_text(encoding="utf-8"))

    def take(self, name: str, text: str | bytes) -> Any:
        """Keep a text; strictly JSON, which has no NaN."""
        found = json.loads(text, parse_constant=_refuse)
        self._now.setdefault(name, []).append(found)
        return found


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def _classifier(path: Path, hidden: int, seed: int) -> None:
    """A two-layer classifier of four features into three classes, free batch."""
    first = np.random.default_rng(seed).standard_normal((4, hidden)).astype(np.float32)
    weights = {"a": first, "b": np.linalg.pinv(first)[:, :3].astype(np.float32)}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["scores"])],
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor(name, TensorProto.FLOAT, w.shape, w.tobytes(), raw=True) for name, w in weights.items()],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)


def _furnish(place: Path) -> None:
    """Models, data and intents."""
    _classifier(place / "large.onnx", hidden=256, seed=0)
    _classifier(place / "small.onnx", hidden=8, seed=1)
    generator = np.random.default_rng(2)
    for name, count in (("eval", 120), ("calib", 60)):
        x = generator.standard_normal((count, 4)).astype(np.float32)
        np.savez(place / f"{name}.npz", x=x, y=x[:, :3].argmax(axis=1))
    for name, text in (("intent", INTENT), ("metered", METERED), ("gate", GATE), ("wrong", "version: 2\n")):
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")


@contextmanager
def _meter(place: Path) -> Iterator[list[str]]:
    """An emulated instrument whose power rises with the work of this process's children; arguments that name it."""
    with ExitStack() as stack:
        meter = stack.enter_context(
            Lpm01aEmulator(stack.enter_context(Following(os.getpid(), 0.04, 0.015)), volts=VOLTS)
        )
        declared = {"type": "lpm01a", "port": str(meter.path), "volts": VOLTS}
        text = json.dumps({"version": 1, "targets": {"local": {"meter": declared}}})  # JSON is YAML
        (place / "with-meter.yaml").write_text(text, encoding="utf-8")
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(MeterSpec, "shortest_window_s", property(lambda _: 0.5))
        yield ["lpm01a", "--port", str(meter.path), "--option", f"volts={VOLTS}"]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with models, data and intents, where caches, targets and calibrations are a test's own."""
    folder = tmp_path_factory.mktemp("documents")
    _furnish(folder)
    own = ("CACHE", "TARGETS", "POWER_MODELS", "DEPLOYED", "TRUSTED")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in own:
            patch.setenv(f"AUTOEDGE_{name}", str(folder / name.lower()))
        yield folder


@pytest.fixture(scope="session")
def outputs(place: Path) -> Outputs:
    """Everything, as far as it is asked for."""
    return Outputs(place)


def _of_a_run(found: Outputs) -> None:
    found.call("plan", "space", "-i", "intent.yaml")
    found.call("validation", "validate", "intent.yaml", "wrong.yaml", codes=(2,))
    found.call("verdict", "select", "-i", "intent.yaml", "--out", "run")
    found.keep("verdict", found.place / "run" / "verdict.json")
    front = found.keep("front", found.place / "run" / "front.json")
    found.call("report", "report", "run")
    found.call("verdict", "show", "run")
    for row in front["rows"]:
        found.call("candidate", "show", "run", "--candidate", row["candidate_id"])
    found.call("soak", "soak", "--run", "run", "--minutes", "0.02", "--out", "soaked", codes=(0, 1, 4))
    found.keep("soak", found.place / "soaked" / "soak.json")


def _of_its_bundle(found: Outputs) -> None:
    found.of("run")
    bundle, data = "run/bundle", "eval.npz"
    found.keep("bundle", found.place / bundle / "bundle.json")
    assert run(["bundle", "keygen", "--out", "key.pem"]) == 0
    (found.place / "trusted").mkdir()
    (found.place / "key.pem.pub").rename(found.place / "trusted" / "me.pub")
    other = json.loads((found.place / "run" / "front.json").read_text())["rows"][-1]["candidate_id"]
    assert run(["bundle", "build", "run", "--candidate", other, "--out", "other"]) == 0
    found.call("difference", "bundle", "diff", bundle, "other", codes=(0, 1))
    found.call("difference", "bundle", "diff", bundle, bundle)
    found.call("answers", "bundle", "run", bundle, "--input", data)
    assert run(["bundle", "sign", bundle, "--key", "key.pem"]) == 0
    found.keep("signature", found.place / "run" / "bundle.sig")
    found.call("verification", "bundle", "verify", bundle, "--processes", "2", "--data", data, codes=(0, 1, 4))
    assert run(["bundle", "pack", "other", "--base", bundle, "--out", "new.delta.tar"]) == 0
    with tarfile.open("new.delta.tar") as pack:
        member = pack.extractfile("delta.json")
        assert member is not None
        found.take("delta", member.read())
    found.call("deployment", "bundle", "deploy", bundle, "--target", "local")
    found.call("deployment", "bundle", "deploy", "other", "--target", "local", "--status", codes=(1,))
    gate = ["check", "--bundle", bundle, "--intent", "gate.yaml", "--against", "other"]
    found.call("check", *gate, codes=(0, 1, 4))


def _of_its_campaign(found: Outputs) -> None:
    found.of("run")
    found.call("campaign-export", "campaign", "export", "run", "exported")
    found.keep("campaign", found.place / "exported" / "campaign.json")
    found.call("campaign-show", "campaign", "show", "exported")
    found.call("measurements-export", "export", "measurements", "run", "all.csv")
    found.call("mlflow-export", "export", "mlflow", "run", "--tracking-uri", f"sqlite:///{found.place}/mlflow.db")


def _table(file: Path, **speeds: float) -> None:
    """Results of other models on made-up boards, as somebody else would have them."""
    lines = ["device,model,precision,batch,threads,log_macs,latency_p50_ms,memory_peak_mib,note"]
    dice = np.random.default_rng(0)
    for board, speed in speeds.items():
        for model in range(5):
            for precision in ("fp32", "int8-dynamic"):
                for batch in (1, 2, 4, 8):
                    ms = speed * 10 ** (0.6 * model) * batch**0.9 * np.exp(dice.normal(0, 0.03))
                    row = [board, f"other{model}", precision, batch, 1, 1.5 + 0.6 * model, ms, 30.0 + 2 * model, "x"]
                    lines.append(",".join(map(str, row)))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _of_tables(found: Outputs) -> None:
    _table(found.place / "table.csv", slow=8.0, fast=1.0)
    _table(found.place / "more.csv", slow=8.0, fast=1.0, middle=3.0)
    roles = ["--target", "device", "--feature", "log_macs", "--no-role", "note"]
    objectives = ["--objective", "latency_p50_ms", "--objective", "memory_peak_mib"]
    knobs = [word for name in ("model", "precision", "batch", "threads") for word in ("--knob", name)]
    for table, folder in (("table.csv", "boards"), ("more.csv", "more")):
        words = ["campaign", "import", table, folder, *roles, *objectives, *knobs, "--yes"]
        found.call("campaign-import", *words)
    found.keep("campaign", found.place / "boards" / "campaign.json")
    found.call("campaign-show", "campaign", "show", "boards")
    found.call("retraining", "retrain", "--from", "boards", "--out", "learned")
    found.call("retraining", "retrain", "--from", "more", "--out", "learned", codes=(0, 1))
    found.keep("surrogate", found.place / "learned" / "card.json")
    found.keep("exam", found.place / "learned" / "exam.json")
    found.call("prediction", "predict", "-i", "gate.yaml", "--history", "boards")
    replayed = ["replay", "--campaign", "boards", "--target", "slow", "--budget", "8", "--seeds", "1"]
    found.call("replay", *replayed, "--strategy", "random")
    start = ["--history", "boards:fast", "--surrogate", "learned", "--constraint", "memory_peak_mib <= 35"]
    found.call("replay", *replayed, "--strategy", "surrogate,random", *start)
    judged = ["--train-targets", "fast", "--train-samples", "20", "--test-targets", "slow", "--seeds", "1"]
    found.call("evaluation", "surrogate", "evaluate", "--campaign", "boards", *judged, "--objective", "latency_p50_ms")


def _of_meters(found: Outputs) -> None:
    found.call("meters", "meters", "list")
    (found.place / "trace.csv").write_text(
        "time_s,power_w\n" + "".join(f"{t / 100},5.0\n" for t in range(3001)), encoding="utf-8"
    )
    windows = [{"start_s": 0, "end_s": 15, "inferences": 100}, {"start_s": 1, "end_s": 2}]
    (found.place / "windows.json").write_text(json.dumps(windows), encoding="utf-8")
    found.call("energy", "power", "integrate", "--trace", "trace.csv")
    found.call("energy", "power", "integrate", "--trace", "trace.csv", "--windows", "windows.json")
    with _meter(found.place) as named:
        found.call("meter-reading", "meters", "read", *named, "--seconds", "0.5")
        found.call("meter-check", "meters", "check", *named, "--window", "0.6 s", codes=(0, 4))


def _of_a_metered_run(found: Outputs) -> None:
    with _meter(found.place):
        metered = ["--targets", "with-meter.yaml"]
        words = ["select", "-i", "metered.yaml", "--out", "metered", *metered]
        found.call("verdict", *words, codes=(0, 1, 4))
        found.call("soak", "soak", "--run", "metered", "--minutes", "0.02", *metered, codes=(0, 1, 4))
    found.call("report", "report", "metered")
    found.keep("front", found.place / "metered" / "front.json")
    found.keep("bundle", found.place / "metered" / "bundle" / "bundle.json")
    found.call("power-comparison", "power", "compare", "--run", "metered")


def _of_targets(found: Outputs) -> None:
    own = {"wrap": ["nice"], "idle_power": "2 W", "meter": {"type": "estimate", "idle_w": 1.0, "max_w": 2.0}}
    text = json.dumps({"version": 1, "targets": {"quiet": own}})
    (found.place / "devices.yaml").write_text(text, encoding="utf-8")
    found.call("targets", "targets", "list", "--targets", "devices.yaml")
    found.call("target", "targets", "probe", "quiet", "--targets", "devices.yaml")
    found.call("meters", "meters", "list", "--target", "quiet", "--targets", "devices.yaml")


def _of_a_calibration(found: Outputs) -> None:
    """Of a device whose hour of loads takes no time; the rest is as in the command."""
    spec, dice = MeterSpec("um25c", "board-input", 0.5, 0.5, 0.001, 0.0015, 0.004), np.random.default_rng(2)
    device = SimulatedDevice(Character.drawn(dice), spec, dice)
    loads = [device.measured(load).load for load in calibration_loads(device.character.cores)]
    model = fit_power(loads, spec, "2026-01-02")
    kept = Calibration("0" * 16, "Cortex-A76", spec, 1.7e9, loads, model)
    file = kept.save()
    found.keep("power-model", file)
    found.take("calibration", json.dumps(document(kept, file)))


NETS = """
from torch import nn

def large():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 3))

def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))

def broken():
    raise KeyError("weights")
"""
SPEC = """\
version: 1
name: tiny
model: nets:large
data: {train: train.npz, holdout: train.npz}
inputs: {image: [4, 4]}
task: classification
trust: true
make: [{kind: distil, student: "nets:small", epochs: 1}, {kind: distil, name: no, student: "nets:broken", epochs: 1}]
"""


def _of_compression(found: Outputs) -> None:
    x = np.random.default_rng(0).random((48, 4, 4)).astype(np.float32)
    np.savez("train.npz", x=x, y=np.arange(48) % 3)
    Path("nets.py").write_text(NETS, encoding="utf-8")
    Path("compress.yaml").write_text(SPEC, encoding="utf-8")
    found.call("compression", "compress", "--spec", "compress.yaml", "--out", "made", "--trust", ".", codes=(2,))
    found.keep("compression-record", found.place / "made" / "compressed.json")


GROUPS = {
    "run": _of_a_run,
    "bundle": _of_its_bundle,
    "campaign": _of_its_campaign,
    "tables": _of_tables,
    "meters": _of_meters,
    "metered": _of_a_metered_run,
    "targets": _of_targets,
    "calibration": _of_a_calibration,
    "compression": _of_compression,
}
