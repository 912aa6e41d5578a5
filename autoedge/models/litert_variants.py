"""Make variants of LiteRT models with Google's AI Edge Quantizer."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.models import edgetpu, tflite_file, tflite_graph
from autoedge.runtimes.litert import Named, port_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.models.conversion import Conversion, Feed
    from autoedge.models.tflite_graph import ModelFacts

KEY = "serving_default"
"""Of the signature that a variant gets where its model has none that names everything."""
_WEIGHTED = "CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED, BATCH_MATMUL, EMBEDDING_LOOKUP"
_PASSED_ON = ("QUANTIZE", "DEQUANTIZE")


def convert(conversion: Conversion) -> None:
    """Write the variant; see ``Maker.module``.

    ``fp16``: weights stored in float16 and brought back by an operator; ``int8-weight``, ``int4-weight``: the same with
    integers and a scale for each output channel; ``int8-dynamic``: int8 weights, activations quantised by what each
    call brings (``granularity`` tensor: one scale for the weights of a matrix product or an embedding, since
    tflite-runtime knows no more there); ``int8-static``: weights and activations in int8, ranges from the least and the
    greatest values on the calibration data; ``int8-edgetpu``: the same, compiled for an Edge TPU. Inputs and outputs
    stay floats, with their names and free dimensions.

    Raises:
        ModelError: It cannot be made; the reason.
    """
    asked = str(conversion.recipe["precision"])
    precision = "int8-static" if asked == "int8-edgetpu" else asked
    given = tflite_file.read(conversion.given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tool's advice to its own callers
        one_scale = conversion.recipe.get("granularity") == "tensor"
        result = _quantised(_signed(given), precision, _recipe(precision, one_scale=one_scale), conversion.feeds)
    data = _tidied(result, tflite_graph.read(given))
    if not _reached(tflite_graph.read(data)):
        raise ModelError(f"it has no operators that {precision} can reach: that needs stored weights of {_WEIGHTED}")
    conversion.output.write_bytes(data)
    if asked == "int8-edgetpu":
        edgetpu.compile_in_place(conversion.output, conversion.work)


def _quantised(data: bytes, precision: str, recipe: list[dict[str, Any]], feeds: Sequence[Feed]) -> bytes:
    from ai_edge_quantizer.quantizer import Quantizer

    try:
        quantizer = Quantizer(data, recipe)
        ranges = _ranges(data, recipe, feeds) if quantizer.need_calibration else None
        made = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise ModelError(f"AI Edge Quantizer cannot make {precision} of it: {error}") from error
    return bytes(made or b"")


def _recipe(precision: str, *, one_scale: bool) -> list[dict[str, Any]]:
    """What the tool is to do with which operators, in its own words."""
    from ai_edge_quantizer import recipe
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.recipe_manager import RecipeManager

    manager = RecipeManager()
    if precision == "fp16":
        options: dict[str, Any] = {"num_bits": 16, "algorithm_key": AlgorithmName.FLOAT_CASTING}
        manager.add_weight_only_config(".*", TFLOperationName.ALL_SUPPORTED, **options)
        return list(manager.get_quantization_recipe())
    if precision == "int8-static":
        inputs = {"regex": ".*", "operation": TFLOperationName.INPUT, "op_config": {}}
        return [*recipe.static_wi8_ai8(), {**inputs, "algorithm_key": AlgorithmName.NO_QUANTIZE}]
    if precision == "int8-dynamic":
        manager.add_dynamic_config(".*", TFLOperationName.ALL_SUPPORTED, num_bits=8)
        # Convolutions keep their channels: with one scale, the kernels read scales that are not there.
        for name in ("FULLY_CONNECTED", "BATCH_MATMUL", "EMBEDDING_LOOKUP") if one_scale else ():
            manager.add_dynamic_config(".*", TFLOperationName[name], 8, QuantGranularity.TENSORWISE)
        return list(manager.get_quantization_recipe())
    makers = {"int8-weight": recipe.weight_only_wi8_afp32, "int4-weight": recipe.weight_only_wi4_afp32}
    return list(makers[precision]())


def _ranges(data: bytes, recipe: list[dict[str, Any]], feeds: Sequence[Feed]) -> Any:
    """Least and greatest value of each tensor over all batches: the tool's own choice, a moving average, forgets."""
    from ai_edge_quantizer.calibrator import Calibrator
    from ai_edge_quantizer.recipe_manager import RecipeManager
    from ai_edge_quantizer.utils.qsv_utils import min_max_update

    manager = RecipeManager()
    manager.load_quantization_recipe(recipe)
    calibrator = Calibrator(data, num_threads=1, qsv_update_func=min_max_update)
    calibrator.calibrate({KEY: list(feeds)}, manager)
    return calibrator.get_model_qsvs()


