"""``autoedge check``: measure a bundle again, and say whether it keeps its limits and is no worse than a base."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.decide.regression import PRACTICAL, can_alarm
from autoedge.deploy.bundle import MANIFEST
from autoedge.deploy.opened import opened
from autoedge.errors import BundleError, IntentError
from autoedge.measurement import Phase, Status
from autoedge.store.store import Store
from autoedge.targets.declared import LOCAL
from autoedge.workflows.bundled import check_model
from autoedge.workflows.events import Began, Doing, Measured, Note, StageBegan, silent
from autoedge.workflows.gate_arms import BASE, NEW, gate_stand
from autoedge.workflows.gate_judge import Judged, judge
from autoedge.workflows.gate_question import Question, question_of
from autoedge.workflows.targets import known_target, known_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autoedge.candidate import Candidate
    from autoedge.deploy.read import Bundle
    from autoedge.measurement import Measurement
    from autoedge.targets.declaration import DeclaredTarget
    from autoedge.workflows.events import Listener
    from autoedge.workflows.gate_arms import Arm, Stand

LOOKS = (6, 10, 20, 40)
"""Processes of each arm after which the gate may decide, and nowhere else."""
EXIT_CODES = {"met": 0, "not met": 1, "regressed": 1, "undecided": 4}
_TRIES = 2


@dataclass(frozen=True)
class Checked:
    """What a gate came to.

    Attributes:
        document: Everything, as JSON values; its ``outcome`` is met, not met, regressed or undecided.
    """

    document: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return EXIT_CODES[self.document["outcome"]]


def check(
    bundle: Path,
    *,
    intent: Path | None = None,
    against: Path | None = None,
    target: str | None = None,
    targets: Path | None = None,
    trust: Iterable[Path] = (),
    limit: float = PRACTICAL,
    seed: int | None = None,
    on_event: Listener = silent,
) -> Checked:
    """Measure a bundle on its target and decide each limit, and each regression against a base.

    Bundle, base and, where a limit is told by it, the intent's reference model take turns in fresh processes, in
    random order within each round, so that drift hits all of them. Decisions are taken after 6, 10, 20 and 40 rounds,
    as far as the intent's budget goes, and nowhere else. The gate ends as soon as its outcome is sure.

    Args:
        bundle: A bundle, folder or archive, or a run's folder with one.
        intent: Says what is asked; by default what the bundle was chosen by, without data and reference.
        against: What it must not be worse than, likewise.
        target: Name or address; by default that of the intent, or of the bundle where it is declared, else this
            machine.
        targets: Where targets are declared.
        trust: Files and folders whose code may be loaded.
        limit: Smallest change for the worse that matters, as a fraction.
        seed: Of the order in the rounds; by default from the clock, and told.
        on_event: Told of each measurement.

    Raises:
        BundleError: A bundle is altered, or does not run there.
        IntentError: What is wrong with the intent, or its budget is too small for a gate.
        TargetError: Nothing can be measured.
        MeterError: A limit needs a power meter that is not there.
    """
    with ExitStack() as stack:
        bundles = {NEW: stack.enter_context(opened(_bundle(bundle)))}
        if against is not None:
            bundles[BASE] = stack.enter_context(opened(_bundle(against)))
        for each in bundles.values():
            check_model(each)
        on_event(StageBegan("prepare", "reading what is asked"))
        question = question_of(bundles[NEW], intent, trust)
        found = _target(question, bundles[NEW], target, targets)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autoedge-check-")))
        store = Store(folder / "measurements.db")
        try:
            on_event(StageBegan("prepare", f"reaching {found.name}"))
            with gate_stand(question, bundles, found, store, folder) as stand:
                seed = time.time_ns() % (1 << 32) if seed is None else seed
                gate = _Gate(question, stand, bundles, limit=limit, seed=seed, listener=on_event)
                judged = gate.run()
        finally:
            store.close()
    return Checked({**judged.plain(), **gate.facts(found.name, judged)})


def _bundle(place: Path) -> Path:
    """Where a bundle lies: there, or in a run's folder, whose bundle it is."""
    inner = place / "bundle"
    return inner if not (place / MANIFEST).is_file() and inner.is_dir() else place


def _target(question: Question, bundle: Bundle, wanted: str | None, targets: Path | None) -> DeclaredTarget:
    if wanted is not None:
        return known_target(wanted, targets)
    if question.prepared is not None:
        first = question.intent.targets[0]
        return known_target(first.address or first.name, targets)
    name = bundle.candidate.target
    return known_target(name if name in known_targets(targets) else LOCAL, targets)


