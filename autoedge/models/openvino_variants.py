"""Make variants for OpenVINO: its own compression to float16, and NNCF for integers.

They are written as packed IR, also those of ONNX models. NNCF can write quantised ONNX files too, but OpenVINO refuses
those with compressed convolution weights, and static int8 ones lose several times as much quality in it as the same
quantisation kept as IR.
"""

from __future__ import annotations

import io
import logging
import re
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.models import ir_costs
from autoedge.models.packages import what_to_install
from autoedge.runtimes import openvino, packed_ir

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autoedge.models.conversion import Conversion, Feed

_PORTS = {"Parameter", "Result"}


def convert(conversion: Conversion) -> None:
    """Write the variant; see ``Maker.module``.

    Raises:
        ModelError: It cannot be made; the reason.
    """
    recipe, ov = conversion.recipe, openvino.engine()
    # The second is where the model reads its weights: held until the variant is written.
    model, weights = openvino.read_model(ov.Core(), conversion.given)
    if conversion.info.format == ".onnx":
        model = ov.convert_model(str(conversion.given))  # as read, a convolution with a bias is eight operators
    if recipe["precision"] == "int8-static":
        model = _quantised(model, _calls(conversion), str(recipe["preset"]))
    elif recipe["precision"] == "int8-weight":
        model = _compressed(model, "INT8_ASYM", {"i8", "u8"}, "it has no weights that int8 could hold")
    elif recipe["precision"] == "int4-weight":
        why = "it has no weights that int4 could hold: that takes a matrix product of a depth that 32 divides"
        model = _compressed(model, "INT4_ASYM", {"i4", "u4"}, f"{why}, and the last keeps 8 bits")
    _write(model, conversion, half=recipe["precision"] == "fp16")
    del weights


def _calls(conversion: Conversion) -> list[Feed]:
    """The calibration batches, cut into items unless the model takes one size only.

    NNCF takes the mean of each call's extremes: the more items in a call, the wider the ranges.
    """
    if conversion.info.fixed_batch:
        return list(conversion.feeds)
    return [
        {name: array[index : index + 1] for name, array in feed.items()}
        for feed in conversion.feeds
        for index in range(len(next(iter(feed.values()))))
    ]


def _quantised(model: Any, calls: Sequence[Feed], preset: str) -> Any:
    """Weights and activations in 8 bits, biases corrected for what that costs on the calibration data.

    Args:
        model: As OpenVINO holds it.
        calls: Calibration data.
        preset: How activations are quantised: symmetrically (performance), or asymmetrically too where they are not
            all of one sign (mixed).

    Raises:
        ModelError: It has nothing to quantise.
    """
    nncf = _nncf()
    kind = nncf.QuantizationPreset[preset.upper()]
    with _quiet():
        quantised = nncf.quantize(model, nncf.Dataset(calls), preset=kind, subset_size=len(calls))
    if not any(node.get_type_name() == "FakeQuantize" for node in ir_costs.nodes(quantised)):
        raise ModelError("it has no operators that static int8 can quantise: none has weights that are stored")
    return quantised


def _compressed(model: Any, mode: str, types: set[str], why: str) -> Any:
    """Weights in few bits, computed with as floats: a scale for each channel, with 4 bits for each group of one.

    Args:
        model: As OpenVINO holds it; changed.
        mode: Of NNCF.
        types: What some of the weights must be afterwards.
        why: What to say when none is.

    Raises:
        ModelError: No weights were compressed.
    """
    nncf = _nncf()
    options: dict[str, Any] = {}
    if mode.startswith("INT4"):  # groups of 128, or fewer where a layer is no multiple of that
        adjust = nncf.GroupSizeFallbackMode.ADJUST
        options["advanced_parameters"] = nncf.AdvancedCompressionParameters(group_size_fallback_mode=adjust)
    with _quiet():
        compressed = nncf.compress_weights(model, mode=nncf.CompressWeightsMode[mode], **options)
    if not types.intersection(_types(compressed)):
        raise ModelError(why)
    return compressed


def _write(model: Any, conversion: Conversion, *, half: bool) -> None:
    for name in ("nncf", "conversion_parameters"):  # how it came about; one holds the path of a file on the way
        if model.has_rt_info(name):
            del model.get_rt_info()[name]
    for index, node in enumerate(model.get_ordered_ops()):
        # Names made of a counter of the process: what else it did would change the bytes.
        kind = node.get_type_name()
        if kind not in _PORTS and re.fullmatch(rf"{kind}_\d+", node.get_friendly_name()):
            node.set_friendly_name(f"{kind}_{index}")
    graph = conversion.work / "openvino.xml"
    openvino.engine().save_model(model, str(graph), compress_to_fp16=half)
    weights = graph.with_suffix(".bin")
    if half and "f16" not in _types(openvino.engine().Core().read_model(str(graph))):
        raise ModelError("it has no weights that float16 could hold")
    packed_ir.write(graph.read_bytes(), weights.read_bytes(), conversion.output)


def _types(model: Any) -> set[str]:
    constants = (node for node in ir_costs.nodes(model) if node.get_type_name() == "Constant")
    return {node.get_output_element_type(0).get_type_name() for node in constants}


def _nncf() -> Any:
    missing = what_to_install(("nncf",), "openvino")
    if missing:
        raise ModelError(missing)
    openvino.engine()  # shuts out the telemetry of both
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf


@contextmanager
def _quiet() -> Iterator[None]:
    """Without progress bars."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield
