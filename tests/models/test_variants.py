"""Variants: what can be made, what cannot and why, and that each is made once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from autoedge.errors import ModelError
from autoedge.models import child, inspector, trial, variants
from autoedge.models.cache import VariantCache
from autoedge.models.child import Limits
from autoedge.models.info import ModelInfo
from autoedge.models.variants import Variant, make_variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Samples = Callable[..., Path]

FLOAT = TensorProto.FLOAT
STATIC = [
    {"precision": "int8-static", "calibration": method, "granularity": granularity}
    for method in ("minmax", "entropy", "percentile")
    for granularity in ("tensor", "channel")
]
RECIPES = [{"precision": "fp32"}, {"precision": "fp16"}, {"precision": "int8-dynamic"}, *STATIC]
MINMAX = STATIC[0]
ORT = "autoedge.runtimes.onnxruntime:OnnxRuntime"


def make(path: Path, recipe: Mapping[str, str], cache: VariantCache, calibration: Path | None = None) -> Variant:
    """A variant of a file, looked into without a process around it to save time."""
    return make_variant(path, look(path), recipe, runtime="onnxruntime", cache=cache, calibration=calibration)


def look(path: Path) -> ModelInfo:
    """What is known of a file."""
    return ModelInfo.from_dict(inspector.look({"model": str(path), "format": ".onnx"}))


def run(path: Path, values: np.ndarray) -> np.ndarray:
    """The last output of a one-input model."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {session.get_inputs()[0].name: values})
    return np.asarray(outputs[-1])


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: "-".join(recipe.values()))
def test_every_recipe(build: Any, cache: VariantCache, samples: Samples, recipe: dict[str, str]) -> None:
    """Each variant of a convolutional net runs, stays near the original, and looks like it from outside."""
    path = build.save(build.convolution())
    values = build.random.random((70, 1, 8, 8)).astype(np.float32)
    variant = make(path, recipe, cache, samples(x=values))
    assert variant.recipe == recipe
    assert variant.path == cache.blob(variant.sha256)
    assert variant.size_bytes == variant.path.stat().st_size
    expected, got = run(path, values), run(variant.path, values)
    near = 2e-3 if recipe["precision"] == "fp16" else 0.05
    assert np.abs(got - expected).mean() <= near * np.abs(expected).mean()
    given, made = onnx.load(path), onnx.load(variant.path)
    assert (made.graph.input, made.graph.output) == (given.graph.input, given.graph.output)
    assert (made.ir_version, made.opset_import[0].version) == (given.ir_version, given.opset_import[0].version)
    onnx.checker.check_model(made, full_check=True)


@pytest.mark.parametrize("recipe", [*RECIPES[1:3], STATIC[3]], ids=lambda recipe: "-".join(recipe.values()))
def test_same_inputs_same_bytes(
    build: Any, cache: VariantCache, samples: Samples, tmp_path: Path, recipe: dict[str, str]
) -> None:
    """A variant made twice, in caches of their own, is the same to the byte."""
    path, calibration = build.save(build.mlp(16, 12, 5)), samples(x=build.random.random((50, 16)).astype(np.float32))
    again = VariantCache(tmp_path / "again")
    assert make(path, recipe, cache, calibration).sha256 == make(path, recipe, again, calibration).sha256


def test_model_as_given_keeps_its_bytes(build: Any, cache: VariantCache) -> None:
    """The model as given is the file itself."""
    path = build.save(build.linear())
    variant = make(path, {"precision": "fp32"}, cache)
    assert variant.path.read_bytes() == path.read_bytes()
    assert variant.sha256 == look(path).sha256


def test_external_data_become_one_file(build: Any, cache: VariantCache) -> None:
    """A model with its weights in another file becomes one file that gives the same."""
    model = build.mlp(64, 32, 10)
    inside = build.save(model, "inside.onnx")
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, build.folder / "outside.onnx")
    values = build.random.random((3, 64)).astype(np.float32)
    for recipe in ({"precision": "fp32"}, {"precision": "fp16"}):
        variant = make(build.folder / "outside.onnx", recipe, cache)
        assert np.allclose(run(variant.path, values), run(inside, values), atol=1e-3)


