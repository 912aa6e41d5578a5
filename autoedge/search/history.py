"""What a study's trials say, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import TrialState

from autoedge.search.repair import ABANDONED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """The trials that lie in the space at hand.

    Attributes:
        points: Where each measured trial lies, in the space's own form.
        values: Shape (n, objectives), as told.
        signs: Shape (objectives,): 1 to minimise, -1 to maximise.
        constraints: Shape (n, constraints), satisfied up to 0; NaN where a trial does not know.
        failed: Where trials failed.
        pending: Where trials are still running.
    """

    points: Sequence[Any]
    values: Array
    signs: Array
    constraints: Array
    failed: Sequence[Any]
    pending: Sequence[Any]

    @property
    def known(self) -> list[Any]:
        """All points that need no proposal any more."""
        return [*self.points, *self.failed, *self.pending]


def read(study: Study, trial: FrozenTrial, locate: Callable[[dict[str, Any]], Any]) -> History:
    """Read all trials but ``trial``.

    A trial with a value that is not finite has failed. Pruned and abandoned trials say nothing.

    Args:
        study: Whose trials.
        trial: The one being proposed.
        locate: From parameters to a point, None outside the space.
    """
    done: list[FrozenTrial] = []
    points: dict[TrialState, list[Any]] = {state: [] for state in TrialState}
    for other in study.get_trials(deepcopy=False):
        if other.number == trial.number or ABANDONED in other.user_attrs:
            continue
        point = locate(other.params)
        if point is None:
            continue
        state = other.state
        if state is TrialState.COMPLETE and not np.isfinite(other.values).all():
            state = TrialState.FAIL
        if state is TrialState.COMPLETE:
            done.append(other)
        points[state].append(point)
    names = sorted({name for other in done for name in other.constraints})
    shape = (len(done), len(study.directions))
    return History(
        points=points[TrialState.COMPLETE],
        values=np.array([other.values for other in done], dtype=float).reshape(shape),
        signs=np.array([-1.0 if way is StudyDirection.MAXIMIZE else 1.0 for way in study.directions]),
        constraints=np.array([[other.constraints.get(name, np.nan) for name in names] for other in done]).reshape(
            len(done), len(names)
        ),
        failed=points[TrialState.FAIL],
        pending=points[TrialState.RUNNING],
    )
