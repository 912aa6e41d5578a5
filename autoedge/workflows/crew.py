"""Keep every machine busy with one measurement at a time, and stop all of them at once."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from autoedge.workflows.events import Began, Doing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.bench.bench import Bench
    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement, Phase
    from autoedge.targets.base import Target
    from autoedge.workflows.events import Listener

_PATIENCE_S = 0.5


class Crew:
    """Measurements in flight, at most one on a machine; a context manager.

    Args:
        bench: Measures.
        targets: Open targets by name.
        listener: Told what happens.
    """

    def __init__(self, bench: Bench, targets: Mapping[str, Target], listener: Listener) -> None:
        self._bench = bench
        self._targets = targets
        self._listener = listener
        machines = {target.device.machine if target.device else name for name, target in targets.items()}
        self.size = len(machines)
        self._flying: list[Future[Measurement | None]] = []
        self._pool = ThreadPoolExecutor(max_workers=self.size, thread_name_prefix="measure")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        while any(not future.done() for future in self._flying):
            # Again and again, since a job that is just being sent hears only what comes after it; and whatever else
            # happens, since nothing may be cut off while it is being stored.
            with suppress(KeyboardInterrupt):
                if kind is not None:
                    for target in self._targets.values():
                        target.cancel()
                wait(self._flying, timeout=_PATIENCE_S)

    def start(self, candidate: Candidate, phase: Phase, replicate: int, session: str) -> Future[Measurement | None]:
        """Begin a measurement; the future gives it once stored, or None when cancelled."""
        future = self._pool.submit(self._measure, candidate, phase, replicate, session)
        self._flying = [*(one for one in self._flying if not one.done()), future]
        return future

    def measure(self, candidate: Candidate, phase: Phase, replicate: int, session: str) -> Measurement:
        """Measure now and wait.

        Raises:
            KeyboardInterrupt: The measurement was cancelled.
        """
        future = self.start(candidate, phase, replicate, session)
        self.wait([future])
        measurement = future.result()
        if measurement is None:
            raise KeyboardInterrupt
        return measurement

    def wait(self, futures: list[Future[Measurement | None]]) -> set[Future[Measurement | None]]:
        """Wait for the first to end; short waits, so that Ctrl-C is heard at once."""
        while True:
            done, _ = wait(futures, timeout=_PATIENCE_S, return_when=FIRST_COMPLETED)
            if done:
                return done

    def _measure(self, candidate: Candidate, phase: Phase, replicate: int, session: str) -> Measurement | None:
        self._listener(Began(candidate))
        return self._bench.measure(
            candidate, phase, replicate, session, lambda doing: self._listener(Doing(candidate, doing))
        )
