"""What an instrument shows of a power: late, smoothed, wrong within its accuracy, and anew only now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.testing.profile import Lagged, at_each

if TYPE_CHECKING:
    from autoedge.testing.profile import Profile, T


class Display:
    """An instrument without its wire: shown value = gain x (smoothed power at the last update) + offset.

    Args:
        profile: The power at its terminals.
        period_s: Time between updates; 0 for an instrument that follows at once.
        lag_s: Time constant of its low-pass; 0 for none.
        gain: Drawn gain error as a factor.
        offset_w: Drawn offset error in W.
        phase_s: A time at which it updates.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        period_s: float,
        lag_s: float = 0.0,
        gain: float = 1.0,
        offset_w: float = 0.0,
        phase_s: float = 0.0,
    ) -> None:
        self._smooth = Lagged(profile, lag_s) if lag_s else profile
        self._period_s = period_s
        self._gain = gain
        self._offset_w = offset_w
        self._phase_s = phase_s

    def power_w(self, t: T) -> T:
        """Watts shown at a time or at an array of times, in s; not yet rounded to the instrument's steps."""
        return self._gain * self._smooth.power_w(self.updated(t)) + self._offset_w

    def updated(self, t: T) -> T:
        """When the value shown at a time was taken."""
        if not self._period_s:
            return t
        return at_each(lambda at: self._phase_s + np.floor((at - self._phase_s) / self._period_s) * self._period_s, t)
