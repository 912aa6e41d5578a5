"""Open scikit-learn estimators: skops files without trust, pickles only with it."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.runtimes.estimator_soundness import check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALLOWED = (
    "numpy.dtype",  # the element type that a transformer was told to give; holds no code
    "sklearn.calibration._CalibratedClassifier",  # Python over a classifier and its calibrators
    "sklearn.calibration._SigmoidCalibration",  # two numbers
    # Compiled code that trusts its indices: estimator_soundness checks them.
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",  # left over from training, never called
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",  # likewise
    "sklearn.tree._tree.Tree",  # compiled as well, and checked as well
    "sklearn.utils._bunch.Bunch",  # a dictionary; voting and stacking keep their members in one
)
"""Types that skops does not trust by itself, each with why it may be loaded all the same."""

_MODULES = (
    "sklearn._loss", "sklearn.calibration", "sklearn.compose", "sklearn.decomposition._base",
    "sklearn.decomposition._pca", "sklearn.decomposition._truncated_svd", "sklearn.discriminant_analysis",
    "sklearn.dummy", "sklearn.ensemble", "sklearn.feature_selection", "sklearn.impute._base", "sklearn.isotonic",
    "sklearn.linear_model", "sklearn.multiclass", "sklearn.multioutput", "sklearn.naive_bayes",
    "sklearn.neural_network", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.svm", "sklearn.tree",
    "sklearn.utils._bunch",
)  # fmt: skip
"""Where predictors are numpy alone, or compiled code whose indices are checked; others (neighbours) trust theirs."""

_ZIP = b"PK\x03\x04"
_LFS = b"version https://git-lfs"
_MOST_BYTES = 2 * 2**30
_SCHEMA = "schema.json"
_SHOWN = 5


def load_estimator(path: Path, *, trusted: bool = False) -> Any:
    """The estimator in a file, which is told by its content: skops, or pickle (joblib's too).

    What comes out of a skops file has no index that compiled code would follow out of its arrays.

    Args:
        path: The file.
        trusted: Whether a pickle may be opened, which executes what lies in it.

    Raises:
        ModelError: It is damaged, holds types that are not scikit-learn's own, or takes trust.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS))
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}") from error
    if head == _LFS:
        raise ModelError("the file is a Git LFS pointer, not the model itself; fetch it with: git lfs pull")
    if head.startswith(_ZIP):
        return _from_skops(path)
    if not trusted:
        raise ModelError(
            "it is no skops file; if it is a pickle, opening it would execute what lies in it, which takes trust: "
            "save it with skops.io.dump, or say trust: true in the intent and --trust PATH on the command line"
        )
    return _from_pickle(path)


def _from_pickle(path: Path) -> Any:
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:  # whatever lies in the file may raise anything
        raise ModelError(f"the pickle cannot be opened: {type(error).__name__}: {error}") from error


def _from_skops(path: Path) -> Any:
    try:
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException
    except ImportError:
        raise ModelError("skops files take skops: pip install 'autoedge[classical]'") from None

    try:
        unwanted = _foreign(path)
        try:
            if not unwanted:
                estimator = skops.io.load(path, trusted=list(ALLOWED))
                check(estimator)
                return estimator
        except UntrustedTypesFoundException:
            pass  # named below
        unwanted |= set(skops.io.get_untrusted_types(file=path)) - set(ALLOWED)
    except ModelError:
        raise
    except Exception as error:  # a damaged file makes skops and numpy raise anything
        raise ModelError(f"it is no sound skops file: {type(error).__name__}: {error}") from error
    named = sorted(unwanted)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    raise ModelError(
        f"it holds {', '.join(named[:_SHOWN])}{more}, which a file from anywhere may not bring along: save the "
        "estimator without them, convert it to ONNX, or save it with joblib and give trust: true and --trust PATH"
    )


def _foreign(path: Path) -> set[str]:
    """Types of scikit-learn in a skops file that lie outside the modules that are known to be sound.

    Raises:
        ModelError: It is no skops file, or would unpack to more than 2 GiB.
    """
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
            raise ModelError(f"a model must unpack to at most {_MOST_BYTES // 2**30} GiB")
        if _SCHEMA not in archive.namelist():
            raise ModelError("it is a zip archive, but no skops file")
        schema = json.loads(archive.read(_SCHEMA))
    names = {(module, f"{module}.{name}") for module, name in _types(schema)}
    own = tuple(f"{module}." for module in _MODULES)
    return {full for module, full in names if full.startswith("sklearn.") and not f"{module}.".startswith(own)}


def _types(schema: Any) -> Iterator[tuple[str, str]]:
    """Module and class of everything that a schema asks for."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("__module__"), str):
                yield each["__module__"], str(each.get("__class__"))
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
