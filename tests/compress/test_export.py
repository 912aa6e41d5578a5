"""ONNX files: free axes, and what cannot be exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from autoedge.compress import export, qat
from autoedge.compress.data import Samples
from autoedge.compress.int8_form import as_integers
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = {"tokens": [("length", 6)]}


class Text(nn.Module):
    """Embeds tokens, and averages what a layer makes of each."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.each = nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of shape (N, 3)."""
        return self.last(torch.relu(self.each(self.embedding(tokens))).mean(1))


class Fickle(nn.Module):
    """Computes one thing or another, as the data say."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Of the shape of its input."""
        return tokens.float() if tokens.sum() > 3 else -tokens.float()


def samples() -> Samples:
    """Sequences of six tokens."""
    return Samples((torch.randint(10, (40, 6), generator=torch.Generator().manual_seed(0)),), torch.arange(40) % 3)


@pytest.mark.parametrize("rounded", [False, True])
def test_a_free_length(tmp_path: Path, *, rounded: bool) -> None:
    """The file takes any number of sequences of any length, and gives what the model gives; so does one in int8."""
    torch.manual_seed(0)
    path, model = tmp_path / "text.onnx", Text().eval()
    whole: nn.Module = model
    if rounded:
        graph = qat.quantised(model)
        qat.calibrate(graph, samples())
        model, whole = graph.eval(), as_integers(graph)
    export.export(whole, INPUTS, samples(), "classification", path)
    export.check(path, model, samples(), ["tokens"], rounded=rounded)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count, length in ((1, 3), (4, 11)):
        tokens = np.arange(count * length).reshape(count, length) % 10
        (scores,) = session.run(["scores"], {"tokens": tokens})
        expected = model(torch.from_numpy(tokens)).detach().numpy()
        assert np.abs(scores - expected).max() < (0.05 if rounded else 1e-5)
    kinds = {each.data_type for each in onnx.load(path).graph.initializer if len(each.dims) > 1}
    assert (onnx.TensorProto.INT8 in kinds) == rounded


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    """A model whose steps depend on the data is refused with PyTorch's reason, and no file is left."""
    path = tmp_path / "fickle.onnx"
    with pytest.raises(ModelError, match="PyTorch cannot export it to ONNX with a free batch: "):
        export.export(Fickle(), {"tokens": [(None, 6)]}, samples(), "classification", path)
    assert not path.exists()
