"""An emulated SCPI instrument: a power meter that tells voltage, current and power, and keeps an error queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.testing.emulators.stream import StreamInstrument

if TYPE_CHECKING:
    from autoedge.testing.profile import Profile

IDENTITY = "AutoEdge,Emulated power meter,0001,1.0"
OVERLOAD = "+9.90000000E+37"
_QUANTITIES = {
    "MEAS:VOLT?": "volts",
    "MEAS:CURR?": "amps",
    "READ?": "amps",
    "MEAS:POW?": "watts",
    ":NUM:NORM:VAL? 1": "volts",
    ":NUM:NORM:VAL? 2": "amps",
    ":NUM:NORM:VAL? 3": "watts",
}
_SILENT = ("*CLS", "*RST", "SYST:REM", "SYST:LOC", "INIT")
_ANSWER_S = 0.01
_QUEUE = 16


class ScpiEmulator(StreamInstrument):
    """Answers in order, 10 ms after each question; a question that it does not know goes to the error queue.

    Args:
        profile: Power that it measures.
        limit_a: Largest current; above it current and power read as an overload.
        **options: Those of ``PtyInstrument``.

    Attributes:
        errors: The error queue.
        lines: All lines that came, in order.
    """

    update_period_s = 0.05

    def __init__(self, profile: Profile, *, limit_a: float = 10.0, **options: Any) -> None:
        super().__init__(profile, **options)
        self.errors: list[str] = []
        self.lines: list[str] = []
        self._limit_a = limit_a
        self._line = b""

    def _received(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            text = line.decode("ascii", "replace").strip()
            self.lines.append(text)
            answer = self._answered(text)
            if answer:
                self._send(answer.encode() + b"\n", _ANSWER_S)

    def _answered(self, text: str) -> str:
        """The answer to a line; empty where there is none."""
        if text == "*IDN?":
            return IDENTITY
        if text == "SYST:ERR?":
            return self.errors.pop(0) if self.errors else '+0,"No error"'
        if text in _QUANTITIES:
            return self._measured(_QUANTITIES[text])
        if text == "*CLS":
            self.errors.clear()
        elif text not in _SILENT and not text.startswith("CONF:"):
            self.errors = [*self.errors, '-113,"Undefined header"'][:_QUEUE]
        return ""

    def _measured(self, quantity: str) -> str:
        watts = self.power_w()
        values = {"volts": self.volts, "amps": watts / self.volts, "watts": watts}
        if quantity != "volts" and abs(values["amps"]) > self._limit_a:
            return OVERLOAD
        return f"{values[quantity]:+.8E}"
