"""Models, data and limits that some runtime cannot serve: right message, right exit code; the run goes on where it can.

Pickles without trust are in ``test_trust.py``, delegates without their library in ``test_delegates.py``.
"""

from __future__ import annotations

import json
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tflite_models import dense_net

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Intent = Callable[..., Path]

BARE = ("numpy", "psutil", "onnxruntime")


def said(process: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """The command ended with a code and one message that holds these parts; no traceback anywhere."""
    assert process.returncode == code, process.stderr
    assert "Traceback" not in process.stderr + process.stdout
    message = process.stderr.splitlines()[-1]
    assert message.startswith("autoedge: "), process.stderr
    for part in parts:
        assert part in message


def saved(path: Path, nodes: list[Any], shape: tuple[Any, ...], *weights: onnx.TensorProto, **domains: int) -> Path:
    """A model from ``x`` of a shape to ``scores`` of three columns."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        list(weights),
    )
    opsets = [helper.make_opsetid(name.replace("_", "."), version) for name, version in {"": 17, **domains}.items()]
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opsets), path)
    return path


def nearest_centre(path: Path, domain: str = "com.microsoft") -> Path:
    """A classifier that takes the nearest of three centres, by an operator that ONNX Runtime knows and OpenVINO not."""
    centres = numpy_helper.from_array(np.eye(3, 4, dtype=np.float32), "centres")
    nodes = [
        helper.make_node("CDist", ["x", "centres"], ["far"], domain=domain, metric="sqeuclidean"),
        helper.make_node("Neg", ["far"], ["scores"]),
    ]
    return saved(path, nodes, (4,), centres, **{domain.replace(".", "_"): 1})


def plan_of(autoedge: Command, intent: Path) -> dict[str, Any]:
    """What ``autoedge space`` says of an intent."""
    planned = autoedge("space", "--intent", intent, "--json")
    assert planned.returncode == 0, planned.stderr
    plan: dict[str, Any] = json.loads(planned.stdout)
    return plan


def test_an_operator_that_one_runtime_lacks(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """The model is left out on that runtime with the operator's name, and measured on the other."""
    nearest_centre(place / "centre.onnx")
    intent = write_intent(
        models="[centre.onnx]",
        constraints="[accuracy >= 90 %]",
        budget="{measurements: 24}",
        search="{space: [onnxruntime-cpu, openvino], strategy: random, "
        "knobs: {threads: [1], arena: ['on'], graph_level: [all], batch: [1, 4], hint: [latency]}}",
    )
    process = autoedge("select", "--intent", intent, "--out", place / "run")
    assert process.returncode in (0, 4), process.stderr
    verdict = json.loads((place / "run" / "verdict.json").read_text())
    assert verdict["chosen"]["configuration"]["runtime"] == "onnxruntime"
    (left,) = [one for one in verdict["left_out"] if one["what"].endswith("for openvino")]
    assert "com.microsoft.CDist" in left["reason"]
    assert left["candidates"] > 0


def test_an_operator_that_no_runtime_has(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """Nothing can run the model: exit 2, and the message names model, operator and domain."""
    nearest_centre(place / "strange.onnx", "org.example")
    intent = write_intent(models="[strange.onnx]", search="{space: [onnxruntime-cpu, openvino]}")
    said(autoedge("select", "--intent", intent), 2, "strange.onnx", "operator 'CDist' of domain 'org.example'")


def test_an_axis_in_the_wrong_place(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """Channels last for a model that takes them first, and no section `inputs`: exit 2 with both shapes."""
    weights = np.random.default_rng(0).standard_normal((3, 3, 8, 8)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("Flatten", ["y"], ["scores"])]
    saved(place / "conv.onnx", nodes, (3, 8, 8), numpy_helper.from_array(weights, "w"))
    images = np.random.default_rng(1).random((40, 8, 8, 3), np.float32)
    np.savez(place / "eval.npz", x=images, y=np.arange(40) % 3)
    form = {"models": "[conv.onnx]", "data": "{evaluation: eval.npz}", "constraints": "[latency_p50 <= 1 s]"}
    process = autoedge("select", "--intent", write_intent(**form))
    said(process, 2, "eval.npz: array 'x', model 'conv'", "the model takes (3, 8, 8), the data have (8, 8, 3)")
    plan_of(autoedge, write_intent(**form, inputs="{x: {data_layout: NHWC}}"))  # which mends it


def test_int8_without_calibration_data(write_intent: Intent, autoedge: Command) -> None:
    """Static int8 is left out with the reason; where it is all that is asked for, that is exit 2."""
    form = {"data": "{evaluation: eval.npz}"}
    plan = plan_of(autoedge, write_intent(**form))
    reasons = {(one["model"], one["what"]): one["reason"] for one in plan["left_out"]}
    assert reasons["large", "int8-static"] == reasons["small", "int8-static"] == "it needs data.calibration"
    assert "int8-static" not in {each["precision"] for each in plan["by_model"]}
    alone = write_intent(**form, search="{space: onnxruntime-cpu, knobs: {precision: [int8-static]}}")
    said(autoedge("select", "--intent", alone), 2, "no candidate is left", "no int8-static (it needs data.calibration)")


def test_labels_that_do_not_fit_a_tflite_model(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """Another number of labels than samples, or more classes than scores: exit 2, whatever the model's format."""
    dense_net(4, 8, 3).save(place / "dense.tflite")
    form = {"models": "[dense.tflite]", "data": "{evaluation: eval.npz}", "search": "{space: litert}"}
    x = np.random.default_rng(0).standard_normal((10, 4)).astype(np.float32)
    np.savez(place / "eval.npz", x=x, y=np.zeros(7, np.int64))
    said(autoedge("select", "--intent", write_intent(**form)), 2, "one label a sample", "'y' has 7 for 10 samples")
    np.savez(place / "eval.npz", x=x, y=np.arange(10))
    said(autoedge("select", "--intent", write_intent(**form)), 2, "labels go up to 9", "10 columns", "has 3")


def test_a_provider_that_the_build_has_not(write_intent: Intent, autoedge: Command) -> None:
    """A limit to a provider that cannot be used here is exit 2; the message names what there is."""
    intent = write_intent(search="{space: onnxruntime-cpu, knobs: {provider: [cuda]}}")
    said(autoedge("select", "--intent", intent), 2, "search.knobs.provider: must be among cpu, but got cuda")


def test_a_runtime_that_is_none(write_intent: Intent, autoedge: Command) -> None:
    """A limit to a runtime that no search space is of is exit 2; the message names those there are."""
    intent = write_intent(search="{space: [onnxruntime-cpu, openvino], knobs: {runtime: [tvm]}}")
    said(autoedge("select", "--intent", intent), 2, "search.knobs.runtime", "onnxruntime, openvino", "tvm")


@pytest.fixture
def bare(place: Path) -> str:
    """A Python in which of all runtimes only ONNX Runtime is installed."""
    folder = place / "bare"
    venv.create(folder)
    here = Path(sysconfig.get_path("purelib"))
    there = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    for package in BARE:
        for path in [*here.glob(package), *here.glob(f"{package}.libs"), *here.glob(f"{package}-*.dist-info")]:
            (there / path.name).symlink_to(path)
    return str(folder / "bin" / "python")


def test_a_runtime_that_the_target_lacks(
    place: Path, bare: str, declare_in: Callable[..., Path], write_intent: Intent, autoedge: Command
) -> None:
    """Its candidates are left out with what to install; where they are all that is asked for, nothing is left."""
    declare_in(place, board={"python": bare, "meter": "none"})
    search = "{{space: [onnxruntime-cpu, openvino], knobs: {{{}threads: [1], batch: [1]}}}}"
    plan = plan_of(autoedge, write_intent(targets="[board]", search=search.format("")))
    assert {each["runtime"] for each in plan["by_model"]} == {"onnxruntime"}
    (left,) = [one for one in plan["left_out"] if one["what"] == "openvino"]
    assert (left["target"], left["candidates"] > 0) == ("board", True)
    assert "autoedge targets setup board --runtime openvino" in left["reason"]
    alone = write_intent(targets="[board]", search=search.format("runtime: openvino, "))
    said(autoedge("select", "--intent", alone), 2, "no candidate is left: board: no openvino (not installed there")
    nothing = write_intent(targets="[board]", search="{space: openvino}")
    said(autoedge("select", "--intent", nothing), 3, "target 'board' has no openvino", "installs it")
