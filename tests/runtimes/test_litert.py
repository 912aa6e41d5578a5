"""The LiteRT runtime: names, shapes, knobs, delegates and what it refuses."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tflite_models as build
from ai_edge_litert.interpreter import Interpreter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.errors import ModelError
from autoedge.models import tflite_file
from autoedge.runtimes.litert import LiteRt, Named, _older_engine, port_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODELS: dict[str, Callable[[], build.TfliteModel]] = {
    "dense": lambda: build.dense_net(16, 32, 10),
    "unsigned": lambda: build.dense_net(16, 32, 10, signed=False),
    "one item": lambda: build.dense_net(16, 32, 10, batch=1),
    "image": build.image_net,
    "free image": lambda: build.image_net(None, None),
    "two ports": build.two_ports,
    "int8": build.integer_net,
    "uint8": lambda: build.integer_net("uint8"),
    "half": build.half_net,
}
DELEGATE = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
typedef struct Delegate {
  void* data; int (*prepare)(void*, struct Delegate*); void* from; void* to; void* release; int64_t flags; void* opaque;
} Delegate;
static int prepare(void* context, Delegate* delegate) { return 0; }
void* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*)) {
  for (size_t at = 0; at < count; ++at)
    if (!strcmp(keys[at], "device") && !strcmp(values[at], "none")) { report("no such device"); return NULL; }
  Delegate* delegate = calloc(1, sizeof(Delegate));
  delegate->prepare = prepare;
  return delegate;
}
void tflite_plugin_destroy_delegate(void* delegate) { free(delegate); }
"""


@pytest.fixture
def save(tmp_path: Path) -> Callable[[build.TfliteModel], Path]:
    """Writes a model and gives its path."""
    return lambda model: model.save(tmp_path / "model.tflite")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A delegate that takes no operator, and refuses to be made for the device ``none``."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here (looked for cc): delegates that load are not tested")
    folder = tmp_path_factory.mktemp("delegate")
    (folder / "delegate.c").write_text(DELEGATE)
    made = folder / "libdelegate.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-w", "-o", made, folder / "delegate.c"], check=True)
    return str(made)


def feed_for(session: Any, batch: int = 1, size: int = 4) -> dict[str, np.ndarray]:
    """Random values in the shapes that a session takes."""
    random = np.random.default_rng(0)
    shapes = {
        port.name: [dim or (size if axis else batch) for axis, dim in enumerate(port.shape)] for port in session.inputs
    }
    return {port.name: (random.random(shapes[port.name]) * 3).astype(port.dtype) for port in session.inputs}


def outputs(session: Any, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    """All outputs of a session."""
    return list(session.bind([port.name for port in session.outputs])(feed))


@pytest.mark.parametrize("name", MODELS)
def test_ports_are_those_of_the_file(save: Any, name: str) -> None:
    """A loaded model has the names, types, shapes, scales and zero points that were read without running it."""
    path = save(MODELS[name]())
    info, session = tflite_file.look(path), LiteRt().load(path, {})
    assert [tuple(port) for port in session.inputs] == [
        (each.name, each.dtype, each.shape, each.scale, each.zero_point) for each in info.inputs
    ]
    assert [tuple(port) for port in session.outputs] == [
        (each.name, each.dtype, each.shape, each.scale, each.zero_point) for each in info.outputs
    ]


def test_signature_names_are_used(save: Any) -> None:
    """The friendly names of the only signature win over those of the tensors."""
    session = LiteRt().load(save(build.dense_net(16, 10)), {})
    assert ([port.name for port in session.inputs], [port.name for port in session.outputs]) == (["x"], ["scores"])


def test_several_signatures_leave_the_tensors_their_names(save: Any) -> None:
    """With two signatures none is the model's, for the loaded model and for the file alike."""
    model = build.dense_net(16, 10)
    model.sign({"other": model.graph.inputs[0]}, {"thing": model.graph.outputs[0]}, key="again")
    path = save(model)
    assert [port.name for port in LiteRt().load(path, {}).inputs] == ["serving_default_x:0"]
    assert [port.name for port in tflite_file.look(path).inputs] == ["serving_default_x:0"]


@given(names=st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=5))
def test_port_names_are_never_the_same(names: list[str]) -> None:
    """Whatever tensors are called, no two ports share a name, and none is empty."""
    found = port_names([Named(index, name) for index, name in enumerate(names)], None)
    assert len(set(found)) == len(names)
    assert all(found)


