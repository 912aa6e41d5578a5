"""Any SCPI instrument on a serial port that tells power, or voltage and current."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.link import SerialLink
from autoedge.meters.scpi_line import ScpiLine, is_identity, number, step
from autoedge.meters.spec import SCOPES, MeterSpec
from autoedge.meters.trace import Block

if TYPE_CHECKING:
    from collections.abc import Sequence

_VOLTS, _AMPS = "MEAS:VOLT?", "MEAS:CURR?"
_IDENTITY, _ERRORS, _CLEAR = "*IDN?", "SYST:ERR?", "*CLS"
_TRIES = 3
_LONGEST = 200
_BAUDS = (300, 4_000_000)
_GAIN, _OFFSET_W = 0.01, 0.01
_ASSUMED = "UNCONFIRMED: 1 % and 10 mW assumed; give 'gain' and 'offset' as in the data sheet"


class Scpi(Meter):
    """A bench instrument that answers questions: a power meter, a supply that reads back, a multimeter.

    Without ``query``, power is the product of two answers, or of a stated voltage and an answer.

    Args:
        port: Serial port: ``/dev/ttyUSB0``.
        baud: As set in the instrument.
        query: Question for the power in W, such as ``:NUM:NORM:VAL? 3`` (Yokogawa) or ``MEAS:POW?``.
        volts: Question for the voltage in V, or the voltage itself where it is known; not together with ``query``.
        amps: Question for the current in A; not together with ``query``.
        setup: Commands sent once, such as ``SYST:REM`` and ``CONF:CURR:DC``.
        period: Seconds from one reading to the next.
        timeout: How long an answer may take, in s; silence is reported after three of them.
        scope: Where it sits: one of the scopes of ``MeterSpec``.
        gain: Limit of the gain error of the power, as a fraction.
        offset: Limit of its offset error, in W.

    Raises:
        MeterError: An option is wrong.
    """

    def __init__(
        self,
        *,
        port: str,
        baud: int = 9600,
        query: str | None = None,
        volts: str | float | None = None,
        amps: str | None = None,
        setup: Sequence[str] = (),
        period: float = 0.5,
        timeout: float = 0.4,
        scope: str = "board-input",
        gain: float | None = None,
        offset: float | None = None,
    ) -> None:
        super().__init__()
        if query is not None and (volts is not None or amps is not None):
            raise MeterError("give 'query' for the power, or 'volts' and 'amps', but not both")
        self._port = checked.word("port", port)
        self._baud = int(checked.number("baud", baud, *_BAUDS))
        self._fixed_v = float(volts) if isinstance(volts, (int, float)) and not isinstance(volts, bool) else None
        if self._fixed_v is not None:
            checked.number("volts", volts, 1e-3, 1e3)
        if query is not None:
            self._questions = [_question("query", query)]
        elif self._fixed_v is not None:
            self._questions = [_question("amps", amps or _AMPS)]
        else:
            self._questions = [_question("volts", volts or _VOLTS), _question("amps", amps or _AMPS)]
        self._tells_power = query is not None
        if isinstance(setup, str):
            raise MeterError(f"'setup' is a list of commands, but got {setup!r}")
        self._setup = [_command("setup", command) for command in setup]
        self.poll_period_s = checked.number("period", period, 0.01, 60.0)
        self._timeout_s = checked.number("timeout", timeout, 0.05, 30.0)
        self._scope = checked.choice("scope", scope, SCOPES)
        self._gain = _GAIN if gain is None else checked.number("gain", gain, 0.0, 1.0)
        self._offset_w = _OFFSET_W if offset is None else checked.number("offset", offset, 0.0, 1e6)
        self._stated = gain is not None and offset is not None
        self._link: SerialLink | None = None
        self._line: ScpiLine | None = None
        self._identity = ""
        self._answered_s = 0.0

    def _open(self) -> MeterSpec:
        self._link = SerialLink(self._port, self._baud)
        self._line = ScpiLine(self._link, self._timeout_s)
        answers = (self._line.ask(_IDENTITY) for _ in range(_TRIES))
        self._identity = next((answer for answer in answers if is_identity(answer)), "")
        if not self._identity:
            raise MeterError(f"{self._port}: no SCPI instrument answers *IDN? at {self._baud} baud")
        for command in (_CLEAR, *self._setup):
            self._line.say(command)
        return MeterSpec(
            name="scpi",
            scope=self._scope,
            update_period_s=self.poll_period_s,
            settling_s=self.poll_period_s,
            resolution_w=self._resolution_w([self._answer(question) for question in self._questions]),
            gain=self._gain,
            offset_w=self._offset_w,
            model=self._identity,
            accuracy_from="as stated by the user" if self._stated else _ASSUMED,
        )

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = self._line = None

    def _read(self) -> Block | None:
        values, times = [], []
        for question in self._questions:
            values.append(number(self._answer(question)))
            times.append(self._answered_s)
        middle_s = sum(times) / len(times)
        known = [math.nan if value is None else value for value in values]
        self.counts.overloads += any(math.isnan(value) for value in known)
        if self._tells_power:
            return Block.one(middle_s, known[0])
        volts, amps = [self._fixed_v, *known][-2:]
        return Block.one(middle_s, float(volts or 0.0) * float(amps or 0.0), volts=volts, amps=amps)

    def _answer(self, question: str) -> str:
        """An answer that is a number; asked for again where it is missing or damaged."""
        line = self._line
        if line is None:
            raise MeterLostError(f"{self._port}: the instrument is not open")
        answer = complaint = ""
        for _ in range(_TRIES):
            asked_s = time.perf_counter()
            answer = line.ask(question)
            self._answered_s = (asked_s + time.perf_counter()) / 2
            self.counts.garbage_bytes += line.dropped
            line.dropped = 0
            if number(answer) is not None:
                return answer
            self.counts.garbage_bytes += len(answer)
            self.counts.retries += 1
            if not line.catch_up(_IDENTITY, self._identity):
                raise MeterLostError(f"{self._port}: {self._identity} does not answer")
            complaint = line.ask(_ERRORS) or complaint
            line.catch_up(_IDENTITY, self._identity)
        raise MeterLostError(
            f"{self._port}: {self._identity} answers {answer[:40]!r} to {question}; its error queue says "
            f"{complaint[:80] or 'nothing'!r}; give the question in its own words as 'query', 'volts' or 'amps'"
        )

    def _resolution_w(self, answers: list[str]) -> float:
        """What one unit of the last figure is worth in W, at what is shown now."""
        steps = [step(answer) for answer in answers]
        if self._tells_power:
            return steps[0]
        values = [abs(number(answer) or 0.0) for answer in answers]
        if self._fixed_v is not None:
            return self._fixed_v * steps[0]
        shown = [0.0 if math.isnan(value) else value for value in values]
        return shown[0] * steps[1] + shown[1] * steps[0] + steps[0] * steps[1]


def _command(name: str, text: object) -> str:
    if not (isinstance(text, str) and text.isascii() and text.isprintable() and 0 < len(text) <= _LONGEST):
        raise MeterError(f"'{name}' is SCPI in one line of at most {_LONGEST} characters, but got {text!r}")
    return text


def _question(name: str, text: object) -> str:
    question = _command(name, text)
    if "?" not in question:
        raise MeterError(f"'{name}' is a question and holds a '?', but got {text!r}")
    return question