@pytest.mark.parametrize(("opset", "ir"), [(7, 3), (12, 7), (22, 10)])
def test_old_formats_stay_old(build: Any, cache: VariantCache, samples: Samples, opset: int, ir: int) -> None:
    """A variant needs no newer format than its model, save what quantisation itself needs."""
    model = build.mlp(16, 12, 5, opsets={"": opset}, ir_version=ir)
    if opset < 13:
        del model.graph.node[-1].attribute[:]
    if ir < 4:
        ports = [helper.make_tensor_value_info(each.name, FLOAT, each.dims) for each in model.graph.initializer]
        model.graph.input.extend(ports)
    calibration = samples(x=build.random.random((20, 16)).astype(np.float32))
    path = build.save(model)
    for recipe, needs in (({"precision": "fp16"}, 11), (STATIC[1], 13)):
        made = onnx.load(make(path, recipe, cache, calibration).path)
        assert made.ir_version == max(ir, 4)
        assert [(each.domain, each.version) for each in made.opset_import] == [("", max(opset, needs))]


def awkward(build: Any, case: str) -> onnx.ModelProto:
    """Models on which float16 converters have stumbled."""
    product = helper.make_node("MatMul", ["x", "w"], ["m"])
    nodes, stored = {
        "two readers": (
            [
                helper.make_node("Relu", ["x"], ["a"]),
                helper.make_node("Abs", ["x"], ["b"]),
                helper.make_node("Add", ["a", "b"], ["c"]),
                helper.make_node("MatMul", ["c", "w"], ["y"]),
            ],
            [],
        ),
        "kept in float32": (
            [
                product,
                helper.make_node("Min", ["m", "k"], ["a"]),
                helper.make_node("Max", ["m", "k"], ["b"]),
                helper.make_node("Add", ["a", "b"], ["y"]),
            ],
            [build.weight("k", 1)],
        ),
        "untyped": (
            [
                helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=[0.0], scale=[2.0]),
                helper.make_node("MatMul", ["s", "w"], ["y"]),
            ],
            [],
        ),
        "constant": (
            [
                product,
                helper.make_node("Constant", [], ["k"], value_float=2.0),
                helper.make_node("Mul", ["m", "k"], ["y"]),
            ],
            [],
        ),
    }[case]
    ports = {"x": (FLOAT, ("n", 8))}, {"y": (FLOAT, ("n", 4))}
    return build.model(nodes, *ports, [build.weight("w", 8, 4), *stored])


@pytest.mark.parametrize("case", ["two readers", "kept in float32", "untyped", "constant"])
def test_awkward_models(build: Any, cache: VariantCache, case: str) -> None:
    """Unnamed operators, operators kept in float32, values of unknown type and constants all convert."""
    path = build.save(awkward(build, case))
    values = build.random.random((5, 8)).astype(np.float32)
    for recipe in ({"precision": "fp16"}, {"precision": "int8-dynamic"}):
        assert np.allclose(run(make(path, recipe, cache).path, values), run(path, values), atol=0.1)


def test_fixed_batch_is_calibrated_in_its_size(build: Any, cache: VariantCache, samples: Samples) -> None:
    """A model of batch 8 takes 20 samples in three calls, and refuses fewer samples than a batch."""
    path = build.save(build.mlp(6, 4, batch=8))
    assert make(path, MINMAX, cache, samples(x=build.random.random((20, 6)).astype(np.float32)))
    with pytest.raises(ModelError, match="at least 8 samples"):
        make(path, MINMAX, cache, samples(x=np.zeros((7, 6), np.float32)))