def test_a_signature_that_names_less_than_all_is_not_used() -> None:
    """A signature counts only where it names each tensor exactly once."""
    tensors = [Named(3, "left"), Named(5, "right")]
    assert port_names(tensors, {"a": 5, "b": 3}) == ["b", "a"]
    for signed in ({"a": 5}, {"a": 5, "b": 5}, {"a": 3, "b": 5, "c": 5}, {"a": 3, "b": 4}):
        assert port_names(tensors, signed) == ["left", "right"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("xnnpack", ["on", "off"])
def test_outputs_are_those_of_the_engine(save: Any, name: str, xnnpack: str) -> None:
    """A call gives what LiteRT's own reference kernels give."""
    path = save(MODELS[name]())
    session = LiteRt().load(path, {"threads": 2, "xnnpack": xnnpack})
    feed = feed_for(session)
    reference = Interpreter(str(path), experimental_op_resolver_type=build.REFERENCE_KERNELS)
    for details, port in zip(reference.get_input_details(), session.inputs, strict=True):
        reference.resize_tensor_input(details["index"], feed[port.name].shape)
    reference.allocate_tensors()
    for details, port in zip(reference.get_input_details(), session.inputs, strict=True):
        reference.set_tensor(details["index"], feed[port.name])
    reference.invoke()
    for got, details in zip(outputs(session, feed), reference.get_output_details(), strict=True):
        np.testing.assert_allclose(got, reference.get_tensor(details["index"]), rtol=1e-4, atol=1e-5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), min_size=1, max_size=5))
@pytest.mark.parametrize("xnnpack", ["on", "off"])
def test_shapes_may_change_from_call_to_call(save: Any, xnnpack: str, shapes: list[tuple[int, int]]) -> None:
    """A model with free dimensions gives the same in any order of shapes as when loaded for each of them."""
    path = save(build.image_net(None, None))
    session = LiteRt().load(path, {"xnnpack": xnnpack})
    for batch, size in shapes:
        feed = feed_for(session, batch, size)
        alone = LiteRt().load(path, {"xnnpack": xnnpack}, {"image": feed["image"].shape})
        (got,), (expected,) = outputs(session, feed), outputs(alone, feed)
        assert got.shape == (batch, 10)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_outputs_outlive_the_next_call(save: Any) -> None:
    """What a call gave stays as it is when the model is called again."""
    session = LiteRt().load(save(build.dense_net(16, 10)), {})
    call = session.bind(["scores"])
    (first,) = call({"x": np.zeros((1, 16), np.float32)})
    kept = first.copy()
    call({"x": np.ones((1, 16), np.float32)})
    np.testing.assert_array_equal(first, kept)


def test_bind_gives_the_outputs_asked_for(save: Any) -> None:
    """Outputs come in the order of the names bound, whatever the model's own."""
    session = LiteRt().load(save(build.two_ports()), {})
    feed = feed_for(session)
    (total,) = session.bind(["total"])(feed)
    np.testing.assert_allclose(total, feed["left"] + feed["right"], rtol=1e-6)
    assert [each.shape[1] for each in session.bind(["total", "deep"])(feed)] == [6, 4]


def test_placement_tells_who_runs_what(save: Any) -> None:
    """With XNNPACK on it takes all operators of a float model; off, LiteRT's own kernels run them."""
    path = save(build.image_net())
    assert LiteRt().load(path, {}).placement() == {"XNNPACK": 5}
    assert LiteRt().load(path, {"xnnpack": "on"}).placement() == {"XNNPACK": 5}
    assert LiteRt().load(path, {"xnnpack": "off"}).placement() == {"LiteRT": 5}


