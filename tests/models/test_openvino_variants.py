"""Variants for OpenVINO: that each is what it says, smaller, near the original, and told to nobody."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from autoedge.errors import ModelError
from autoedge.models import inspector, openvino_variants, packages
from autoedge.models.cache import VariantCache
from autoedge.models.conversion import Conversion
from autoedge.models.info import ModelInfo
from autoedge.models.makers import MAKERS
from autoedge.models.variants import make_variant, tools
from autoedge.runtimes import openvino, packed_ir
from autoedge.runtimes.openvino import OpenVino

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx

    from autoedge.models.variants import Variant

    Samples = Callable[..., Path]

FLOAT = TensorProto.FLOAT
FP16, WEIGHT8, WEIGHT4 = ({"precision": name} for name in ("fp16", "int8-weight", "int4-weight"))
PERFORMANCE, MIXED = ({"precision": "int8-static", "preset": name} for name in ("performance", "mixed"))
RECIPES = [FP16, PERFORMANCE, MIXED, WEIGHT8, WEIGHT4]


def called(value: object) -> str:
    """What a test is called after."""
    return "-".join(value.values()) if isinstance(value, dict) else str(value)


def given(build: Any, model: onnx.ModelProto, suffix: str) -> Path:
    """The model as a file of that format."""
    path: Path = build.save(model)
    if suffix == ".xml":
        ov = openvino.engine()
        ov.save_model(ov.convert_model(str(path)), str(path.with_suffix(".xml")), compress_to_fp16=False)
    return path.with_suffix(suffix)


def look(path: Path) -> ModelInfo:
    """What is known of a file, looked into without a process around it to save time."""
    return ModelInfo.from_dict(inspector.look({"model": str(path), "format": path.suffix}))


def make(path: Path, recipe: Mapping[str, str], cache: VariantCache, calibration: Path | None = None) -> Variant:
    """A variant of a file."""
    return make_variant(path, look(path), recipe, runtime="openvino", cache=cache, calibration=calibration)


def run(path: Path, values: np.ndarray) -> np.ndarray:
    """The scores of a model, computed in float32 where it computes in floats."""
    session = OpenVino().load(path, {"inference_precision": "f32"})
    return np.asarray(session.bind(["scores"])({session.inputs[0].name: values})[0])


def contents(path: Path) -> tuple[Counter[str], Counter[str]]:
    """Of a variant, how many operators there are of each kind, and how many stored elements of each type."""
    model, kept = openvino.read_model(openvino.engine().Core(), path)
    kinds: Counter[str] = Counter()
    for node in model.get_ops():
        if node.get_type_name() == "Constant":
            kinds[node.get_output_element_type(0).get_type_name()] += int(np.prod(list(node.get_output_shape(0))))
    del kept
    return Counter(node.get_type_name() for node in model.get_ops()), kinds


@pytest.mark.parametrize(
    ("suffix", "recipe"), [*[(".onnx", each) for each in RECIPES], (".xml", FP16), (".xml", MIXED)], ids=called
)
def test_every_recipe(build: Any, cache: VariantCache, samples: Samples, suffix: str, recipe: dict[str, str]) -> None:
    """Each variant of a dense net holds what its name says, is smaller, and is near the original, ports included."""
    path = given(build, build.mlp(64, 128, 10), suffix)
    values = build.random.random((90, 64)).astype(np.float32)
    original, variant = make(path, {"precision": "fp32"}, cache), make(path, recipe, cache, samples(x=values))
    operators, kinds = contents(variant.path)
    floats = 128 + 10  # the biases
    expected = {
        "fp16": kinds["f16"] == 64 * 128 + 128 * 10 + floats,
        "int8-static": operators["FakeQuantize"] == 2 and kinds["i8"] == 64 * 128 + 128 * 10,
        "int8-weight": kinds["u8"] >= 64 * 128 + 128 * 10,
        "int4-weight": kinds["u4"] >= 64 * 128 and kinds["u8"] >= 128 * 10,
    }
    assert expected[recipe["precision"]]
    shares = {"fp16": 0.65, "int8-static": 0.45, "int8-weight": 0.45, "int4-weight": 0.35}
    assert variant.size_bytes < shares[recipe["precision"]] * original.size_bytes
    assert [port.name for port in OpenVino().load(variant.path, {}).inputs] == ["x"]
    far = {"fp16": 2e-3, "int4-weight": 0.1}.get(recipe["precision"], 0.05)
    reference, got = run(original.path, values), run(variant.path, values)
    assert np.abs(got - reference).mean() <= far * np.abs(reference).mean()


@pytest.mark.parametrize(("suffix", "recipe"), [(".xml", FP16), (".onnx", MIXED), (".onnx", WEIGHT4)], ids=called)
def test_same_inputs_same_bytes(
    build: Any, cache: VariantCache, samples: Samples, suffix: str, recipe: dict[str, str]
) -> None:
    """A variant made twice, in caches of their own, is the same to the byte."""
    path = given(build, build.mlp(64, 32, 5), suffix)
    calibration = samples(x=build.random.random((50, 64)).astype(np.float32))
    again = VariantCache(cache.root.with_name("again"))
    assert make(path, recipe, cache, calibration).sha256 == make(path, recipe, again, calibration).sha256


@pytest.mark.parametrize("name", ["conv-tiny", "conv-separable", "resnet"])
def test_convolutions_run_in_integers(cache: VariantCache, samples: Samples, name: str) -> None:
    """Static int8 of the example's nets is executed in 8 bits, keeps its decisions, and takes under half the space."""
    folder = Path(__file__).parents[2] / "examples" / "digits"
    images = np.load(folder / "data" / "calib.npz")["x"]
    path = folder / "models" / f"{name}.onnx"
    variant = make(path, MIXED, cache, samples(x=images))
    images = images.reshape(-1, 1, 8, 8).astype(np.float32)
    agree = run(variant.path, images).argmax(-1) == run(path, images).argmax(-1)
    assert agree.mean() > 0.95
    assert variant.size_bytes < path.stat().st_size / 2
    runtime_model = OpenVino().load(variant.path, {})._compiled.get_runtime_model()  # type: ignore[attr-defined]
    kinds = Counter(
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in runtime_model.get_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
    )
    assert kinds["i8"] + kinds["u8"] > kinds["f32"] + kinds["bf16"]


def test_the_ir_as_given_is_one_file(build: Any, cache: VariantCache) -> None:
    """An IR as given becomes one file with its two parts unchanged."""
    path = given(build, build.mlp(4, 3), ".xml")
    xml, weights = packed_ir.read(make(path, {"precision": "fp32"}, cache).path)
    assert xml == path.read_bytes()
    assert weights.tobytes() == path.with_suffix(".bin").read_bytes()


def test_nothing_of_the_making_is_told(build: Any, cache: VariantCache) -> None:
    """A variant names no file or folder of the machine that it was made on."""
    xml, _ = packed_ir.read(make(given(build, build.mlp(64, 32, 5), ".onnx"), WEIGHT8, cache).path)
    for word in (b"whole", b"DIR", b"conversion_parameters", str(cache.root).encode()):
        assert word not in xml


def test_fixed_batch_is_calibrated_in_its_size(build: Any, cache: VariantCache, samples: Samples) -> None:
    """A model of batch 8 is calibrated in calls of 8."""
    path = given(build, build.mlp(16, 12, 4, batch=8), ".onnx")
    values = build.random.random((20, 16)).astype(np.float32)
    assert run(make(path, MIXED, cache, samples(x=values)).path, values[:8]).shape == (8, 4)


def test_calibration_decides_the_ranges(build: Any, cache: VariantCache, samples: Samples) -> None:
    """The range of an input is that of the calibration data, item by item and not batch by batch."""
    path = given(build, build.mlp(16, 12, 4), ".onnx")
    values = build.random.random((64, 16)).astype(np.float32)
    values[:, 0] = np.linspace(1, 5, 64)
    model, kept = openvino.read_model(openvino.engine().Core(), make(path, MIXED, cache, samples(x=values)).path)
    quantiser = next(node for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize")
    highest = quantiser.input_value(2).get_node().get_data().item()
    del kept
    assert highest == pytest.approx(3, rel=0.05)  # the mean of the items' extremes; of the batches' it would be 4


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (FP16, "no weights that float16 could hold"),
        (MIXED, "no operators that static int8 can quantise"),
        (WEIGHT8, "no weights that int8 could hold"),
        (WEIGHT4, "no weights that int4 could hold"),
        ({"precision": "int8-dynamic"}, "can become one of fp16, fp32, int4-weight, int8-static, int8-weight"),
        ({"precision": "int8-static", "preset": "fast"}, "preset: performance or mixed"),
        ({"precision": "int8-static"}, "preset: performance or mixed"),
    ],
    ids=called,
)
def test_what_cannot_be_made(
    build: Any, cache: VariantCache, samples: Samples, recipe: dict[str, str], says: str
) -> None:
    """A model with nothing to compress, and a recipe that does not exist, are refused with the reason."""
    node = helper.make_node("Relu", ["x"], ["scores"])
    model = build.model([node], {"x": (FLOAT, ("n", 4))}, {"scores": (FLOAT, ("n", 4))})
    path = build.save(model)
    with pytest.raises(ModelError) as caught:
        make(path, recipe, cache, samples(x=np.ones((9, 4), np.float32)))
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


