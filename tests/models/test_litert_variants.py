"""Variants of LiteRT models: what can be made, what cannot and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tflite_models as builder
from ai_edge_litert.interpreter import Interpreter
from tflite_models import schema

from autoedge.errors import ModelError
from autoedge.models import litert_variants, tflite_file, tflite_graph
from autoedge.models.cache import VariantCache
from autoedge.models.conversion import Conversion
from autoedge.models.inspect import inspect_model
from autoedge.models.makers import CALIBRATED, LOSSY, MAKERS
from autoedge.models.variants import make_variant
from autoedge.runtimes.litert import LiteRt, refuse_wrong_scales

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.models.info import ModelInfo

OP = schema.BuiltinOperator
PRECISIONS = ("fp16", "int8-dynamic", "int8-weight", "int4-weight", "int8-static")
NEAR = {"fp16": 1e-3, "int8-dynamic": 0.03, "int8-weight": 0.02, "int4-weight": 0.3, "int8-static": 0.05}
MODELS: dict[str, Callable[[], builder.TfliteModel]] = {
    "image": lambda: builder.image_net(channels=32),
    "free image": lambda: builder.image_net(None, None, channels=16),
    "dense": lambda: builder.dense_net(64, 48, 10),
    "unsigned": lambda: builder.dense_net(64, 48, 10, signed=False),
    "two ports": builder.two_ports,
}


def values(info: ModelInfo, samples: int, seed: int = 101) -> dict[str, np.ndarray]:
    """Random samples for each input, images of 8 x 8 where their size is free; of another seed than the weights."""
    random = np.random.default_rng(seed)
    shapes = {port.name: [size or 8 for size in port.shape[1:]] for port in info.inputs}
    return {name: random.standard_normal((samples, *shape)).astype(np.float32) for name, shape in shapes.items()}


def recipe(precision: str, granularity: str = "channel") -> dict[str, str]:
    """A recipe with the options that belong to it."""
    return {"precision": precision, **({"granularity": granularity} if precision == "int8-dynamic" else {})}


def made(path: Path, precision: str, folder: Path, granularity: str = "channel") -> Path:
    """A variant without processes around it, calibrated on 256 samples where it takes that."""
    info = tflite_file.look(path)
    feeds = []
    if precision in CALIBRATED:
        samples, size = values(info, 256, seed=102), info.fixed_batch or 32
        feeds = [{name: each[at : at + size] for name, each in samples.items()} for at in range(0, 256, size)]
    folder.mkdir(exist_ok=True)
    output = folder / "variant.tflite"
    litert_variants.convert(Conversion(path, info, recipe(precision, granularity), feeds, folder, output))
    return output


def run(path: Path, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    """All outputs, sample by sample so that a fixed batch fits."""
    session = LiteRt().load(path, {})
    call = session.bind([port.name for port in session.outputs])
    count = len(next(iter(feed.values())))
    rows = [call({name: each[at : at + 1] for name, each in feed.items()}) for at in range(count)]
    return [np.concatenate(each) for each in zip(*rows, strict=True)]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", MODELS)
def test_every_recipe(tmp_path: Path, name: str, precision: str) -> None:
    """Each variant runs, stays near the original, and looks like it from outside, free dimensions included."""
    path = MODELS[name]().save(tmp_path / "given.tflite")
    info, variant = tflite_file.look(path), made(path, precision, tmp_path / "work")
    feed = values(info, 20)
    for got, expected in zip(run(variant, feed), run(path, feed), strict=True):
        assert np.abs(got - expected).mean() <= NEAR[precision] * np.abs(expected).mean()
    found = tflite_file.look(variant)
    assert (found.inputs, found.outputs) == (info.inputs, info.outputs)
    assert found.precision == precision.partition("-")[0]
    assert found.parameters == pytest.approx(info.parameters, abs=100)  # static int8 keeps its biases in 32 bits


@pytest.mark.parametrize("name", MODELS)
def test_one_scale_for_matrix_products(tmp_path: Path, name: str) -> None:
    """Dynamic int8 with one scale for a tensor stays near, and is what tflite-runtime's kernels read rightly."""
    path = MODELS[name]().save(tmp_path / "given.tflite")
    feed = values(tflite_file.look(path), 20)
    variants = {each: made(path, "int8-dynamic", tmp_path / each, each) for each in ("channel", "tensor")}
    for got, expected in zip(run(variants["tensor"], feed), run(path, feed), strict=True):
        assert np.abs(got - expected).mean() <= NEAR["int8-dynamic"] * np.abs(expected).mean()
    for granularity, variant in variants.items():
        tensors = tflite_graph.read(variant.read_bytes()).graphs[0].tensors
        scales = {tensor.name.rpartition("/")[0]: len(tensor.scales) for tensor in tensors if tensor.quantised}
        layers = {layer: count for layer, count in scales.items() if layer.startswith(("dense", "deep"))}
        assert layers
        assert all((count == 1) == (granularity == "tensor") for count in layers.values())
        assert all(count > 1 for layer, count in scales.items() if layer in ("conv", "depth"))


