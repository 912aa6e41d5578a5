"""Store what came of a measurement: figures, what was seen until it was stopped, or a reason."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.agent.looks import FIRST_BLOCK
from autoedge.bench.energy_estimate import PowerModel
from autoedge.bench.foresight import first_block_values
from autoedge.bench.power import PowerOutcome, power_outcome
from autoedge.bench.quality import write_npz
from autoedge.bench.soak_series import SoakSeries
from autoedge.bench.soak_timeline import raw_series
from autoedge.bench.summary import process_details, process_flags, process_metrics
from autoedge.bench.sustained import judge
from autoedge.candidate import Candidate, Configuration
from autoedge.errors import DataError
from autoedge.measurement import Measurement, Phase, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from autoedge.agent.frames import Frame
    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.metering import Recorded
    from autoedge.bench.onlooker import Onlooker
    from autoedge.bench.quality import QualityBook
    from autoedge.bench.task import Task
    from autoedge.measurement import Value
    from autoedge.meters.spec import MeterSpec
    from autoedge.store.store import Store

QUALITY_LOST = "quality_lost"
"""Flag of a variant that costs much of what its model can do."""
_TELLING = ("accuracy", "agreement", "r2", "map", "recall_at_1")
_LEAST_KEPT = 0.75
_FAULTS_A_CALL = 0.001
_AS_GIVEN = ("fp32", "fp64")  # of which no variant is made that costs quality


class Records:
    """Turns replies of a target into measurements and stores them.

    A reply's ``key`` is what the host sent along with the job.

    Args:
        store: Where measurements go.
        folder: The run folder; series lie in ``raw/`` below it.
        task: What candidates solve.
        quality: Turns outputs into metrics.
        meter: The specification of the targets' power meter; None where energy is estimated.
        estimate: The power model that estimates without a meter; None for generic constants.
        wanted: Names of the metrics that the intent decides on.
        soak_s: Length of a soak.
    """

    def __init__(
        self,
        *,
        store: Store,
        folder: Path,
        task: Task,
        quality: QualityBook,
        meter: MeterSpec | None,
        estimate: PowerEstimate | None,
        wanted: frozenset[str],
        soak_s: float,
    ) -> None:
        self._store = store
        self._folder = folder
        self._task = task
        self._quality_book = quality
        self._meter = meter
        self._estimate = estimate
        self._wanted = wanted
        self._soak_s = soak_s

    def reply(self, reply: Frame, recorded: Recorded | None = None) -> Measurement:
        """Store what a measurement that ran through, or failed on its target, came to.

        Args:
            reply: The target's, with its key.
            recorded: What the power meter saw; None without one.
        """
        key = reply.body["key"]
        if "failed" in reply.body:
            return self.failure(key, reply.body["failed"], reply.body)
        if key["phase"] == Phase.SOAK:
            return self._soak(reply, recorded)
        done, calls = reply.body["done"], reply.arrays["latency_ns"]
        power = None if recorded else self.power_model(key)
        metrics = process_metrics(done, reply.arrays, key, power)
        details = process_details(done, calls, key)
        details["first_block"] = first_block_values(done, reply.arrays["warmup_ns"], key, power)
        found = (
            *process_flags(done, calls, key["configuration"]["knobs"]),
            *reply.body.get("conditions", {}).get("changes", ()),
        )
        drawn = PowerOutcome()
        if recorded is not None and self._meter is not None:
            drawn = power_outcome(self._meter, recorded, done["marks"], key, self._wanted)
            metrics |= drawn.metrics
            details["power"], details["systematic"] = drawn.details, drawn.details.get("systematic", {})
        flags = tuple(dict.fromkeys((*found, *drawn.flags)))
        status, reason = (Status.INVALID, drawn.reason) if drawn.reason else (Status.OK, "")
        if "scores" in reply.arrays:
            try:
                quality, file = self._quality(reply)
            except DataError as error:
                return self.failure(key, str(error), reply.body)
            metrics |= quality
            details["scores"] = file
            reached = {name: value.value for name, value in quality.items()}
            self._remember_as_given(key, reached)
            flags += (QUALITY_LOST,) * self._has_lost(key, reached)
        doubt = _doubt(flags, done, len(calls))
        if doubt:
            status, reason = Status.INVALID, doubt
        details["conditions"] = reply.body.get("conditions", {})
        raw = f"raw/{reply.body['job']}.npz"
        series: dict[str, np.ndarray[Any, Any]] = {
            name: _compact(reply.arrays[name])
            for name in ("latency_ns", "warmup_ns", "at_rate_ns")
            if name in reply.arrays
        }
        for index, trace in enumerate(recorded.traces if recorded is not None else ()):
            series |= {f"power{index}_{name}": values for name, values in trace.pack()[1].items()}
        write_npz(self._folder / raw, **series)
        return self._record(
            key, reply.body, status=status, reason=reason, flags=flags, metrics=metrics, details=details, raw=raw
        )

    def stopped(self, reply: Frame, onlooker: Onlooker | None) -> Measurement:
        """A measurement that ended early: what it was seen to be, and why that was enough."""
        key, job = reply.body["key"], reply.body["job"]
        if onlooker is None or not onlooker.reason:
            return self.failure(key, "it stopped though nobody had told it to")
        raw = f"raw/{job}.npz"
        name = "warmup_ns" if reply.body["stopped"] == FIRST_BLOCK else "latency_ns"
        write_npz(self._folder / raw, **{name: _compact(onlooker.calls_ns)})
        if onlooker.scores is not None:
            self._quality_book.keep(key["scores_key"], onlooker.scores, whole=True, job=job)
        best = {name: value.high for name, value in onlooker.sight.alone.items()}  # what it could still come to
        flags = (QUALITY_LOST,) * self._has_lost(key, best)
        details = {
            "stopped": reply.body["stopped"],
            "calls": len(onlooker.calls_ns),
            "ends": onlooker.sight.ends(),
            "conditions": reply.body.get("conditions", {}),
        }
        outcome = {"status": Status.STOPPED, "reason": onlooker.reason, "metrics": onlooker.sight.alone, "flags": flags}
        return self._record(key, reply.body, **outcome, details=details, raw=raw)

    def refusal(self, key: Mapping[str, Any], reason: str) -> Measurement:
        """A variant that cannot be made: a failed row that cost no process."""
        return self._record(key, {}, status=Status.FAILED, reason=reason, details={"processes": 0})

    def failure(self, key: Mapping[str, Any], reason: str, body: Mapping[str, Any] | None = None) -> Measurement:
        """A process that came to nothing; of what a device adds to its reason, only where it failed is kept."""
        body = body or {}
        details = {"traceback": body["traceback"]} if body.get("traceback") else {}
        return self._record(key, body, status=Status.FAILED, reason=reason, details=details)

    def _soak(self, reply: Frame, recorded: Recorded | None) -> Measurement:
        """A soak tells what the candidate sustains and nothing else; to throttle does not make it invalid."""
        key, series = reply.body["key"], SoakSeries.of(reply)
        found = judge(series, recorded, key["batch"], key["rate"])
        raw = f"raw/{reply.body['job']}.npz"
        write_npz(self._folder / raw, **raw_series(series, recorded))
        details = {"soak": found.plain(), "conditions": reply.body.get("conditions", {}), "soak_s": self._soak_s}
        outcome = {"status": Status.OK, "flags": found.flags, "metrics": found.metrics}
        return self._record(key, reply.body, **outcome, details=details, raw=raw)

    def _quality(self, reply: Frame) -> tuple[Mapping[str, Value], str]:
        key, scores = reply.body["key"], reply.arrays["scores"]
        if not np.isfinite(scores).all():
            raise DataError("the model gave NaN or infinite scores on the evaluation data")
        whole = reply.body["done"]["evaluated"] == "full"
        file = self._quality_book.keep(key["scores_key"], scores, whole=whole, job=reply.body["job"])
        is_reference = key["configuration"]["model"] == self._task.reference and key["phase"] == Phase.BASELINE
        if is_reference and self.reference_file() is None:
            self._store.set_fact(f"reference {self._task.reference_key}", file)
        return self._quality_book.metrics(file, self.reference_file()), file

    def _remember_as_given(self, key: Mapping[str, Any], quality: Mapping[str, float]) -> None:
        """Keep what a model as given can do, from the first of its own measurements that ran through."""
        as_given = key["phase"] == Phase.BASELINE or key["configuration"]["recipe"].get("precision") in _AS_GIVEN
        if as_given and self._store.fact(self._as_given(key)) is None:
            self._store.set_fact(self._as_given(key), quality)

    def _as_given(self, key: Mapping[str, Any]) -> str:
        """Names the quality of a model as given on samples prepared in the same way, input size included."""
        configuration = Configuration.from_canonical(key["configuration"])
        steps = json.dumps(self._task.steps_of(configuration), sort_keys=True)
        return f"quality as given {self._task.reference_key} {configuration.model} {steps}"

    def _has_lost(self, key: Mapping[str, Any], quality: Mapping[str, float]) -> bool:
        """Whether a variant, or a runtime, keeps less than 75 % of what its model as given has above guessing.

        Where it is not known what the model as given can do on inputs of that size, nothing is said.
        """
        given, labels = self._store.fact(self._as_given(key)) or {}, self._task.labels
        guessed = {"accuracy": 0.5 if labels is None else 1 / max(2, int(labels.max()) + 1)}
        return any(
            quality[name] - guessed.get(name, 0.0) < _LEAST_KEPT * (given[name] - guessed.get(name, 0.0))
            for name in _TELLING
            if name in quality and name in given
        )

    def power_model(self, key: Mapping[str, Any]) -> PowerEstimate:
        """What estimates energy on the target of a key."""
        return self._estimate or PowerModel.generic(key["arch"], self._task.idle_power.get(key["target"]))

    def reference_file(self) -> str | None:
        """File of the reference's outputs, once they are known."""
        file = self._store.fact(f"reference {self._task.reference_key}")
        return None if file is None else str(file)

    def _record(self, key: Mapping[str, Any], body: Mapping[str, Any], **outcome: Any) -> Measurement:
        candidate = Candidate(Configuration.from_canonical(key["configuration"]), key["target"])
        measurement = Measurement(
            candidate_id=candidate.candidate_id,
            config_id=candidate.configuration.config_id,
            target=candidate.target,
            fingerprint=key["fingerprint"],
            runtime_version=key["runtime_version"],
            variant_hash=key["variant_hash"],
            variant_key=key["variant_key"],
            data_hash=key["data_hash"],
            protocol_id=key["protocol_id"],
            session=key["session"],
            phase=Phase(key["phase"]),
            replicate=int(key["replicate"]),
            started=body.get("started", time.time()),
            duration_s=body.get("duration_s", 0.0),
            **outcome,
        )
        self._store.add(measurement, candidate)
        return measurement


def _doubt(flags: Collection[str], done: Mapping[str, Any], calls: int) -> str:
    """Why a measurement says nothing of the candidate; empty where it does.

    A page fault slows one call, so that fewer than one in a thousand leave even the 99th percentile where it is.
    """
    faults = int(done["major_faults"])
    if faults > _FAULTS_A_CALL * calls:
        return f"{faults} major page faults in {calls} calls: memory is short or disks are busy"
    if "undervoltage" in flags:
        return "the device's supply was too weak (under-voltage); use a stronger supply or a shorter cable"
    if "throttled" in flags:
        return "the device throttled itself; cool it, or measure with `autoedge soak` what it sustains"
    return ""


def _compact(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Durations in 32 bits where all are under two seconds."""
    small = len(values) == 0 or values.max() <= np.iinfo(np.int32).max
    return values.astype(np.int32) if small else values
