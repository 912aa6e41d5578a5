"""Power of known boards, at idle and with all cores at work: for devices that were never calibrated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.bench.energy_estimate import Watts

if TYPE_CHECKING:
    from autoedge.bench.usage import Usage

BAND = 0.3
# Idle W and all-core W, at the wall or the board's input. Where two sources differ (a Pi 4 idles at 2.7 W in one and at
# 1.6 W in the other), the middle: the band covers both. Sources: pidramble power page; geerlingguy/sbc-reviews.
_BOARDS = {
    "Raspberry Pi 2": (1.1, 2.1),
    "Raspberry Pi 3 Model B Plus": (2.5, 5.35),
    "Raspberry Pi 3 Model B": (1.4, 3.7),
    "Raspberry Pi 400": (2.7, 5.2),
    "Raspberry Pi 4": (2.15, 5.7),
    "Raspberry Pi 5": (2.8, 9.7),
    "Raspberry Pi Compute Module 4": (2.5, 4.6),
    "Raspberry Pi Compute Module 5": (2.4, 8.5),
    "Orange Pi 5": (1.0, 10.0),
    "Rock 5B": (3.6, 17.0),
    "Arduino Uno Q": (0.5, 1.9),
}
# As kernels of some versions call them.
_OTHER_NAMES = {
    "Raspberry Pi 3 Model B+": "Raspberry Pi 3 Model B Plus",
    "Rock 5 Model B": "Rock 5B",
    "Arduino UnoQ": "Arduino Uno Q",
}
_SISTER = r"\+| (?:Plus|Pro|Max|Ultra)\b"  # behind a name: a larger board


@dataclass(frozen=True)
class BoardPower:
    """A board's power, linear in the share of its cores that is busy; see ``PowerEstimate``.

    Attributes:
        board: Its name in the table.
        idle_w: With nothing to do.
        span_w: What all cores at work add.
    """

    board: str
    idle_w: float
    span_w: float

    @property
    def model_id(self) -> str:
        """The board, and what the table says of it."""
        return f"table {self.board} {_BOARDS[self.board][0]:g} {_BOARDS[self.board][1]:g}"

    @property
    def origin(self) -> str:
        """Words for the figures."""
        return f"constants of {self.board}"

    @property
    def band(self) -> float:
        """The same for all."""
        return BAND

    def gross(self, usage: Usage) -> Watts:
        """By the time in which cores were busy, whoever used them."""
        return _banded(self.idle_w + self.span_w * usage.busy)

    def net(self, usage: Usage) -> Watts:
        """By the candidate's own time."""
        return _banded(self.span_w * usage.own)


def board_power(cpu: str, idle_w: float | None) -> BoardPower | None:
    """What is known of the board that a device names; None for unknown ones.

    Args:
        cpu: As ``Device.cpu``.
        idle_w: An idle power that the user states; it replaces the table's.
    """
    for name, board in {**{board: board for board in _BOARDS}, **_OTHER_NAMES}.items():
        if re.search(rf"\b{re.escape(name)}(?!\w|{_SISTER})", cpu, re.IGNORECASE):
            idle, load = _BOARDS[board]
            return BoardPower(board, idle if idle_w is None else idle_w, load - idle)
    return None


def _banded(watts: float) -> Watts:
    return Watts(watts, BAND * watts)
