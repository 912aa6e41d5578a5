"""One target of a run: what it is, and how candidates are measured on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.errors import AutoEdgeError, ModelError, TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.bench.bench import Bench
    from autoedge.device import Device
    from autoedge.measurement import Protocol


@dataclass(frozen=True)
class Site:
    """A target as a run knows it, whether it can be reached at the moment or not.

    Attributes:
        name: Of the target.
        device: As probed now, or at an earlier start where it cannot be reached.
        protocol: Of its measurements. Targets differ in their power meter, or the idle power that the user states, and
            in nothing else, so that a target more or fewer leaves the measurements of the others as they are.
        bench: Measures there.
    """

    name: str
    device: Device
    protocol: Protocol
    bench: Bench


def none_left(away: Mapping[str, str], last: AutoEdgeError | None = None) -> AutoEdgeError:
    """What ends a run when no target is left: with one target its own error, else the reasons of all.

    Where the last one fell for a model that does not run, it is the input that is bad and not the targets.

    Args:
        away: By target, why nothing can be measured there.
        last: What went wrong with the last one, where it is known as an error.
    """
    if len(away) == 1 and last is not None:
        return last
    reasons = "; ".join(away.values())
    kind = ModelError if isinstance(last, ModelError) else TargetError
    return kind(reasons if len(away) == 1 else f"no target is left to measure on: {reasons}")
