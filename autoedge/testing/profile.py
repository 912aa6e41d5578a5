"""Power over time, as emulated instruments are shown it, with its exact energy: what a measurement must find."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

T = TypeVar("T", float, "NDArray[np.float64]")

_FORGOTTEN = 40.0
"""Time constants after which a first-order lag has forgotten where it started: exp(-40) is 4e-18."""
_INSTANT = 1e-300  # seconds; in less nothing moves, and a slope over it is beyond numbers


def at_each(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], t: T) -> T:
    """What a function of an array gives for a single time or for an array of times."""
    values = function(np.atleast_1d(np.asarray(t, np.float64)))
    return cast("T", float(values[0]) if np.ndim(t) == 0 else values)


class Profile(Protocol):
    """Power as a function of time on ``time.perf_counter``'s clock, made of straight pieces; any number of threads."""

    def power_w(self, t: T) -> T:
        """Watts at a time or at an array of times, in s."""
        ...

    def energy_j(self, start: float, end: float) -> float:
        """The exact integral of the power from start to end, in J."""
        ...

    def knots(self, start: float, end: float) -> NDArray[np.float64]:
        """Times strictly between start and end at which one straight piece ends and the next begins, ascending."""
        ...


class Recorded:
    """A trace of power: straight lines between its points, level before the first and behind the last.

    Two points at one time make a jump. The power at that time is that behind the jump.

    Args:
        times: Seconds, never falling.
        watts: Power at each time.

    Raises:
        ValueError: The two are no finite series of one length, or time falls.
    """

    def __init__(self, times: ArrayLike, watts: ArrayLike) -> None:
        self._times = np.array(times, np.float64)
        self._watts = np.array(watts, np.float64)
        if self._times.ndim != 1 or self._times.shape != self._watts.shape or not self._times.size:
            raise ValueError(f"times and watts have one length, but got {self._times.shape} and {self._watts.shape}")
        if not (np.isfinite(self._times).all() and np.isfinite(self._watts).all()):
            raise ValueError("times and watts are finite")
        if (np.diff(self._times) < 0).any():
            raise ValueError("times never fall")
        pieces = np.diff(self._times) * (self._watts[1:] + self._watts[:-1]) / 2
        self._joules = np.concatenate([[0.0], np.cumsum(pieces)])

    @classmethod
    def of_bins(cls, start: float, width_s: float, joules: ArrayLike) -> Recorded:
        """A trace of energies in J, each spent evenly over a bin of the same width; nothing before and behind."""
        watts = np.asarray(joules, np.float64) / width_s
        edges = start + width_s * np.arange(watts.size + 1)
        return cls(np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(watts, 2), [0.0]]))

    def power_w(self, t: T) -> T:
        """Watts at a time or at an array of times, in s."""
        return at_each(self._watts_at, t)

    def energy_j(self, start: float, end: float) -> float:
        """The exact integral of the power from start to end, in J."""
        return self._joules_until(end) - self._joules_until(start)

    def knots(self, start: float, end: float) -> NDArray[np.float64]:
        """Times strictly between start and end at which the trace has a point."""
        first, last = np.searchsorted(self._times, start, "right"), np.searchsorted(self._times, end, "left")
        return np.unique(self._times[first:last])

    def _watts_at(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        behind = np.searchsorted(self._times, at, side="right")
        left, right = np.maximum(behind - 1, 0), np.minimum(behind, self._times.size - 1)
        width = self._times[right] - self._times[left]
        share = np.where(width > 0, (at - self._times[left]) / np.where(width > 0, width, 1.0), 0.0)
        watts: NDArray[np.float64] = self._watts[left] + share * (self._watts[right] - self._watts[left])
        return watts

    def _joules_until(self, t: float) -> float:
        behind = int(np.searchsorted(self._times, t, side="right"))
        if behind == 0:
            return float((t - self._times[0]) * self._watts[0])
        since = t - float(self._times[behind - 1])
        mean = (float(self._watts[behind - 1]) + float(self.power_w(t))) / 2
        return float(self._joules[behind - 1]) + since * mean


class Constant(Recorded):
    """The same power for ever.

    Args:
        watts: Power.
    """

    def __init__(self, watts: float) -> None:
        super().__init__([0.0], [watts])


class Step(Recorded):
    """One power before a moment, another from then on.

    Args:
        before: W.
        after: W.
        at: Seconds.
    """

    def __init__(self, before: float, after: float, at: float) -> None:
        super().__init__([at, at], [before, after])


class Ramp(Recorded):
    """A straight rise or fall from one power to another, level on both sides.

    Args:
        before: W.
        after: W.
        start: Seconds.
        end: Seconds.
    """

    def __init__(self, before: float, after: float, start: float, end: float) -> None:
        super().__init__([start, end], [before, after])


class Lagged:
    """What a first-order low-pass makes of a profile: y' = (p - y) / tau, computed exactly on each straight piece.

    It is what a slow instrument shows, not the truth. Asked at growing times, it goes on from where it was.

    Args:
        profile: The power that goes in.
        tau_s: Time constant, above 0.
    """

    def __init__(self, profile: Profile, tau_s: float) -> None:
        if not (math.isfinite(tau_s) and tau_s > 0):
            raise ValueError(f"a time constant is above 0 s, but got {tau_s}")
        self._profile = profile
        self._tau_s = tau_s
        self._lock = threading.Lock()
        self._at = math.inf
        self._watts = 0.0

    def power_w(self, t: T) -> T:
        """Watts at a time or at an array of times, in s."""
        return at_each(self._watts_at, t)

    def energy_j(self, start: float, end: float) -> float:
        """The exact integral of what is shown: that of the profile less tau times the rise of what is shown."""
        rise = self.power_w(end) - self.power_w(start)
        return self._profile.energy_j(start, end) - self._tau_s * rise

    def _watts_at(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        watts = np.empty(at.shape)
        with self._lock:
            for place in np.argsort(at, axis=None, kind="stable"):
                watts.flat[place] = self._advance(float(at.flat[place]))
        return watts

    def _advance(self, t: float) -> float:
        if not t - _FORGOTTEN * self._tau_s <= self._at <= t:
            self._at = t - _FORGOTTEN * self._tau_s
            self._watts = float(self._profile.power_w(self._at))
        edges = np.concatenate([[self._at], self._profile.knots(self._at, t), [t]])
        widths = np.diff(edges)
        # Two points inside a piece tell its line, whatever the power does at its ends.
        early, late = (self._profile.power_w(edges[:-1] + share * widths) for share in (0.25, 0.75))
        rises = 2 * (late - early)
        for width, first, rise in zip(widths, early - rises / 4, rises, strict=True):
            if width > _INSTANT:
                trail = rise / width * self._tau_s  # how far the output runs behind on a slope, in the end
                left = self._watts - (first - trail)
                self._watts = float(first + rise - trail + left * math.exp(-width / self._tau_s))
        self._at = t
        return self._watts
