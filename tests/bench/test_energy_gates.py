"""MLPerf Power's rules for samples, ranges and repeatability."""

from __future__ import annotations

import pytest

from autoedge.bench.gates import fixed_range, loadgen_mean, ranging_gate
from autoedge.errors import MeterError


def test_samples_on_the_marks_do_not_count() -> None:
    """Samples at exactly power_begin or power_end are left out, and so are zero and negative watts."""
    time = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
    assert loadgen_mean(time, [100.0, 6.0, 0.0, -5.0, 8.0, 100.0], 10.0, 15.0) == 7.0
    with pytest.raises(MeterError, match="no positive power sample"):
        loadgen_mean(time, [100.0, 0.0, 0.0, -5.0, 0.0, 100.0], 10.0, 15.0)


def test_ranging() -> None:
    """0.42 A at most fixes the range at 0.462 A; 6.05 W after 6.40 W fails the 5 % gate, 6.10 W passes."""
    assert fixed_range(0.42) == pytest.approx(0.462)
    assert ranging_gate(6.40, 6.05) == (pytest.approx(-0.0547, abs=1e-4), False)
    assert ranging_gate(6.40, 6.10) == (pytest.approx(-0.0469, abs=1e-4), True)
    assert ranging_gate(6.40, 7.5)[1]
