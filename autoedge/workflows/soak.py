"""``autoedge soak``: run a candidate without a pause, and tell what it sustains."""

from __future__ import annotations

import json
import math
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.agent.soaking import Tick
from autoedge.bench.making import Making
from autoedge.bench.presets import protocol_for
from autoedge.bench.quality import write_npz
from autoedge.bench.soak_series import SoakSeries
from autoedge.bench.soak_timeline import raw_series, timeline
from autoedge.bench.sustained import judge
from autoedge.candidate import Candidate
from autoedge.errors import TargetError
from autoedge.measurement import Phase
from autoedge.report.front import write_whole
from autoedge.targets.declared import declared
from autoedge.workflows.connecting import connected
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.metering import meter_of
from autoedge.workflows.targets import known_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autoedge.agent.frames import Frame
    from autoedge.bench.metering import Metering
    from autoedge.targets.base import Target
    from autoedge.targets.declared import DeclaredTarget
    from autoedge.workflows.soak_subject import Subject

    Listener = Callable[["SoakState"], None]

EXIT_CODES = {"steady": 0, "slowed down": 1, "throttled": 1, "failed": 1, "not settled": 4}
_INTERRUPTED = 130
_PATIENCE_S, _GRACE_S = 0.5, 5.0
_FIRST_MINUTE_S = 60.0


@dataclass(frozen=True)
class SoakState:
    """How far a soak is.

    Attributes:
        candidate: Which.
        phase: What its process does now.
        tick: In the soak, how far it is.
        first_ms: Latency in the first minute so far, None before the first tick.
    """

    candidate: Candidate
    phase: str
    tick: Tick | None
    first_ms: float | None


@dataclass(frozen=True)
class Soaked:
    """What a soak came to.

    Attributes:
        folder: Holds ``soak.json`` and, where anything was measured, ``soak.npz``.
        document: The first of the two.
    """

    folder: Path
    document: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return _INTERRUPTED if self.document["interrupted"] else EXIT_CODES[self.document["behaviour"]]


def silent(_: SoakState) -> None:
    """Listen to nothing."""


def soak(
    subject: Subject,
    minutes: float,
    *,
    target: str | None = None,
    targets: Path | None = None,
    out: Path | None = None,
    on_state: Listener = silent,
) -> Soaked:
    """Run a candidate back to back and hold the end against the beginning.

    An interrupt ends the soak with what it has; a second one throws that away.

    Args:
        subject: What is soaked.
        minutes: How long.
        target: Name or address of a target to use instead of its own.
        targets: The file that declares targets; by default the user's own, where there is one.
        out: Folder of the results; by default ``soaks/NAME-TIME``, below the run's folder where it is of a run.
        on_state: Told how far it is.

    Raises:
        TargetError: The target cannot be reached, lacks the runtime, or was lost on the way.
        MeterError: Its declared meter cannot be used.
        ModelError: Its model file cannot be made.
        KeyboardInterrupt: Interrupted before there was anything to keep.
    """
    found = declared(subject.address if target is None else target, known_targets(targets))
    found = replace(found, name=subject.target) if target is None else found
    folder = out or _folder(subject)
    folder.mkdir(parents=True, exist_ok=True)  # before half an hour is spent
    with _workplace(found) as (opened, metering):
        soaking = _Soaking(subject, opened, metering, minutes * 60.0, on_state)
        reply, interrupted = soaking.run()
        document = {"schema_version": 1, **soaking.facts(), "interrupted": interrupted}
        if "failed" in reply.body:
            document |= {"behaviour": "failed", "reasons": [str(reply.body["failed"])]}
        else:
            document |= _judged(soaking, reply, folder)
    write_whole(folder / "soak.json", json.dumps(document, indent=1) + "\n")
    return Soaked(folder, document)


def _folder(subject: Subject) -> Path:
    base = Path(subject.about["run"]) if "run" in subject.about else Path()
    return base / "soaks" / f"{subject.name}-{time.strftime('%Y%m%d-%H%M%S')}"


@contextmanager
def _workplace(found: DeclaredTarget) -> Iterator[tuple[Target, Metering | None]]:
    """The target with its agent started, and its meter."""
    with (
        tempfile.TemporaryDirectory(prefix="autoedge-soak-") as place,
        connected([found], RunFolder(Path(place)), cache_root() / "blobs") as (reached, _),
        meter_of(reached[found.name], found) as metering,
    ):
        yield reached[found.name], metering


