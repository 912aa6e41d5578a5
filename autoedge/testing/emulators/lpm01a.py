"""An emulated X-NUCLEO-LPM01A: commands with prompt and acknowledgement, and a stream as text or binary."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.meters.lpm01a import RATES_HZ
from autoedge.testing.emulators.stream import StreamInstrument

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from autoedge.testing.profile import Profile

PROMPT = "PowerShield > "
_STAMP_EVERY = 1000
_PUSH_S = 0.005
_FREE = ("powershield", "version", "status", "help", "echo", "htc")
_CHOICES = {
    "trigsrc": ("sw", "d7"),
    "output": ("current", "energy"),
    "format": ("ascii_dec", "bin_hexa"),
    "acqmode": ("dyn", "stat"),
    "funcmode": ("optim", "high"),
    "pwrend": ("on", "off"),
    "freq": tuple(RATES_HZ),
    "pwr": ("auto", "on", "off", "on nostatus", "on status", "auto nostatus", "auto status"),
}
_NUMBERS = {"volt": (1.8, 3.3), "acqtime": (0.0, math.inf), "trigdelay": (0.0, 30.0), "targrst": (0.0, 1.0)}
_TEXTS = ("lcd", "eventsrc", "currthres", "currthre", "temp", "autotest", "calib", "psrst")
_STEPS = {"u": 1e-6, "m": 1e-3, "k": 1e3}


class Lpm01aEmulator(StreamInstrument):
    """Emulates the instrument; no current flows while the board's supply is off.

    Args:
        profile: Power of the board.
        old_words: Say ``err`` where newer firmware says ``error``.
        **options: Those of ``PtyInstrument``; its ``speed`` stays 1.

    Attributes:
        settings: Last argument of each command that sets something.
        controlled: Whether the host has control.
        commands: All commands, in order.
    """

    def __init__(self, profile: Profile, *, old_words: bool = False, **options: Any) -> None:
        super().__init__(profile, **options)
        self.settings = {"freq": "100", "output": "current", "format": "ascii_dec", "volt": "3300m", "acqtime": "10"}
        self.controlled = False
        self.commands: list[str] = []
        self._gain, self._offset_w = options.get("gain", 1.0), options.get("offset_w", 0.0)
        self._error = "err" if old_words else "error"
        self._line = b""
        self._powered = False
        self._events = 0
        self._taken = self._dropping = 0
        self._started_s = 0.0

    @property
    def rate_hz(self) -> int:
        """Values a second as set."""
        return RATES_HZ[self.settings["freq"]]

    def drop(self, values: int) -> None:
        """Lose the next values, as when its buffer runs over; its time goes on."""
        self._dropping += values

    def mark(self) -> None:
        """See a falling edge at D7."""
        self._events += 1
        self._send(f"event {self._events} ris\r\n".encode())

    def _received(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).replace(b"\r", b"").split(b"\n")
        for line in lines:
            command = line.decode("ascii", "replace").strip()
            if command:
                self.commands.append(command)
                self._obey(command)

    def _obey(self, command: str) -> None:
        word, _, argument = command.partition(" ")
        obey: dict[str, Callable[[], None]] = {"start": self._start, "stop": self._stop}
        if not self.controlled and word not in _FREE:
            self._refuse("host does not have control")
        elif word in obey:
            obey[word]()
        elif word in ("htc", "hrc"):
            self.controlled = word == "htc"
            self._acknowledge(command)
        elif word == "powershield":
            self._acknowledge("powershield 540619864-1110659081-4784204")
        elif word == "version":
            self._acknowledge("version: 1.0.6")
        elif word in ("status", "help", "echo", *_TEXTS):
            self._acknowledge(command)
        else:
            self._set(word, argument)

    def _set(self, word: str, argument: str) -> None:
        if argument == "get" and word in self.settings:
            self._acknowledge(f"{word} {self.settings[word]}")
            return
        low, high = _NUMBERS.get(word, (math.inf, -math.inf))
        if not (argument in _CHOICES.get(word, ()) or low <= _number(argument) <= high):
            self._refuse(f"unknown command or argument: {word} {argument}")
            return
        self.settings[word] = argument
        if word == "pwr":
            self._powered = not argument.startswith("off")
        self._acknowledge(f"{word} {argument}")
        if word == "pwr" and not argument.endswith("nostatus"):
            self._send(f"pwr {'on' if self._powered else 'off'}\r\n".encode())

    def _acknowledge(self, text: str) -> None:
        self._send(f"{PROMPT}ack {text}\r\n".encode())

    def _refuse(self, detail: str) -> None:
        self._send(f"{PROMPT}{self._error}\r\nError detail: {detail}\r\n".encode())

    def _start(self) -> None:
        if self.settings["format"] == "ascii_dec" and self.rate_hz > 10_000:  # noqa: PLR2004 - UM2269
            self._refuse("ascii_dec is limited to 10 kHz")
            return
        self._acknowledge("start")
        self._started_s, self._taken = time.perf_counter(), 0
        self.push_period_s = max(_PUSH_S, 1 / self.rate_hz)
        if self.settings["format"] == "bin_hexa":
            self._send(self._stamp())

    def _stop(self) -> None:
        running, self.push_period_s = self.push_period_s > 0, 0.0
        if running:
            self._send(b"\xf0\xf4\xff\xff" if self.settings["format"] == "bin_hexa" else b"")
            self._send(f"{PROMPT}Acquisition completed\r\n".encode())

    def _push(self, due: float) -> bytes:
        """All values up to a moment that were not sent before, with the time stamps between them."""
        until_s = min(due - self._started_s, _number(self.settings["acqtime"]) or math.inf)
        first, self._taken = self._taken, max(self._taken, int(until_s * self.rate_hz))
        lost = min(self._dropping, self._taken - first)
        self._dropping -= lost
        sent = first + lost
        values = self._values(self._started_s + np.arange(sent, self._taken + 1) / self.rate_hz)
        wire = b""
        for stamp in range(first // _STAMP_EVERY * _STAMP_EVERY + _STAMP_EVERY, self._taken + 1, _STAMP_EVERY):
            ready = max(0, stamp - sent)
            wire += self._encoded(values[:ready]) + self._stamp(stamp)
            values, sent = values[ready:], sent + ready
        wire += self._encoded(values)
        if due - self._started_s > until_s:
            self.push_period_s = 0.0
            wire += b"end\r\nsummary beg\r\n0001-07\r\n9999-06\r\nsummary end\r\n"
        return wire

    def _values(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """The energy between edges in J, or the current at all but the first in A."""
        if not self._powered:
            return np.zeros(edges.size - 1)
        if self.settings["output"] == "current":
            return self._display.power_w(edges[1:]) / _number(self.settings["volt"])
        joules = np.array([self.profile.energy_j(start, end) for start, end in pairwise(edges)], np.float64)
        shown: NDArray[np.float64] = self._gain * joules + self._offset_w / self.rate_hz
        return shown

    def _encoded(self, values: NDArray[np.float64]) -> bytes:
        if self.settings["format"] == "bin_hexa":
            return binary(values)
        return "".join(f"{decimal(value)}\r\n" for value in values).encode()

    def _stamp(self, count: int = 0) -> bytes:
        ms = count * 1000 // self.rate_hz
        if self.settings["format"] == "bin_hexa":
            return b"\xf0\xf3" + ms.to_bytes(4, "big") + b"\0\xff\xff"
        return f"TimeStamp: {ms // 1000:03d}s {ms % 1000:03d}ms, buff 00%\r\n\0".encode()


def decimal(value: float) -> str:
    """A value as four figures and a power of ten: ``6409-07``."""
    exponent = max(-15, math.floor(math.log10(value)) - 3) if value > 0 else -9
    figures = max(0, round(value / 10.0**exponent))
    if figures > 9999:  # noqa: PLR2004 - rounded up to five figures
        figures, exponent = 1000, exponent + 1
    return f"{figures:04d}{exponent:+03d}"


def binary(values: NDArray[np.float64]) -> bytes:
    """Values of 12 bits and an exponent of 16, two bytes each, as fine as they can be."""
    safe = np.maximum(values, 0.0)[:, None] * 16.0 ** np.arange(15)
    exponents = np.maximum((np.rint(safe) <= 0xFFF).sum(axis=1) - 1, 0)  # noqa: PLR2004 - 12 bits
    figures = np.minimum(np.rint(safe[np.arange(len(values)), exponents]), 0xFFF).astype(np.int64)
    words: NDArray[np.uint16] = (exponents << 12 | figures).astype(">u2")
    return words.tobytes()


def _number(text: str) -> float:
    """``1800m``, ``2-3`` or ``0.5``; infinity for ``inf`` and 0 for acqtime, NaN for what is no number."""
    try:
        if text in ("inf", "0"):
            return math.inf if text == "inf" else 0.0
        if text[-1:] in _STEPS:
            return round(float(text[:-1]) * _STEPS[text[-1]], 9)  # 3300m is not more than 3.3
        for sign in "+-":
            figures, found, exponent = text[1:].partition(sign)
            if found:
                return float(text[0] + figures) * 10.0 ** int(sign + exponent)
        return float(text)
    except ValueError:
        return math.nan
