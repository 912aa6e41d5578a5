"""Modules that compute in float32 what int8 would give, and let gradients through as if nothing were rounded.

Ranges and rounding follow Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (CVPR 2018, arXiv:1712.05877): unsigned activations with a zero point, whose ranges
are moving averages; signed symmetric weights with one scale for each output channel. PyTorch's own modules for it are
deprecated in favour of another package; its operators are not, and these few lines are built on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

_LEVELS = 255
_WEIGHT = 127
_MOMENTUM = 0.99
_SMALLEST = 1e-8

WEIGHTED: tuple[type[nn.Module], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


class Activation(nn.Module):
    """An activation on a grid of 256 levels over a range that is watched while training.

    Attributes:
        rounding: Whether it rounds; before the first range is known it only watches.
    """

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.rounding = False
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(0.0))

    def forward(self, values: Tensor) -> Tensor:
        """The values on the grid; the range of what is seen while training is taken in."""
        if not self.rounding:
            self._widen(values)
            return values
        if self.training:
            self._follow(values)
        scale, zero = self.grid()
        return torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, _LEVELS)

    def grid(self) -> tuple[Tensor, Tensor]:
        """Scale (float32) and zero point (int32); 0 is always on the grid."""
        scale = ((self.high - self.low) / _LEVELS).clamp(min=_SMALLEST)
        return scale, (-self.low / scale).round().clamp(0, _LEVELS).to(torch.int32)

    def _widen(self, values: Tensor) -> None:
        self.low.copy_(torch.minimum(self.low, values.detach().amin()))
        self.high.copy_(torch.maximum(self.high, values.detach().amax()))

    def _follow(self, values: Tensor) -> None:
        self.low.lerp_(values.detach().amin().clamp(max=0), 1 - _MOMENTUM)
        self.high.lerp_(values.detach().amax().clamp(min=0), 1 - _MOMENTUM)


class Weighted(nn.Module):
    """A convolution or linear layer whose weights are rounded to int8, one scale for each output channel.

    Args:
        layer: One of ``WEIGHTED``.
    """

    layer: Any

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.rounding = False

    def forward(self, values: Tensor) -> Tensor:
        """What the layer gives with rounded weights."""
        weight = self.layer.weight
        if self.rounding:
            scale = weight_scale(weight)
            zero = torch.zeros(len(scale), dtype=torch.int32)
            weight = torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -_WEIGHT, _WEIGHT)
        return apply(self.layer, values, weight, self.layer.bias)


def weight_scale(weight: Tensor) -> Tensor:
    """One scale for each output channel, so that the largest weight becomes 127."""
    largest: Tensor = weight.detach().abs().flatten(1).amax(dim=1)
    return (largest / _WEIGHT).clamp(min=_SMALLEST)


def apply(layer: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a layer of ``WEIGHTED`` gives with other weights."""
    if isinstance(layer, nn.Linear):
        return nn.functional.linear(values, weight, bias)
    result: Tensor = layer._conv_forward(values, weight, bias)  # noqa: SLF001 - the only way that keeps its padding mode
    return result
