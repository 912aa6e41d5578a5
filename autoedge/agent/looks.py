"""Looks: moments at which a job shows its host what it has so far, and hears whether to go on.

The host decides; a job obeys. Looks come between two stretches of work, never inside one that is timed: after the first
block of the warm-up, after the latency window, and now and then in the evaluation. A job that is not asked for looks
runs through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    Ask = Callable[[dict[str, Any], Mapping[str, np.ndarray]], Any]

FIRST_BLOCK, WINDOW, EVALUATION = "first block", "window", "evaluation"
LOOKS = (FIRST_BLOCK, WINDOW, EVALUATION)
GO, STOP, EVALUATE = "go", "stop", "evaluate"
ANSWERS = (GO, STOP, EVALUATE)
"""What a host answers; ``evaluate`` after the first block asks for the evaluation before all else."""


class StoppedError(Exception):
    """The host has seen enough; the text is the look's name."""


class Looks:
    """A job's looks.

    Args:
        ask: Shows a look and waits for the answer; None for a job that runs through.
    """

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask

    @property
    def wanted(self) -> bool:
        """Whether anybody looks."""
        return self._ask is not None

    def show(self, name: str, body: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bool:
        """Show what there is.

        Args:
            name: One of ``LOOKS``.
            body: Figures.
            arrays: Series behind them.

        Returns:
            Whether the evaluation is to come first.

        Raises:
            StoppedError: The host has seen enough.
        """
        if self._ask is None:
            return False
        answer = self._ask({**body, "name": name}, arrays)
        if answer == STOP:
            raise StoppedError(name)
        return bool(answer == EVALUATE)
