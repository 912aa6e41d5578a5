"""scikit-learn estimators in skops files and pickles: what is known of one, and the same file for its runtime."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import ModelError
from autoedge.models.info import ModelInfo, Tensor
from autoedge.runtimes.estimator_loading import load_estimator
from autoedge.runtimes.estimator_parts import parts
from autoedge.runtimes.scikit_learn import INPUT, answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICKLED = (".pkl", ".joblib")
_MATRICES = ("coef_", "coefs_", "components_")
_LEARNT = (
    *_MATRICES, "intercept_", "intercepts_", "mean_", "scale_", "min_", "statistics_", "theta_", "var_",
    "class_log_prior_", "feature_log_prob_", "support_vectors_", "_dual_coef_",
)  # fmt: skip


def opened(path: Path) -> Any:
    """The estimator at ``path``; a pickle is opened where its name says that it is one.

    Only trusted pickles come this far: see ``Format.code``.

    Raises:
        ModelError: It is damaged, or holds what a file from anywhere may not bring along.
    """
    return load_estimator(path, trusted=path.suffix.lower() in PICKLED)


def look(path: Path) -> ModelInfo:
    """Everything that is known of the estimator at ``path``.

    Parameters are coefficients and intercepts, means and scales, centres and support vectors, the thresholds of trees'
    splits and the values of their leaves. MACs are those of its matrices (linear layers, principal components); trees
    and kernels count 0.

    Raises:
        ModelError: It cannot be opened, or is neither a classifier nor a regressor of a table of numbers.
    """
    sha256, size = _sha256(path), path.stat().st_size
    estimator = opened(path)
    answer = answer_of(estimator)
    columns = _columns(answer)
    everything = parts(estimator)
    return ModelInfo(
        sha256=sha256,
        size_bytes=size,
        ir_version=0,
        opset=0,
        precision="fp64",
        inputs=(Tensor(INPUT, "float64", (None, answer.features)),),
        outputs=(Tensor(answer.name, "float64", (None, columns)),),
        parameters=sum(map(_parameters, everything)),
        macs=sum(_elements(vars(part).get(name)) for part in everything for name in _MATRICES if _has_state(part)),
        activation_peak_bytes=None,
        operators=dict(sorted(Counter(_steps(estimator)).items())),
        format=path.suffix.lower(),
    )


def pack(path: Path, into: Path) -> str:
    """Copy the file, which is one already, and return its hash.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        shutil.copyfile(path, into)
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}") from error
    return _sha256(into)


def _columns(answer: Any) -> int:
    """How many numbers a sample's answer has, found out on a row of zeros."""
    try:
        found = np.asarray(answer.call(np.zeros((1, answer.features))))
    except Exception as error:  # scikit-learn raises what it likes
        raise ModelError(f"it cannot be asked about a row of {answer.features} numbers: {error}") from error
    if found.ndim != 2 or found.dtype.kind != "f" or (answer.columns and found.shape[1] != answer.columns):  # noqa: PLR2004 - samples x columns
        wanted = f"{answer.columns} numbers, one a class" if answer.columns else "a row of numbers"
        raise ModelError(f"it answers a sample with {wanted}, but gives {found.dtype} of shape {found.shape}")
    return int(found.shape[1])


def _steps(estimator: Any) -> Iterator[str]:
    """The steps of a pipeline, or the one estimator."""
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            if step is not None and step != "passthrough":
                yield from _steps(step)
    else:
        yield f"{type(estimator).__module__.partition('.')[0]}.{type(estimator).__name__}"


def _has_state(part: Any) -> bool:
    return hasattr(part, "__dict__")


def _parameters(part: Any) -> int:
    """Numbers that one part has learnt, without those of the parts inside it."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.tree._tree import Tree

    if isinstance(part, Tree):
        inner = int((part.children_left >= 0).sum())
        return inner + int(part.node_count - inner) * int(np.prod(part.value.shape[1:]))
    if isinstance(part, TreePredictor):
        return len(part.nodes)  # a threshold in each split, a value in each leaf
    if not _has_state(part):
        return 0
    # A scaler divides by the roots of its variances, and holds both.
    return sum(_elements(vars(part).get(name)) for name in _LEARNT if name != "var_" or "scale_" not in vars(part))


def _elements(value: Any) -> int:
    """Numbers in an array or in a list of them."""
    if isinstance(value, (list, tuple)):
        return sum(map(_elements, value))
    return int(value.size) if isinstance(value, np.ndarray) else int(isinstance(value, float))


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}") from error
