"""Keep every machine busy with one measurement at a time, and stop all of them at once."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from autoedge.workflows.events import Began, Doing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.bench.bench import Bench
    from autoedge.bench.onlooker import Judge
    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement, Phase
    from autoedge.targets.base import Target
    from autoedge.workflows.events import Listener

_PATIENCE_S = 0.5


class Crew:
    """Measurements in flight, at most one on a machine; a context manager.

    Args:
        benches: By target, what measures there.
        targets: Open targets by name; those of one machine take turns.
        listener: Told what happens.
    """

    def __init__(self, benches: Mapping[str, Bench], targets: Mapping[str, Target], listener: Listener) -> None:
        self._benches = benches
        self._targets = targets
        self._listener = listener
        self._machines = {name: target.machine for name, target in targets.items()}
        self._flying: dict[str, Future[Measurement | None]] = {}
        self._pool = ThreadPoolExecutor(
            max_workers=max(1, len(set(self._machines.values()))), thread_name_prefix="measure"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        while any(not future.done() for future in self._flying.values()):
            # Again and again, since a job that is just being sent hears only what comes after it; and whatever else
            # happens, since nothing may be cut off while it is being stored.
            with suppress(KeyboardInterrupt):
                if kind is not None:
                    for target in self._targets.values():
                        target.cancel()
                wait(self._flying.values(), timeout=_PATIENCE_S)

    def idle(self, target: str) -> bool:
        """Whether the machine of a target measures nothing, and what it measured last was handed out by ``wait``."""
        return self._machines[target] not in self._flying

    def start(
        self, candidate: Candidate, phase: Phase, replicate: int, session: str, *, judge: Judge | None = None
    ) -> Future[Measurement | None]:
        """Begin a measurement on an idle machine.

        Args:
            candidate: What.
            phase: Why.
            replicate: Which time.
            session: Of the confirm rounds.
            judge: Ends it early once it can change nothing; None to measure in full.

        Returns:
            Gives the measurement once it is stored, None when it was cancelled; raises TargetError when the target
            cannot be reached any more.
        """
        if not self.idle(candidate.target):
            raise RuntimeError(f"one measurement at a time on a machine, but '{candidate.target}' is busy")
        future = self._pool.submit(self._measure, candidate, phase, replicate, session, judge)
        self._flying[self._machines[candidate.target]] = future
        return future

    def wait(self, futures: list[Future[Measurement | None]]) -> set[Future[Measurement | None]]:
        """Wait for the first to end; short waits, so that Ctrl-C is heard at once."""
        done: set[Future[Measurement | None]] = set()
        while not done:
            done, _ = wait(futures, timeout=_PATIENCE_S, return_when=FIRST_COMPLETED)
        self._flying = {machine: future for machine, future in self._flying.items() if future not in done}
        return done

    def _measure(
        self, candidate: Candidate, phase: Phase, replicate: int, session: str, judge: Judge | None
    ) -> Measurement | None:
        self._listener(Began(candidate))
        bench = self._benches[candidate.target]
        doing = partial(Doing, candidate)
        return bench.measure(
            candidate, phase, replicate, session, lambda what: self._listener(doing(what)), judge=judge
        )
