"""What compress.yaml makes smaller: the net `resnet` as it was trained, and a student for it.

The shipped models/resnet.onnx holds the weights, so that nothing has to be trained before it can be compressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nets
import onnx
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

if TYPE_CHECKING:
    from torch import Tensor

HERE = Path(__file__).resolve().parent


def resnet() -> nn.Module:
    """Return the residual net with its trained weights, batch normalisation folded into the convolutions."""
    net = fuse(nets.resnet().eval())
    net.load_state_dict(weights(HERE / "models" / "resnet.onnx", list(net.state_dict())))
    return net


def weights(path: Path, names: list[str]) -> dict[str, Tensor]:
    """Return the named weights of an ONNX model; a folded bias stands under the name of its weights."""
    stored = {each.name: onnx.numpy_helper.to_array(each).copy() for each in onnx.load(path).graph.initializer}
    found = {name: stored.get(name, stored.get(f"{name.removesuffix('bias')}weight_bias")) for name in names}
    return {name: torch.from_numpy(array) for name, array in found.items()}


def half() -> nn.Module:
    """Return a student: the residual net at half its width."""
    return nn.Sequential(
        nets.conv(1, 8), nets.Residual(8), nn.MaxPool2d(2), nets.conv(8, 16), nets.Residual(16), nets.head(16)
    )


def narrow() -> nn.Module:
    """Return a smaller student: one residual block, the image halved before it."""
    return nn.Sequential(
        *(nets.conv(1, 8), nn.MaxPool2d(2), nets.Residual(8), nets.conv(8, 16)),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, nets.CLASSES)),
    )
