"""Small LiteRT models, written table by table from the file format's schema, with seeded weights.

No converter is needed: they are as small as a test wants them, and a test can break them in any place.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import OpResolverType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "str": schema.TensorType.STRING,
}
REFERENCE_KERNELS = OpResolverType.BUILTIN_REF
_RELU = schema.ActivationFunctionType.RELU


class TfliteModel:
    """A model with one graph, filled tensor by tensor and operator by operator.

    Args:
        seed: Of the weights.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs, self.graph.name = [], [], b"main"
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.subgraphs, self.model.operatorCodes = [self.graph], []
        self.model.buffers = [schema.BufferT()]  # buffer 0 stands for no data
        self.model.signatureDefs = []

    def tensor(
        self,
        name: str,
        shape: Sequence[int | None],
        dtype: str = "float32",
        *,
        scale: float = 0.0,
        zero_point: int = 0,
    ) -> int:
        """A value that an operator or the user gives; None is a free dimension. Returns its index."""
        each = schema.TensorT()
        each.name, each.type, each.buffer = name.encode(), _TYPES[dtype], 0
        each.shape = [1 if size is None else size for size in shape]
        if None in shape:
            each.shapeSignature = [-1 if size is None else size for size in shape]
        if scale:
            each.quantization = schema.QuantizationParametersT()
            each.quantization.scale, each.quantization.zeroPoint = [scale], [zero_point]
        self.graph.tensors.append(each)
        return len(self.graph.tensors) - 1

    def constant(self, name: str, values: np.ndarray, **quantised: Any) -> int:
        """A stored tensor."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        index = self.tensor(name, values.shape, values.dtype.name, **quantised)
        self.graph.tensors[index].buffer = len(self.model.buffers) - 1
        return index

    def weight(self, name: str, *shape: int) -> int:
        """Normal weights, scaled so that outputs stay near 1."""
        scale = 1 / np.sqrt(max(1, np.prod(shape[1:], dtype=float)))
        return self.constant(name, (self.random.standard_normal(shape) * scale).astype(np.float32))

    def operator(
        self,
        code: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: tuple[int, Any] | None = None,
        *,
        custom: str = "",
    ) -> None:
        """An operator that reads and writes tensors by index."""
        each = schema.OperatorT()
        each.inputs, each.outputs = list(inputs), list(outputs)
        each.opcodeIndex = self._code(code, custom)
        if options is not None:
            each.builtinOptionsType, each.builtinOptions = options
        self.graph.operators.append(each)

    def _code(self, code: int, custom: str) -> int:
        for index, known in enumerate(self.model.operatorCodes):
            if (known.builtinCode, known.customCode) == (code, custom.encode() or None):
                return index
        made = schema.OperatorCodeT()
        made.builtinCode, made.version = code, 1
        made.deprecatedBuiltinCode = min(code, 127)
        made.customCode = custom.encode() or None
        self.model.operatorCodes.append(made)
        return len(self.model.operatorCodes) - 1

    def dense(self, name: str, source: int, sizes: tuple[int, int], batch: int | None, *, relu: bool = False) -> int:
        """A fully connected layer; returns its output."""
        weights = self.weight(f"{name}/w", sizes[1], sizes[0])
        bias = self.constant(f"{name}/b", (self.random.standard_normal(sizes[1]) * 0.1).astype(np.float32))
        output = self.tensor(name, (batch, sizes[1]))
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = _RELU if relu else 0
        kind = (schema.BuiltinOptions.FullyConnectedOptions, options)
        self.operator(schema.BuiltinOperator.FULLY_CONNECTED, (source, weights, bias), (output,), kind)
        return output

    def convolution(self, name: str, source: int, weights: tuple[int, ...], shape: Sequence[int | None]) -> int:
        """A convolution with stride 1 and padding, and a ReLU; weights are (out, height, width, in)."""
        bias = self.constant(f"{name}/b", np.zeros(weights[0], np.float32))
        output = self.tensor(name, shape)
        options = schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 1, 1
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = _RELU
        kind = (schema.BuiltinOptions.Conv2DOptions, options)
        inputs = (source, self.weight(f"{name}/w", *weights), bias)
        self.operator(schema.BuiltinOperator.CONV_2D, inputs, (output,), kind)
        return output

    def depthwise(self, name: str, source: int, kernel: int, shape: Sequence[int | None]) -> int:
        """A depthwise convolution with stride 1 and padding."""
        channels = int(shape[-1] or 1)
        bias = self.constant(f"{name}/b", np.zeros(channels, np.float32))
        output = self.tensor(name, shape)
        options = schema.DepthwiseConv2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 1, 1
        options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
        kind = (schema.BuiltinOptions.DepthwiseConv2DOptions, options)
        inputs = (source, self.weight(f"{name}/w", 1, kernel, kernel, channels), bias)
        self.operator(schema.BuiltinOperator.DEPTHWISE_CONV_2D, inputs, (output,), kind)
        return output

    def global_mean(self, name: str, source: int, shape: Sequence[int | None]) -> int:
        """The mean over height and width."""
        axes = self.constant(f"{name}/axes", np.array([1, 2], np.int32))
        output = self.tensor(name, shape)
        kind = (schema.BuiltinOptions.ReducerOptions, schema.ReducerOptionsT())
        self.operator(schema.BuiltinOperator.MEAN, (source, axes), (output,), kind)
        return output

    def softmax(self, name: str, source: int, shape: Sequence[int | None]) -> int:
        """Probabilities over the last axis."""
        output = self.tensor(name, shape)
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        kind = (schema.BuiltinOptions.SoftmaxOptions, options)
        self.operator(schema.BuiltinOperator.SOFTMAX, (source,), (output,), kind)
        return output

    def sign(self, inputs: Mapping[str, int], outputs: Mapping[str, int], key: str = "serving_default") -> None:
        """Give inputs and outputs friendly names."""
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = key.encode(), 0
        signature.inputs, signature.outputs = (_map(each) for each in (inputs, outputs))
        self.model.signatureDefs.append(signature)

    def whole(self, inputs: Sequence[int], outputs: Sequence[int]) -> TfliteModel:
        """Say what goes in and out."""
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        return self

    def data(self) -> bytes:
        """The file's bytes."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def save(self, path: Path) -> Path:
        """Write it as it is, valid or not."""
        path.write_bytes(self.data())
        return path


def _map(names: Mapping[str, int]) -> list[Any]:
    entries = []
    for name, index in names.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name.encode(), index
        entries.append(entry)
    return entries


def dense_net(*sizes: int, batch: int | None = None, signed: bool = True, seed: int = 0) -> TfliteModel:
    """Fully connected layers with ReLU between them and a softmax, with the layer sizes given."""
    model = TfliteModel(seed)
    first = last = model.tensor("serving_default_x:0", (batch, sizes[0]))
    for index, pair in enumerate(pairwise(sizes)):
        last = model.dense(f"dense_{index}", last, pair, batch, relu=index < len(sizes) - 2)
    scores = model.softmax("StatefulPartitionedCall:0", last, (batch, sizes[-1]))
    if signed:
        model.sign({"x": first}, {"scores": scores})
    return model.whole([first], [scores])


def image_net(
    batch: int | None = 1, size: int | None = 8, *, channels: int = 8, signed: bool = True, seed: int = 0
) -> TfliteModel:
    """Convolution, depthwise convolution, global mean, fully connected, softmax; ``size`` None leaves images free."""
    model = TfliteModel(seed)
    first = model.tensor("image", (batch, size, size, 3))
    wide = model.convolution("conv", first, (channels, 3, 3, 3), (batch, size, size, channels))
    deep = model.depthwise("depth", wide, 3, (batch, size, size, channels))
    mean = model.global_mean("mean", deep, (batch, channels))
    last = model.dense("dense", mean, (channels, 10), batch)
    scores = model.softmax("scores", last, (batch, 10))
    if signed:
        model.sign({"image": first}, {"scores": scores})
    return model.whole([first], [scores])


def two_ports(batch: int | None = None) -> TfliteModel:
    """Two inputs and two outputs without a signature: their sum and the sum through a layer."""
    model = TfliteModel(2)
    left, right = model.tensor("left", (batch, 6)), model.tensor("right", (batch, 6))
    total = model.tensor("total", (batch, 6))
    kind = (schema.BuiltinOptions.AddOptions, schema.AddOptionsT())
    model.operator(schema.BuiltinOperator.ADD, (left, right), (total,), kind)
    deep = model.dense("deep", total, (6, 4), batch)
    return model.whole([left, right], [deep, total])


def integer_net(dtype: str = "int8") -> TfliteModel:
    """Integers in and out with scales: one ReLU between them."""
    model = TfliteModel(3)
    first = model.tensor("x", (1, 16), dtype, scale=0.05, zero_point=-7 if dtype == "int8" else 120)
    last = model.tensor("y", (1, 16), dtype, scale=0.05, zero_point=-7 if dtype == "int8" else 120)
    model.operator(schema.BuiltinOperator.RELU, (first,), (last,))
    model.sign({"x": first}, {"y": last})
    return model.whole([first], [last])


def half_net() -> TfliteModel:
    """A layer whose weights are float16 and are brought to float32 by an operator."""
    model = TfliteModel(4)
    first = model.tensor("x", (1, 32))
    stored = (model.random.standard_normal((16, 32)) / 6).astype(np.float16)
    half, weights = model.constant("half", stored), model.tensor("weights", (16, 32))
    kind = (schema.BuiltinOptions.DequantizeOptions, schema.DequantizeOptionsT())
    model.operator(schema.BuiltinOperator.DEQUANTIZE, (half,), (weights,), kind)
    bias, output = model.constant("bias", np.zeros(16, np.float32)), model.tensor("y", (1, 16))
    options = (schema.BuiltinOptions.FullyConnectedOptions, schema.FullyConnectedOptionsT())
    model.operator(schema.BuiltinOperator.FULLY_CONNECTED, (first, weights, bias), (output,), options)
    return model.whole([first], [output])


def custom_net() -> TfliteModel:
    """A model with an operator that no runtime knows."""
    model = TfliteModel(5)
    first, last = model.tensor("x", (1, 4)), model.tensor("y", (1, 4))
    model.operator(schema.BuiltinOperator.CUSTOM, (first,), (last,), custom="Frobnicate")
    return model.whole([first], [last])