def test_calibration_is_fitted_and_named(build: Any, cache: VariantCache, samples: Samples) -> None:
    """Images feed a flat input; several inputs take one array each."""
    flat = build.save(build.mlp(64, 10), "flat.onnx")
    assert make(flat, MINMAX, cache, samples(x=build.random.random((9, 8, 8)).astype(np.float32)))
    nodes = [helper.make_node("Concat", ["a", "b"], ["c"], axis=1), helper.make_node("MatMul", ["c", "w"], ["y"])]
    ports = {"a": (FLOAT, ("n", 2)), "b": (FLOAT, ("n", 3))}, {"y": (FLOAT, ("n", 4))}
    two = build.save(build.model(nodes, *ports, [build.weight("w", 5, 4)]), "two.onnx")
    arrays = {name: build.random.random((9, size)).astype(np.float32) for name, size in (("a", 2), ("b", 3))}
    assert make(two, MINMAX, cache, samples(**arrays))
    with pytest.raises(ModelError, match=r"calibration data do not fit: .*missing: b"):
        make(two, MINMAX, cache, samples(a=arrays["a"]))


def unrunnable(build: Any) -> onnx.ModelProto:
    """Sound to look at, but its parts never fit each other."""
    nodes = [helper.make_node("Reshape", ["x", "s"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])]
    stored = [numpy_helper.from_array(np.array([7, 7]), "s"), build.weight("w", 7, 2)]
    return build.model(nodes, {"x": (FLOAT, ("n", 4))}, {"y": (FLOAT, ("n", 2))}, stored)


def mistyped(build: Any) -> onnx.ModelProto:
    """Sound to look at, but it adds floats and integers."""
    stored = [numpy_helper.from_array(np.arange(4), "k")]
    ports = {"x": (FLOAT, ("n", 4))}, {"y": (FLOAT, ("n", 4))}
    return build.model([helper.make_node("Add", ["x", "k"], ["y"])], *ports, stored)


@pytest.mark.parametrize(
    ("model", "recipe", "says"),
    [
        ("linear", {"precision": "fp16"}, "no weights that float16 could hold"),
        ("linear", {"precision": "int8-dynamic"}, "has no operators that dynamic int8 can quantise"),
        ("linear", MINMAX, "has no operators that static int8 can quantise"),
        ("unrunnable", {"precision": "fp32"}, "the runtime cannot run it"),
        ("mistyped", {"precision": "fp32"}, "cannot load the model: Type Error"),
        (
            "mlp",
            {"precision": "int3"},
            "can become one of fp16, fp32, int4-weight, int8-dynamic, int8-static, int8-weight, but",
        ),
        ("mlp", {"precision": "fp16", "granularity": "tensor"}, "takes nothing else, but got {'granularity'"),
        ("mlp", {"precision": "int8-static"}, "takes calibration: minmax or entropy or percentile; granularity:"),
        ("mlp", {**MINMAX, "calibration": "guess"}, "but got {'calibration': 'guess'"),
    ],
)
def test_why_it_cannot_be_made(
    build: Any, cache: VariantCache, samples: Samples, *, model: str, recipe: dict[str, str], says: str
) -> None:
    """What cannot be made is one line that names the file and the reason, and leaves nothing in the cache."""
    makers = {"linear": build.linear, "mlp": lambda: build.mlp(4, 3)}
    makers |= {"unrunnable": lambda: unrunnable(build), "mistyped": lambda: mistyped(build)}
    path = build.save(makers[model]())
    with pytest.raises(ModelError) as caught:
        make(path, recipe, cache, samples(x=np.ones((9, 4), np.float32)))
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert not [found for found in cache.root.rglob("*") if found.is_file() and found.parent.name != "locks"]


