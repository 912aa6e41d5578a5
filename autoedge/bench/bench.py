"""Measure candidates: each in a fresh process on its target, each stored before the next begins."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from autoedge.agent.frames import NONSENSE, Frame
from autoedge.agent.looks import FIRST_BLOCK
from autoedge.bench.energy_estimate import PowerModel
from autoedge.bench.foresight import first_block_values
from autoedge.bench.making import Making
from autoedge.bench.onlooker import Onlooker
from autoedge.bench.power import PowerOutcome, power_outcome
from autoedge.bench.quality import QualityBook, write_npz
from autoedge.bench.soak_series import SoakSeries
from autoedge.bench.soak_timeline import raw_series
from autoedge.bench.summary import process_details, process_flags, process_metrics
from autoedge.bench.sustained import judge
from autoedge.candidate import Candidate, Configuration
from autoedge.errors import DataError, MeterError, ModelError, TargetError, Transient
from autoedge.measurement import Measurement, Phase, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.evidence import Evidence
    from autoedge.bench.metering import Metering, Recorded
    from autoedge.bench.onlooker import Judge
    from autoedge.bench.task import Task
    from autoedge.intent.resolved import Limits
    from autoedge.measurement import Protocol as MeasurementProtocol
    from autoedge.measurement import Value
    from autoedge.store.store import Store
    from autoedge.targets.base import Target

_log = logging.getLogger(__name__)


class ReadyVariant(Protocol):
    """A model file that is made and can be sent."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def sha256(self) -> str:
        """Its content hash."""

    @property
    def size_bytes(self) -> int:
        """Its size."""


class Bench:
    """The bench of one run.

    Args:
        store: Where measurements go.
        folder: The run folder.
        task: What candidates solve.
        protocol: How they are measured.
        limits: What one measurement may use.
        targets: Open targets by name.
        variant_of: Makes or finds the model file of a configuration; raises ModelError.
        variant_key: Names that file before it is made: equal keys, equal files.
        metering: The targets' power meter; None where energy is estimated.
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
        protocol: MeasurementProtocol,
        limits: Limits,
        targets: Mapping[str, Target],
        variant_of: Callable[[Configuration], ReadyVariant],
        variant_key: Callable[[Configuration], str],
        metering: Metering | None = None,
        estimate: PowerEstimate | None = None,
        wanted: frozenset[str] = frozenset(),
        soak_s: float = 0.0,
    ) -> None:
        self._store = store
        self._folder = folder
        self._task = task
        self._protocol = protocol
        self._limits = limits
        self._targets = targets
        self._variant_of = variant_of
        self._variant_key = variant_key
        self._metering = metering
        self._estimate = estimate
        self._wanted = wanted
        self._soak_s = soak_s
        self.quality = QualityBook(store, folder, task)
        (folder / "raw").mkdir(exist_ok=True)

    def claim(self, target: Target) -> list[Measurement]:
        """Store what finished on a target while no host was there to take it.

        What cannot be understood, such as a reply of another release, is dropped: the measurement is made again. So is
        one that a meter on this machine should have watched.
        """
        claimed = []
        for reply in target.unclaimed():
            if not self._is_present(reply.body.get("key")):
                continue  # it waits for the intent that it was measured for
            try:
                watched = self._metering is None or self._metering.on_device
                if watched and _is_from(target, reply.body["key"]):
                    claimed.append(self._store_reply(reply, self._recorded(reply)))
            except NONSENSE as error:
                _log.warning("target '%s' held a reply that makes no sense: %r", target.name, error)
            target.acknowledge(reply.body["job"])
        return claimed

    def _is_present(self, key: Any) -> bool:
        """Whether a reply was measured under the present protocol and data; nonsense is, so that it gets dropped."""
        if not isinstance(key, dict):
            return True
        present = (self._protocol.protocol_id, self._task.data_hash)
        return (key.get("protocol_id"), key.get("data_hash")) == present

    def measure(
        self,
        candidate: Candidate,
        phase: Phase,
        replicate: int,
        session: str,
        on_phase: Callable[[str], None] | None = None,
        *,
        judge: Judge | None = None,
    ) -> Measurement | None:
        """Measure a candidate once and store what came of it, be it figures or a reason.

        Args:
            candidate: What.
            phase: Why.
            replicate: Which time.
            session: Of the confirm rounds.
            on_phase: Told of the phases that it goes through.
            judge: Ends it before its time once its figures can change nothing; None to measure in full.

        Returns:
            The stored measurement; None when it was cancelled.

        Raises:
            TargetError: The target cannot be reached any more.
            StoreError: The measurement cannot be stored.
        """
        target = self._targets[candidate.target]
        try:
            variant = self._variant_of(candidate.configuration)
        except ModelError as error:
            return self._store_refusal(candidate, phase, replicate, session, str(error))
        key = self._key(candidate, phase, replicate, session, variant)
        arrays = {}
        evaluate = "no"
        if self._task.data is not None and phase is not Phase.SOAK:
            expected = self.quality.expected(key["scores_key"])
            evaluate = "full" if expected is None else "probe"
            arrays = {} if expected is None else {"expected": expected}
        job = self._job(candidate, variant, key, evaluate, target)
        onlooker = None if judge is None else self._onlooker(judge, key, evaluate)
        reply = self._reply(target, variant, job, arrays, on_phase=on_phase, on_look=onlooker)
        if isinstance(reply, str):
            self._recorded(None)
            return self._store_failure(key, reply)
        if "cancelled" in reply.body:
            self._recorded(None)
            return None
        try:
            # Its own key, not the one that came back: a device answers what was asked and decides nothing else.
            own = Frame({**reply.body, "key": key}, reply.arrays)
            recorded = self._recorded(own)
            if "stopped" in own.body:
                measurement = self._store_stopped(own, onlooker)
            else:
                measurement = self._store_reply(own, recorded)
        except NONSENSE as error:
            measurement = self._store_failure(key, f"the target sent a reply that makes no sense: {error!r}")
        with suppress(Transient):  # it is stored; claimed again at the next start, it is not counted twice
            target.acknowledge(reply.body["job"])
        return measurement

    def _reply(
        self,
        target: Target,
        variant: ReadyVariant,
        job: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray[Any, Any]],
        *,
        on_phase: Callable[[str], None] | None,
        on_look: Onlooker | None,
    ) -> Frame | str:
        """The target's reply, or why the candidate failed when the target was lost over it.

        A target that is lost before the candidate began is tried once more with a fresh agent; lost again, it is the
        target that failed and not the candidate.
        """
        begun: list[str] = []

        def noticed(phase: str) -> None:
            begun.append(phase)
            if self._metering is not None:
                self._metering.phase(phase)
            if on_phase is not None:
                on_phase(phase)

        try:
            self._send(target, variant)
            self._begin_metering(target)
            return target.run(job, arrays, noticed, on_look)
        except Transient as error:
            if begun:
                return str(error)
        self._send(target, variant)
        self._begin_metering(target)
        try:
            return target.run(job, arrays, noticed, on_look)
        except Transient as error:
            if begun:
                return str(error)
            raise

    def _begin_metering(self, target: Target) -> None:
        if self._metering is not None:
            try:
                self._metering.begin()
            except MeterError as error:
                raise TargetError(f"target '{target.name}': its power meter is lost: {error}") from error

    def _recorded(self, reply: Frame | None) -> Recorded | None:
        return None if self._metering is None else self._metering.finish(reply)

    def try_once(self, candidate: Candidate, parameters: Mapping[str, Any]) -> Frame:
        """Run a candidate under other protocol parameters and store nothing.

        Raises:
            ModelError: Its file cannot be made.
            TargetError: The target failed.
        """
        target = self._targets[candidate.target]
        variant = self._variant_of(candidate.configuration)
        self._send(target, variant)
        key = self._key(candidate, Phase.SEARCH, 0, "", variant)
        job = self._job(candidate, variant, key, "no", target)
        reply = target.run({**job, "protocol": dict(parameters)}, {})
        if "done" in reply.body and not reply.arrays["latency_ns"].size:
            raise TargetError(f"target '{target.name}': made no call")
        return reply

    def _send(self, target: Target, variant: ReadyVariant) -> None:
        files = {variant.sha256: variant.path}
        if self._task.data is not None:
            files[self._task.data_hash] = self._task.data
        target.send_files(files)

    def _key(
        self, candidate: Candidate, phase: Phase, replicate: int, session: str, variant: ReadyVariant
    ) -> dict[str, Any]:
        """What comes back with the reply, so that a reply claimed later explains itself."""
        configuration, device = candidate.configuration, self._targets[candidate.target].device
        if device is None:
            raise TargetError(f"target '{candidate.target}' was never probed")
        version = device.runtimes.get(configuration.runtime, "")
        scores_key = self.quality.key(configuration, variant.sha256, version, device.fingerprint)
        return {
            "configuration": configuration.canonical,
            "target": candidate.target,
            "arch": device.arch,
            "cores": device.cores,
            "fingerprint": device.fingerprint,
            "runtime_version": version,
            "variant_hash": variant.sha256,
            "variant_key": self._variant_key(configuration),
            "size_bytes": variant.size_bytes,
            "data_hash": self._task.data_hash,
            "protocol_id": self._protocol.protocol_id,
            "session": session,
            "phase": phase.value,
            "replicate": replicate,
            "batch": configuration.batch,
            "rate": self._task.rate,
            "battery_wh": self._task.battery_wh,
            "scores_key": scores_key,
        }

    def _job(
        self, candidate: Candidate, variant: ReadyVariant, key: Mapping[str, Any], evaluate: str, target: Target
    ) -> dict[str, Any]:
        made = Making(self._task, self._protocol, self._limits, self._metering, self._wanted, self._soak_s)
        memory = target.device.memory_mib if target.device else None
        return {
            **made.job(candidate, Phase(key["phase"]), memory),
            "model": variant.sha256,
            "evaluate": evaluate,
            "key": dict(key),
        }

    def _store_reply(self, reply: Frame, recorded: Recorded | None = None) -> Measurement:
        key = reply.body["key"]
        if "failed" in reply.body:
            return self._store_failure(key, reply.body["failed"], reply.body)
        if key["phase"] == Phase.SOAK:
            return self._store_soak(reply, recorded)
        done, calls = reply.body["done"], reply.arrays["latency_ns"]
        power = None if recorded else self._power_model(key)
        metrics = process_metrics(done, reply.arrays, key, power)
        details = process_details(done, calls, key)
        details["first_block"] = first_block_values(done, reply.arrays["warmup_ns"], key, power)
        found = (*process_flags(done, calls), *reply.body.get("conditions", {}).get("changes", ()))
        drawn = PowerOutcome()
        if recorded is not None and self._metering is not None:
            drawn = power_outcome(self._metering.spec, recorded, done["marks"], key, self._wanted)
            metrics |= drawn.metrics
            details["power"], details["systematic"] = drawn.details, drawn.details.get("systematic", {})
        flags = tuple(dict.fromkeys((*found, *drawn.flags)))
        status, reason = (Status.INVALID, drawn.reason) if drawn.reason else (Status.OK, "")
        if "scores" in reply.arrays:
            try:
                quality, file = self._quality(reply)
            except DataError as error:
                return self._store_failure(key, str(error), reply.body)
            metrics |= quality
            details["scores"] = file
        doubt = _doubt(flags, done)
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

    def _onlooker(self, judge: Judge, key: Mapping[str, Any], evaluate: str) -> Onlooker:
        file = self._store.scores_file(key["scores_key"]) if evaluate == "probe" else None
        return Onlooker(
            judge,
            key=key,
            power=None if self._metering is not None else self._power_model(key),
            quality=self.quality,
            reference_file=self._reference_file(),
            known={} if file is None else self.quality.metrics(file, self._reference_file()),
            evaluates=evaluate != "no",
        )

    def _store_stopped(self, reply: Frame, onlooker: Onlooker | None) -> Measurement:
        """A measurement that ended early: what it was seen to be, and why that was enough."""
        key, job = reply.body["key"], reply.body["job"]
        if onlooker is None or not onlooker.reason:
            return self._store_failure(key, "it stopped though nobody had told it to")
        raw = f"raw/{job}.npz"
        name = "warmup_ns" if reply.body["stopped"] == FIRST_BLOCK else "latency_ns"
        write_npz(self._folder / raw, **{name: _compact(onlooker.calls_ns)})
        if onlooker.scores is not None:
            self.quality.keep(key["scores_key"], onlooker.scores, whole=True, job=job)
        details = {
            "stopped": reply.body["stopped"],
            "calls": len(onlooker.calls_ns),
            "conditions": reply.body.get("conditions", {}),
        }
        outcome = {"status": Status.STOPPED, "reason": onlooker.reason, "metrics": onlooker.metrics}
        return self._record(key, reply.body, **outcome, details=details, raw=raw)

    def _store_soak(self, reply: Frame, recorded: Recorded | None) -> Measurement:
        """A soak tells what the candidate sustains and nothing else; to throttle does not make it invalid."""
        key, series = reply.body["key"], SoakSeries.of(reply)
        found = judge(series, recorded, key["batch"], key["rate"])
        raw = f"raw/{reply.body['job']}.npz"
        write_npz(self._folder / raw, **raw_series(series, recorded))
        details = {"soak": found.plain(), "conditions": reply.body.get("conditions", {}), "soak_s": self._soak_s}
        outcome = {"status": Status.OK, "flags": found.flags, "metrics": found.metrics}
        return self._record(key, reply.body, **outcome, details=details, raw=raw)

    def _power_model(self, key: Mapping[str, Any]) -> PowerEstimate:
        return self._estimate or PowerModel.generic(key["arch"], self._task.idle_power.get(key["target"]))

    def _quality(self, reply: Frame) -> tuple[Mapping[str, Value], str]:
        key, scores = reply.body["key"], reply.arrays["scores"]
        if not np.isfinite(scores).all():
            raise DataError("the model gave NaN or infinite scores on the evaluation data")
        whole = reply.body["done"]["evaluated"] == "full"
        file = self.quality.keep(key["scores_key"], scores, whole=whole, job=reply.body["job"])
        is_reference = key["configuration"]["model"] == self._task.reference and key["phase"] == Phase.BASELINE
        if is_reference and self._reference_file() is None:
            self._store.set_fact(f"reference {self._task.reference_key}", file)
        return self.quality.metrics(file, self._reference_file()), file

    def _reference_file(self) -> str | None:
        """File of the reference's outputs, once they are known."""
        file = self._store.fact(f"reference {self._task.reference_key}")
        return None if file is None else str(file)

    def quality_of(self, evidence: Evidence, key: str, level: float) -> Value | None:
        """A quality figure with its interval at a level; None where there are no outputs."""
        file = evidence.scores_file
        return None if file is None else self.quality.metrics(file, self._reference_file(), level).get(key)

    def _store_refusal(
        self, candidate: Candidate, phase: Phase, replicate: int, session: str, reason: str
    ) -> Measurement:
        """A variant that cannot be made: a failed row that cost no process."""
        device = self._targets[candidate.target].device
        key = {
            "configuration": candidate.configuration.canonical,
            "target": candidate.target,
            "fingerprint": device.fingerprint if device else "",
            "runtime_version": device.runtimes.get(candidate.configuration.runtime, "") if device else "",
            "variant_hash": "",
            "variant_key": self._variant_key(candidate.configuration),
            "data_hash": self._task.data_hash,
            "protocol_id": self._protocol.protocol_id,
            "session": session,
            "phase": phase.value,
            "replicate": replicate,
        }
        return self._record(key, {}, status=Status.FAILED, reason=reason, details={"processes": 0})

    def _store_failure(self, key: Mapping[str, Any], reason: str, body: Mapping[str, Any] | None = None) -> Measurement:
        """A process that came to nothing; of what a device adds to its reason, only where it failed is kept."""
        body = body or {}
        details = {"traceback": body["traceback"]} if body.get("traceback") else {}
        return self._record(key, body, status=Status.FAILED, reason=reason, details=details)

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


def _is_from(target: Target, key: Mapping[str, Any]) -> bool:
    """Whether a reply speaks of the device that sent it: a device's word about another one does not count."""
    fingerprint = target.device.fingerprint if target.device else None
    return (key["target"], key["fingerprint"]) == (target.name, fingerprint)


def _doubt(flags: Collection[str], done: Mapping[str, Any]) -> str:
    """Why a measurement says nothing of the candidate; empty where it does."""
    if "swap_or_fault" in flags:
        return f"{int(done['major_faults'])} major page faults during the window: memory is short or disks are busy"
    if "undervoltage" in flags:
        return "the device's supply was too weak (under-voltage); use a stronger supply or a shorter cable"
    if "throttled" in flags:
        return "the device throttled itself; cool it, or measure with `autoedge soak` what it sustains"
    return ""


def _compact(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Durations in 32 bits where all are under two seconds."""
    small = len(values) == 0 or values.max() <= np.iinfo(np.int32).max
    return values.astype(np.int32) if small else values