def test_scales_that_tflite_runtime_misreads(tmp_path: Path) -> None:
    """Exactly the files with a scale for each channel of a matrix product in floats are refused for it."""
    path = builder.dense_net(32, 16, 4).save(tmp_path / "given.tflite")
    for precision in PRECISIONS:
        for granularity in ("channel", "tensor"):
            variant = made(path, precision, tmp_path / f"{precision}-{granularity}", granularity)
            interpreter = Interpreter(str(variant))
            if (precision, granularity) == ("int8-dynamic", "channel"):
                with pytest.raises(ModelError, match="FULLY_CONNECTED and give wrong values; quantise them with"):
                    refuse_wrong_scales(interpreter)
            else:
                refuse_wrong_scales(interpreter)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_variants_take_batches(tmp_path: Path, precision: str) -> None:
    """A variant of a model with a free batch gives for a batch what it gives one by one."""
    path = builder.dense_net(64, 48, 10).save(tmp_path / "given.tflite")
    variant, feed = made(path, precision, tmp_path / "work"), values(tflite_file.look(path), 9)
    (whole,) = LiteRt().load(variant, {}).bind(["scores"])(feed)
    np.testing.assert_allclose(whole, run(variant, feed)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_quantised_weights_are_smaller(tmp_path: Path, precision: str) -> None:
    """A variant of a model that is mostly weights has about the bytes that its precision promises."""
    path = builder.dense_net(256, 256, 10).save(tmp_path / "given.tflite")
    share = made(path, precision, tmp_path / "work").stat().st_size / path.stat().st_size
    assert share < {"fp16": 0.55, "int4-weight": 0.17}.get(precision, 0.3)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_same_inputs_same_bytes(tmp_path: Path, precision: str) -> None:
    """A variant made twice, by processes and in caches of their own, is the same to the byte."""
    path = builder.dense_net(64, 48, 10).save(tmp_path / "given.tflite")
    info = inspect_model(path)
    np.savez(tmp_path / "calibration.npz", x=values(info, 70)["x"])
    hashes = {
        make_variant(
            path,
            info,
            recipe(precision),
            runtime="litert",
            cache=VariantCache(tmp_path / cache),
            calibration=tmp_path / "calibration.npz",
        ).sha256
        for cache in ("one", "two")
    }
    assert len(hashes) == 1


def test_the_model_as_given_keeps_its_bytes(tmp_path: Path) -> None:
    """The model as given is the file itself."""
    path = builder.image_net().save(tmp_path / "given.tflite")
    cache = VariantCache(tmp_path / "cache")
    variant = make_variant(path, inspect_model(path), {"precision": "fp32"}, runtime="litert", cache=cache)
    assert variant.path.read_bytes() == path.read_bytes()


def test_ranges_come_from_all_of_the_data(tmp_path: Path) -> None:
    """Static ranges cover a rare sample wherever in the calibration data it stands."""
    path = builder.dense_net(16, 16).save(tmp_path / "given.tflite")
    info, samples = tflite_file.look(path), np.zeros((96, 16), np.float32)
    samples[70, 3], samples[70, 4] = 12.0, -8.0
    feeds, work = [{"x": samples[at : at + 32]} for at in (0, 32, 64)], tmp_path / "work"
    work.mkdir()
    litert_variants.convert(Conversion(path, info, {"precision": "int8-static"}, feeds, work, work / "made.tflite"))
    graph = tflite_graph.read((work / "made.tflite").read_bytes()).graphs[0]
    scales = [tensor.scale for tensor in graph.tensors if tensor.name.startswith("serving_default_x") and tensor.scales]
    assert [scale for scale, _ in scales] == [pytest.approx(20 / 255, rel=0.01)]


def test_an_output_that_operators_read(tmp_path: Path) -> None:
    """Static int8 hands integers on from an output that is read inside too, so that the next layer computes in int8."""
    path = builder.two_ports().save(tmp_path / "given.tflite")
    graph = tflite_graph.read(made(path, "int8-static", tmp_path / "work").read_bytes()).graphs[0]
    dense = next(operator for operator in graph.operators if operator.name == "FULLY_CONNECTED")
    assert graph.tensors[dense.inputs[0]].dtype == "int8"
    assert [graph.tensors[index].dtype for index in graph.outputs] == ["float32", "float32"]


def test_an_output_that_stays_in_floats(tmp_path: Path) -> None:
    """Where the last operator has no int8 kernel, its floats leave as they are."""
    model = builder.dense_net(16, 8, signed=False)
    last = model.tensor("sine", (None, 8))
    model.operator(OP.SIN, (model.graph.outputs[0],), (last,))
    path = model.whole(model.graph.inputs, [last]).save(tmp_path / "given.tflite")
    graph = tflite_graph.read(made(path, "int8-static", tmp_path / "work").read_bytes()).graphs[0]
    assert graph.operators[-1].name == "SIN"
    assert graph.outputs == graph.operators[-1].outputs


@pytest.mark.parametrize("precision", [each for each in PRECISIONS if each != "int8-static"])
def test_nothing_to_quantise(tmp_path: Path, precision: str) -> None:
    """A model without stored weights has nothing to gain, and is told so."""
    model = builder.TfliteModel()
    first, last = model.tensor("x", (1, 4)), model.tensor("y", (1, 4))
    model.operator(OP.RELU, (first,), (last,))
    path = model.whole([first], [last]).save(tmp_path / "given.tflite")
    with pytest.raises(ModelError, match=f"no operators that {precision} can reach: that needs stored weights of CONV"):
        made(path, precision, tmp_path / "work")


def test_quantised_models_are_not_quantised_again(tmp_path: Path) -> None:
    """Variants are made of float32 models alone."""
    path, cache = builder.integer_net().save(tmp_path / "given.tflite"), VariantCache(tmp_path / "cache")
    with pytest.raises(ModelError, match="fp16 is made of an fp32 model, but this one is int8 already"):
        make_variant(path, inspect_model(path), {"precision": "fp16"}, runtime="litert", cache=cache)


def test_static_needs_calibration_data(tmp_path: Path) -> None:
    """Static int8 without data is refused with the line to add."""
    path, cache = builder.image_net().save(tmp_path / "given.tflite"), VariantCache(tmp_path / "cache")
    with pytest.raises(ModelError, match=r"add data: \{calibration: FILE.npz\}"):
        make_variant(path, inspect_model(path), {"precision": "int8-static"}, runtime="litert", cache=cache)


def test_a_custom_operator_is_refused_by_name(tmp_path: Path) -> None:
    """A model that LiteRT cannot run makes no variant, and the reason names the operator."""
    path, cache = builder.custom_net().save(tmp_path / "given.tflite"), VariantCache(tmp_path / "cache")
    with pytest.raises(ModelError, match="Frobnicate"):
        make_variant(path, inspect_model(path), {"precision": "fp32"}, runtime="litert", cache=cache)


def test_the_maker_is_complete() -> None:
    """What is offered is known to be lossy, needs what it says, and is installed here."""
    maker = MAKERS[".tflite", "litert"]
    assert set(PRECISIONS) <= set(maker.recipes) <= LOSSY
    assert not maker.missing


def test_weights_beyond_float16_are_told(tmp_path: Path) -> None:
    """A weight that float16 cannot hold makes the variant useless, and it is not handed out."""
    model: Any = builder.dense_net(8, 4, batch=1)
    model.model.buffers[1].data = np.frombuffer(np.full(32, 1e6, np.float32).tobytes(), np.uint8)
    path, cache = model.save(tmp_path / "given.tflite"), VariantCache(tmp_path / "cache")
    with pytest.raises(ModelError, match="not finite"):
        make_variant(path, inspect_model(path), {"precision": "fp16"}, runtime="litert", cache=cache)
