"""OpenVINO: its ports, its knobs, its devices, what it copies, and that it tells nobody."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from autoedge.errors import ModelError
from autoedge.models import onnx_file
from autoedge.runtimes import openvino, packed_ir
from autoedge.runtimes.onnxruntime import OnnxRuntime
from autoedge.runtimes.openvino import OpenVino

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "models"
NETS = ("mlp", "conv-tiny", "conv-separable", "resnet", "conv-large")
IMAGE = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)


@pytest.fixture(scope="module")
def runtime() -> OpenVino:
    """One engine for all."""
    found = OpenVino()
    found.prepare()
    return found


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A net of the example as packed IR, under a name without suffix."""
    ov = openvino.engine()
    ov.save_model(ov.Core().read_model(str(DIGITS / "conv-tiny.onnx")), str(tmp_path / "m.xml"), compress_to_fp16=False)
    path = tmp_path / "0a1b"
    packed_ir.write((tmp_path / "m.xml").read_bytes(), (tmp_path / "m.bin").read_bytes(), path)
    return path


@pytest.mark.parametrize("name", NETS)
def test_ports_and_outputs_are_those_of_the_model(runtime: OpenVino, name: str) -> None:
    """Each net of the example has the ports that its file names, and computes what ONNX Runtime does of it."""
    path = DIGITS / f"{name}.onnx"
    info, session = onnx_file.look(path), runtime.load(path, {"inference_precision": "f32"}, {"image": IMAGE.shape})
    for ports, tensors in ((session.inputs, info.inputs), (session.outputs, info.outputs)):
        assert [(port.name, port.dtype) for port in ports] == [(tensor.name, tensor.dtype) for tensor in tensors]
    assert session.inputs[0].shape == IMAGE.shape
    (got,), (expected,) = (each.bind(["scores"])({"image": IMAGE}) for each in (session, OnnxRuntime().load(path, {})))
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "operator"), [("boosted-trees", "ai.onnx.ml.TreeEnsembleClassifier"), ("logreg", "LinearClassifier")]
)
def test_an_operator_that_it_lacks_is_named(runtime: OpenVino, name: str, operator: str) -> None:
    """A converted scikit-learn model is refused in one line that names engine, version and operator."""
    with pytest.raises(ModelError, match=rf"^OpenVINO [\d.]+ cannot load the model: .*{operator}") as caught:
        runtime.load(DIGITS / f"{name}.onnx", {})
    assert "\n" not in str(caught.value)
    assert "src/" not in str(caught.value).split("log:", maxsplit=1)[0]


def test_free_dimensions_stay_free(runtime: OpenVino) -> None:
    """Without shapes, one loaded model takes batches of any size."""
    session = runtime.load(DIGITS / "mlp.onnx", {})
    assert session.inputs[0].shape == (None, 1, 8, 8)
    call = session.bind(["scores"])
    assert [call({"image": np.repeat(IMAGE, n, axis=0)})[0].shape for n in (1, 3)] == [(2, 10), (6, 10)]


def test_shapes_that_do_not_fit_are_refused(runtime: OpenVino) -> None:
    """A shape that the model cannot take is an error of the model, in the engine's words."""
    with pytest.raises(ModelError, match="cannot load the model"):
        runtime.load(DIGITS / "mlp.onnx", {}, {"image": (1, 3, 9, 9)})


