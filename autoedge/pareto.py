"""Dominance, hypervolume and the rules that choose one point of a front.

Every function takes points that are all to be minimised, one a row; the caller negates what is maximised and
takes the logarithm of what is judged by ratio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def nondominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Mark the points that no other point beats.

    One point beats another when it is nowhere worse and somewhere better. Equal points do not beat each other, so
    duplicates are all kept or all left out.

    Args:
        points: Shape (n, m), finite.

    Returns:
        Shape (n,).

    Raises:
        ValueError: The points have another shape, or are not finite.
    """
    checked = _checked(points)
    if not len(checked):
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(checked, keep_weakly=True), dtype=bool)


def hypervolume(points: ArrayLike, reference: Sequence[float] | NDArray[np.float64]) -> float:
    """Measure the region that the points dominate, bounded by the reference (Zitzler and Thiele 1999).

    Computed exactly by moocore. Points that are not better than the reference in every objective add nothing.

    Args:
        points: Shape (n, m), finite; dominated points and duplicates do no harm.
        reference: Shape (m,), finite.

    Raises:
        ValueError: Shapes do not agree, or numbers are not finite.
    """
    checked = _checked(points)
    corner = np.asarray(reference, dtype=float)
    if corner.shape != (checked.shape[1],) or not np.isfinite(corner).all():
        raise ValueError(
            f"a reference has one finite number for each of {checked.shape[1]} objectives, but got {corner}"
        )
    return float(moocore.hypervolume(checked, ref=corner)) if len(checked) else 0.0


def knee(points: ArrayLike, least: ArrayLike = 0.0) -> int:
    """Find the best compromise: the non-dominated point nearest to the ideal one.

    Distance is Euclidean on points scaled to the range of the non-dominated ones, the ideal being the best of each
    objective (compromise programming: Yu 1973, Zeleny 1973). Of equally near points the first wins.

    Args:
        points: Shape (n, m), at least one, finite.
        least: What an objective is scaled to at least, one number or shape (m,): over a narrower range it counts for
            less.

    Returns:
        Row of the knee.

    Raises:
        ValueError: There is no point, or the points are not a finite matrix.
    """
    checked = _checked(points)
    if not len(checked):
        raise ValueError("a knee needs at least one point, but got none")
    rows = np.flatnonzero(nondominated(checked))
    distance = np.linalg.norm(scaled(checked[rows], least), axis=1)
    return int(rows[np.argmin(np.round(distance, 12))])


def weighted(points: ArrayLike, weights: Sequence[float], least: ArrayLike = 0.0) -> NDArray[np.intp]:
    """Rank points by the weighted sum of their objectives, each scaled to its range (Marler and Arora 2010).

    Args:
        points: Shape (n, m), finite.
        weights: Shape (m,), not negative, at least one above zero.
        least: As for :func:`knee`.

    Returns:
        Rows, best first; equal sums keep the order of the points.

    Raises:
        ValueError: Shapes do not agree, or weights are negative, all zero or not finite.
    """
    checked = _checked(points)
    shares = np.asarray(weights, dtype=float)
    if shares.shape != (checked.shape[1],):
        raise ValueError(f"each of {checked.shape[1]} objectives has a weight, but got {list(weights)}")
    if not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise ValueError(f"weights are not negative and not all zero, but got {list(weights)}")
    return np.argsort(np.round(scaled(checked, least) @ (shares / shares.sum()), 12), kind="stable")


def lexicographic(points: ArrayLike, order: Sequence[int], tolerance: float = 0.0) -> NDArray[np.intp]:
    """Rank points by one objective after the other; the next one decides only where the last found no difference.

    Points are taken as equal in an objective while they lie within the tolerance of the best of their group; the
    first one beyond it opens the next group (the lexicographic method with relaxation, Marler and Arora 2004).

    Args:
        points: Shape (n, m), finite.
        order: Columns, the most important first; columns left out do not count.
        tolerance: What counts as equal, as a share of the objective's range over all points, from 0 to 1.

    Returns:
        Rows, best first; points equal in all of ``order`` keep their order.

    Raises:
        ValueError: ``order`` names no column, one twice or one that is not there, or the tolerance is out of range.
    """
    checked = _checked(points)
    if not order or len(set(order)) < len(order) or not set(order) <= set(range(checked.shape[1])):
        raise ValueError(f"an order names columns from 0 to {checked.shape[1] - 1}, each once, but got {list(order)}")
    if not 0 <= tolerance <= 1:
        raise ValueError(f"a tolerance is a share from 0 to 1, but got {tolerance}")
    rows = np.arange(len(checked))
    return np.asarray(_by_groups(scaled(checked)[:, list(order)], rows, tolerance), dtype=np.intp)


def _by_groups(scaled: NDArray[np.float64], rows: NDArray[np.intp], tolerance: float) -> list[int]:
    """Order ``rows`` by the first column of ``scaled``, and each group of equals by the columns after it."""
    if not scaled.shape[1] or len(rows) < 2:  # noqa: PLR2004 - one row has one order
        return [int(row) for row in rows]
    ranked = rows[np.argsort(scaled[rows, 0], kind="stable")]
    ordered: list[int] = []
    while len(ranked):
        equal = scaled[ranked, 0] <= scaled[ranked[0], 0] + tolerance + 1e-12
        ordered += _by_groups(scaled[:, 1:], np.sort(ranked[equal]), tolerance)
        ranked = ranked[~equal]
    return ordered


def _checked(points: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(points, dtype=float)
    if matrix.ndim != 2 or not matrix.shape[1]:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"points are a matrix with one row each, but got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("points are finite numbers, but got NaN or infinity; leave such points out first")
    return matrix


def scaled(points: NDArray[np.float64], least: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Min-max scale each column to 0 .. 1, to less where its range is below the least one; a constant one becomes 0."""
    if not len(points):
        return points
    low = points.min(axis=0)
    span = np.maximum(points.max(axis=0) - low, least)
    shares: NDArray[np.float64] = (points - low) / np.where(span > 0, span, 1.0)
    return shares