def test_a_lone_matrix_keeps_8_bits(build: Any, cache: VariantCache) -> None:
    """The last matrix product is never put into 4 bits, so a net of one layer has no int4 variant."""
    with pytest.raises(ModelError, match="that takes a matrix product of a depth that 32 divides, and the last keeps"):
        make(given(build, build.mlp(64, 10), ".onnx"), WEIGHT4, cache)


def test_operators_that_it_lacks(build: Any, cache: VariantCache) -> None:
    """A model that OpenVINO cannot load is refused as given and as a variant, with the operator's name."""
    path = build.save(build.linear())
    for recipe in ({"precision": "fp32"}, FP16):
        with pytest.raises(ModelError, match=r"OpenVINO [\d.]+ cannot load the model: .*LinearClassifier"):
            make(path, recipe, cache)


def test_float16_takes_no_nncf(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without NNCF fp16 can be made, and the others say in a sentence what to install; its version is in every key."""
    known = packages.version_of
    monkeypatch.setattr(packages, "version_of", lambda name: None if name == "nncf" else known(name))
    monkeypatch.setitem(sys.modules, "nncf", None)
    assert MAKERS[".onnx", "openvino"].missing == ""
    path = build.save(build.mlp(4, 3))
    output = build.folder / "variant"
    openvino_variants.convert(Conversion(path, look(path), FP16, [], build.folder, output))
    assert run(output, np.ones((2, 4), np.float32)).shape == (2, 3)
    for recipe in (MIXED, WEIGHT8, WEIGHT4):
        with pytest.raises(ModelError, match=r"^it takes nncf: pip install 'autoedge\[openvino\]'$"):
            openvino_variants.convert(
                Conversion(path, look(path), recipe, [{"x": np.ones((1, 4))}], build.folder, output)
            )
    assert set(tools(".onnx", "openvino")) == {"openvino", "nncf"}


def test_making_tells_nobody(
    build: Any, cache: VariantCache, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making a variant with the tools leaves no mark of their telemetry at home, where every report begins with one."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # should the test ever fail
    for name in ("CI", "TF_BUILD", "JENKINS_URL"):
        monkeypatch.delenv(name, raising=False)
    path = given(build, build.mlp(16, 8), ".onnx")
    variant = make(path, MIXED, cache, samples(x=np.ones((9, 16), np.float32)))
    assert json.loads(next(cache.root.glob("variants/*.json")).read_text())["blob"] == variant.sha256
    assert not list(home.rglob("*"))