def branches(path: Path) -> Path:
    """A model that changes its input at once, hands it on too, and has outputs in an order of its own."""
    nodes = [
        helper.make_node("Relu", ["x"], ["positive"]),
        helper.make_node("Identity", ["positive"], ["alias"]),
        helper.make_node("Add", ["x", "one"], ["y"]),
        helper.make_node("Cast", ["y"], ["whole"], to=TensorProto.INT64),
    ]
    outputs = [("whole", TensorProto.INT64), ("alias", TensorProto.FLOAT), ("positive", TensorProto.FLOAT)]
    graph = helper.make_graph(
        nodes,
        "branches",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info(name, kind, ["n", 64]) for name, kind in outputs],
        [numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_outputs_by_name(runtime: OpenVino, tmp_path: Path) -> None:
    """Outputs keep the model's order and names, also where two name one value; any of them can be asked for."""
    session = runtime.load(branches(tmp_path / "m"), {})
    assert [(port.name, port.dtype) for port in session.outputs] == [
        ("whole", "int64"),
        ("alias", "float32"),
        ("positive", "float32"),
    ]
    values = np.linspace(-2, 2, 64, dtype=np.float32).reshape(1, 64)
    alias, whole = session.bind(["alias", "whole"])({"x": values})
    np.testing.assert_array_equal(alias, np.maximum(values, 0))
    np.testing.assert_array_equal(whole, (values + 1).astype(np.int64))


def test_calls_leave_inputs_and_earlier_outputs_alone(runtime: OpenVino, tmp_path: Path) -> None:
    """The engine reads the caller's arrays and never writes to them; the next call does not overwrite an output."""
    call = runtime.load(branches(tmp_path / "m"), {}, {"x": (4, 64)}).bind(["alias", "positive"])
    feeds = [np.random.default_rng(seed).standard_normal((4, 64), np.float32) for seed in range(2)]
    kept = [feed.copy() for feed in feeds]
    outputs = [call({"x": feed}) for feed in feeds]
    for feed, before, (alias, positive) in zip(feeds, kept, outputs, strict=True):
        np.testing.assert_array_equal(feed, before)
        np.testing.assert_array_equal(alias, np.maximum(before, 0))
        np.testing.assert_array_equal(positive, alias)
        assert type(alias) is np.ndarray


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({}, {}),
        ({"hint": "latency"}, {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}),
        ({"hint": "throughput", "streams": "auto"}, {"PERFORMANCE_HINT": "THROUGHPUT"}),
        ({"hint": "throughput", "streams": 1}, {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": "1"}),
        ({"threads": 1}, {"INFERENCE_NUM_THREADS": "1"}),
        ({"device": "CPU", "inference_precision": "f32"}, {"INFERENCE_PRECISION_HINT": "float32"}),
    ],
)
def test_knobs_reach_the_engine(runtime: OpenVino, knobs: dict[str, str | int], expected: dict[str, str]) -> None:
    """What a knob says is what the compiled model says of itself."""
    session = runtime.load(DIGITS / "conv-tiny.onnx", knobs, {"image": IMAGE.shape})
    for name, value in expected.items():
        assert value in str(session._compiled.get_property(name))  # type: ignore[attr-defined]
    assert session.bind(["scores"])({"image": IMAGE})[0].shape == (2, 10)


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"arena": "on"}, "has no knob arena; it has device, hint"),
        ({"device": "HETERO:GPU,CPU"}, "device is one of CPU, GPU, NPU, MYRIAD, but got HETERO"),
        ({"device": "MYRIAD"}, "cannot load the model: .*MYRIAD"),
        ({"hint": "fast"}, "cannot load the model: .*PERFORMANCE_HINT"),
        ({"inference_precision": "f8"}, "cannot load the model: .*INFERENCE_PRECISION_HINT"),
        ({"streams": "many"}, "cannot load the model: .*many"),
    ],
)
def test_knobs_that_it_cannot_follow(runtime: OpenVino, knobs: dict[str, str], says: str) -> None:
    """A knob or level that the engine does not know is refused, never dropped."""
    with pytest.raises(ModelError, match=says):
        runtime.load(DIGITS / "mlp.onnx", knobs)


def test_offers_are_what_loads(runtime: OpenVino) -> None:
    """The CPU is usable, what is not says why, and each precision told usable or not loads or fails alike."""
    offers = runtime.offers()
    assert offers["device"]["CPU"] == ""
    assert set(offers["device"]) >= {"CPU", "GPU", "NPU", "MYRIAD"}
    assert set(offers["inference_precision"]) == {"auto", "f32", "bf16", "f16"}
    assert offers["inference_precision"]["auto"] == offers["inference_precision"]["f32"] == ""
    only_cpu = [name for name, trouble in offers["device"].items() if not trouble] == ["CPU"]
    for knob, levels in offers.items():
        for level, trouble in levels.items():
            if trouble:
                assert "\n" not in trouble
                with pytest.raises(ModelError):
                    runtime.load(DIGITS / "mlp.onnx", {knob: level})
            elif knob == "device" or only_cpu:
                runtime.load(DIGITS / "mlp.onnx", {knob: level}, {"image": IMAGE.shape})


def test_a_precision_is_never_silently_another(runtime: OpenVino) -> None:
    """A device that would compute in another precision than it was told is found out, by the tiny model too."""
    native = runtime._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for level, capability in (("bf16", "BF16"), ("f16", "FP16")):
        assert (runtime._trouble("CPU", inference_precision=level) == "") == (capability in native)


def test_placement_counts_what_the_device_executes(runtime: OpenVino) -> None:
    """All operators run on the one device: more in the net of six convolutions than in that of two layers."""
    small, large = (runtime.load(DIGITS / f"{name}.onnx", {}).placement() for name in ("mlp", "resnet"))
    assert set(small) == set(large) == {"CPU"}
    assert 2 <= small["CPU"] < large["CPU"]