class _Gate:
    """Rounds of measurements, and a look now and then."""

    def __init__(
        self,
        question: Question,
        stand: Stand,
        bundles: Mapping[str, Bundle],
        *,
        limit: float,
        seed: int,
        listener: Listener,
    ) -> None:
        self._question, self._stand, self._bundles = question, stand, bundles
        self._limit, self._seed, self._tell = limit, seed, listener
        self._random = np.random.default_rng(seed)
        self._rows: dict[str, list[Measurement]] = {name: [] for name in stand.arms}
        self._begun = time.monotonic()
        self._looks = self._affordable()

    def _affordable(self) -> tuple[int, ...]:
        """The looks that the budget of measurements allows."""
        budget, arms = self._question.intent.budget, len(self._stand.arms)
        looks = tuple(look for look in LOOKS if look * arms <= budget.measurements)
        if not looks:
            raise IntentError(
                f"budget.measurements: a gate takes at least {LOOKS[0] * arms}, {LOOKS[0]} of each of "
                f"{', '.join(self._stand.arms)}, but got {budget.measurements}"
            )
        if BASE in self._stand.arms and not _can_alarm(looks, len(self._question.metrics)):
            enough = next(n for n in range(1, len(LOOKS) + 1) if _can_alarm(LOOKS[:n], len(self._question.metrics)))
            raise IntentError(
                f"budget.measurements: with {budget.measurements} no regression could ever be told from chance; "
                f"give {LOOKS[enough - 1] * arms} or more"
            )
        return looks

    def run(self) -> Judged:
        """Measure until the outcome is sure, the plan is at its end, or the budget of time does not reach further."""
        self._tell(StageBegan("confirm", f"{', '.join(self._stand.arms)} in turns"))
        done = 0
        judged = None
        for look in self._looks:
            if judged is not None and not self._in_time(done, look):
                self._tell(Note(f"the budget of time ends the gate after {done} rounds"))
                break
            for number in range(done, look):
                self._round(number)
            share = (look - done) / self._looks[-1]
            done = look
            judged = judge(self._question, self._stand.arms, self._rows, look=look, looks=self._looks, share=share,
                           limit=self._limit)  # fmt: skip
            if judged.sure:
                break
        assert judged is not None  # noqa: S101 - for the type checker: there is at least one look
        return judged

    def _in_time(self, done: int, look: int) -> bool:
        """Whether the rounds up to the next look fit into the budget of time."""
        spent, most = time.monotonic() - self._begun, self._question.intent.budget.time_s
        return most is None or spent * look / done <= most

    def _round(self, number: int) -> None:
        names = list(self._stand.arms)
        for position in self._random.permutation(len(names)):
            arm = self._stand.arms[names[position]]
            self._tell(Began(arm.candidate))
            row = arm.bench.measure(arm.candidate, Phase.CONFIRM, number, "check", partial(self._doing, arm.candidate))
            if row is None:
                raise KeyboardInterrupt
            self._rows[arm.name].append(row)
            self._told(arm, row)
        self._refuse_failures()

    def _doing(self, candidate: Candidate, phase: str) -> None:
        self._tell(Doing(candidate, phase))

    def _told(self, arm: Arm, row: Measurement) -> None:
        told = Measured(
            candidate=arm.candidate,
            measurement=row,
            used=sum(map(len, self._rows.values())),
            budget=self._looks[-1] * len(self._rows),
            reserve=0,
            objectives=tuple(metric.key for metric in self._question.metrics[:3]),
            seconds=time.monotonic() - self._begun,
            time_budget_s=self._question.intent.budget.time_s,
            best=None,
        )
        self._tell(told)

    def _refuse_failures(self) -> None:
        """A bundle that has not run once is no matter of statistics."""
        for name, rows in self._rows.items():
            if len(rows) >= _TRIES and all(row.status is Status.FAILED for row in rows):
                bundle = self._bundles.get(name)
                what = "the reference model" if bundle is None else str(bundle.folder)
                raise BundleError(f"{what}: does not run there: {rows[-1].reason}")

    def facts(self, target: str, judged: Judged) -> dict[str, Any]:
        """What was measured, where and how, and what would decide the rest, as JSON values."""
        device, seconds = self._stand.device, time.monotonic() - self._begun
        timed = self._question.intent.budget.time_s is not None
        return {
            "name": self._question.intent.name,
            "target": {
                "name": target,
                "cpu": device.cpu,
                "arch": device.arch,
                "os": device.os,
                "fingerprint": device.fingerprint,
            },
            "bundles": {name: _about(bundle, device.fingerprint) for name, bundle in self._bundles.items()},
            "protocol": {"id": self._stand.protocol.protocol_id, **dict(self._stand.protocol.parameters)},
            "limit": self._limit,
            "seed": self._seed,
            "seconds": round(seconds, 1),
            "advice": judged.advice(LOOKS, seconds if timed else None),
        }


def _can_alarm(looks: Sequence[int], family: int) -> bool:
    """Whether one of these looks can be sure enough of a regression."""
    pairs = zip((0, *looks), looks, strict=False)
    return any(can_alarm(look, (look - before) / looks[-1], family) for before, look in pairs)


def _about(bundle: Bundle, fingerprint: str) -> dict[str, Any]:
    return {
        "folder": bundle.folder.name,
        "candidate_id": bundle.candidate.candidate_id,
        "configuration": bundle.candidate.configuration.canonical,
        "model_sha256": bundle.model_hash,
        "same_device": bundle.fingerprint == fingerprint,
    }
