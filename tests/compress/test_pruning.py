"""Channels are taken out together with all that depends on them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autoedge.compress.pruning import prune
from autoedge.errors import ModelError

IMAGES = (torch.rand(1, 1, 4, 4),)


class Residual(nn.Module):
    """A convolution around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of the shape of its input."""
        return torch.relu(x + self.conv(x))


def residual() -> nn.Sequential:
    """Two convolutions whose channels hang together."""
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), Residual(8), nn.Flatten(), nn.Linear(128, 3))


def depthwise() -> nn.Sequential:
    """A depthwise convolution between two ordinary ones."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 6, 1), nn.Flatten(), nn.Linear(96, 3)
    )


@pytest.mark.parametrize("net", [residual(), depthwise()])
def test_the_share_of_channels(net: nn.Sequential) -> None:
    """Half of the channels are gone everywhere but at the output, and the model still runs."""
    prune(net, IMAGES, 0.5)
    assert net[0].out_channels == 4
    assert net[-1].out_features == 3
    assert net(torch.rand(5, 1, 4, 4)).shape == (5, 3)


def test_the_least_weights_go() -> None:
    """Of two channels, the one with the smaller L1 norm of all that goes with it is taken out."""
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -2.0], [0.1, 0.2]]))
        net[2].weight.copy_(torch.tensor([[1.0, 0.1]]))
    prune(net, (torch.rand(1, 2),), 0.5)
    assert net[0].weight.tolist() == [[1.0, -2.0]]


def test_a_softmax_behind_the_last_layer() -> None:
    """The last layer keeps its channels also where something follows it."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 4), nn.Softmax(1))
    prune(net, IMAGES, 0.5)
    assert (net[1].out_features, net[2].out_features) == (4, 4)


def test_a_ratio_that_just_leaves_one() -> None:
    """Ratio 0.9 leaves one channel of ten, however 1 - 0.9 is rounded."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 10), nn.Linear(10, 3))
    prune(net, IMAGES, 0.9)
    assert net[1].out_features == 1


def test_no_channel_left() -> None:
    """A ratio that would empty a layer names the layer and the largest ratio."""
    with pytest.raises(ModelError, match=r"ratio 0.9 leaves none of the 8 of '2.conv'; take at most 0.88"):
        prune(residual(), IMAGES, 0.9)


@pytest.mark.parametrize(
    ("net", "ratio", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), 0.5, "nothing to take out"),
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.Linear(4, 3)), 1e-10, "takes no channel out of any layer"),
    ],
)
def test_nothing_to_prune(net: nn.Module, ratio: float, said: str) -> None:
    """A model that stays as it is is no candidate."""
    with pytest.raises(ModelError, match=said):
        prune(net, IMAGES, ratio)
