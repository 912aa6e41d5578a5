"""What is known of a model without running it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model.

    Attributes:
        name: As in the model.
        dtype: Numpy name, ``float32``; ``str`` for strings.
        shape: One entry a dimension: an int is fixed, a str is a named free dimension, None an unnamed free one. Empty
            for a scalar, and for an output whose number of dimensions is unknown.
        scale: Of integers that stand for real numbers, real = scale * (integer - zero_point); 0 for plain values.
        zero_point: The integer that stands for 0.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class ModelInfo:
    """A model as given.

    Attributes:
        sha256: Of the file's bytes; with external data, of the SHA-256 digests of the model file and of its data files
            in the order of their names.
        size_bytes: Of the model file and its data files.
        ir_version: Version of the file format; 0 where it has none.
        opset: Version of the default operator set of ONNX or OpenVINO; 0 where the model imports none.
        precision: ``fp32``, ``fp16``, ``bf16``, ``fp64``: the type of most parameters; ``int8`` when it has operators
            that quantise, ``int4`` when it has weights of 4 bits.
        inputs: Without initialisers that old files list among them.
        outputs: In the model's order.
        parameters: Elements of all stored tensors of floating type or of integers of at most 8 bits (initialisers and
            constants, also in subgraphs), and of the float lists of ``ai.onnx.ml`` operators. So weights count the
            same whether quantised or not; shapes, indices and labels do not count.
        macs: Multiply-accumulate operations of convolutions, matrix products, recurrent and linear layers for one
            item, that is with the leading dimension 1 where it is free, as it is where it is fixed. Trees count 0. None
            where a shape is unknown.
        activation_peak_bytes: Most bytes of inputs, outputs and intermediate tensors that are alive at once when the
            operators run in file order, each in memory of its own, for the same one item. None where a shape is
            unknown.
        operators: How often each occurs, subgraphs and functions included; ``domain.Name`` outside ONNX's own domains.
        format: Suffix of the kind of file, ``.onnx``.
    """

    sha256: str
    size_bytes: int
    ir_version: int
    opset: int
    precision: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: int
    macs: int | None
    activation_peak_bytes: int | None
    operators: Mapping[str, int]
    format: str = ".onnx"

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"a content hash is 64 hex digits, but got {self.sha256!r}")
        counts = (self.size_bytes, self.parameters, self.macs or 0, self.activation_peak_bytes or 0)
        if min(counts) < 0:
            raise ValueError(f"sizes and counts are never negative, but got {counts}")
        if not self.inputs or not self.outputs:
            raise ValueError("a model has at least one input and one output, but got none")

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that the model takes; None when the leading dimension of an input is free."""
        leading = [tensor.shape[0] for tensor in self.inputs if tensor.shape]
        if any(not isinstance(size, int) for size in leading):
            return None
        return int(leading[0] or 0) if leading else 1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "operators": dict(self.operators)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelInfo:
        """The inverse of ``to_dict``, also after a round trip through JSON."""
        tensors = {
            key: tuple(Tensor(**{**each, "shape": tuple(each["shape"])}) for each in values[key])
            for key in ("inputs", "outputs")
        }
        return cls(**{**values, **tensors, "operators": dict(values["operators"])})
