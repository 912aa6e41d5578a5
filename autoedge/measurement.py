"""What was measured, how, and what it comes to."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Source(StrEnum):
    """Where a number comes from; what is derived from an estimate is an estimate."""

    MEASURED = "measured"
    DERIVED = "derived"
    ESTIMATED = "estimated"


class Phase(StrEnum):
    """Why a measurement was made."""

    BASELINE = "baseline"
    SEARCH = "search"
    CONFIRM = "confirm"
    SOAK = "soak"


class Status(StrEnum):
    """How a measurement ended: with figures, with a reason, with figures that say nothing, or before its end.

    What was stopped before its end has figures that a full measurement would surely have had within their intervals;
    they count as measured nowhere.
    """

    OK = "ok"
    FAILED = "failed"
    INVALID = "invalid"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Value:
    """One figure with its 95 % interval (for an estimate: its error band).

    Attributes:
        value: The figure in the metric's unit.
        low: Lower end, at most ``value``.
        high: Upper end, at least ``value``.
        source: Where it comes from.
        estimator: Names the statistic: ``median, block bootstrap``.
        n: Observations behind it.
    """

    value: float
    low: float
    high: float
    source: Source
    estimator: str
    n: int

    def __post_init__(self) -> None:
        if not all(math.isfinite(number) for number in (self.value, self.low, self.high)):
            raise ValueError(f"a value and its interval are finite, but got {self}")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"an interval holds its value, but got {self.low} <= {self.value} <= {self.high}")

    @classmethod
    def exact(cls, value: float, estimator: str, source: Source = Source.MEASURED) -> Value:
        """A figure that does not vary, such as a file's size."""
        return cls(value, value, value, source, estimator, 1)


@dataclass(frozen=True)
class Protocol:
    """How a measurement is made; rows of different protocols never share a front.

    Attributes:
        name: Preset: quick, standard or strict.
        version: Changed whenever the same parameters would give other numbers.
        parameters: Every parameter, as stored with each row.
    """

    name: str
    version: int
    parameters: Mapping[str, float | int | str | bool]

    @property
    def protocol_id(self) -> str:
        """Name, version and a hash over every parameter."""
        text = json.dumps(dict(sorted(self.parameters.items())), separators=(",", ":"))
        return f"{self.name}-{self.version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Measurement:
    """One run of one candidate in one fresh process; a failed one has a reason and no metrics.

    Attributes:
        candidate_id: Which candidate.
        config_id: Which configuration.
        target: On which target.
        fingerprint: Of the device behind the target.
        runtime_version: Of the runtime that executed it.
        variant_hash: SHA-256 of the model file that ran.
        data_hash: SHA-256 of the evaluation data, empty without data.
        protocol_id: How it was measured.
        session: Confirm rounds of one session are compared with one another only.
        phase: Why it was measured.
        replicate: Counts the runs of one candidate in one phase (and session), from 0.
        status: How it ended.
        reason: For people; empty when ok.
        flags: Validity flags such as ``unsteady``.
        metrics: Figures by metric key.
        started: Seconds since the epoch.
        duration_s: Wall time on the target.
        details: Everything else worth keeping: phase times, process counters, host facts. JSON values.
        raw: Raw samples, relative to the run folder; empty when there are none.
        variant_key: Names what the model file was made of and which of its outputs counts.
    """

    candidate_id: str
    config_id: str
    target: str
    fingerprint: str
    runtime_version: str
    variant_hash: str
    data_hash: str
    protocol_id: str
    session: str
    phase: Phase
    replicate: int
    status: Status
    reason: str = ""
    flags: tuple[str, ...] = ()
    metrics: Mapping[str, Value] = field(default_factory=dict)
    started: float = 0.0
    duration_s: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    raw: str = ""
    variant_key: str = ""

    def __post_init__(self) -> None:
        for field_ in fields(self):
            if field_.type == "str" and not isinstance(getattr(self, field_.name), str):
                raise ValueError(f"{field_.name} is text, but got {getattr(self, field_.name)!r}")
        if not isinstance(self.replicate, int) or self.replicate < 0:
            raise ValueError(f"replicates count from 0, but got {self.replicate!r}")

    @property
    def ok(self) -> bool:
        """Whether its metrics may be used."""
        return self.status is Status.OK


@dataclass(frozen=True)
class Result:
    """The summary of a candidate's valid measurements under one protocol.

    Attributes:
        candidate_id: Which candidate.
        phase: ``confirm`` once confirmed, else where its figures come from.
        n_processes: Fresh processes behind the figures.
        metrics: Figures by metric key.
        flags: Union of the measurements' flags.
    """

    candidate_id: str
    phase: Phase
    n_processes: int
    metrics: Mapping[str, Value]
    flags: tuple[str, ...] = ()
