"""Make float16 variants with the converter that ONNX Runtime maintains.

It is chosen over the original in onnxconverter-common, from which it stems: that one names its casts after operators,
so models with unnamed ones come out invalid, and it loses types where a value is both an output and read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model computing in float16, with inputs and outputs of their old types.

    Weights beyond 65504 are cut to it; operators without a float16 kernel keep float32 between casts.

    Args:
        model: Prepared; changed.

    Raises:
        ModelError: It has no weights that the conversion reaches.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=True)
    if not any(each.data_type == onnx.TensorProto.FLOAT16 for each in half.graph.initializer):
        raise ModelError("it has no weights that float16 could hold: trees and linear models keep theirs in float32")
    kept = list(_without_repeats(half.graph.node))
    half.graph.ClearField("node")
    half.graph.node.extend(kept)
    return half


def _without_repeats(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    """The converter casts a value anew for each operator that reads it, under one and the same name."""
    cast: set[str] = set()
    for node in nodes:
        if node.op_type == "Cast" and node.output[0] in cast:
            continue
        if node.op_type == "Cast":
            cast.add(node.output[0])
        yield onnx.NodeProto.FromString(node.SerializeToString())