def test_values_that_leave_the_range(build: Any) -> None:
    """A variant that is not finite where its model is does not pass; where the model itself is not, it does."""
    ports = {"x": (FLOAT, ("n", 4))}, {"y": (FLOAT, ("n", 4))}
    finite = build.save(build.model([helper.make_node("Exp", ["x"], ["y"])], *ports), "finite.onnx")
    log = build.save(build.model([helper.make_node("Log", ["x"], ["y"])], *ports), "log.onnx")
    feed = {"x": np.zeros((1, 4), np.float32)}
    with pytest.raises(ModelError, match="output 'y' is not finite where that of the model as given is"):
        trial.check(log, finite, feed, guessed=False, place=ORT)
    trial.check(log, log, feed, guessed=False, place=ORT)
    trial.check(finite, log, feed, guessed=False, place=ORT)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        (None, r"static int8 needs calibration data; add data: \{calibration: FILE.npz\}"),
        ({"x": np.full((9, 4), np.nan, np.float32)}, "must be finite"),
        ({"x": np.zeros((9, 5), np.float32)}, "do not fit: .*the model takes .4., the data have .5."),
        ({"x": np.zeros((0, 4), np.float32)}, "at least 1 samples"),
        ({"x": np.array([{"a": 1}], dtype=object)}, "holds Python objects"),
    ],
)
def test_calibration_that_does_not_do(
    build: Any, cache: VariantCache, samples: Samples, arrays: dict[str, np.ndarray] | None, says: str
) -> None:
    """Static int8 without calibration data, or with data that do not fit, says what is missing or wrong."""
    path = build.save(build.mlp(4, 3))
    with pytest.raises(ModelError, match=says):
        make(path, MINMAX, cache, samples(**arrays) if arrays else None)


def test_quantised_and_half_models_stay_what_they_are(build: Any, cache: VariantCache) -> None:
    """A model that is not fp32 is used as given; nothing is made of it twice."""
    half = make(build.save(build.mlp(4, 3)), {"precision": "fp16"}, cache).path
    info = look(half)
    assert info.precision == "fp16"
    assert make_variant(half, info, {"precision": "fp16"}, runtime="onnxruntime", cache=cache).sha256 == info.sha256
    for precision in ("fp32", "int8-dynamic"):
        with pytest.raises(ModelError, match="fp16"):
            make_variant(half, info, {"precision": precision}, runtime="onnxruntime", cache=cache)


