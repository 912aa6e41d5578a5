"""A small pool with every kind of knob, and quiet Optuna."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Optuna's own log would drown the tests' output."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class SmallKnob:
    """One search dimension."""

    name: str
    levels: tuple
    ordered: bool


@dataclass
class SmallPool:
    """A pool made from the product of its knobs, or from given codes."""

    knobs: dict
    codes: np.ndarray
    known: tuple = field(default=((), None))

    def features(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Known numbers, here none unless given."""
        names, values = self.known
        return names, np.zeros((len(self.codes), 0)) if values is None else values


@pytest.fixture
def make_pool() -> Callable[..., SmallPool]:
    """Builds a pool from levels by name; knobs named in ``choices`` have no order."""

    def make(
        levels: dict[str, tuple[Any, ...]],
        choices: tuple[str, ...] = ("model", "precision"),
        keep: Callable[[np.ndarray], np.ndarray] = lambda codes: codes,
        features: tuple[tuple[str, ...], Any] = ((), None),
    ) -> SmallPool:
        knobs = {name: SmallKnob(name, tuple(values), name not in choices) for name, values in levels.items()}
        codes = np.array(list(itertools.product(*(range(len(values)) for values in levels.values()))))
        return SmallPool(knobs, keep(codes), features)

    return make


@pytest.fixture
def pool(make_pool: Callable[..., Any]) -> SmallPool:
    """Three models, two precisions, batch, threads and a limit: 3 x 2 x 4 x 3 x 2 candidates, a third left out."""
    return make_pool(
        {
            "model": ("a", "b", "c"),
            "precision": ("fp32", "int8"),
            "batch": (1, 2, 4, 8),
            "threads": (1, 2, 3),
            "ratio": (0.25, 0.5),
        },
        keep=lambda codes: codes[(codes.sum(axis=1) % 3) > 0],
    )
