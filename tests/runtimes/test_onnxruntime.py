"""ONNX Runtime: its knobs, its providers, and what it says when one is not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, load_from_string, numpy_helper

from autoedge.errors import ModelError
from autoedge.runtimes import onnx_probe
from autoedge.runtimes.onnx_placement import logged_placement, placement
from autoedge.runtimes.onnx_session import NAMES, opened, short
from autoedge.runtimes.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from pathlib import Path

VALUES = np.random.default_rng(0).random((1, 2, 8, 8), np.float32)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The model that providers are tried with."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(onnx_probe.MODEL)
    return path


def test_the_tiny_model_is_what_it_says() -> None:
    """The bytes that travel to devices are those that onnx makes of this definition."""
    weights = ((np.arange(2 * 2 * 3 * 3) % 7 - 3) / 8).astype(np.float32).reshape(2, 2, 3, 3)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv", kernel_shape=[3, 3]),
            helper.make_node("Relu", ["c"], ["y"], name="relu"),
        ],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 6, 6])],
        [numpy_helper.from_array(weights, "w")],
    )
    opsets = [helper.make_opsetid("", 12)]
    made = helper.make_model(graph, ir_version=7, opset_imports=opsets, producer_name="autoedge")
    assert load_from_string(onnx_probe.MODEL) == made


def test_the_tiny_model_tells_right_from_wrong(tiny: Path) -> None:
    """Its outputs are neither all zero nor so small that a wrong one would pass for close."""
    (output,) = opened(tiny, {}).run(None, {"x": VALUES})
    assert (output == 0).any()
    assert output.max() > 20 * onnx_probe._CLOSE


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"provider": "cpu"},
        {"provider": "cpu", "threads": 2, "execution": "parallel", "spinning": "off"},
        {"graph_level": "disable", "arena": "off"},
    ],
)
def test_the_processor(tiny: Path, knobs: dict[str, Any]) -> None:
    """Whatever the knobs, the CPU alone computes, gives the same, and has nothing to tell of providers."""
    session = OnnxRuntime().load(tiny, knobs)
    (got,) = session.bind(["y"])({"x": VALUES})
    plain = onnxruntime.InferenceSession(str(tiny), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(got, plain.run(None, {"x": VALUES})[0], rtol=1e-5, atol=1e-7)
    assert session.placement() == {}
    assert session._session.get_providers() == ["CPUExecutionProvider"]  # type: ignore[attr-defined]


def test_knobs_reach_the_engine(tiny: Path) -> None:
    """Each knob changes the option that it stands for."""
    knobs = {"threads": 2, "graph_level": "basic", "execution": "parallel", "spinning": "off", "arena": "off"}
    options = opened(tiny, knobs).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 2)
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_PARALLEL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_cpu_mem_arena


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"speed": 3}, "has no knob speed; it has arena, device_type"),
        ({"provider": "gpu"}, "provider is one of cpu, cuda, .*, but got 'gpu'"),
        ({"provider": "CUDAExecutionProvider"}, "provider is one of"),
        ({"device_type": "GPU"}, "device_type belongs to the provider openvino, but the provider is cpu"),
        ({"provider": "openvino", "provider_fp16": "on"}, "provider_fp16 belongs to the provider tensorrt or coreml"),
        ({"provider": "qnn"}, "this build of ONNX Runtime has no provider qnn, it has .*cpu"),
    ],
)
def test_knobs_that_do_not_exist_here(tiny: Path, knobs: dict[str, Any], said: str) -> None:
    """What this engine or this build does not have is refused before anything is loaded, never left out silently."""
    with pytest.raises(ModelError, match=said):
        OnnxRuntime().load(tiny, knobs)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    """The engine's own words come with the refusal."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"ONNX Runtime .* cannot load the model: "):
        OnnxRuntime().load(path, {})


def test_a_provider_that_is_not_there_is_no_offer() -> None:
    """A level is offered when its tiny model really ran; one that the build lacks says so, in one bearable line."""
    reason = onnx_probe.why_not({"provider": "qnn"})
    assert reason.startswith("this build of ONNX Runtime has no provider qnn")
    assert onnx_probe.why_not({"provider": "cpu"}) == ""
    assert "\n" not in onnx_probe.why_not({"provider": "\n" * 1000})


def test_offers_name_what_the_build_names() -> None:
    """Every provider of this build but the CPU's own and those that compute elsewhere is tried, and no other."""
    named = {short(name) for name in onnxruntime.get_available_providers()} & set(NAMES) - {"cpu"}
    assert set(OnnxRuntime().offers().get("provider", {})) == named


def test_a_process_that_dies_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that takes its process along is not offered, and the next one can be tried."""
    monkeypatch.setenv("PYTHONMALLOC", "nonsense")  # the interpreter aborts before it runs anything
    assert onnx_probe.why_not({"provider": "cpu"}) == "a tiny model ended its process with exit code 1"


def test_placement_from_the_session(tiny: Path) -> None:
    """What the engine says of a session that was told to remember is counted by provider, under our names."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(tiny), options, providers=["CPUExecutionProvider"])
    assert placement(session, tiny, {"provider": "xnnpack"}) == {"cpu": 2}
    assert placement(session, tiny, {"provider": "cpu"}) == placement(session, tiny, {}) == {}


def test_placement_from_the_log(tmp_path: Path, tiny: Path) -> None:
    """Where the engine does not tell, its log does: operators by provider, those of branches included."""
    assert logged_placement(tiny, {"graph_level": "disable"}) == {"cpu": 2}
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    branches = [
        helper.make_graph([helper.make_node(kind, ["x"], [kind])], kind, [], [_port(kind)]) for kind in ("Exp", "Neg")
    ]
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    zero = numpy_helper.from_array(np.array(0, np.float32), "zero")
    graph = helper.make_graph(nodes, "graph", kinds[:1], kinds[1:], [zero])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path / "branches.onnx"
    path.write_bytes(model.SerializeToString())
    assert logged_placement(path, {"graph_level": "disable"}) == {"cpu": 5}


def _port(name: str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])


def test_placement_of_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    """A log that tells nothing is no placement, and no error."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    assert logged_placement(path, json.loads('{"threads": 1}')) == {}
