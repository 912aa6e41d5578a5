"""Hold the arrays of a loaded estimator against what scikit-learn's compiled predictors read without looking.

Trees, boosted trees and support vector machines follow the indices and lengths that lie in a file. One that was made up
would let them read, or write, outside their arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import ModelError
from autoedge.runtimes.estimator_parts import parts

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAF = -1


def check(estimator: Any) -> None:
    """Every compiled predictor in an estimator stays inside its arrays.

    Raises:
        ModelError: One would not; says which.
    """
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.svm._base import BaseLibSVM
    from sklearn.tree import BaseDecisionTree

    # In this order: what boosting starts from is asked once all else is known to be sound.
    rules = (
        (BaseDecisionTree, "tree_", _check_tree),
        (BaseLibSVM, "support_", _check_machine),
        (BaseHistGradientBoosting, "_predictors", _check_histograms),
        (BaseForest, "estimators_", _check_forest),
        (BaseGradientBoosting, "estimators_", _check_boosting),
    )
    everything = parts(estimator)
    for kind, fitted, rule in rules:
        for part in everything:
            if isinstance(part, kind) and fitted in vars(part):  # what was not fitted fails before compiled code
                try:
                    rule(part)
                except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                    raise ModelError(f"its {type(part).__name__} is not sound ({error})") from error


def _check_tree(part: Any) -> None:
    from sklearn.tree._tree import Tree

    tree = part.tree_
    if type(tree) is not Tree or not 0 < tree.node_count <= tree.capacity or tree.n_features != part.n_features_in_:
        raise ValueError("it holds no tree over its features")
    left, right = tree.children_left, tree.children_right
    inner = left != _LEAF
    _check_nodes(inner, [left, right], tree.feature, tree.n_features)


def _check_nodes(inner: Any, children: Sequence[Any], features: Any, count: int) -> None:
    """Each node leads to later ones, so that there is no way round in circles, and looks at a feature that is there."""
    places = np.flatnonzero(inner)
    for child in children:
        after = child[inner].astype(np.int64)
        if (after <= places).any() or (after >= len(inner)).any():
            raise ValueError("a node leads back, or outside its tree")
    looked = features[inner].astype(np.int64)
    if (looked < 0).any() or (looked >= count).any():
        raise ValueError(f"a split looks at none of the {count} features")


def _check_histograms(part: Any) -> None:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    for predictor in (each for stage in part._predictors for each in stage):  # noqa: SLF001 - there is no other door
        nodes = predictor.nodes
        if type(predictor) is not TreePredictor or nodes.dtype != PREDICTOR_RECORD_DTYPE or not len(nodes):
            raise ValueError("it holds no trees")
        inner = nodes["is_leaf"] == 0
        if nodes["is_categorical"][inner].any():
            raise ValueError("it splits on categories, whose sets cannot be checked")
        _check_nodes(inner, [nodes["left"], nodes["right"]], nodes["feature_idx"], part.n_features_in_)


def _check_forest(part: Any) -> None:
    _check_members(part, part.estimators_)


def _check_boosting(part: Any) -> None:
    from sklearn.tree import DecisionTreeRegressor

    stages = part.estimators_
    if not isinstance(stages, np.ndarray) or stages.ndim != 2:  # noqa: PLR2004 - rounds x classes
        raise ValueError("its trees are no table")
    if any(type(tree) is not DecisionTreeRegressor or tree.tree_.value.shape[1:] != (1, 1) for tree in stages.flat):
        raise ValueError("it holds other things than regression trees")
    _check_members(part, stages.flat)
    start = part._raw_predict_init(np.zeros((1, part.n_features_in_), np.float32))  # noqa: SLF001 - as above
    if start.shape != (1, stages.shape[1]):
        raise ValueError(f"it starts from {start.shape[1]} values for {stages.shape[1]} trees a round")


def _check_members(part: Any, trees: Any) -> None:
    """An ensemble checks its input against its own number of features, and its trees do so no more."""
    from sklearn.tree import BaseDecisionTree

    for tree in trees:
        if not isinstance(tree, BaseDecisionTree) or tree.n_features_in_ != part.n_features_in_:
            raise ValueError(f"its trees look at other features than its {part.n_features_in_}")


def _check_machine(part: Any) -> None:
    if part._sparse or part.kernel == "precomputed" or callable(part.kernel):  # noqa: SLF001 - libsvm is given these
        raise ValueError("it was fitted on sparse data or on a kernel of its own, which takes trust")
    if part._impl != type(part)._impl:  # noqa: SLF001 - as above
        raise ValueError("it is of another kind than it says")
    vectors, counts = len(part.support_), part._n_support  # noqa: SLF001 - as above
    classes, classifies = len(counts), part._impl in ("c_svc", "nu_svc")  # noqa: SLF001 - as above
    pairs = classes * (classes - 1) // 2
    if classes < 2 or (counts < 0).any() or (classifies and counts.sum() != vectors):  # noqa: PLR2004 - classes
        raise ValueError("its classes do not share out its support vectors")
    if part.support_vectors_.shape != (vectors, part.n_features_in_):
        raise ValueError("its support vectors have other features than it takes")
    if part._dual_coef_.shape != (classes - 1, vectors) or part._intercept_.shape != (pairs,):
        raise ValueError("its coefficients are fewer than its classes need")
    fits = [len(each) in (0, pairs) for each in (part._probA, part._probB)]  # noqa: SLF001 - as above
    if not all(fits) or len(part._probA) != len(part._probB):  # noqa: SLF001 - as above
        raise ValueError("its probabilities are fewer than its classes need")