def test_placement_of_a_model_taken_in_part(save: Any) -> None:
    """Operators that XNNPACK does not know are told apart from those that it takes."""
    model = build.dense_net(16, 10)
    kept = model.tensor("kept", (None, 10))
    model.operator(build.schema.BuiltinOperator.SIN, (model.graph.outputs[0],), (kept,))
    model.model.signatureDefs = []
    placement = LiteRt().load(save(model.whole(model.graph.inputs, [kept])), {}).placement()
    assert placement in ({"XNNPACK": 2, "LiteRT": 1}, {"XNNPACK": 3})
    assert sum(placement.values()) == 3


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"x": (3, 17)}, "'x' takes (?, 16), but got (3, 17)"),
        ({"x": (2, 2, 16)}, "'x' takes (?, 16), but got (2, 2, 16)"),
    ],
)
def test_shapes_that_the_model_does_not_leave_free(save: Any, shapes: Any, words: str) -> None:
    """A shape that contradicts the model is refused in words, when loading as when calling."""
    path = save(build.dense_net(16, 10))
    with pytest.raises(ModelError) as caught:
        LiteRt().load(path, {}, shapes)
    assert words in str(caught.value)
    with pytest.raises(ModelError) as caught:
        outputs(LiteRt().load(path, {}), {"x": np.zeros(shapes["x"], np.float32)})
    assert words in str(caught.value)


def test_a_wrong_type_is_the_engines_word(save: Any) -> None:
    """Values of another type are never cast in silence."""
    session = LiteRt().load(save(build.dense_net(16, 10)), {})
    with pytest.raises(ValueError, match="FLOAT64"):
        outputs(session, {"x": np.zeros((1, 16))})


@pytest.mark.parametrize("damage", ["empty", "text", "half", "missing"])
def test_broken_files(tmp_path: Path, damage: str) -> None:
    """A file that is no model is refused with the engine's name and version."""
    path, data = tmp_path / "model.tflite", build.dense_net(16, 10).data()
    if damage != "missing":
        path.write_bytes({"empty": b"", "text": b"hello", "half": data[:4] + b"XXXX" + data[8:]}[damage])
    with pytest.raises(ModelError, match=r"^LiteRT \d+\.\d+\S* cannot load the model: "):
        LiteRt().load(path, {})


def test_an_operator_that_nobody_knows(save: Any) -> None:
    """A custom operator is named."""
    with pytest.raises(ModelError, match=r"cannot load the model: .*Frobnicate"):
        LiteRt().load(save(build.custom_net()), {})


def test_an_unknown_knob(save: Any) -> None:
    """A knob that LiteRT does not have is refused with those that it has."""
    with pytest.raises(ModelError, match="has no knob arena; it has delegate, threads, xnnpack"):
        LiteRt().load(save(build.dense_net(16, 10)), {"arena": "on"})


def test_a_delegate_that_loads(save: Any, library: str) -> None:
    """A delegate is given the model and its options; what it does not take still runs."""
    path = save(build.image_net())
    session = LiteRt().load(path, {"delegate": {"library": library, "options": {"device": "usb"}}, "xnnpack": "off"})
    feed = feed_for(session)
    np.testing.assert_allclose(outputs(session, feed)[0], outputs(LiteRt().load(path, {}), feed)[0], rtol=1e-4)
    assert session.placement() == {"LiteRT": 5}
    assert LiteRt().load(path, {"delegate": "builtin"}).placement() == LiteRt().load(path, {}).placement()


def test_delegates_that_do_not(save: Any, library: str) -> None:
    """A library that is missing, is no delegate, or refuses: each is told with what to do."""
    path = save(build.dense_net(16, 10))
    for delegate, words in (
        ({"library": "/nowhere/libedgetpu.so.1"}, "must load, but: .*install it or mend its path"),
        ({"library": "libm.so.6"}, "has the function tflite_plugin_create_delegate, but 'libm.so.6' has none"),
        ({"library": library, "options": {"device": "none"}}, "refuses: .*no such device.*check that its device"),
        (library, "a library that the targets file declares for this target, but got '.*': add delegates:"),
    ):
        with pytest.raises(ModelError, match=words):
            LiteRt().load(path, {"delegate": delegate})


def test_tflite_runtime_and_its_numpy() -> None:
    """Where only the older package could serve, the message says what that takes."""
    words = r"pip install tflite-runtime 'numpy<2'" if np.__version__[0] >= "2" else "pip install ai-edge-litert"
    with pytest.raises(ModelError, match=words):
        _older_engine()
