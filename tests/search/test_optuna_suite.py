"""Optuna's own suites for third-party samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from autoedge.search.sampler import SurrogateSampler

if TYPE_CHECKING:
    from collections.abc import Callable


class TestSurrogateSampler(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """The sampler keeps Optuna's contract, in the first four trials and when the surrogate proposes."""

    @pytest.fixture
    def sampler(self) -> Callable[[], SurrogateSampler]:
        """Past its first trials."""
        return lambda: SurrogateSampler(seed=0, n_startup_trials=1)
