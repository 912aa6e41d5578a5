"""A meter that is a part of a target's device, read by hand through the agent there."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoedge.errors import TargetError
from autoedge.meters.thinning import together

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.meters.trace import Trace
    from autoedge.targets.base import Target


class DeviceMeter:
    """Starts and stops as a meter here does; what came before the target was lost is kept.

    Args:
        target: Entered.
        place: Of the meter's class.
        options: It opens with.

    Raises:
        TargetError: It cannot be opened there; says why.
    """

    def __init__(self, target: Target, place: str, options: Mapping[str, Any]) -> None:
        self.spec = target.open_meter(place, options)
        self.lost = ""
        self._target = target
        self._pieces: list[Trace] = []

    def start(self) -> None:
        """Begin a recording.

        Raises:
            TargetError: The target cannot be asked.
        """
        self._pieces, self.lost = [], ""
        self._target.start_recording()

    @property
    def latest_w(self) -> float:
        """The newest value, which the device is asked for; NaN before the first."""
        self._fetch(end=False)
        return next((float(piece.power_w[-1]) for piece in reversed(self._pieces) if piece.power_w.size), math.nan)

    def stop(self) -> Trace:
        """End the recording and hand it over, on the device's clock.

        Raises:
            TargetError: The target was lost before anything came.
        """
        self._fetch(end=True)
        trace = together(self._pieces)
        if trace.counts.samples < len(trace.time_s):  # the counts were lost with the target
            trace = replace(trace, counts=replace(trace.counts, samples=len(trace.time_s)))
        return replace(trace, lost=self.lost)

    def _fetch(self, *, end: bool) -> None:
        if self.lost and not end:
            return
        try:
            piece = self._target.recorded(end=end)
        except TargetError as error:
            if not self._pieces:
                raise
            self.lost = self.lost or str(error)
            return
        self._pieces.append(piece)
        self.lost = self.lost or piece.lost
