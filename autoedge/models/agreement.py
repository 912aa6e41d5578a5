"""Whether a converted model still says what the original says."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError, ModelError
from autoedge.preprocessing.fit import fit_array
from autoedge.preprocessing.npz import Npz

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TOLERANCE = 1e-3
"""Relative difference up to which scores are the same but for rounding."""
MOST_APART = 0.01
"""Share of samples beyond the tolerance from which on it is told."""
LEAST_SAME = 0.99
"""Share of samples with the same answer below which a conversion is refused."""
SAME_VALUE = 0.01
"""Relative difference up to which a regressor's answer is the same."""
MOST_SAMPLES = 4096
_BATCH = 256


@dataclass(frozen=True)
class Agreement:
    """How far a converted model agrees with the original on the user's data.

    The relative difference of a sample is the largest difference of its scores, divided by its largest score of the
    original or by the root mean square of all scores of the original, whichever is larger; so neither tiny
    probabilities nor a prediction that happens to be near 0 count for much.

    Attributes:
        samples: How many were compared.
        largest: Relative difference of the worst sample.
        apart: Share of samples that differ by more than 1e-3.
        same: Share of samples with the same answer: the same top class, or, where there is one column, a relative
            difference of at most 1 %.
    """

    samples: int
    largest: float
    apart: float
    same: float

    def __post_init__(self) -> None:
        if self.samples < 1 or not all(0 <= share <= 1 for share in (self.apart, self.same)):
            raise ValueError(f"shares are between 0 and 1 of at least one sample, but got {self}")

    @property
    def refusal(self) -> str:
        """Why the conversion must not stand for the original: fewer than 99 % same answers; empty where it may."""
        if self.same >= LEAST_SAME:
            return ""
        return (
            f"converted to ONNX it gives the same answer for only {self.same:.2%} of {self.samples} samples, and at "
            f"least {LEAST_SAME:.0%} are needed; run it as it is on its own runtime"
        )

    @property
    def warning(self) -> str:
        """What the user should know: more than 1 % of the samples differ by more than 1e-3; empty where they do not."""
        if self.apart <= MOST_APART:
            return ""
        return (
            f"converted to ONNX, {self.apart:.2%} of {self.samples} samples differ by more than {TOLERANCE:g} of their "
            f"score, the worst by {self.largest:.2g}; {self.same:.2%} have the same answer"
        )


def compare(original: np.ndarray, converted: np.ndarray) -> Agreement:
    """The agreement of two score matrices of one shape, samples x columns; see ``Agreement``.

    Raises:
        ModelError: Their shapes differ, or one holds what is no number where the other does.
    """
    if original.shape != converted.shape or original.ndim != 2 or not original.size:  # noqa: PLR2004 - samples x columns
        raise ModelError(f"converted to ONNX it gives scores of shape {converted.shape} instead of {original.shape}")
    if not np.array_equal(np.isfinite(original), np.isfinite(converted)):
        raise ModelError("converted to ONNX its scores are not finite where the original's are")
    with np.errstate(invalid="ignore"):
        difference = np.nan_to_num(np.abs(original - converted), posinf=0.0).max(axis=1)
    size = np.nan_to_num(np.abs(original), posinf=0.0, neginf=0.0)
    scale = np.maximum(size.max(axis=1), np.sqrt((size**2).mean()))
    relative = difference / np.where(scale > 0, scale, 1.0)
    same = original.argmax(axis=1) == converted.argmax(axis=1) if original.shape[1] > 1 else relative <= SAME_VALUE
    return Agreement(len(relative), float(relative.max()), float((relative > TOLERANCE).mean()), float(same.mean()))


def agreement_of(
    original: Path, converted: Path, samples: Path, places: Mapping[str, str], *, trusted: bool
) -> Agreement:
    """Run a model and its conversion on the first samples of the user's data, each as it would be fed.

    Args:
        original: The model.
        converted: The ONNX file that was made of it.
        samples: npz file; at most 4096 samples of it are taken.
        places: Classes of the runtimes of ``original`` and ``converted``, as the registry knows them.
        trusted: Whether ``original`` is a trusted pickle.

    Raises:
        ModelError: One cannot be run on these samples.
    """
    knobs = {"trusted": True} if trusted else {}
    scores = [
        _scores(places["original"], original, samples, knobs),
        _scores(places["converted"], converted, samples, {}),
    ]
    return compare(*(each.astype(np.float64) for each in scores))


def _scores(place: str, model: Path, samples: Path, knobs: Mapping[str, Any]) -> Any:
    module, _, name = place.partition(":")
    session = getattr(import_module(module), name)().load(model, knobs)
    port = session.inputs[0]
    try:
        archive = Npz(samples)
        stored = archive.match([port.name])[port.name]
        pieces = archive.rows(stored, _BATCH, MOST_SAMPLES)
        feeds = [{port.name: np.ascontiguousarray(fit_array(piece, port.shape, port.dtype))} for piece in pieces]
    except DataError as error:
        raise ModelError(f"it cannot be compared with its conversion: {error}") from error
    if not feeds:
        raise ModelError(f"it cannot be compared with its conversion: {samples} holds no samples")
    call = session.bind([session.outputs[0].name])
    return np.concatenate([_run(call, feed) for feed in feeds])


def _run(call: Any, feed: Mapping[str, np.ndarray]) -> np.ndarray:
    try:
        found: Sequence[np.ndarray] = call(feed)
    except Exception as error:  # the engines' errors share no base class below Exception
        raise ModelError(f"the runtime cannot run it: {error}") from error
    return found[0]
