"""The neural networks of the text example: transformer encoders of two sizes.

Each takes token ids (N, L), int64, padded with 0, L from 1 to 128, and returns six scores a row (logits).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from grammar import TOPICS, WINDOW, vocabulary
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

# Added to what attention must not see: exp(-30) is nothing beside 1 in float32. A far larger number would widen the
# range that int8 quantisation finds for these sums until all real scores are one level.
MASKED = -30.0


class Layer(nn.Module):
    """Self-attention and a perceptron, each behind a normalisation and beside a shortcut (arXiv:2002.04745)."""

    def __init__(self, width: int, heads: int) -> None:
        """Build a layer that keeps the width; the perceptron is twice as wide."""
        super().__init__()
        self.heads, self.width = heads, width
        self.before_attention, self.before_perceptron = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.joined = (nn.Linear(width, width) for _ in range(4))
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, values: Tensor, hidden: Tensor) -> Tensor:
        """Return (N, L, width) of the same; `hidden` (N, 1, 1, L) is 0 for tokens and very negative for padding."""
        normal = self.before_attention(values)
        query, key, value = (self._split(part(normal)) for part in (self.query, self.key, self.value))
        scores = query @ key.transpose(-1, -2) / math.sqrt(self.width // self.heads) + hidden
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        values = values + self.joined(mixed)
        return values + self.perceptron(self.before_perceptron(values))

    def _split(self, values: Tensor) -> Tensor:
        """Return (N, heads, L, width / heads)."""
        return values.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Encoder(nn.Module):
    """Words and positions, layers, the mean over real tokens, one linear layer."""

    def __init__(self, *, layers: int, width: int, heads: int) -> None:
        """Build an encoder for the grammar's vocabulary and window."""
        super().__init__()
        self.words = nn.Embedding(len(vocabulary()) + 1, width)
        self.positions = nn.Parameter(0.02 * torch.randn(WINDOW, width))
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(TOPICS))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores (N, 6) of token ids (N, L)."""
        real = (tokens != 0).float()
        hidden = ((1 - real) * MASKED)[:, None, None, :]
        values = self.words(tokens) + self.positions[: tokens.shape[1]]
        for layer in self.layers:
            values = layer(values, hidden)
        total = (self.last(values) * real[:, :, None]).sum(1)
        return self.head(total / real.sum(1, keepdim=True).clamp(min=1))


NETS: dict[str, Callable[[], nn.Module]] = {
    "encoder-small": lambda: Encoder(layers=1, width=32, heads=2),
    "encoder": lambda: Encoder(layers=2, width=48, heads=4),
}
