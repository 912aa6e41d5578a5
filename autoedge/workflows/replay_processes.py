"""Processes that replay strategies, each on one thread, so that figures do not depend on how many there are.

What is imported here is light: numerical libraries read their number of threads when they are first imported.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import signal
import traceback
import warnings
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    import numpy as np
    from numpy.typing import NDArray

    from autoedge.campaign.results import Results
    from autoedge.campaign.table import Table
    from autoedge.search.replaying import Replayed

    Foretold = Mapping[str, NDArray[np.float64]]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """A strategy with a seed, for so many measurements."""

    strategy: str
    seed: int
    budget: int


@dataclass(frozen=True)
class Step:
    """How far a job is.

    Attributes:
        job: Which.
        count: Measurements so far.
        replayed: All of them, once it is done.
    """

    job: Job
    count: int
    replayed: Replayed | None = None


class Processes:
    """Processes that replay on the same table; a context manager that ends them, whatever they are doing.

    Args:
        table: What was recorded.
        history: What strategies that can may learn from.
        count: How many processes.
        foretold: By metric, what a surrogate says of the table's candidates.
    """

    def __init__(self, table: Table, history: Sequence[Results], count: int, foretold: Foretold | None = None) -> None:
        self._plan = pickle.dumps((table, tuple(history), dict(foretold or {})))
        self._count = count
        self._running: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        with _uninterrupted():
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs,), daemon=True)
                process.start()
                theirs.close()  # so that the end of the process is the end of the pipe
                self._running[ours] = process
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, process in self._running.items():
            process.kill()
            process.join()
            pipe.close()
        self._running.clear()

    def run(self, jobs: Sequence[Job]) -> Iterator[Step]:
        """Do all jobs, telling of each step as it happens.

        Raises:
            AutoEdgeError: What a strategy raised.
            ChildProcessError: A process ended.
            RuntimeError: A bug in a strategy, with its traceback.
        """
        waiting = deque(jobs)
        busy: dict[Connection, Job] = {}
        for pipe in list(self._running)[: len(waiting)]:
            self._tell(pipe, self._plan)
            busy[pipe] = self._next(pipe, waiting)
        while busy:
            ready = wait(list(busy))
            for pipe in [one for one in busy if one in ready]:
                step = self._hear(pipe, busy[pipe])
                yield step
                if step.replayed is not None:
                    del busy[pipe]
                    if waiting:
                        busy[pipe] = self._next(pipe, waiting)

    def _next(self, pipe: Connection, waiting: deque[Job]) -> Job:
        job = waiting.popleft()
        self._tell(pipe, pickle.dumps(job))
        return job

    def _tell(self, pipe: Connection, message: bytes) -> None:
        try:
            pipe.send_bytes(message)
        except OSError as error:
            raise self._ended(pipe) from error

    def _hear(self, pipe: Connection, job: Job) -> Step:
        try:
            told = pipe.recv()
        except (EOFError, OSError) as error:
            raise self._ended(pipe) from error
        if isinstance(told, Exception):
            raise told
        return Step(job, told) if isinstance(told, int) else Step(job, len(told.rows), told)

    def _ended(self, pipe: Connection) -> ChildProcessError:
        process = self._running[pipe]
        process.join(1.0)
        return ChildProcessError(
            errno.ECHILD,
            f"a process that replayed a strategy ended (exit code {process.exitcode}); "
            "was there too little memory? fewer --jobs need less",
        )


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes made in here never see an interrupt from the keyboard, which is for the one that made them."""
    resource_tracker.ensure_running()  # made with the first process otherwise, which lifts the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection) -> None:
    """Replay what is asked for until the pipe ends."""
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    warnings.simplefilter("ignore")  # strategies of others have much to say
    try:
        table, history, foretold = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own parent
        while True:
            job = pickle.loads(pipe.recv_bytes())  # noqa: S301
            pipe.send(_replayed(table, history, foretold, job, pipe))
    except (EOFError, OSError):
        return  # nobody is waiting any more


def _replayed(
    table: Table, history: Sequence[Results], foretold: Foretold, job: Job, pipe: Connection
) -> Replayed | Exception:
    """What came of a job, or what it raised."""
    from autoedge.errors import AutoEdgeError
    from autoedge.search.replaying import informed, replay

    try:
        strategy = informed(job.strategy, history, foretold)
        return replay(table, strategy, seed=job.seed, budget=job.budget, on_measured=pipe.send)
    except AutoEdgeError as error:
        return error
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - told to the parent, which raises it
        return RuntimeError(f"strategy {job.strategy}, seed {job.seed}:\n{traceback.format_exc()}")
