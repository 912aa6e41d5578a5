"""Samples: what is taken, and what does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from autoedge.compress.data import Samples, check_fit, read_samples
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = {"image": [(None, 1), (None, 2), (None, 2)]}


def saved(path: Path, **arrays: Any) -> Path:
    """The arrays as an npz file."""
    np.savez(path / "data.npz", **arrays)
    return path / "data.npz"


def test_types_and_unit_axes(tmp_path: Path) -> None:
    """Floats become float32, integers int64, class numbers a flat row; unit axes fit by themselves."""
    path = saved(tmp_path, x=np.zeros((3, 2, 2)), y=np.array([[0], [1], [2]], np.uint8))
    samples = read_samples(path, IMAGE, "classification")
    assert samples.inputs[0].shape == (3, 1, 2, 2)
    assert (samples.inputs[0].dtype, samples.targets.dtype) == (torch.float32, torch.int64)
    assert samples.targets.tolist() == [0, 1, 2]


def test_several_inputs_in_their_order(tmp_path: Path) -> None:
    """Each input takes the array of its name, and free dimensions take any size."""
    path = saved(tmp_path, b=np.zeros((2, 3)), a=np.ones((2, 5), np.int32), y=np.zeros(2))
    samples = read_samples(path, {"a": [("length", 9)], "b": [(None, 3)]}, "regression")
    assert [tuple(each.shape) for each in samples.inputs] == [(2, 5), (2, 3)]
    assert samples.inputs[0].dtype == torch.int64


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((3, 4, 4)), "y": np.zeros(3, int)}, "must fit the model's input"),
        ({"x": np.zeros((3, 2, 2))}, "takes labels y, but it holds x"),
        ({"x": np.zeros((3, 2, 2)), "y": np.zeros(3)}, "class numbers from 0 on, but got float64"),
        ({"x": np.zeros((3, 2, 2)), "y": np.array([-1, 0, 1])}, "class numbers from 0 on"),
        ({"x": np.zeros((3, 2, 2)), "y": np.zeros((3, 2), int)}, r"one class number a sample, but has shape \(3, 2\)"),
        ({"x": np.zeros((3, 2, 2)), "y": np.zeros(2, int)}, "as many samples"),
        ({"x": np.full((3, 2, 2), np.nan), "y": np.zeros(3, int)}, "samples are finite"),
        ({"x": np.full((3, 2, 2), "a"), "y": np.zeros(3, int)}, "samples are numbers"),
        ({"x": np.full((3, 2, 2), None), "y": np.zeros(3, int)}, "Python objects"),
        ({"x": np.zeros((0, 2, 2)), "y": np.zeros(0, int)}, "at least one"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    """Wrong shapes, missing or wrong labels, and values that are no numbers are told before anything is trained."""
    with pytest.raises(ModelError, match=said):
        read_samples(saved(tmp_path, **arrays), IMAGE, "classification")


class Pair(nn.Module):
    """Returns two tensors."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Its input, twice."""
        return x, x


@pytest.mark.parametrize(
    ("model", "task", "said"),
    [
        (
            nn.Linear(3, 4),
            "classification",
            r"takes any number of samples, but inputs of shape \(1, 2\) fail: RuntimeEr",
        ),
        (
            nn.Sequential(nn.Unflatten(0, (1, 1)), nn.Flatten(0, 1)),
            "classification",
            r"inputs of shape \(3, 2\) fail: RuntimeError",
        ),
        (Pair(), "classification", "a model returns one tensor, but this one returns tuple"),
        (nn.Unflatten(1, (2, 1)), "classification", r"one row of scores a sample, but got \(1, 2, 1\)"),
        (nn.Linear(2, 2), "classification", "it has 2 classes, but a label is 2"),
        (nn.Linear(2, 2), "regression", r"it returns shape \(1, 2\), but the labels have \(1,\)"),
    ],
)
def test_a_model_that_does_not_fit(model: nn.Module, task: str, said: str) -> None:
    """What the model gives for a few samples decides whether it can be trained on them."""
    with pytest.raises(ModelError, match=said):
        check_fit(model, Samples((torch.zeros(3, 2),), torch.arange(3)), task, "nets:large")
