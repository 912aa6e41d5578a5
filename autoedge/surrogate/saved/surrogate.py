"""A saved surrogate, applied: what it expects a candidate to measure, and how far it may be off."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from autoedge.campaign.levels import as_words
from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.card import CARD_FILE, EXAM_FILE, MODEL_FILE, SurrogateCard
from autoedge.surrogate.saved.columns import matrix_of
from autoedge.surrogate.saved.exam import Exam
from autoedge.surrogate.saved.folder import current
from autoedge.surrogate.saved.regression import Trend
from autoedge.surrogate.saved.rows import MODEL, TARGET, known_models
from autoedge.surrogate.saved.trees_text import MOST_BYTES, trees_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from autoedge.campaign.results import Results
    from autoedge.surrogate.saved.card import MetricCard

    Array = NDArray[np.float64]

_TRIES = 3
_Kind = TypeVar("_Kind", bound=BaseModel)


class Surrogate:
    """What a surrogate's files say.

    Predictions are natural logarithms for metrics whose values are all positive (``metrics[name].log``), else in the
    unit of the metric. They are estimates, and never more.

    Args:
        card: As in ``card.json``.
        text: As in ``model.txt``.

    Raises:
        SurrogateError: The two do not belong together, or the text is no sound model.

    Attributes:
        card: What it was made from, and how good it is.
        metrics: By name.
    """

    def __init__(self, card: SurrogateCard, text: str) -> None:
        import lightgbm

        self.card = card
        self.metrics: Mapping[str, MetricCard] = card.metrics
        self._of_target = np.array([column.name == TARGET for column in card.columns])
        self._named = np.array([column.name in (TARGET, MODEL) for column in card.columns])
        self._trend = Trend(np.array(card.trend.centres), np.array(card.trend.slopes))
        try:
            self._trees = lightgbm.Booster(model_str=trees_of(text, len(card.columns), len(card.metrics)))
        except lightgbm.basic.LightGBMError as error:
            raise SurrogateError(f"LightGBM cannot read its trees ({str(error)[:200]})") from error

    def predict(self, candidates: Results, metric: str) -> tuple[Array, Array]:
        """Mean and standard deviation of one metric, each of shape (n,); see ``predictions``.

        Raises:
            SurrogateError: It does not know the metric.
        """
        if metric not in self.metrics:
            raise SurrogateError(f"the surrogate knows {', '.join(self.metrics)}, but not {metric!r}")
        return self.predictions(candidates)[metric]

    def predictions(self, candidates: Results) -> dict[str, tuple[Array, Array]]:
        """By metric, mean and standard deviation on its scale, each of shape (n,).

        The deviation is the error on targets and models that were left out of training, widened by what hangs on the
        inputs that are not known of a candidate. Both are NaN where nothing is known that the metric depends on.

        Args:
            candidates: ``name`` is that of the target, after an optional ``campaign:``; columns count by their names.
        """
        inputs: dict[str, Any] = dict(candidates.features)
        for name, values in candidates.knobs.items():
            inputs[name] = values if name in candidates.ordered else as_words(values)
        if MODEL in inputs:
            inputs[MODEL] = known_models(inputs[MODEL], candidates.features)
        levels = next((column.levels for column in self.card.columns if column.name == TARGET), ())
        name = candidates.name if candidates.name in levels else candidates.name.partition(":")[2]
        inputs[TARGET] = np.full(len(candidates), name, dtype=object)
        return self.answer(inputs, len(candidates))

    def answer(self, inputs: Mapping[str, Any], size: int) -> dict[str, tuple[Array, Array]]:
        """The same for inputs by the names of the surrogate's own columns, one number or text a candidate."""
        matrix = matrix_of(self.card.columns, inputs, size)
        known = np.column_stack(
            [column.known(codes) for column, codes in zip(self.card.columns, matrix.T, strict=True)]
        )
        boosted = np.reshape(self._trees.predict(matrix, num_threads=1), (size, len(self.metrics))) if size else 0.0
        standard = self._trend.predict(matrix) + boosted
        found = {}
        for place, (name, metric) in enumerate(self.metrics.items()):
            hangs = np.array(metric.unknown) ** 2
            # The held-out error holds what it costs not to know target and model.
            variance = _error(metric) ** 2 + np.where(known | self._named, 0.0, hangs).sum(axis=1)
            blind = ~(known & (hangs > 0) & ~self._of_target).any(axis=1)
            mean = standard[:, place] * metric.spread + metric.centre
            found[name] = (np.where(blind, np.nan, mean), np.where(blind, np.nan, np.sqrt(variance)))
        return found


def _error(metric: MetricCard) -> float:
    """The larger of the errors without target and without model; all of the spread where nothing could be left out."""
    known = [error.rmse for error in (metric.without_target, metric.without_model) if error is not None]
    known = known or [error.rmse for error in (metric.without_row,) if error is not None]
    return max(known, default=metric.spread)


def load_surrogate(folder: Path) -> Surrogate:
    """Read a saved surrogate; its files are not trusted.

    Raises:
        SurrogateError: The folder holds none, or its files are damaged or do not belong together.
    """
    return load_with_exam(folder)[0]


def load_with_exam(folder: Path) -> tuple[Surrogate, Exam]:
    """A saved surrogate with the rows that it was judged on.

    Raises:
        SurrogateError: As for ``load_surrogate``.
    """
    for _ in range(_TRIES):  # a retraining may replace the files while they are read
        texts = {name: _read(folder, name) for name in (CARD_FILE, MODEL_FILE, EXAM_FILE)}
        card = _parsed(SurrogateCard, texts[CARD_FILE], folder / CARD_FILE)
        if card.model_sha256 == _hash(texts[MODEL_FILE]) and card.exam_sha256 == _hash(texts[EXAM_FILE]):
            break
    else:
        raise SurrogateError(
            f"{folder}: {MODEL_FILE} or {EXAM_FILE} is not the file that {CARD_FILE} names; get a copy"
        )
    exam = _parsed(Exam, texts[EXAM_FILE], folder / EXAM_FILE)
    try:
        return Surrogate(card, texts[MODEL_FILE].decode("ascii")), exam
    except (SurrogateError, UnicodeDecodeError) as error:
        raise SurrogateError(f"{folder / MODEL_FILE}: {error}") from error


def _read(folder: Path, name: str) -> bytes:
    for _ in range(_TRIES):
        path = current(folder, name)
        try:
            if path.stat().st_size > MOST_BYTES:
                raise SurrogateError(f"{path}: a surrogate's files have at most {MOST_BYTES:,} bytes")
            return path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SurrogateError(f"{path}: cannot be read ({error.strerror})") from error
    raise SurrogateError(f"{folder}: holds no surrogate ({name} is not there); `autoedge retrain` makes one")


def _parsed(kind: type[_Kind], text: bytes, path: Path) -> _Kind:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SurrogateError(f"{path}: {where}: {first['msg']}") from error


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
