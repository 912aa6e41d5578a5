"""The candidates of a space by the names that campaigns and saved surrogates use for their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.campaign.results import Results
from autoedge.search.foretold import candidates_of
from autoedge.space.columns import RUNTIME, TARGET
from autoedge.surrogate.saved.rows import DEVICE
from autoedge.workflows.campaign_columns import device_features

if TYPE_CHECKING:
    from autoedge.device import Device
    from autoedge.space.space import Space


def space_results(space: Space, target: str, device: Device) -> Results:
    """The candidates on one target, in the order of ``space.rows_on(target)``, as an exported campaign would have them.

    The runtime stands beside the knobs, and the device's facts beside the model's, also where there is one target.
    """
    rows = np.flatnonzero(space.rows_on(target))
    every = candidates_of(space, target).take(rows)
    knobs = {name: column for name, column in every.knobs.items() if name != TARGET}
    size = len(every)
    features = {name: column for name, column in every.features.items() if not name.startswith(DEVICE)}
    features |= {name: np.full(size, number) for name, number in device_features(device).items()}
    name = f"{target} ({device.cpu})" if device.cpu else target  # as retraining tells devices of one name apart
    return Results(name, {**knobs, RUNTIME: space.runtimes[rows]}, every.ordered, features)
