"""Small timed kernels: how fast a machine copies, multiplies and calls its system.

They run in a process of their own, where the matrix library is told to keep to one thread before it is loaded; several
threads are several such multiplications side by side.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Callable

from autoedge.agent.machine import usable_cores
from autoedge.agent.memory import usable_memory_bytes
from autoedge.runtimes.own_process import code_for

_LIBRARIES = ("OPENBLAS", "OMP", "MKL", "BLIS")
_ONE_THREAD = {**{f"{name}_NUM_THREADS": "1" for name in _LIBRARIES}, "VECLIB_MAXIMUM_THREADS": "1"}
_SECONDS = 0.3
_LONGEST_S = 60.0
_SIDE = 384
_COPY_BYTES = 64 * 2**20  # beyond the caches
_LENGTH = 2**20
_CALLS = 1000


def timed_kernels() -> dict[str, float]:
    """Run all kernels, each for a short while; the medians.

    Returns:
        ``memory_copy_gb_s`` (10^9 bytes copied a second by one thread), ``matmul_f32_gflops`` (one thread, two
        operations for each multiply and add), ``matmul_f32_gflops_all`` (as many threads as cores),
        ``int8_dot_gops`` (numpy's integer loops, one thread), ``pipe_us`` (a byte written to a pipe and read back:
        two system calls). Empty where they could not run.
    """
    try:
        ran = subprocess.run(
            [sys.executable, "-c", code_for(__name__)],
            env={**os.environ, **_ONE_THREAD},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_LONGEST_S,
            check=True,
        )
        figures: dict[str, float] = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return figures


def main() -> None:
    """Print the figures as JSON."""
    cores = usable_cores()
    work = _matmul()
    flops = 2.0 * _SIDE**3
    figures = {
        "memory_copy_gb_s": _copied() / _each(_copy()) / 1e9,
        "matmul_f32_gflops": flops / _each(work) / 1e9,
        "matmul_f32_gflops_all": flops * cores / _side_by_side(work, cores) / 1e9,
        "int8_dot_gops": 2.0 * _LENGTH / _each(_dot()) / 1e9,
        "pipe_us": _each(_pipe()) / _CALLS * 1e6,
    }
    sys.stdout.write(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))


def _each(call: Callable[[], Any]) -> float:
    """Median seconds of a call, repeated for a while; the first one does not count."""
    call()
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times)


def _side_by_side(call: Callable[[], Any], threads: int) -> float:
    """Seconds of a call while as many threads do the same."""
    with ThreadPoolExecutor(threads) as pool:
        return median(pool.map(lambda _: _each(call), range(threads)))


def _copied() -> int:
    return min(_COPY_BYTES, usable_memory_bytes() // 16)


def _copy() -> Callable[[], Any]:
    import numpy as np

    source = np.ones(_copied(), np.uint8)
    into = np.empty_like(source)
    return lambda: np.copyto(into, source)


def _matmul() -> Callable[[], Any]:
    import numpy as np

    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((_SIDE, _SIDE)).astype(np.float32) for _ in range(2))
    return lambda: a @ b


def _dot() -> Callable[[], Any]:
    import numpy as np

    generator = np.random.default_rng(0)
    a, b = (generator.integers(-128, 128, _LENGTH, np.int8) for _ in range(2))
    return lambda: np.multiply(a, b, dtype=np.int16).sum(dtype=np.int64)


def _pipe() -> Callable[[], Any]:
    read, write = os.pipe()

    def turn() -> None:
        for _ in range(_CALLS):
            os.write(write, b".")
            os.read(read, 1)

    return turn
