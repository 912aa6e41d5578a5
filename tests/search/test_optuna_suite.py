"""Optuna's own suites for third-party samplers."""

from __future__ import annotations

import pytest
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from autoedge.search.sampler import SurrogateSampler


class TestStart(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """The sampler keeps Optuna's contract while it fills the space."""

    @pytest.fixture
    def sampler(self):
        return lambda: SurrogateSampler(seed=0)


class TestLearning(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """The sampler keeps Optuna's contract when the surrogate proposes from the fifth trial on."""

    @pytest.fixture
    def sampler(self):
        return lambda: SurrogateSampler(seed=0, n_startup_trials=1)