class _Soaking:
    """One soak under way."""

    def __init__(
        self, subject: Subject, target: Target, metering: Metering | None, seconds: float, listener: Listener
    ) -> None:
        if target.device is None:
            raise TargetError(f"target '{target.name}' was never probed")
        configuration = subject.configuration(target.device, target.name)
        runtime = configuration.runtime
        if runtime not in target.device.runtimes:
            advice = f"autoedge targets setup {target.name}" if target.name != "local" else f"pip install {runtime}"
            raise TargetError(f"target '{target.name}' has no {runtime}: {advice}")
        self.candidate = Candidate(configuration, target.name)
        self.subject, self.metering, self.seconds = subject, metering, seconds
        self._target, self._device, self._tell = target, target.device, listener
        self._started = time.time()
        self._first: list[float] = []

    def run(self) -> tuple[Frame, bool]:
        """Send it and wait; the reply, and whether it was interrupted.

        Raises:
            KeyboardInterrupt: Interrupted with nothing to keep.
        """
        model = self.subject.model(self.candidate.configuration)
        task = self.subject.task
        files = {model.sha256: model.path} | ({} if task.data is None else {task.data_hash: task.data})
        self._target.send_files(files)
        made = Making(
            task, protocol_for("quick", {}, [], {}), self.subject.limits, self.metering, frozenset(), self.seconds
        )
        job = {**made.job(self.candidate, Phase.SOAK, self._device.memory_mib), "model": model.sha256}
        if self.metering is not None:
            self.metering.begin()
        reply, interrupted = _until_done(self._target, {**job, "evaluate": "no", "key": {}}, self._hear)
        if "cancelled" in reply.body:
            raise KeyboardInterrupt
        return reply, interrupted

    def _hear(self, phase: str) -> None:
        if self.metering is not None:
            self.metering.phase(phase)
        tick = Tick.read(phase)
        if tick is not None:
            if tick.latency_ms is not None and tick.elapsed_s <= _FIRST_MINUTE_S:
                self._first.append(tick.latency_ms)
            here = math.nan if self.metering is None else self.metering.power_w
            tick = tick if math.isnan(here) else tick._replace(power_w=here)
        self._tell(SoakState(self.candidate, phase, tick, float(np.median(self._first)) if self._first else None))

    def facts(self) -> dict[str, Any]:
        """What was soaked, on what, as JSON values."""
        configuration = self.candidate.configuration
        return {
            "candidate": {
                "candidate_id": self.candidate.candidate_id,
                "target": self.candidate.target,
                "configuration": configuration.canonical,
            },
            "of": dict(self.subject.about),
            "device": {**asdict(self._device), "fingerprint": self._device.fingerprint},
            "meter": None if self.metering is None else self.metering.spec.to_json(),
            "inputs": "evaluation data" if self.subject.task.data is not None else "generated",
            "batch": configuration.batch,
            "started": self._started,
            "planned_s": self.seconds,
        }


def _until_done(target: Target, job: Mapping[str, Any], hear: Callable[[str], None]) -> tuple[Frame, bool]:
    """Run a job in a thread, so that an interrupt is heard here: the first ends the soak, the second cancels it."""
    interrupts, since = 0, 0.0
    with ThreadPoolExecutor(1, thread_name_prefix="soak") as pool:
        future = pool.submit(target.run, job, {}, hear)
        while not future.done():
            try:
                if interrupts:  # again and again, since a job that is just being sent hears only what comes after it
                    late = interrupts > 1 or time.monotonic() - since > _GRACE_S
                    (target.cancel if late else target.enough)()
                wait([future], timeout=_PATIENCE_S)
            except KeyboardInterrupt:
                interrupts, since = interrupts + 1, since or time.monotonic()
        return future.result(), interrupts > 0


def _judged(soaking: _Soaking, reply: Frame, folder: Path) -> dict[str, Any]:
    """What a finished soak came to; its series are stored.

    Raises:
        TargetError: The reply makes no sense.
    """
    metering = soaking.metering
    try:
        recorded = None if metering is None else metering.finish(reply)
        series = SoakSeries.of(reply)
        found = judge(series, recorded, soaking.candidate.configuration.batch, soaking.subject.task.rate)
        drawn = timeline(series, recorded)
        arrays = raw_series(series, recorded)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise TargetError(f"target '{soaking.candidate.target}': its reply makes no sense: {error!r}") from error
    write_npz(folder / "soak.npz", **arrays)
    return {
        **found.plain(),
        "seconds": series.seconds,
        "calls": series.calls,
        "runtime_version": str(reply.body["done"].get("runtime_version", "")),
        "cores_used": series.cores,
        "timeline": drawn,
        "series": "soak.npz",
    }
