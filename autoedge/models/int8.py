"""Make int8 variants with ONNX Runtime's quantisation tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    Feed = Mapping[str, np.ndarray]

PER_CHANNEL_OPSET = 13  # gave QuantizeLinear its axis
_DYNAMIC = frozenset({"Conv", "MatMul", "Gemm", "LSTM"})
_STATIC = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
_MARKS = ("QuantizeLinear", "Integer", "DynamicQuantize")
# With ONNX Runtime's own default of 128 bins for 128 levels the entropy search has a single threshold to choose from.
_METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "minmax": ("MinMax", {}),
    "entropy": ("Entropy", {"num_bins": 512, "num_quantized_bins": 128}),
    "percentile": ("Percentile", {"percentile": 99.99, "symmetric": False}),
}


def dynamic(model: onnx.ModelProto, work: Path) -> onnx.ModelProto:
    """Weights in 8 bits, activations quantised by what each call brings.

    Args:
        model: Prepared.
        work: Folder for files on the way.

    Raises:
        ModelError: It has nothing to quantise.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    _require(model, _DYNAMIC, "dynamic")
    source, result = work / "typed.onnx", work / "dynamic.onnx"
    onnx.save(model, source)
    # Older runtimes have no integer convolution with signed weights.
    has_convolution = any(node.op_type == "Conv" for node in model.graph.node)
    quantize_dynamic(str(source), str(result), weight_type=QuantType.QUInt8 if has_convolution else QuantType.QInt8)
    quantised = onnx.load(result)
    _require_marks(quantised, "dynamic")
    return quantised


def static(
    model: onnx.ModelProto, work: Path, groups: Iterable[Sequence[Feed]], *, calibration: str, granularity: str
) -> onnx.ModelProto:
    """Weights and activations in 8 bits between QuantizeLinear and DequantizeLinear pairs, ranges fixed beforehand.

    Activations are unsigned and weights signed and symmetric, the pair that x86 and ARM kernels of ONNX Runtime take.

    Args:
        model: Prepared, opset at least ``PER_CHANNEL_OPSET`` for channels.
        work: Folder for files on the way.
        groups: Calibration inputs; the activations of one group are held in memory together.
        calibration: How ranges follow from data: minmax; entropy (Kullback-Leibler divergence, Migacz, "8-bit
            inference with TensorRT", GTC 2017); percentile (99.99 % of the values).
        granularity: One scale for a weight ``tensor`` or for each output ``channel``.

    Raises:
        ModelError: It has nothing to quantise.
    """
    from onnxruntime.quantization import QDQQuantizer, QuantType
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    _require(model, _STATIC, "static")
    source = work / "typed.onnx"
    onnx.save(model, source)
    operators = sorted({*QDQRegistry, *QLinearOpsRegistry})
    ranges = _ranges(source, operators, groups, calibration)
    quantizer = QDQQuantizer(
        model,
        granularity == "channel",
        False,  # noqa: FBT003 - the tool's positional signature: full 8-bit range
        QuantType.QInt8,
        QuantType.QUInt8,
        ranges,
        [],
        [],
        operators,
        {},
    )
    quantizer.quantize_model()
    quantised: onnx.ModelProto = quantizer.model.model
    _require_marks(quantised, "static")
    return quantised


def _ranges(source: Path, operators: Sequence[str], groups: Iterable[Sequence[Feed]], calibration: str) -> Any:
    from onnxruntime.quantization import CalibrationMethod, create_calibrator

    method, options = _METHODS[calibration]
    calibrator = create_calibrator(
        source,
        operators,
        augmented_model_path=str(source.with_name("augmented.onnx")),
        calibrate_method=CalibrationMethod[method],
        extra_options=options,
    )
    for group in groups:
        calibrator.collect_data(_Reader(group))
    return calibrator.compute_data()


class _Reader:
    """What the tools call a calibration data reader."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def _require(model: onnx.ModelProto, quantisable: frozenset[str], kind: str) -> None:
    if not any(node.op_type in quantisable for node in model.graph.node):
        raise ModelError(
            f"it has no operators that {kind} int8 can quantise: that needs one of {', '.join(sorted(quantisable))}"
        )


def _require_marks(model: onnx.ModelProto, kind: str) -> None:
    if not any(mark in node.op_type for node in model.graph.node for mark in _MARKS):
        raise ModelError(f"it has no operators that {kind} int8 can quantise: none has weights that are stored")
