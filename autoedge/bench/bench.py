"""Measure candidates: each in a fresh process on its target, each stored before the next begins."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from autoedge.agent.frames import NONSENSE, Frame
from autoedge.bench.making import Making
from autoedge.bench.onlooker import Onlooker
from autoedge.bench.quality import QualityBook
from autoedge.bench.records import Records
from autoedge.errors import DataError, MeterError, ModelError, TargetError, Transient
from autoedge.measurement import Measurement, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np

    from autoedge.bench.energy_estimate import PowerEstimate
    from autoedge.bench.evidence import Evidence
    from autoedge.bench.metering import Metering, Recorded
    from autoedge.bench.onlooker import Judge
    from autoedge.bench.task import Task
    from autoedge.candidate import Candidate, Configuration
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
        self._task = task
        self._protocol = protocol
        self._limits = limits
        self._targets = targets
        self._variant_of = variant_of
        self._variant_key = variant_key
        self._metering = metering
        self._wanted = wanted
        self._soak_s = soak_s
        self.quality = QualityBook(store, folder, task)
        self._records = Records(
            store=store,
            folder=folder,
            task=task,
            quality=self.quality,
            meter=None if metering is None else metering.spec,
            estimate=estimate,
            wanted=wanted,
            soak_s=soak_s,
        )
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
                    claimed.append(self._records.reply(reply, self._recorded(reply)))
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
            return self._records.refusal(self._unmade_key(candidate, phase, replicate, session), str(error))
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
            return self._records.failure(key, reply)
        if "cancelled" in reply.body:
            self._recorded(None)
            return None
        try:
            # Its own key, not the one that came back: a device answers what was asked and decides nothing else.
            own = Frame({**reply.body, "key": key}, reply.arrays)
            recorded = self._recorded(own)
            if "stopped" in own.body:
                measurement = self._records.stopped(own, onlooker)
            else:
                measurement = self._records.reply(own, recorded)
        except NONSENSE as error:
            measurement = self._records.failure(key, f"the target sent a reply that makes no sense: {error!r}")
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

    def _unmade_key(self, candidate: Candidate, phase: Phase, replicate: int, session: str) -> dict[str, Any]:
        """What stands for a key where there is no file to measure."""
        device = self._targets[candidate.target].device
        return {
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

    def _onlooker(self, judge: Judge, key: Mapping[str, Any], evaluate: str) -> Onlooker:
        file = self._store.scores_file(key["scores_key"]) if evaluate == "probe" else None
        return Onlooker(
            judge,
            key=key,
            power=None if self._metering is not None else self._records.power_model(key),
            quality=self.quality,
            reference_file=self._records.reference_file(),
            known={} if file is None else self.quality.metrics(file, self._records.reference_file()),
            evaluates=evaluate != "no",
        )

    def completed(self, row: Measurement) -> Measurement:
        """A stored measurement with the quality metrics that were first asked for after it was made."""
        asked, file = self.quality.evaluator.asked, row.details.get("scores")
        if file is None or asked <= row.metrics.keys():
            return row
        with suppress(DataError):  # outputs that are gone leave the figures that were stored
            return replace(row, metrics={**row.metrics, **self.quality.metrics(file, self._records.reference_file())})
        return row

    def quality_of(self, evidence: Evidence, key: str, level: float) -> Value | None:
        """A quality figure with its interval at a level; None where there are no outputs."""
        if self.quality.evaluator.withheld:
            return evidence.value(key, level)
        file = evidence.scores_file
        return None if file is None else self.quality.metrics(file, self._records.reference_file(), level).get(key)


def _is_from(target: Target, key: Mapping[str, Any]) -> bool:
    """Whether a reply speaks of the device that sent it: a device's word about another one does not count."""
    fingerprint = target.device.fingerprint if target.device else None
    return (key["target"], key["fingerprint"]) == (target.name, fingerprint)
