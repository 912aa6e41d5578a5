"""The power management chip of a Raspberry Pi 5, which measures twelve of the board's rails."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.sensor import Sensor
from autoedge.meters.spec import MeterSpec
from autoedge.meters.sysfs import rooted, text_or_none

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.meters.surroundings import Surroundings

COMMAND = ("vcgencmd", "pmic_read_adc")
RAILS = (
    *("3V7_WL_SW", "3V3_SYS", "1V8_SYS", "DDR_VDD2", "DDR_VDDQ", "1V1_SYS"),
    *("0V8_SW", "VDD_CORE", "3V3_DAC", "3V3_ADC", "0V8_AON", "HDMI"),
)
"""Rails with both a current and a voltage; EXT5V and BATT have a voltage only."""
SLOPE, INTERCEPT_W = 1.1451, 0.5879
"""One author's regression against a USB-C meter on one board (jfikar/RPi5-power): P_in = slope x sum + intercept."""
_LINE = re.compile(r"\s*(?P<rail>\w+)_(?P<unit>[AV])\s+(?:current|volt)\(\d+\)=(?P<value>-?\d+(?:\.\d+)?)(?P=unit)\s*")
_TIMEOUT_S = 0.5
_MODELS = re.compile(r"Raspberry Pi (5|500|Compute Module 5)\b")


def rail_power(listing: str) -> float:
    """Power of the measured rails together in W.

    Args:
        listing: What ``vcgencmd pmic_read_adc`` printed.

    Raises:
        ValueError: A rail is missing.
    """
    values = {
        (line["rail"], line["unit"]): float(line["value"]) for line in map(_LINE.fullmatch, _lines(listing)) if line
    }
    missing = [rail for rail in RAILS if (rail, "A") not in values or (rail, "V") not in values]
    if missing:
        raise ValueError(f"the listing of the power chip lacks {', '.join(missing)}: {listing.strip()[:120]!r}")
    return sum(values[rail, "A"] * values[rail, "V"] for rail in RAILS)


def _lines(listing: str) -> list[str]:
    return listing[:8192].splitlines()


class Pi5Pmic(Sensor):
    """Power of a Raspberry Pi 5, corrected for what its chip does not see.

    Args:
        slope: Of the correction; 1 for the bare sum of the rails.
        intercept_w: Of the correction, in W; 0 for the bare sum.
        command: Prints the rails.
        root: Root of the tree with ``proc``.

    Raises:
        MeterError: An option cannot be meant.
    """

    poll_period_s = 0.2  # each reading starts a process: not more often than this

    def __init__(
        self,
        *,
        slope: float = SLOPE,
        intercept_w: float = INTERCEPT_W,
        command: Sequence[str] = COMMAND,
        root: str = "/",
    ) -> None:
        super().__init__()
        self._slope = checked.number("slope", slope, 0.5, 3.0)
        self._intercept_w = checked.number("intercept_w", intercept_w, 0.0, 10.0)
        if isinstance(command, str) or not command or not all(isinstance(part, str) for part in command):
            raise MeterError(f"'command' is a list of words such as [vcgencmd, pmic_read_adc], but got {command!r}")
        self._command = list(command)
        self._root = Path(root)

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """The chip of a Raspberry Pi 5, 500 or Compute Module 5."""
        model = text_or_none(around.root / "proc/device-tree/model") or ""
        return [rooted(around)] if _MODELS.match(model) else []

    def _open(self) -> MeterSpec:
        self._prove()
        model = text_or_none(self._root / "proc/device-tree/model") or "Raspberry Pi 5"
        return MeterSpec(
            name="pi5-pmic",
            scope="soc-rails",
            update_period_s=0.5,  # readings scatter: 20 updates make the 50 readings to average over
            settling_s=0.5,
            resolution_w=0.01,
            gain=0.10,
            offset_w=0.3,
            model=f"{model}, {self._slope:g} x sum of {len(RAILS)} rails + {self._intercept_w:g} W",
            accuracy_from="UNCONFIRMED: regression on one board (jfikar/RPi5-power); 10 % + 0.3 W taken",
        )

    def _values(self) -> dict[str, float]:
        return {"power_w": self._slope * rail_power(self._listing()) + self._intercept_w}

    def _listing(self) -> str:
        try:
            ran = subprocess.run(self._command, capture_output=True, timeout=_TIMEOUT_S, check=False, text=True)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self._command[0]} gave no answer within {_TIMEOUT_S:g} s") from None
        if ran.returncode != 0:
            said = (ran.stderr or ran.stdout).strip()[:200]
            raise OSError(
                f"{' '.join(self._command)} failed: {said or ran.returncode}; is your user in the group video?"
            )
        return ran.stdout
