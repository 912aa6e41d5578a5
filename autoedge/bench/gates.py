"""Rules of MLPerf Power for wall meters: which samples count, which range to fix, when a run is repeatable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import MeterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

HEADROOM = 1.1
REPEATABLE = 0.05


def loadgen_mean(time_s: ArrayLike, power_w: ArrayLike, begin_s: float, end_s: float) -> float:
    """Mean of the positive power samples strictly between two marks.

    Args:
        time_s: When each sample held.
        power_w: Watts.
        begin_s: ``power_begin``; a sample at exactly this time does not count.
        end_s: ``power_end``; nor does one at this.

    Raises:
        MeterError: There is none.

    Source: ``mlcommons/power-dev : compliance/check.py``.
    """
    time, power = np.asarray(time_s, np.float64), np.asarray(power_w, np.float64)
    counted = power[(time > begin_s) & (time < end_s) & (power > 0)]
    if not counted.size:
        raise MeterError(f"no positive power sample lies between {begin_s} s and {end_s} s; lengthen the window")
    return float(counted.mean())


def fixed_range(largest: float) -> float:
    """The current range for the testing run: 1.1 x the largest current of the ranging run.

    Source: ``mlcommons/inference_policies : power_measurement.adoc``.
    """
    return HEADROOM * largest


def ranging_gate(ranging_w: float, testing_w: float) -> tuple[float, bool]:
    """How far the testing run's mean power lies from the ranging run's, and whether it may: not more than 5 % below.

    Source: ``mlcommons/power-dev : compliance/check.py``.
    """
    change = testing_w / ranging_w - 1
    return change, change >= -REPEATABLE
