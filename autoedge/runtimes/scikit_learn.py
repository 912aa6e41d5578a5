"""scikit-learn itself: estimators as they were trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from autoedge.errors import ModelError
from autoedge.runtimes.base import Port, Runtime, Session
from autoedge.runtimes.estimator_loading import load_estimator
from autoedge.runtimes.estimator_parts import parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.runtimes.base import Call, Shapes

    Method = Callable[[np.ndarray], np.ndarray]

_KNOBS = {"threads", "trusted"}
INPUT = "x"


class ScikitLearn(Runtime):
    """scikit-learn's own predictors, from skops files and, where they are trusted, from pickles.

    Knobs: ``threads`` (``n_jobs`` of every estimator that has it, and the threads of BLAS and OpenMP, both set once
    before any call). ``trusted`` is no knob of the space: the host sets it to True for a pickle whose opening the user
    has allowed.
    """

    packages = ("scikit-learn",)
    needs = ("skops", "threadpoolctl")

    def prepare(self) -> None:
        """Import the engine; see the base class."""
        from importlib.util import find_spec

        import threadpoolctl  # type: ignore[import-untyped]  # noqa: F401 - the import is the point

        if find_spec("skops") is not None:  # pickles do without it
            import skops.io  # noqa: F401 - likewise

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:  # noqa: ARG002 - it takes any batch
        """Load a model file; see the base class."""
        unknown = sorted(set(knobs) - _KNOBS)
        if unknown:
            raise ModelError(f"scikit-learn has no knob {', '.join(unknown)}; it has threads")
        estimator = load_estimator(path, trusted=knobs.get("trusted") is True)
        said = answer_of(estimator)
        _forget_names(estimator)
        if "threads" in knobs:
            _limit(estimator, int(knobs["threads"]))
        return _Session(said)


class Answer(NamedTuple):
    """What an estimator says, and how it is asked.

    Attributes:
        name: ``probabilities``, ``scores`` (of a classifier that knows no probabilities) or ``predictions``.
        features: Columns of its input.
        columns: Of its answer, one a class in the order of its ``classes_``; 0 for a regressor, which does not say.
        ask: The estimator's own method.
        call: The same with a matrix for an answer.
    """

    name: str
    features: int
    columns: int
    ask: Method
    call: Method


def answer_of(estimator: Any) -> Answer:
    """Which method of an estimator gives its scores.

    Raises:
        ModelError: It is neither a classifier of one label nor a regressor, or was not fitted on a table of numbers.
    """
    from sklearn.base import is_classifier, is_regressor

    kind = type(estimator).__name__
    features = getattr(estimator, "n_features_in_", None)
    if not hasattr(estimator, "get_params") or not (is_classifier(estimator) or is_regressor(estimator)):
        raise ModelError(f"a model is a classifier or a regressor with all steps before it, but this is a {kind}")
    if not isinstance(features, (int, np.integer)):
        raise ModelError(f"the {kind} does not say how many features it takes: it was fitted on no table of numbers")
    if is_regressor(estimator):
        return Answer("predictions", int(features), 0, estimator.predict, _column(estimator.predict))
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:  # noqa: PLR2004 - classes
        raise ModelError(f"a classifier chooses one of two or more classes, but the {kind} does not")
    for name, method in (("probabilities", "predict_proba"), ("scores", "decision_function")):
        if hasattr(estimator, method):
            ask = getattr(estimator, method)
            call = _both(ask) if name == "scores" and len(classes) == 2 else ask  # noqa: PLR2004 - one score for two
            return Answer(name, int(features), len(classes), ask, call)
    raise ModelError(f"the {kind} gives no scores: it has neither predict_proba nor decision_function")


def _column(ask: Method) -> Method:
    def call(x: np.ndarray) -> np.ndarray:
        found = ask(x)
        return found[:, np.newaxis] if found.ndim == 1 else found

    return call


def _both(ask: Method) -> Method:
    """One score for two classes is that of the second; above 0 it wins."""

    def call(x: np.ndarray) -> np.ndarray:
        second = ask(x)
        return np.column_stack((-second, second))

    return call


class _Session(Session):
    def __init__(self, answer: Answer) -> None:
        self._call = answer.call
        self.inputs = [Port(INPUT, "float64", (None, answer.features))]
        self.outputs = [Port(answer.name, "float64", (None, answer.columns or None))]

    def bind(self, outputs: Sequence[str]) -> Call:  # noqa: ARG002 - there is one
        """The estimator's own method, its input taken by name."""
        call = self._call
        return lambda feed: [call(feed[INPUT])]


def _forget_names(estimator: Any) -> None:
    """Drop the names of columns, which arrays lack, as each call would warn; who picks columns by name keeps them."""
    from sklearn.compose import ColumnTransformer

    for part in parts(estimator):
        if not isinstance(part, ColumnTransformer) and hasattr(part, "__dict__"):
            vars(part).pop("feature_names_in_", None)


def _limit(estimator: Any, threads: int) -> None:
    from threadpoolctl import threadpool_limits

    for part in parts(estimator):
        if "n_jobs" in getattr(part, "__dict__", ()):
            part.n_jobs = threads
    threadpool_limits(limits=threads)  # holds until the process ends: nobody restores it
