"""A folder with a spec, tiny nets and a little data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NETS = """
import torch
from torch import nn

class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return torch.relu(x + self.conv(x))

class Fickle(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 3)

    def forward(self, x):
        x = x.flatten(1)
        return self.linear(x) if x.sum() > 0 else self.linear(-x)

def large():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Residual(8), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32, 3),
    )

def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))

class Picky(nn.Linear):
    def forward(self, x):
        if len(x) > 8:
            raise ValueError("too many samples")
        return super().forward(x.flatten(1))

def picky():
    return Picky(16, 3)

def values():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))

def fickle():
    return Fickle()

def text():
    return "no module"

def broken():
    raise KeyError("weights")
"""

SPEC = """\
version: 1
name: tiny
model: nets:large
data: {train: train.npz, holdout: holdout.npz}
inputs: {image: [1, 4, 4]}
task: classification
trust: true
make:
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny nets train fastest on one thread, and other tests get back what they had."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of three classes, told apart by which rows are bright; the nets are ``nets.py``."""
    random = np.random.default_rng(0)
    for name, count in (("train", 96), ("holdout", 30)):
        y = np.arange(count) % 3
        x = 0.3 * random.random((count, 1, 4, 4))
        x[np.arange(count), 0, y] += 0.7
        np.savez(tmp_path / f"{name}.npz", x=x.astype(np.float32), y=y)
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path


@pytest.fixture
def written(folder: Path) -> Callable[..., Path]:
    """``written(*steps, **changed)``: a spec with these lines of ``make``, and some lines changed."""

    def write(*steps: str, **changed: str) -> Path:
        lines = []
        for line in SPEC.splitlines():
            key = line.partition(":")[0]
            lines.append(f"{key}: {changed.pop(key)}" if key in changed else line)
        more = [f"{key}: {value}" for key, value in changed.items()]
        path = folder / "compress.yaml"
        path.write_text("\n".join([*lines, *(f"  - {step}" for step in steps), *more]) + "\n")
        return path

    return write
