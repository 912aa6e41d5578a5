"""What a meter recorded: samples on the monotonic clock, and a count of everything that went wrong on the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.meters.spec import MeterSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SERIES = ("time_s", "power_w", "volts", "amps", "energy_j")


def _none() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True)
class Block:
    """Samples that arrived together; float64, all of one length or empty.

    Attributes:
        time_s: Seconds on ``time.perf_counter``'s clock when each value held.
        power_w: Watts; NaN where a sample is known to be missing.
        volts: Where the meter tells them.
        amps: Where the meter tells them.
        energy_j: Reading of the energy counter, growing, where the meter has one.
    """

    time_s: np.ndarray
    power_w: np.ndarray
    volts: np.ndarray = field(default_factory=_none)
    amps: np.ndarray = field(default_factory=_none)
    energy_j: np.ndarray = field(default_factory=_none)

    def __post_init__(self) -> None:
        for name in _SERIES:
            series = np.asarray(getattr(self, name), np.float64)
            if series.ndim != 1 or (series.size != len(self.time_s) and (series.size or name in _SERIES[:2])):
                raise ValueError(f"a block's series have one length, but '{name}' has shape {series.shape}")
            object.__setattr__(self, name, series)

    @classmethod
    def one(
        cls,
        time_s: float,
        power_w: float,
        *,
        volts: float | None = None,
        amps: float | None = None,
        energy_j: float | None = None,
    ) -> Block:
        """A single sample."""
        rest = {"volts": volts, "amps": amps, "energy_j": energy_j}
        series = {name: np.array([value]) for name, value in rest.items() if value is not None}
        return cls(np.array([time_s]), np.array([power_w]), **series)


@dataclass
class Counts:
    """What happened while recording; nothing of it is hidden.

    Attributes:
        samples: Values taken.
        repeats: Of those, how many were exactly the one before (the meter had nothing new).
        missing: Values that the instrument is known to have sent or owed and that did not arrive.
        checksum_errors: Frames thrown away since their checksum or content was wrong.
        garbage_bytes: Bytes skipped to find the next frame.
        retries: Questions asked again after silence.
        overloads: Values at or beyond the instrument's range.
    """

    samples: int = 0
    repeats: int = 0
    missing: int = 0
    checksum_errors: int = 0
    garbage_bytes: int = 0
    retries: int = 0
    overloads: int = 0


@dataclass(frozen=True)
class Trace(Block):
    """One recording of one meter.

    Attributes:
        spec: The meter.
        counts: What happened on the way.
        lost: Why the recording ended early; empty when it did not.
    """

    spec: MeterSpec = field(default_factory=lambda: MeterSpec("none", "estimate", 1.0, 0.0, 0.0, 0.0, 0.0))
    counts: Counts = field(default_factory=Counts)
    lost: str = ""

    def shifted(self, seconds: float) -> Trace:
        """The same on a clock that reads that much more."""
        return replace(self, time_s=self.time_s + seconds)

    def between(self, start_s: float, end_s: float) -> Trace:
        """Samples within a stretch, both ends included."""
        inside = (self.time_s >= start_s) & (self.time_s <= end_s)
        series = {name: getattr(self, name) for name in _SERIES}
        return replace(self, **{name: values[inside] if values.size else values for name, values in series.items()})

    def pack(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """As a JSON object and arrays, for the wire and for files."""
        body = {"spec": self.spec.to_json(), "counts": asdict(self.counts), "lost": self.lost}
        return body, {name: getattr(self, name) for name in _SERIES if getattr(self, name).size}

    @classmethod
    def unpack(cls, body: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Trace:
        """The trace that was packed.

        Raises:
            ValueError: It is none; also TypeError and KeyError for what a device made up.
        """
        series = {name: arrays.get(name, _none()) for name in _SERIES}
        counts = Counts(**{name: int(number) for name, number in body["counts"].items()})
        return cls(**series, spec=MeterSpec.from_json(body["spec"]), counts=counts, lost=str(body["lost"]))


def joined(spec: MeterSpec, counts: Counts, blocks: Sequence[Block], lost: str = "") -> Trace:
    """One trace of blocks in order; a series that some block lacks is left out."""
    series = {}
    for name in _SERIES:
        whole = all(getattr(block, name).size == len(block.time_s) for block in blocks)
        series[name] = np.concatenate([getattr(block, name) for block in blocks]) if blocks and whole else _none()
    return Trace(**series, spec=spec, counts=replace(counts), lost=lost)