def test_made_once(build: Any, cache: VariantCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time no process is started; a new version of the recipes makes all anew."""
    path = build.save(build.mlp(4, 3))
    info = look(path)
    first = make_variant(path, info, {"precision": "fp16"}, runtime="onnxruntime", cache=cache)
    monkeypatch.setattr(variants, "CONVERSION", None)
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert make_variant(path, info, {"precision": "fp16"}, runtime="onnxruntime", cache=cache) == first
    monkeypatch.setattr(variants, "RECIPE_VERSION", variants.RECIPE_VERSION + 1)
    with pytest.raises(FileNotFoundError, match="nonexistent"):
        make_variant(path, info, {"precision": "fp16"}, runtime="onnxruntime", cache=cache)


def test_calibration_data_are_part_of_the_key(build: Any, cache: VariantCache, samples: Samples) -> None:
    """Other calibration data give another variant; a recipe without calibration does not look at them."""
    path = build.save(build.mlp(4, 3))
    data = [samples(f"{scale}.npz", x=np.full((9, 4), scale, np.float32)) for scale in (1, 2)]
    assert len({make(path, MINMAX, cache, each).sha256 for each in data}) == 2
    entries = len(list((cache.root / "variants").iterdir()))
    for each in data:
        make(path, {"precision": "fp16"}, cache, each)
    assert len(list((cache.root / "variants").iterdir())) == entries + 1


def test_damage_is_mended(build: Any, cache: VariantCache) -> None:
    """A damaged variant is made anew, with the same bytes."""
    path = build.save(build.mlp(4, 3))
    first = make(path, {"precision": "fp16"}, cache)
    first.path.chmod(0o644)
    first.path.write_bytes(b"damage")
    assert make(path, {"precision": "fp16"}, cache) == first
    assert cache.blob(first.sha256)


def test_model_that_changed_meanwhile(build: Any, cache: VariantCache) -> None:
    """A file that is no longer the one looked into is refused, so that no variant bears another model's name."""
    path = build.save(build.mlp(4, 3))
    info = look(path)
    build.save(build.mlp(4, 3))
    with pytest.raises(ModelError, match="has changed since it was looked into"):
        make_variant(path, info, {"precision": "fp16"}, runtime="onnxruntime", cache=cache)


def test_limits_hold_for_conversions(build: Any, cache: VariantCache) -> None:
    """A conversion beyond its limits is stopped with a reason."""
    path = build.save(build.mlp(4, 3))
    with pytest.raises(ModelError, match="the converter needed more than 40 MiB"):
        make_variant(path, look(path), {"precision": "fp16"}, runtime="onnxruntime", cache=cache, limits=Limits(60, 40))


SCRIPT = """
import sys
from pathlib import Path
from autoedge.models.cache import VariantCache
from autoedge.models.inspect import inspect_model
from autoedge.models.variants import make_variant
model, root = map(Path, sys.argv[1:])
info = inspect_model(model)
print("ready", flush=True)
sys.stdin.readline()
print(make_variant(model, info, {"precision": "int8-dynamic"}, runtime="onnxruntime", cache=VariantCache(root)).sha256)
"""


@pytest.fixture
def makers(build: Any, cache: VariantCache) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes about to make the same variant in the same cache."""
    path = build.save(build.mlp(64, 32, 10))
    environment = {**os.environ, "PYTHONPATH": str(Path(child.__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, str(path), str(cache.root)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    yield processes
    for process in processes:
        process.kill()
        with process:
            pass


def start(process: subprocess.Popen[str]) -> None:
    """Let a maker go."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_at_once(makers: list[subprocess.Popen[str]], cache: VariantCache) -> None:
    """Both get the same variant, and one file and one entry are left."""
    for process in makers:
        start(process)
    answers = {process.communicate()[0] for process in makers}
    assert [process.returncode for process in makers] == [0, 0]
    assert len(answers) == 1
    assert [path.name for path in (cache.root / "blobs").iterdir()] == [answers.pop().strip()]
    assert len(list((cache.root / "variants").iterdir())) == 1
    assert not list((cache.root / "work").iterdir())


def test_killed_while_making(makers: list[subprocess.Popen[str]], cache: VariantCache) -> None:
    """A maker killed in the middle leaves no entry and no file under a final name; the next one makes the variant."""
    start(makers[0])
    while not list(cache.root.glob("work/*/*")):
        assert makers[0].poll() is None
        time.sleep(0.005)
    makers[0].send_signal(signal.SIGKILL)
    makers[0].communicate()
    assert not list(cache.root.glob("variants/*.json"))
    assert not [path for path in cache.root.glob("blobs/*") if not path.name.startswith(".")]
    start(makers[1])
    answer = makers[1].communicate()[0].strip()
    assert makers[1].returncode == 0
    assert cache.blob(answer)


@pytest.mark.parametrize("recipe", [{"precision": "int8-dynamic"}, {"precision": "fp16"}])
def test_shapes_noted_beside_initialisers_do_no_harm(
    tmp_path: Path, cache: VariantCache, recipe: dict[str, str]
) -> None:
    """A model whose exporter lists its weights' shapes among the values, as PyTorch's does, converts all the same."""
    weights = np.random.default_rng(0).standard_normal((10, 32)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)],
        "noted",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 32])],
        [helper.make_tensor_value_info("y", FLOAT, ["n", 10])],
        [numpy_helper.from_array(weights, "w")],
        value_info=[helper.make_tensor_value_info("w", FLOAT, [10, 32])],
    )
    path = tmp_path / "noted.onnx"
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)]), path)
    values = np.random.default_rng(1).standard_normal((8, 32)).astype(np.float32)
    made = run(make(path, recipe, cache).path, values)
    np.testing.assert_allclose(made, values @ weights.T, atol=0.5)
