"""An LPM01A's commands: a line goes out, ``ack`` or an error comes back."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from autoedge.errors import MeterError

if TYPE_CHECKING:
    from autoedge.meters.link import SerialLink

_ANSWER_S = 0.6
_TRIES = 3
_ERROR = re.compile(rb"(?:^|> |\n)err(?:or)?\b[ :]*([^\r\n]*)\r?\n")
_DETAIL = re.compile(rb"Error detail: *([^\r\n]+)")
_SHOWN = 80


class RefusedError(MeterError):
    """The instrument answered a command with an error."""


class Shell:
    """Asks and waits for the answer; what is not answered is asked again.

    Args:
        link: Where the instrument is.
    """

    def __init__(self, link: SerialLink) -> None:
        self._link = link

    def say(self, command: str) -> None:
        """Send a command without waiting for its answer.

        Raises:
            MeterLostError: The port is gone.
        """
        self._link.write(command.encode("ascii") + b"\n")

    def ask(self, command: str, tries: int = _TRIES) -> str:
        """Send a command; what its answer says behind ``ack`` and the command's first word.

        Raises:
            RefusedError: It answers with an error.
            MeterError: Nothing answers.
        """
        word = command.split(" ", 1)[0].encode("ascii")
        ack = re.compile(rb"\back +" + word + rb"\b:? *([^\r\n]*)\r?\n")
        for _ in range(tries):
            self.say(command)
            heard, until = b"", time.monotonic() + _ANSWER_S
            while time.monotonic() < until:
                heard += self._link.read(_ANSWER_S / 4)
                if answer := ack.search(heard):
                    return answer.group(1)[:_SHOWN].decode("ascii", "replace").strip()
                if error := _ERROR.search(heard):
                    detail = _DETAIL.search(heard + self._link.read(_ANSWER_S / 4))
                    text = detail.group(1) if detail else error.group(1)
                    raise RefusedError(
                        f"{self._link.port}: the LPM01A refuses '{command}': {text[:_SHOWN].decode('ascii', 'replace')}"
                    )
        raise MeterError(f"{self._link.port}: no LPM01A answers '{command}'")
