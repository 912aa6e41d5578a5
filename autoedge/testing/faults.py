"""What goes wrong between an instrument and its driver, as dice thrown with a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


@dataclass(frozen=True)
class Faults:
    """Which replies are hit, and how; several kinds may be set at once.

    Attributes:
        every: Every n-th reply is hit by the kinds below; 0 for none.
        chunked: It comes in random pieces, a few ms apart.
        delay_s: It comes so much later.
        garbage: So many random bytes come before it.
        corrupted: One of its bytes is another.
        truncated: Only its beginning comes.
        duplicated: It comes twice.
        silent_after: From this reply on, counted from 0, nothing comes any more; None for never.
        hang_up_after: In place of this reply, counted from 0, the instrument hangs up; None for never.
    """

    every: int = 0
    chunked: bool = False
    delay_s: float = 0.0
    garbage: int = 0
    corrupted: bool = False
    truncated: bool = False
    duplicated: bool = False
    silent_after: int | None = None
    hang_up_after: int | None = None

    def __post_init__(self) -> None:
        if self.every < 0 or self.delay_s < 0 or self.garbage < 0:
            raise ValueError(f"faults are never negative, but got {self}")

    def on(self, reply: bytes, number: int, dice: random.Random) -> list[tuple[float, bytes]]:
        """What comes in place of a reply: pieces, and how long after the moment it was due each comes, in s.

        Args:
            reply: All bytes of it.
            number: How many came before it.
            dice: Where chance comes from.
        """
        if self.silent_after is not None and number >= self.silent_after:
            return []
        if not (self.every and reply) or (number + 1) % self.every:
            return [(0.0, reply)]
        if self.corrupted:
            place = dice.randrange(len(reply))
            reply = reply[:place] + bytes([reply[place] ^ dice.randrange(1, 256)]) + reply[place + 1 :]
        if self.truncated:
            reply = reply[: dice.randrange(len(reply))]
        whole = dice.randbytes(self.garbage) + reply * (2 if self.duplicated else 1)
        if not self.chunked:
            return [(self.delay_s, whole)]
        cuts = sorted({0, *(dice.randrange(len(whole) + 1) for _ in range(4))}) if whole else [0]
        pieces = [whole[start:end] for start, end in zip(cuts, [*cuts[1:], len(whole)], strict=True)]
        return [(self.delay_s + 0.003 * index, piece) for index, piece in enumerate(pieces)]
