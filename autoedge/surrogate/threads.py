"""One thread for small matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def one_thread() -> AbstractContextManager[object]:
    """Keep numerical libraries to one thread while the context lasts.

    On matrices of a few hundred rows their threads mostly wait for each other; on a busy machine that made a proposal
    four times slower, and it would disturb a measurement that runs beside it.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits
