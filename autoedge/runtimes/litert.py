"""LiteRT, which was TensorFlow Lite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.errors import ModelError
from autoedge.runtimes.base import Port, Runtime, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from autoedge.runtimes.base import Call, Shapes

_KNOBS = {"threads", "xnnpack", "delegate"}
_BUILTIN = "builtin"
_ENTRY = "tflite_plugin_create_delegate"
_ONE_SCALE = ("FULLY_CONNECTED", "BATCH_MATMUL", "EMBEDDING_LOOKUP")
_NEWER = "; what came after tflite-runtime, such as weights of 4 bits, ai-edge-litert runs"
_QUANTISED = ("int8", "uint8", "int16", "uint16", "int4", "uint4")


class LiteRt(Runtime):
    """Google's LiteRT on the CPU, and on what its delegates reach.

    ``ai-edge-litert`` is taken where it is installed, else ``tflite-runtime``, its name up to version 2.14, which is
    what devices with an old Python have.

    Knobs: ``threads`` (without it one), ``xnnpack`` (on, off: whether XNNPACK's kernels take the operators that they
    know, or LiteRT's own kernels do all), ``delegate`` (``builtin``: none; ``{"library": path, "options": {...}}``: a
    shared library that takes operators; foreign code, so only the host's own configuration may name one).

    Inputs and outputs are named as the model's signature names them where it has exactly one, else as its tensors are.
    """

    packages = ("ai-edge-litert", "tflite-runtime")

    def prepare(self) -> None:
        """Import the engine; see the base class."""
        _engine()

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:
        """Load a model file; see the base class."""
        unknown = sorted(set(knobs) - _KNOBS)
        if unknown:
            raise ModelError(f"LiteRT has no knob {', '.join(unknown)}; it has {', '.join(sorted(_KNOBS))}")
        engine = _engine()
        version = self.version()
        resolvers = engine.OpResolverType
        older = engine.__name__.startswith("tflite_runtime")
        own_kernels = knobs.get("xnnpack", "on") == "off"
        delegates = _delegates(engine, knobs.get("delegate", _BUILTIN))
        try:
            interpreter = engine.Interpreter(
                model_path=str(path),
                num_threads=int(knobs.get("threads", 1)),
                experimental_delegates=delegates,
                experimental_op_resolver_type=(
                    resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES if own_kernels else resolvers.AUTO
                ),
            )
            if older:
                refuse_wrong_scales(interpreter)
            session = _Session(interpreter, version, "delegate" if delegates else "XNNPACK")
            if shapes or not session.open:  # else the file's sizes are stand-ins, which the operators may refuse
                session.shape(shapes or {})
        except ModelError:
            raise
        except Exception as error:  # ValueError or RuntimeError, and UnicodeDecodeError for broken names
            raise ModelError(
                f"LiteRT {version} cannot load the model: {_told(error)}{_NEWER if older else ''}"
            ) from error
        return session


def _engine() -> Any:
    """The package's interpreter module.

    Raises:
        ModelError: Neither package is there, or the older one lacks the numpy that it is built for.
    """
    try:
        from ai_edge_litert import interpreter
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("ai_edge_litert"):
            raise
        return _older_engine()
    return interpreter


def _older_engine() -> Any:
    import numpy as np

    if int(np.__version__.split(".")[0]) >= 2:  # noqa: PLR2004 - with numpy 2 its import fails with words about C
        raise ModelError(
            "LiteRT takes ai-edge-litert, or tflite-runtime with numpy below 2, but there is no ai-edge-litert and "
            f"numpy is {np.__version__}: pip install ai-edge-litert, or pip install tflite-runtime 'numpy<2'"
        )
    try:
        from tflite_runtime import interpreter
    except ModuleNotFoundError as error:
        raise ModelError("LiteRT is not installed: pip install ai-edge-litert") from error
    return interpreter


def _delegates(engine: Any, wanted: Any) -> list[Any] | None:
    """What the knob asks for; a mere name is none, so that no file can have a library loaded.

    Raises:
        ModelError: It is no library with its options, or the library cannot be used.
    """
    if wanted == _BUILTIN:
        return None
    if not isinstance(wanted, dict):
        raise ModelError(
            f"a delegate is a library that the targets file declares for this target, but got '{wanted}': "
            f"add delegates: {{{wanted}: {{library: PATH}}}} to the target there"
        )
    return [_delegate(engine, **wanted)]


def _delegate(engine: Any, library: str, options: Mapping[str, Any] | None = None) -> Any:
    """A delegate from its shared library.

    Raises:
        ModelError: The library is missing, is no delegate, or refuses.
    """
    import ctypes

    try:
        found = ctypes.pydll.LoadLibrary(library)  # the engine's own attempt leaves a half-made object behind
    except OSError as error:
        raise ModelError(
            f"the delegate library '{library}' must load, but: {error}; install it or mend its path"
        ) from error
    if not hasattr(found, _ENTRY):
        raise ModelError(
            f"a delegate library has the function {_ENTRY}, but '{library}' has none; name another library"
        )
    try:
        return engine.load_delegate(library, dict(options or {}))
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"the delegate library '{library}' refuses: {_told(error) or 'it gives no reason'}; "
            "check that its device is there and that its options are right"
        ) from error


def refuse_wrong_scales(interpreter: Any) -> None:
    """Refuse models that tflite-runtime 2.14 loads and computes wrongly.

    Where activations are floats and weights int8, three of its kernels take the first channel's scale for all channels.

    Raises:
        ModelError: The model is one of those.
    """
    details = {int(each["index"]): each for each in interpreter.get_tensor_details()}
    for node in interpreter._get_ops_details():  # noqa: SLF001 - nothing public tells it
        if node["op_name"] not in _ONE_SCALE:
            continue
        weights, output = details.get(int(node["inputs"][1])), details.get(int(node["outputs"][0]))
        if weights is None or output is None or output["dtype"].__name__ != "float32":
            continue
        if weights["dtype"].__name__ == "int8" and len(weights["quantization_parameters"]["scales"]) > 1:
            raise ModelError(
                f"tflite-runtime would take one scale for all channels of the weights of {node['op_name']} and give "
                "wrong values; quantise them with granularity: tensor, or use ai-edge-litert"
            )


def _told(error: Exception) -> str:
    return " ".join(str(error).split())


class Named(NamedTuple):
    """One input or output tensor.

    Attributes:
        place: In the model's first graph.
        name: Of the tensor.
    """

    place: int
    name: str


def port_names(tensors: Sequence[Named], signed: Mapping[str, int] | None) -> list[str]:
    """Names of a model's inputs, or of its outputs.

    Args:
        tensors: In the model's order.
        signed: Tensor indices by name from the model's only signature, when it is of the first graph; else None.

    Returns:
        The signature's names where it names each tensor exactly once, else the tensors' own, else, where two of those
        are the same or one is empty, the tensors' with their positions.
    """
    friendly = {index: name for name, index in (signed or {}).items()}
    indices = [each.place for each in tensors]
    if len(set(indices)) == len(indices) and signed and sorted(signed.values()) == sorted(indices):
        return [friendly[index] for index in indices]
    names = [each.name for each in tensors]
    if len(set(names)) == len(names) and all(names):
        return names
    return [f"{name}:{position}" if name else str(position) for position, name in enumerate(names)]


class _Session(Session):
    def __init__(self, interpreter: Any, version: str | None, taker: str) -> None:
        self._interpreter = interpreter
        self._version = version
        self._taker = taker
        signatures = interpreter._get_full_signature_list()  # noqa: SLF001 - the public one leaves the tensors out
        signed: Mapping[str, Any] = {}
        if len(signatures) == 1:
            key, named = next(iter(signatures.items()))
            graph = interpreter._interpreter.GetSubgraphIndexFromSignature(key)  # noqa: SLF001 - nothing public tells it
            if graph == 0:
                signed = named
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self._inputs = _indices(inputs, signed.get("inputs"))
        self._outputs = _indices(outputs, signed.get("outputs"))
        self.inputs = [_port(name, each) for name, each in zip(self._inputs, inputs)]
        self.outputs = [_port(name, each) for name, each in zip(self._outputs, outputs)]

    @property
    def open(self) -> bool:
        """Whether an input leaves more free than its batch."""
        return any(size is None for port in self.inputs for size in port.shape[1:])

    def shape(self, shapes: Shapes) -> None:
        """Make room for inputs of these shapes; those that are not named keep theirs.

        Raises:
            ModelError: An input cannot have its shape.
        """
        now = {
            each["index"]: tuple(int(size) for size in each["shape"]) for each in self._interpreter.get_input_details()
        }
        for name, index in self._inputs.items():
            wanted = tuple(shapes.get(name, now[index]))
            if wanted == now[index]:
                continue
            try:
                self._interpreter.resize_tensor_input(index, wanted, strict=True)
            except (ValueError, RuntimeError) as error:
                free = next(port.shape for port in self.inputs if port.name == name)
                raise ModelError(
                    f"input '{name}' takes {_shown(free)}, but got {_shown(wanted)}; "
                    "only a dimension that the model leaves free can change"
                ) from error
        self._interpreter.allocate_tensors()

    def bind(self, outputs: Sequence[str]) -> Call:
        """The loop body that one writes by hand: set the inputs, invoke, get the outputs.

        The outputs are copies (``get_tensor``): views into the engine's memory would change under the caller's hands
        with the next call, and forbid it while they live. Inputs of another shape than those of the call before make
        the engine plan its memory anew.
        """
        places = list(self._inputs.items())
        wanted = [self._outputs[name] for name in outputs]
        if len(places) == len(wanted) == 1:
            return self._bound_to_one(*places[0], wanted[0])
        interpreter = self._interpreter
        set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

        def call(feed: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
            try:
                for name, place in places:
                    set_tensor(place, feed[name])
            except ValueError:  # the engine's word for another shape, or for something worse
                self._fit(feed)
                for name, place in places:
                    set_tensor(place, feed[name])
            invoke()
            return [get_tensor(place) for place in wanted]

        return call

    def _bound_to_one(self, name: str, place: int, wanted: int) -> Call:
        """The same without loops, which would be a tenth of the shortest calls."""
        interpreter = self._interpreter
        set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

        def call(feed: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
            try:
                set_tensor(place, feed[name])
            except ValueError:
                self._fit(feed)
                set_tensor(place, feed[name])
            invoke()
            return [get_tensor(wanted)]

        return call

    def _fit(self, feed: Mapping[str, np.ndarray]) -> None:
        try:
            self.shape({name: feed[name].shape for name in self._inputs})
        except (ValueError, RuntimeError) as error:
            shapes = ", ".join(f"'{name}' {_shown(feed[name].shape)}" for name in self._inputs)
            raise ModelError(f"LiteRT {self._version} cannot run the model with {shapes}: {_told(error)}") from error

    def placement(self) -> Mapping[str, int]:
        """Operators that the delegate took over, found backwards from each of its nodes, and those that are left.

        The engine keeps the operators that a delegate node stands for in its list, before the delegate's.
        """
        try:
            nodes = self._interpreter._get_ops_details()  # noqa: SLF001 - nothing public tells it
        except (AttributeError, ValueError, RuntimeError):
            return {}  # the engine says nothing of it
        own = [node for node in nodes if node["op_name"] != "DELEGATE"]
        maker = {int(tensor): position for position, node in enumerate(own) for tensor in node["outputs"]}
        taken: set[int] = set()
        for node in nodes:
            if node["op_name"] == "DELEGATE":
                taken |= _behind(node, own, maker)
        counts = {self._taker: len(taken), "LiteRT": len(own) - len(taken)}
        return {name: count for name, count in counts.items() if count}


def _behind(delegate: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]], maker: Mapping[int, int]) -> set[int]:
    """Positions of the operators between a delegate node's inputs and its outputs."""
    given = {int(tensor) for tensor in delegate["inputs"]}
    waiting = [int(tensor) for tensor in delegate["outputs"]]
    found: set[int] = set()
    while waiting:
        tensor = waiting.pop()
        position = maker.get(tensor)
        if tensor in given or position is None or position in found:
            continue
        found.add(position)
        waiting += [int(each) for each in nodes[position]["inputs"]]
    return found


def _indices(details: Sequence[Mapping[str, Any]], signed: Mapping[str, int] | None) -> dict[str, int]:
    tensors = [Named(int(each["index"]), each["name"]) for each in details]
    return {name: tensor.place for name, tensor in zip(port_names(tensors, signed), tensors)}


def _port(name: str, details: Mapping[str, Any]) -> Port:
    import numpy as np

    dtype = np.dtype(details["dtype"])
    kind = "str" if dtype.kind in "SUO" else dtype.name
    shape = tuple(None if size < 0 else int(size) for size in details["shape_signature"])
    scale, zero_point = details["quantization"]
    if kind not in _QUANTISED or not scale:
        return Port(name, kind, shape)
    return Port(name, kind, shape, float(scale), int(zero_point))


def _shown(shape: Iterable[Any]) -> str:
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"
