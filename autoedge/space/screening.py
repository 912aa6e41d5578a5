"""What can be told of candidates without measuring them: there is no such variant, or it cannot fit into memory."""

from __future__ import annotations

from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autoedge.space.facts import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.candidate import Scalar
    from autoedge.device import Device
    from autoedge.space.facts import Form

_BITS = {"fp64": 64, "fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4}
_MIB = 2**20
EDGE_TPU = "int8-edgetpu"
BUILTIN = "builtin"
TOO_LARGE = "candidate that large"
SCREENED_BY = ("precision", "batch", "delegate")
"""The knobs that screening looks at."""


class Screened(NamedTuple):
    """Candidates that are left out for one reason.

    Attributes:
        what: They are, in words.
        reason: Why.
        rows: bool of shape (candidates,).
    """

    what: str
    reason: str
    rows: NDArray[np.bool_]


class Tally:
    """Counts what is screened out of one model's candidates.

    Args:
        runtimes: Those that read the model.
    """

    def __init__(self, runtimes: Sequence[str]) -> None:
        self._runtimes = runtimes
        self._counts: dict[tuple[str, str, str], dict[str, int]] = {}

    def add(self, what: str, reason: str, runtime: str, target: str, count: int) -> None:
        """Count candidates; no name of a target where the reason is not its own."""
        if count:
            of_the_target = target if what == TOO_LARGE else ""
            counts = self._counts.setdefault((what, reason, of_the_target), {})
            counts[runtime] = counts.get(runtime, 0) + count

    def left_out(self, model: str) -> list[LeftOut]:
        """What was counted; a reason that all runtimes share is told once."""
        told = []
        for (what, reason, target), counts in self._counts.items():
            where = "" if len(counts) == len(self._runtimes) else f" for {' and '.join(counts)}"
            told.append(LeftOut(model, f"{what}{where}", reason, target, sum(counts.values())))
        return told


class Column(NamedTuple):
    """One knob of some candidates, as level numbers.

    Attributes:
        levels: What the numbers stand for.
        codes: Shape (candidates,).
    """

    levels: tuple[Scalar, ...]
    codes: NDArray[np.int32]

    def each(self, of: Callable[[Any], float | bool]) -> NDArray[Any]:
        """Something of each candidate's level, asked once a level."""
        found: NDArray[Any] = np.array([of(level) for level in self.levels])[self.codes]
        return found


def screened(form: Form, runtime: str, device: Device, columns: Mapping[str, Column], size: int) -> Iterator[Screened]:
    """Candidates of one form for one runtime that need not be measured, each set with its reason.

    Memory: a process holds the weights at the bits of their precision, and what is alive at once between operators for
    each item of a batch; what does not fit into the device's memory without anything else cannot run there.

    Args:
        form: What variants are made of.
        runtime: That is to execute them.
        device: Where.
        columns: The knobs of ``SCREENED_BY`` that there are.
        size: Number of candidates.
    """
    if form.unreadable.get(runtime):
        yield Screened("candidate", form.unreadable[runtime], np.ones(size, bool))
    same = np.zeros(size, np.int32)
    precision = columns.get("precision", Column((form.precision,), same))
    for level, reason in form.refused.get(runtime, {}).items():
        if level != form.precision:
            yield Screened(level, reason, precision.each(partial(eq, level)))
    if EDGE_TPU in precision.levels:
        delegate = columns.get("delegate", Column((BUILTIN,), same))
        alone = precision.each(partial(eq, EDGE_TPU)) & delegate.each(partial(eq, BUILTIN))
        yield Screened(EDGE_TPU, "it runs with its delegate alone: limit search.knobs.delegate, or leave it", alone)
    if form.weights is None or not device.memory_mib:
        return
    bits = precision.each(lambda level: _BITS.get(str(level).partition("-")[0], 0))
    batch = columns.get("batch", Column((1,), same)).each(float)
    need = (form.weights * bits / 8 + (form.activations or 0) * batch) / _MIB
    beyond = need > device.memory_mib
    if beyond.any():
        least = f"weights and activations alone take {need[beyond].min():.0f} MiB and more"
        yield Screened(TOO_LARGE, f"{least}, but it has {device.memory_mib} MiB", beyond)
