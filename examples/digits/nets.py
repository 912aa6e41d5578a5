"""The neural networks of the digits example, smallest idea first.

Each takes images of shape (N, 1, 8, 8), float32 in 0..1, and returns ten scores a row (logits); ``conv_any`` takes any
height and width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

CLASSES = 10


def conv(inputs: int, outputs: int, *, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU; the image keeps its size."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Return a depthwise 3x3 and a pointwise convolution (MobileNet, arXiv:1704.04861)."""
    return nn.Sequential(conv(inputs, inputs, groups=inputs), conv(inputs, outputs, kernel=1))


def head(channels: int) -> nn.Sequential:
    """Return the mean over the image and one linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))


class Residual(nn.Module):
    """Two convolutions around a shortcut (ResNet, arXiv:1512.03385)."""

    def __init__(self, channels: int) -> None:
        """Build a block that keeps the number of channels."""
        super().__init__()
        self.first = conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.activation = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        """Return the block's output, of the shape of its input."""
        return self.activation(images + self.second(self.first(images)))


def mlp() -> nn.Module:
    """Return a perceptron with one hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, CLASSES))


def conv_tiny() -> nn.Module:
    """Return two narrow convolutions with a pooling after each."""
    return nn.Sequential(
        conv(1, 6), nn.MaxPool2d(2), conv(6, 12), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, CLASSES)
    )


def conv_separable() -> nn.Module:
    """Return a small net of depthwise-separable convolutions."""
    return nn.Sequential(
        conv(1, 16), separable(16, 32), nn.MaxPool2d(2), separable(32, 64), separable(64, 64), head(64)
    )


def resnet() -> nn.Module:
    """Return a small residual net."""
    return nn.Sequential(conv(1, 16), Residual(16), nn.MaxPool2d(2), conv(16, 32), Residual(32), head(32))


def conv_large() -> nn.Module:
    """Return the oversized default: wide convolutions at full resolution."""
    return nn.Sequential(
        conv(1, 64),
        *(conv(64, 64) for _ in range(4)),
        nn.MaxPool2d(2),
        conv(64, 128),
        head(128),
    )


class MeanOverImage(nn.Module):
    """The mean over height and width, whatever they are."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return (N, C) of (N, C, H, W)."""
        return maps.mean(dim=(2, 3))


def conv_any() -> nn.Module:
    """Return a net for images of any size: convolutions, and the mean over what is left of the image.

    It has no batch normalisation, since images of different sizes have different statistics.
    """
    widths = [(1, 16), (16, 32), (32, 32)]
    convolutions = [nn.Sequential(nn.Conv2d(*width, 3, padding=1), nn.ReLU()) for width in widths]
    return nn.Sequential(
        convolutions[0], nn.MaxPool2d(2), *convolutions[1:], MeanOverImage(), nn.Linear(widths[-1][1], CLASSES)
    )


NETS: dict[str, Callable[[], nn.Module]] = {
    "mlp": mlp,
    "conv-tiny": conv_tiny,
    "conv-separable": conv_separable,
    "resnet": resnet,
    "conv-large": conv_large,
}
