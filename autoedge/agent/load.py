"""Synthetic loads in the place of a model, so that they are measured just as a candidate is.

A load keeps some cores busy for a share of the time with one kind of work, each in a process of its own, where the
matrix library is told to keep to one thread before it is loaded. Calls last a short while each; between calls all is
at rest. Busy and quiet moments are as long as chance wants, so that no meter reads in step with them.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Callable

from autoedge.agent.memory import usable_memory_bytes
from autoedge.agent.orphan import die_with_parent
from autoedge.errors import ModelError
from autoedge.runtimes.base import Runtime, Session
from autoedge.runtimes.own_process import code_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.runtimes.base import Call, Shapes

    Work = Callable[[], Any]

NOTHING = "nothing"
_VERSION = "1"
_CALL_S = 0.25
_PERIOD_S = (0.01, 0.03)
_LIBRARIES = ("OPENBLAS", "OMP", "MKL", "BLIS")
_ONE_THREAD = {**{f"{name}_NUM_THREADS": "1" for name in _LIBRARIES}, "VECLIB_MAXIMUM_THREADS": "1"}
_SIDE = 128
_LENGTH = 2**15
_BLOCK = 2**20
_BLOCKS = 32  # together beyond the caches
_GATHERED = 2**13
_STEPS = 5000


def _matmul() -> Work:
    import numpy as np

    a, b = (np.random.default_rng(seed).standard_normal((_SIDE, _SIDE)).astype(np.float32) for seed in range(2))
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


def _integer() -> Work:
    import numpy as np

    a, b = (np.random.default_rng(seed).integers(-128, 128, _LENGTH, np.int8) for seed in range(2))
    return lambda: np.multiply(a, b, dtype=np.int16).sum(dtype=np.int32)


def _exponential() -> Work:
    import numpy as np

    values = np.random.default_rng(0).standard_normal(_LENGTH).astype(np.float32)
    out = np.empty_like(values)
    return lambda: np.exp(values, out=out)


def _copy() -> Work:
    import numpy as np

    blocks = max(1, min(_BLOCKS, usable_memory_bytes() // 32 // (os.cpu_count() or 1) // _BLOCK))
    source, into = np.ones((blocks, _BLOCK), np.uint8), np.empty((blocks, _BLOCK), np.uint8)
    places = iter(_endless(blocks))

    def copy() -> None:
        place = next(places)
        np.copyto(into[place], source[place])

    return copy


def _gather() -> Work:
    import numpy as np

    size = max(_BLOCK, min(_BLOCKS * _BLOCK, usable_memory_bytes() // 32 // (os.cpu_count() or 1)))
    generator = np.random.default_rng(0)
    source = np.ones(size, np.uint8)
    wanted = [generator.integers(0, size, _GATHERED) for _ in range(16)]
    places = iter(_endless(16))
    return lambda: source.take(wanted[next(places)])


def _interpreter() -> Work:
    def count() -> int:
        total = 0
        for number in range(_STEPS):
            total ^= number * number
        return total

    return count


def _endless(count: int) -> Any:
    while True:
        yield from range(count)


KERNELS: dict[str, Callable[[], Work]] = {
    "matmul": _matmul,
    "copy": _copy,
    "integer": _integer,
    "exponential": _exponential,
    "gather": _gather,
    "interpreter": _interpreter,
}
"""Kinds of work: multiplying floats in the cache, copying beyond it, small integers, transcendental functions, reading
memory here and there, branches and dictionaries."""


class Load(Runtime):
    """Synthetic loads as a runtime. Knobs: ``kernel`` (``nothing``, or one of ``KERNELS``), ``cores``, ``duty``."""

    def version(self) -> str:
        """Of the loads: another one makes other figures."""
        return _VERSION

    def prepare(self) -> None:
        """Nothing is imported here: the work is done elsewhere."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:
        """Start the processes, which wait.

        Args:
            path: Not used: a load is described by its knobs alone.
            knobs: See the class.
            shapes: Not used.

        Raises:
            ModelError: There is no such load.
        """
        del path, shapes
        kernel, cores, duty = knobs["kernel"], int(knobs["cores"]), float(knobs["duty"])
        if kernel != NOTHING and kernel not in KERNELS:
            raise ModelError(f"there is no load '{kernel}'; there are {', '.join([NOTHING, *KERNELS])}")
        if not (0 <= cores <= 1024 and 0 < duty <= 1):  # noqa: PLR2004 - no device has more
            raise ModelError(f"a load keeps 0 to 1024 cores busy for a part of the time, but got {cores} and {duty}")
        return _LoadSession(kernel, 0 if kernel == NOTHING else cores, duty)


class _LoadSession(Session):
    """Processes that work when they are told to. They die with this one."""

    def __init__(self, kernel: str, cores: int, duty: float) -> None:
        self.inputs, self.outputs = (), ()
        self._workers = [
            subprocess.Popen(
                [sys.executable, "-c", code_for(__name__), kernel, str(duty), str(seed), str(os.getpid())],
                env={**os.environ, **_ONE_THREAD},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
            for seed in range(cores)
        ]
        self._heard()  # ready

    def bind(self, outputs: Sequence[str]) -> Call:
        """A call that works for a short while on all cores, or rests for as long."""
        del outputs
        return self._work if self._workers else _rest

    def _work(self, _: Any) -> tuple[()]:
        for worker in self._workers:
            worker.stdin.write(b"w")  # type: ignore[union-attr]
        self._heard()
        return ()

    def _heard(self) -> None:
        for worker in self._workers:
            if worker.stdout.read(1) != b"d":  # type: ignore[union-attr]
                raise ModelError("a process of the load ended by itself")


def _rest(_: Any) -> tuple[()]:
    time.sleep(_CALL_S)
    return ()


def main() -> None:
    """Work for a short while whenever standard input says so; arguments: kernel, duty, seed, parent."""
    kernel, duty, seed, parent = sys.argv[1:]
    die_with_parent(int(parent))
    work, dice = KERNELS[kernel](), random.Random(int(seed))  # noqa: S311 - chance that can be repeated
    work()
    os.write(1, b"d")
    while os.read(0, 1):
        _slice(work, float(duty), dice)
        os.write(1, b"d")


def _slice(work: Work, duty: float, dice: random.Random) -> None:
    """Work and rest in turn, for the length of a call."""
    now = time.perf_counter()
    end = now + _CALL_S
    while now < end:
        until = min(end, now + dice.uniform(*_PERIOD_S))
        quiet = now + duty * (until - now)
        while now < quiet:
            work()
            now = time.perf_counter()
        time.sleep(max(0.0, until - now))
        now = time.perf_counter()
