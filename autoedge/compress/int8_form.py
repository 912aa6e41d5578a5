"""A trained model as integers between QuantizeLinear and DequantizeLinear, the form that ONNX Runtime runs in int8."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from autoedge.compress.fake_quant import Activation, Weighted, apply, weight_scale

if TYPE_CHECKING:
    from torch import Tensor, fx

_OPSET = 18


def as_integers(graph: fx.GraphModule) -> nn.Module:
    """A copy that can be exported and not be run: integers are stored, and operators of ONNX stand for the rounding.

    Args:
        graph: As ``qat.quantised`` gave it, trained.
    """
    stored = copy.deepcopy(graph)
    modules = dict(stored.named_modules())
    before = {
        node.target: modules[str(node.all_input_nodes[0].target)]
        for node in stored.graph.nodes
        if isinstance(modules.get(str(node.target)), Weighted)
    }
    for name, module in modules.items():
        if isinstance(module, Weighted):
            grid = before[name]
            assert isinstance(grid, Activation)  # noqa: S101 - each input of such a layer is rounded
            stored.set_submodule(name, _Stored(module.layer, grid.grid()[0]))
    for name, module in modules.items():
        if isinstance(module, Activation):
            stored.set_submodule(name, _Grid(*module.grid()))
    return stored.eval()


class _Grid(nn.Module):
    """A value is put on a grid of uint8 and taken off again."""

    scale: Tensor
    zero: Tensor

    def __init__(self, scale: Tensor, zero: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.clone())
        self.register_buffer("zero", zero.to(torch.uint8))

    def forward(self, values: Tensor) -> Tensor:
        integers = torch.onnx.ops.symbolic(
            "QuantizeLinear",
            (values, self.scale, self.zero),
            dtype=torch.uint8,
            shape=values.shape,
            version=_OPSET,
        )
        return _real(integers, self.scale, self.zero)


class _Stored(nn.Module):
    """A layer whose weights are stored in int8 and whose bias is stored in int32, as integer kernels add it."""

    layer: Any
    weight: Tensor
    scale: Tensor
    zero: Tensor
    bias: Tensor | None
    bias_scale: Tensor
    bias_zero: Tensor

    def __init__(self, layer: Any, input_scale: Tensor) -> None:
        super().__init__()
        scale = weight_scale(layer.weight)
        spread = scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
        self.layer = copy.deepcopy(layer)
        self.layer.weight = None
        self.layer.bias = None
        self.register_buffer("weight", (layer.weight.detach() / spread).round().clamp(-127, 127).to(torch.int8))
        self.register_buffer("scale", scale)
        self.register_buffer("zero", torch.zeros(len(scale), dtype=torch.int8))
        bias, bias_scale = layer.bias, scale * input_scale
        limit = 2.0**31 - 2**8  # the largest float32 below the end of int32
        whole = None if bias is None else (bias.detach() / bias_scale).round().clamp(-limit, limit).to(torch.int32)
        self.register_buffer("bias", whole)
        self.register_buffer("bias_scale", bias_scale)
        self.register_buffer("bias_zero", torch.zeros(len(scale), dtype=torch.int32))

    def forward(self, values: Tensor) -> Tensor:
        weight = _real(self.weight, self.scale, self.zero, axis=0)
        bias = None if self.bias is None else _real(self.bias, self.bias_scale, self.bias_zero, axis=0)
        return apply(self.layer, values, weight, bias)


def _real(integers: Tensor, scale: Tensor, zero: Tensor, axis: int | None = None) -> Tensor:
    return torch.onnx.ops.symbolic(
        "DequantizeLinear",
        (integers, scale, zero),
        {} if axis is None else {"axis": axis},
        dtype=torch.float32,
        shape=integers.shape,
        version=_OPSET,
    )