def _signed(data: bytes) -> bytes:
    """The model with one signature, called ``KEY``, that names its inputs and outputs as AutoEdge does.

    The tool calibrates by signature, and gives new names to the tensors that it puts at the ends.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    facts = tflite_graph.read(data)
    graph = facts.graphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = KEY.encode(), 0
    for side in ("inputs", "outputs"):
        indices = getattr(graph, side)
        tensors = [Named(index, graph.tensors[index].name) for index in indices]
        entries = []
        for name, index in zip(port_names(tensors, facts.signed.get(side)), indices, strict=True):
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name.encode(), index
            entries.append(entry)
        setattr(signature, side, entries)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _tidied(data: bytes, given: ModelFacts) -> bytes:
    """The tool's result with float outputs as given, and the free dimensions that it forgets on the tensors it adds.

    The tool can do the former itself, but then hands floats to every integer operator that reads an output.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    for graph, known in zip(model.subgraphs, tflite_graph.read(data).graphs, strict=True):
        for operator in known.operators:
            if operator.name in _PASSED_ON:
                _share_free_dimensions(graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]])
    made = tflite_graph.read(data).graphs[0]
    for place, (before, after) in enumerate(zip(given.graphs[0].outputs, made.outputs, strict=True)):
        if "float" in given.graphs[0].tensors[before].dtype and made.tensors[after].quantised:
            _as_float(model, place)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _share_free_dimensions(one: Any, other: Any) -> None:
    if one.shapeSignature is None:
        one.shapeSignature = other.shapeSignature
    elif other.shapeSignature is None:
        other.shapeSignature = one.shapeSignature


def _as_float(model: Any, place: int) -> None:
    """Let an output of the first graph be the float32 values that its integers stand for."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    integers = int(graph.outputs[place])
    codes = [code.builtinCode for code in model.operatorCodes]
    for operator in graph.operators:
        if integers in operator.outputs and codes[operator.opcodeIndex] == schema.BuiltinOperator.QUANTIZE:
            output = int(operator.inputs[0])  # an operator that the tool leaves in floats gives it
            if not any(integers in each.inputs for each in graph.operators):
                graph.operators.remove(operator)
            break
    else:
        output = _dequantised(model, graph, integers)
    graph.outputs = [*graph.outputs[:place], output, *graph.outputs[place + 1 :]]
    model.signatureDefs[0].outputs[place].tensorIndex = output


def _dequantised(model: Any, graph: Any, integers: int) -> int:
    """Add the operator that makes floats of a tensor of integers, and return what it gives."""
    from ai_edge_litert import schema_py_generated as schema

    source, tensor = graph.tensors[integers], schema.TensorT()
    tensor.name, tensor.type, tensor.buffer = source.name, schema.TensorType.FLOAT32, 0
    tensor.shape, tensor.shapeSignature, tensor.hasRank = source.shape, source.shapeSignature, source.hasRank
    source.name = bytes(source.name or b"") + b"_integers"
    graph.tensors.append(tensor)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 2  # the first that reads int8
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [integers], [len(graph.tensors) - 1]
    operator.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operator.builtinOptions = schema.DequantizeOptionsT()
    graph.operators.append(operator)
    return len(graph.tensors) - 1


def _reached(model: ModelFacts) -> bool:
    """Whether anything is stored or computed in fewer bits."""
    tensors = [tensor for graph in model.graphs for tensor in graph.tensors]
    return any(tensor.quantised or (tensor.stored and tensor.dtype == "float16") for tensor in tensors)
