"""Judge a bundle by what it comes to when it is measured again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from autoedge.deploy.compare import Check, Kept, compare
from autoedge.measurement import Source
from autoedge.metric import METRICS, QUALITY, SUSTAINED, TASK_METRICS, TO_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autoedge.deploy.read import Bundle
    from autoedge.deploy.signature import Signed
    from autoedge.device import Device
    from autoedge.measurement import Value

_TIME = frozenset(
    {"latency_p50", "latency_p90", "latency_p95", "latency_p99", "preprocess", "cold_start", "throughput"}
)
_OF_MORE = {
    **dict.fromkeys(TASK_METRICS["detection"], "it takes the intent's annotations: run its intent again"),
    **dict.fromkeys(TASK_METRICS["custom"], "it takes the intent's own metric: run its intent again"),
}
"""What a bundle and its evaluation data alone do not tell."""
_MEMORY = ("memory_peak", "memory_model")
_DISTURBED = ("background_load", "unsteady_warmup", "warming", "slowdown", "shifted")


@dataclass(frozen=True)
class Remeasured:
    """A bundle measured again.

    Attributes:
        device: This machine.
        figures: By metric key, over all valid processes; empty where there are too few.
        processes: Valid ones.
        flags: In how many of them each flag was raised.
        labelled: Whether the recorded evaluation data were used, with labels.
        generated: Whether inputs were generated; making them takes memory of its own.
    """

    device: Device
    figures: Mapping[str, Value]
    processes: int
    flags: Mapping[str, int]
    labelled: bool
    generated: bool = False


@dataclass(frozen=True)
class Verification:
    """What verifying a bundle came to; its files are unaltered, or there would be none.

    Attributes:
        bundle: As read.
        now: What was measured.
        checks: Each recorded figure held against the new one, in the order of the table of metrics.
        comparable: Whether device and runtime version are those of the record, so that time and memory were judged.
        notes: What the reader must know.
        signed: Who vouches for the bundle; None where it has no signature.
    """

    bundle: Bundle
    now: Remeasured
    checks: tuple[Check, ...]
    comparable: bool
    notes: tuple[str, ...]
    signed: Signed | None = None

    @property
    def outcome(self) -> Literal["ok", "outside", "undecided"]:
        """Outside when any figure is; undecided when any is, or when time and memory were not judged; else ok."""
        outcomes = {check.outcome for check in self.checks}
        if Kept.OUTSIDE in outcomes:
            return "outside"
        return "undecided" if Kept.UNDECIDED in outcomes or not self.comparable else "ok"

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": 1,
            "outcome": self.outcome,
            "candidate_id": self.bundle.candidate.candidate_id,
            "fingerprint": {"recorded": self.bundle.fingerprint, "now": self.now.device.fingerprint},
            "comparable": self.comparable,
            "processes": self.now.processes,
            "flags": dict(self.now.flags),
            "notes": list(self.notes),
            "signed": None if self.signed is None else asdict(self.signed),
            "checks": [asdict(check) for check in self.checks],
        }


def judge(bundle: Bundle, now: Remeasured, notes: Sequence[str] = (), signed: Signed | None = None) -> Verification:
    """Hold each recorded figure against the new one.

    Time and memory are judged only where device and runtime version are those of the record; quality only on the
    recorded data; estimates never. Time that is outside while something disturbs this machine that did not when it
    was recorded is undecided.

    Args:
        bundle: With its record.
        now: What it came to.
        notes: Kept in the verification, before its own.
        signed: Who vouches for the bundle.
    """
    differences = _differences(bundle, now.device)
    checks = tuple(_checks(bundle, now, comparable=not differences))
    return Verification(bundle, now, checks, not differences, (*notes, *differences), signed)


def _differences(bundle: Bundle, device: Device) -> list[str]:
    """Why time and memory of this machine cannot be held against the recorded ones."""
    differences = []
    if device.fingerprint != bundle.fingerprint:
        differences.append("this is not the device that the bundle was measured on: time and memory are not judged")
    runtime = bundle.candidate.configuration.runtime
    installed, measured = device.runtimes.get(runtime), bundle.runtime_version
    if installed != measured:
        differences.append(f"{runtime} is {installed} here and was {measured}: time and memory are not judged")
    return differences


def _checks(bundle: Bundle, now: Remeasured, *, comparable: bool) -> Iterator[Check]:
    disturbance = _disturbance(bundle, now)
    for metric in METRICS.values():
        key, recorded = metric.key, bundle.result.metrics.get(metric.key)
        if recorded is None:
            continue
        figure = None if recorded.source is Source.ESTIMATED else now.figures.get(key)
        reason = _unchecked(metric.name, recorded, labelled=now.labelled, comparable=comparable)
        if metric.name in _MEMORY and now.generated and bundle.data_hash:
            reason = reason or "it takes the evaluation data"
        if metric.name == "preprocess" and figure is None and now.figures:
            reason = reason or "it takes the evaluation data"
        if reason:
            yield Check(key, recorded, figure, Kept.UNCHECKED, reason)
        elif figure is None:
            missing = "too few calls in the protocol's time" if now.figures else "too few valid measurements"
            yield Check(key, recorded, None, Kept.UNDECIDED, missing)
        else:
            check = compare(key, recorded, figure)
            disturbed = check.outcome is Kept.OUTSIDE and metric.name in _TIME and disturbance
            yield Check(key, recorded, figure, Kept.UNDECIDED, disturbance) if disturbed else check


def _unchecked(name: str, recorded: Value, *, labelled: bool, comparable: bool) -> str:
    if recorded.source is Source.ESTIMATED:
        return "an estimate, not a measurement"
    if name in SUSTAINED:
        return "it takes a soak: autoedge soak --bundle"
    if name in (*TO_REFERENCE, "log_loss"):
        return "it takes the outputs of the intent's reference model"
    if name in _OF_MORE:
        return _OF_MORE[name]
    if name in QUALITY:
        return "" if labelled else "it takes the evaluation data"
    return "" if comparable or name == "size" else "measured on another device or runtime version"


def _disturbance(bundle: Bundle, now: Remeasured) -> str:
    """What at least half of the new processes suffered from and the recorded ones did not."""
    for flag in _DISTURBED:
        count = now.flags.get(flag, 0)
        if count and flag not in bundle.result.flags and count * 2 >= now.processes:
            return (
                f"{flag} in {count} of {now.processes} processes, but not when recorded: quiet the machine, try again"
            )
    return ""
