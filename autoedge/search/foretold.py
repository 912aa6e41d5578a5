"""What a saved surrogate says of the candidates of a pool, in the units of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.campaign.results import candidates_from

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from autoedge.campaign.results import Results
    from autoedge.search.pool import Pool
    from autoedge.surrogate.saved.surrogate import Surrogate

    Array = NDArray[np.float64]

LARGEST = 1e30  # no metric is larger; a surrogate that says so is taken to say nothing


def candidates_of(pool: Pool, name: str = "") -> Results:
    """A pool's candidates by the names of their knobs and features, without values."""
    return candidates_from(name, pool.knobs, pool.codes, pool.features())


def foretell(surrogate: Surrogate, candidates: Results, *, decadic: Collection[str] = ()) -> dict[str, Array]:
    """What a saved surrogate expects of candidates, for ``SurrogateSampler(foretold=...)``.

    Args:
        surrogate: As ``autoedge.surrogate.saved.surrogate.load_surrogate`` reads it.
        candidates: Those of the pool, in its order; ``candidates_of`` makes them. Columns count by their names.
        decadic: Metrics whose values the study holds as logarithms to base 10.

    Returns:
        By metric, shape (n,) in the units of the study's values; NaN where nothing is known. Metrics of which nothing
        is known at all are left out.
    """
    found = {}
    for name, (mean, _) in surrogate.predictions(candidates).items():
        log = surrogate.metrics[name].log
        known = np.isfinite(mean) & (np.abs(mean) < (np.log(LARGEST) if log else LARGEST))
        numbers = np.where(known, mean, np.nan)
        if name in decadic:
            numbers = numbers / np.log(10.0) if log else _log10(numbers)
        elif log:
            numbers = np.exp(numbers)
        if np.isfinite(numbers).any():
            found[name] = numbers
    return found


def _log10(numbers: Array) -> Array:
    return np.log10(np.where(numbers > 0, numbers, np.nan))
