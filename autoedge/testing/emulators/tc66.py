"""An emulated RDTech TC66."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from autoedge.meters.tc66 import KEY, crc16
from autoedge.testing.instrument import PtyInstrument

if TYPE_CHECKING:
    from autoedge.testing.profile import Profile

_COMMANDS = (b"query", b"getva", b"lastp", b"nextp", b"rotat", b"gtrec")


def answer(
    *,
    volts: float,
    amps: float,
    watts: float,
    firmware: bytes = b"1.14",
    serial: int = 4660,
    runs: int = 7,
    unknown: bytes = bytes(28),
    ohms: float = 0.0,
    charges: tuple[int, int, int, int] = (0, 0, 0, 0),
    celsius: int = 27,
    data_lines: tuple[float, float] = (2.71, 2.70),
    key: bytes = KEY,
) -> bytes:
    """The 192 bytes that an instrument answers to ``getva``, enciphered.

    Args:
        volts: V.
        amps: A.
        watts: W.
        firmware: Four letters.
        serial: Serial number.
        runs: How often it was switched on.
        unknown: Bytes 16 to 43, whose meaning nobody knows.
        ohms: Load resistance.
        charges: mAh and mWh of both groups.
        celsius: Temperature.
        data_lines: Voltages of D+ and D-, in V.
        key: Of the cipher.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import ECB

    values = runs, round(volts * 10_000), round(amps * 100_000), round(watts * 10_000)
    first = b"pac1TC66" + firmware + struct.pack("<I", serial) + unknown + struct.pack("<4I", *values)
    lines = (round(100 * line) for line in data_lines)
    second = b"pac2" + struct.pack("<9I", round(ohms * 10), *charges, int(celsius < 0), abs(celsius), *lines)
    parts = (part.ljust(60, b"\0") for part in (first, second, b"pac3"))
    plain = b"".join(part + struct.pack("<I", crc16(part)) for part in parts)
    enciphered: bytes = Cipher(AES(key), ECB()).encryptor().update(plain)  # noqa: S305 - the instrument's choice
    return enciphered


class Tc66Emulator(PtyInstrument):
    """Answers ``query`` and ``getva`` after 80 to 100 ms, with or without a line end behind the word.

    Args:
        profile: The power that it measures.
        mode: ``firm``, or ``boot`` for one that waits for new firmware.
        key: Another key makes it one whose answers cannot be deciphered.
        **rest: As ``PtyInstrument``.
    """

    update_period_s = 0.1
    usual_lag_s = 0.5 / 3

    def __init__(self, profile: Profile, *, mode: str = "firm", key: bytes = KEY, **rest: Any) -> None:
        super().__init__(profile, **rest)
        self._mode = mode
        self._key = key
        self._heard = b""

    def _received(self, data: bytes) -> None:
        self._heard = (self._heard + data)[-64:]
        while found := min(((at, word) for word in _COMMANDS if (at := self._heard.find(word)) >= 0), default=None):
            at, word = found
            self._heard = self._heard[at + len(word) :]
            if word == b"query":
                self._send(self._mode.encode(), 0.01)
            elif word == b"getva" and self._mode == "firm":
                self._send(self._answer(), self._dice.uniform(0.08, 0.1))

    def _answer(self) -> bytes:
        watts = max(self.power_w(), 0.0)  # unsigned in its answer
        unknown = self._dice.randbytes(28)
        return answer(volts=self.volts, amps=watts / self.volts, watts=watts, unknown=unknown, key=self._key)
