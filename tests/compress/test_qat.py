"""Rounding while training, and the integers that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from autoedge.compress import export, qat
from autoedge.compress.data import Samples
from autoedge.compress.fake_quant import Activation, Weighted, weight_scale
from autoedge.compress.int8_form import as_integers
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from torch import fx

INPUTS = {"image": [(None, 1), (None, 8), (None, 8)]}


class Residual(nn.Module):
    """A convolution around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of the shape of its input."""
        return torch.relu(x + self.conv(x))


class Fickle(nn.Module):
    """Computes one thing or another, as the data say."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Positive sums stay."""
        return x if x.sum() > 0 else -x


def net() -> nn.Module:
    """Convolution with normalisation, residual block, pooling, linear layer."""
    torch.manual_seed(0)
    made = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), Residual(4)),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(64, 3)),
    )
    made(torch.rand(64, 1, 8, 8))  # gives the normalisation something to fold
    return made.eval()


def samples() -> Samples:
    """Images of noise."""
    return Samples((torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(1)),), torch.arange(64) % 3)


@pytest.fixture(scope="module")
def rounding() -> fx.GraphModule:
    """The net with rounding in place."""
    graph = qat.quantised(net())
    qat.calibrate(graph, samples())
    return graph.eval()


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20))
def test_an_activation_lies_on_its_grid(values: list[float]) -> None:
    """Each value comes out as a multiple of the scale, at most half a step away; 0 stays 0."""
    grid = Activation().eval()
    given_values = torch.tensor(values)
    grid(given_values)
    grid.rounding = True
    scale, _ = grid.grid()
    result = grid(given_values)
    steps = result / scale
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    assert (result - given_values).abs().max() <= 0.51 * scale + 1e-6
    assert grid(torch.zeros(1)).item() == 0


def test_gradients_pass_inside_the_range() -> None:
    """A value inside the range has gradient 1, one outside has 0."""
    grid = Activation().eval()
    grid(torch.tensor([0.0, 1.0]))
    grid.rounding = True
    values = torch.tensor([0.37, 2.0], requires_grad=True)
    torch.autograd.backward(grid(values).sum())
    assert values.grad is not None
    assert values.grad.tolist() == [1.0, 0.0]


def test_weights_have_a_scale_for_each_channel() -> None:
    """The largest weight of each output channel becomes 127."""
    assert torch.allclose(weight_scale(torch.tensor([[1.27, -0.1], [0.0, -2.54]])), torch.tensor([0.01, 0.02]))


def test_nothing_changes_before_it_rounds() -> None:
    """Folding and marking alone leave what the model gives; rounding moves it a little, but not away."""
    graph, images = qat.quantised(net()), samples().inputs[0]
    expected = net()(images)
    assert torch.allclose(graph.eval()(images), expected, atol=1e-5)
    qat.calibrate(graph, samples())
    moved = (graph.eval()(images) - expected).abs().max() / expected.abs().max()
    assert 1e-5 < moved < 0.05


def test_normalisation_is_folded(rounding: fx.GraphModule) -> None:
    """Every layer with weights rounds them, and no normalisation is left."""
    kinds = [type(module) for module in rounding.modules()]
    assert kinds.count(Weighted) == 3
    assert nn.BatchNorm2d not in kinds


def test_onnx_runtime_computes_on_integers(rounding: fx.GraphModule, tmp_path: Path) -> None:
    """The file stores int8 weights, every convolution and the linear layer run on integers, and outputs agree."""
    path = tmp_path / "int8.onnx"
    export.export(as_integers(rounding), INPUTS, samples(), "classification", path)
    export.check(path, rounding, samples(), ["image"], rounded=True)
    model = onnx.load(path)
    stored = {each.name: each for each in model.graph.initializer}
    assert sum(each.data_type == onnx.TensorProto.INT8 and len(each.dims) > 1 for each in stored.values()) == 3
    assert not any(each.data_type == onnx.TensorProto.FLOAT and len(each.dims) > 1 for each in stored.values())
    assert str(Path.cwd()).encode() not in path.read_bytes()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    ran = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert (ran.count("QLinearConv"), ran.count("QGemm"), ran.count("Conv"), ran.count("Gemm")) == (2, 1, 0, 0)
    assert session.run(None, {"image": np.zeros((5, 1, 8, 8), np.float32)})[0].shape == (5, 3)


def test_training_goes_on_through_the_rounding(rounding: fx.GraphModule) -> None:
    """Every weight gets a gradient."""
    rounding.zero_grad()
    torch.autograd.backward(rounding(samples().inputs[0]).square().sum())
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in rounding.parameters())


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Linear(4, 4), Fickle()), "steps do not depend on the data"),
        (nn.Sequential(nn.ReLU()), "it has none"),
    ],
)
def test_what_cannot_be_rounded(model: nn.Module, said: str) -> None:
    """A model that cannot be followed, or that has nothing to round, says so."""
    with pytest.raises(ModelError, match=said):
        qat.quantised(model)


def test_a_wrong_file_is_noticed(tmp_path: Path) -> None:
    """An exported file that gives something else than the model is refused."""
    path, model = tmp_path / "a.onnx", net()
    export.export(model, INPUTS, samples(), "classification", path)
    export.check(path, model, samples(), ["image"], rounded=False)
    other: Any = model[-1]  # type: ignore[index]
    with torch.no_grad():
        other.bias += 0.5
    with pytest.raises(ModelError, match="it cannot be used"):
        export.check(path, model, samples(), ["image"], rounded=False)
