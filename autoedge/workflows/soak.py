"""``autoedge soak``: run a candidate without a pause, and tell what it sustains."""

from __future__ import annotations

import json
import math
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.agent.frames import NONSENSE
from autoedge.agent.soaking import Tick
from autoedge.bench.making import Making
from autoedge.bench.presets import protocol_for
from autoedge.bench.quality import write_npz
from autoedge.bench.soak_series import SoakSeries
from autoedge.bench.soak_timeline import raw_series, timeline
from autoedge.bench.sustained import judge, power_source
from autoedge.candidate import Candidate
from autoedge.errors import IntentError, TargetError
from autoedge.measurement import Phase, Source
from autoedge.whole import write_whole
from autoedge.workflows.connecting import connected
from autoedge.workflows.folder import RunFolder, cache_root
from autoedge.workflows.metering import meter_of
from autoedge.workflows.targets import known_target
from autoedge.workflows.unsearched import with_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autoedge.agent.frames import Frame
    from autoedge.bench.metering import Metering
    from autoedge.targets.base import Target
    from autoedge.targets.declared import DeclaredTarget
    from autoedge.workflows.soak_subject import Subject

    Listener = Callable[["SoakState"], None]
    Arrays = Mapping[str, np.ndarray[Any, Any]]

REPORT, SERIES = "soak.json", "soak.npz"
EXIT_CODES = {"steady": 0, "slowed down": 1, "throttled": 1, "failed": 1, "not settled": 4}
_INTERRUPTED = 130
_PATIENCE_S, _GRACE_S = 0.5, 5.0
_MINUTE_S = 60.0


@dataclass(frozen=True)
class SoakState:
    """How far a soak is.

    Attributes:
        candidate: Which.
        phase: What its process does now.
        tick: In the soak, how far it is.
        first_ms: Latency in the first minute so far, None before the first tick.
        power_source: Where the tick's power comes from.
    """

    candidate: Candidate
    phase: str
    tick: Tick | None
    first_ms: float | None
    power_source: Source = Source.MEASURED


@dataclass(frozen=True)
class Soaked:
    """What a soak came to.

    Attributes:
        folder: Holds ``soak.json`` and, unless the soak failed, ``soak.npz``.
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
        minutes: How long; above 0.
        target: Name or address of a target to use instead of its own.
        targets: The file that declares targets; by default the user's own, where there is one.
        out: Folder of the results, which holds no other soak; by default ``soaks/NAME-TIME``, below the run's folder
            where it is of a run.
        on_state: Told how far it is.

    Raises:
        IntentError: The minutes or the folder cannot be meant.
        StoreError: The folder cannot be written to, or is another soak's at this moment.
        TargetError: The target cannot be reached, lacks the runtime, was lost on the way, or sent a reply that makes no
            sense; the report says so of the last.
        MeterError: Its declared meter cannot be used.
        ModelError: Its model file cannot be made.
        KeyboardInterrupt: Interrupted before there was anything to keep.
    """
    if not 0 < minutes < math.inf:
        raise IntentError(f"--minutes: a soak lasts more than 0 minutes, but got {minutes:g}")
    found = known_target(subject.address if target is None else target, targets)
    found = replace(found, name=subject.target) if target is None else found
    subject = replace(subject, task=with_libraries(subject.task, found.delegates))
    with _results(subject, out) as folder, _workplace(found) as (opened, metering):
        soaking = _Soaking(subject, opened, metering, minutes * _MINUTE_S, on_state)
        reply, interrupted = soaking.run()
        nonsense = None
        try:
            outcome, series = _outcome(soaking, reply)
        except NONSENSE as error:
            nonsense = TargetError(f"target '{found.name}': its reply makes no sense: {error!r}")
            outcome, series = _failed(str(nonsense)), {}
        document = {"schema_version": 1, **soaking.facts(), "interrupted": interrupted, **outcome}
        if series:
            write_npz(folder / SERIES, **series)
        write_whole(folder / REPORT, json.dumps(document, indent=1) + "\n")
        with suppress(TargetError):  # all is stored here; what is left there is of no use
            opened.acknowledge(reply.body["job"])
    if nonsense is not None:
        raise nonsense
    return Soaked(folder, document)


@contextmanager
def _results(subject: Subject, out: Path | None) -> Iterator[Path]:
    """The folder of the results, held for this soak: what half an hour is spent on has a place, and of its own.

    Raises:
        IntentError: It holds a soak already.
        StoreError: It cannot be written to, or is held by another process.
    """
    folder = _new_folder(subject) if out is None else out
    with RunFolder(folder).locked():
        if any((folder / name).exists() for name in (REPORT, SERIES)):
            raise IntentError(f"{folder}: holds a soak already; name another folder with --out, or none for a new one")
        yield folder


def _new_folder(subject: Subject) -> Path:
    base = Path(subject.about["run"]) if "run" in subject.about else Path()
    name = f"{subject.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in count(1):
        folder = base / "soaks" / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder


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
            if tick.latency_ms is not None and tick.elapsed_s <= _MINUTE_S:
                self._first.append(tick.latency_ms)
            here = math.nan if self.metering is None else self.metering.power_w
            tick = tick if math.isnan(here) else tick._replace(power_w=here)
        first = float(np.median(self._first)) if self._first else None
        source = Source.MEASURED if self.metering is None else power_source(self.metering.spec)
        self._tell(SoakState(self.candidate, phase, tick, first, source))

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


def _failed(reason: str) -> dict[str, Any]:
    return {"behaviour": "failed", "reasons": [reason]}


def _outcome(soaking: _Soaking, reply: Frame) -> tuple[dict[str, Any], Arrays]:
    """What a soak came to, as JSON values, and its series; none of a failed one.

    Raises:
        ValueError: The reply makes no sense; also what else ``NONSENSE`` lists.
    """
    if "failed" in reply.body:
        return _failed(str(reply.body["failed"])), {}
    metering = soaking.metering
    recorded = None if metering is None else metering.finish(reply)
    series = SoakSeries.of(reply)
    found = judge(series, recorded, soaking.candidate.configuration.batch, soaking.subject.task.rate)
    outcome = {
        **found.plain(),
        "seconds": series.seconds,
        "calls": series.calls,
        "runtime_version": str(reply.body["done"].get("runtime_version", "")),
        "cores_used": series.cores,
        "timeline": timeline(series, recorded),
        "series": SERIES,
    }
    json.dumps(outcome, allow_nan=False)  # what is no number is no measurement
    return outcome, raw_series(series, recorded)