def test_packed_ir_computes_the_same(runtime: OpenVino, packed: Path) -> None:
    """An IR in one file is recognised by its content, and gives what its ONNX model gives."""
    calls = [
        runtime.load(path, {"inference_precision": "f32"}).bind(["scores"])
        for path in (packed, DIGITS / "conv-tiny.onnx")
    ]
    np.testing.assert_allclose(calls[0]({"image": IMAGE}), calls[1]({"image": IMAGE}), rtol=1e-5, atol=1e-6)


def test_a_call_outlives_its_session(runtime: OpenVino, packed: Path) -> None:
    """The weights of a packed IR stay mapped as long as there is a call that may read them."""
    call = runtime.load(packed, {}).bind(["scores"])
    first = call({"image": IMAGE})[0]
    gc.collect()
    np.testing.assert_array_equal(call({"image": IMAGE})[0], first)


packing = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@packing
@given(xml=st.binary(max_size=300), weights=st.binary(max_size=300))
def test_packing_round_trip(tmp_path: Path, xml: bytes, weights: bytes) -> None:
    """Both parts come back as they were, the weights from an aligned place, and equal parts give equal bytes."""
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        packed_ir.write(xml, weights, path)
    assert packed_ir.is_packed(paths[0])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    graph, mapped = packed_ir.read(paths[0])
    assert (graph, mapped.tobytes()) == (xml, weights)
    assert not weights or mapped.ctypes.data % 64 == 0


def members(path: Path, *names: str, kind: int = zipfile.ZIP_STORED) -> None:
    """A zip with these names in it."""
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name in names:
            archive.writestr(name, b"<net/>" * 20)


@pytest.mark.parametrize(
    "names",
    [
        ("model.xml",),
        ("model.bin", "model.xml"),
        ("model.xml", "model.bin", "run.sh"),
        ("model.xml", "../model.bin"),
        ("/etc/model.xml", "model.bin"),
    ],
)
def test_other_members_are_refused(runtime: OpenVino, tmp_path: Path, names: tuple[str, ...]) -> None:
    """A zip of anything but the two parts is no model."""
    members(tmp_path / "m", *names)
    with pytest.raises(ModelError, match=r"holds model\.xml and model\.bin and nothing else"):
        runtime.load(tmp_path / "m", {})


def test_damaged_packings_are_refused(runtime: OpenVino, packed: Path) -> None:
    """A file cut short, deflated weights and a header that points past the end are errors, not crashes."""
    data = packed.read_bytes()
    packed.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="the packed IR is damaged"):
        runtime.load(packed, {})
    members(packed, "model.xml", "model.bin", kind=zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="stored as they are"):
        runtime.load(packed, {})
    local = data.index(b"model.bin") - 30
    packed.write_bytes(data[: local + 26] + struct.pack("<HH", 9, 65535) + data[local + 30 :])
    with pytest.raises(ModelError, match="do not lie where it says"):
        runtime.load(packed, {})
    assert data.count(b"model.bin") == 2


def test_an_xml_without_an_end_is_refused_by_its_size(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that would grow beyond the limit when it is inflated is not inflated."""
    monkeypatch.setattr(packed_ir, "_MAX_XML_BYTES", 100)
    with pytest.raises(ModelError, match="at most 100 bytes"):
        packed_ir.read(packed)


@pytest.mark.parametrize("content", [b"", b"\x08\x08no model at all", b"version https://git-lfs.github.com/spec/v1\n"])
def test_no_model_is_refused(runtime: OpenVino, tmp_path: Path, content: bytes) -> None:
    """Whatever is no model is an error of the model that names the engine."""
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ModelError, match=r"^OpenVINO [\d.]+ cannot load the model: "):
        runtime.load(tmp_path / "m", {})


SILENT = """
import sys
from pathlib import Path
told = []
watched = {"socket.connect", "socket.getaddrinfo", "urllib.Request", "os.fork"}
sys.addaudithook(lambda event, _: told.append(event) if event in watched else None)
from autoedge.runtimes.openvino import OpenVino
runtime = OpenVino()
runtime.prepare()
runtime.load(Path(sys.argv[1]), {})
import nncf
import openvino.tools.ovc
print(told, sorted(name for name, module in sys.modules.items() if "openvino_telemetry" in name and module))
"""


def test_it_tells_nobody(tmp_path: Path) -> None:
    """Neither OpenVINO nor NNCF reaches for the network, starts a process that could, or leaves a mark at home."""
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "TF_BUILD", "JENKINS_URL"}}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")  # should the test ever fail
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **nowhere}
    answer = subprocess.run(
        [sys.executable, "-c", SILENT, str(DIGITS / "mlp.onnx")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines()[-1] == "[] []"
    assert not list(tmp_path.rglob("*openvino*"))
    assert not (tmp_path / "intel").exists()
