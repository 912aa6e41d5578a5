"""What a PPK2 tells of itself, and how its codes become amperes.

Formula and defaults are those of the vendor's Power Profiler app, confirmed in two independent drivers.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field

import numpy as np

CODES = 1 << 14
RANGES = 5
_WORD_RANGES = 8
_ADC_STEP = 1.8 / 163840
_PER_RANGE = ("R", "GS", "GI", "O", "S", "I", "UG")
_DEFAULTS = {"R": (1031.64, 101.65, 10.15, 0.94, 0.043), "GS": (1.0,) * 5, "GI": (1.0,) * 5, "UG": (1.0,) * 5}


@dataclass(frozen=True)
class Calibration:
    """The coefficients of one instrument.

    Attributes:
        coefficients: For each of R (ohm), GS, GI, O, S, I and UG its value in the five ranges.
        hardware: What the instrument says of its hardware; any text.
        calibrated: Whether it says that it was calibrated.
    """

    coefficients: dict[str, tuple[float, ...]] = field(default_factory=dict)
    hardware: str = ""
    calibrated: bool = False

    @classmethod
    def parse(cls, text: str) -> Calibration:
        """Read the ``key: value`` lines of the answer to GET_META_DATA.

        A value that is missing, not a number (``-nan``) or a shunt of 0 ohm leaves the default. Unknown keys are passed
        over.
        """
        said = {
            key.strip().upper(): value.strip() for key, _, value in (line.partition(":") for line in text.split("\n"))
        }
        coefficients = {}
        for name in _PER_RANGE:
            defaults = _DEFAULTS.get(name, (0.0,) * RANGES)
            values = [_number(said.get(f"{name}{index}", "")) for index in range(RANGES)]
            coefficients[name] = tuple(
                default if math.isnan(value) or (name == "R" and value <= 0) else value
                for value, default in zip(values, defaults)
            )
        return cls(coefficients, said.get("HW", "")[:64], said.get("CALIBRATED", "") == "1")

    def amps(self, volts: float) -> np.ndarray:
        """Amperes of every lower half of a word: index it with the word's bits 0 to 16.

        Args:
            volts: Supply voltage of the device under test; the offset of the shunt amplifier depends on it.

        Returns:
            Float64 (8 x 16384,): 14 bits of code, range above them; the three ranges that do not exist read as range 4.
        """
        adc = 4.0 * np.arange(CODES)
        ranges = []
        for index in range(RANGES):
            r, gs, gi, o, s, i, ug = (self.coefficients[name][index] for name in _PER_RANGE)
            x = (adc - o) * _ADC_STEP / r
            ranges.append(ug * (x * (gs * x + gi) + s * volts + i))
        return np.concatenate(ranges + ranges[-1:] * (_WORD_RANGES - RANGES))


def _number(text: str) -> float:
    with contextlib.suppress(ValueError):
        value = float(text)
        return value if math.isfinite(value) else math.nan
    return math.nan
