"""LightGBM models as ONNX graphs, through onnxmltools, with its gaps filled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import ModelError
from autoedge.lightgbm_text import is_categorical
from autoedge.models.thresholds import for_float32
from autoedge.runtimes.lightgbm import INPUT

if TYPE_CHECKING:
    import onnx

    from autoedge.models.lightgbm_file import Boosted

_OPSET = 15
# Sums of leaves are the prediction itself, whatever the loss was; onnxmltools knows one of them under each name.
_PLAIN = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg", "custom", "")
_EXPONENTIAL = ("poisson", "gamma", "tweedie")


def graph_of(model: Boosted) -> onnx.ModelProto:
    """The same trees as ONNX, float32 in and out; the last output holds the predictions.

    Thresholds are fitted to float32, so that such data go the same way through every tree.
    Averages and the steepness of sigmoids are worked into the leaves, since onnxmltools does not know them.

    Raises:
        ModelError: There is no such graph.
    """
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    name, _, options = model.objective.partition(" ")
    if options == "sqrt" or name in ("cross_entropy", "cross_entropy_lambda"):
        raise ModelError(
            f"LightGBM's objective '{model.objective}' has no form in ONNX; run it on the lightgbm runtime"
        )
    if name in _PLAIN and model.per_round > 1:
        raise ModelError("LightGBM models with several outputs and a loss of their own have no form in ONNX")
    said = {"binary": "binary sigmoid:1", **dict.fromkeys(_PLAIN, "regression"), **dict.fromkeys(_EXPONENTIAL, name)}
    if name in ("multiclass", "multiclassova"):
        said[name] = f"multiclass num_class:{model.per_round}"
    steepness = float(options.rpartition("sigmoid:")[2]) if "sigmoid:" in options else 1.0
    factor = steepness / (model.count // model.per_round if model.average else 1)
    plain = replace(model, objective=said[name], average=False, trees=_fitted(model.trees, factor))
    booster = lightgbm.Booster(model_str=plain.text)
    types = [(INPUT, FloatTensorType([None, model.columns]))]
    found: onnx.ModelProto = convert_lightgbm(
        booster, name="model", initial_types=types, zipmap=False, target_opset=_OPSET
    )
    if name == "multiclassova":
        _each_class_alone(found)
    return found


def _fitted(trees: str, factor: float) -> str:
    """The trees with thresholds that float32 can hold, and leaves times a factor."""
    blocks = trees.split("Tree=")
    return "Tree=".join([blocks[0], *(_fitted_tree(block, factor) for block in blocks[1:])])


def _fitted_tree(block: str, factor: float) -> str:
    lines = block.split("\n")
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    decisions = [int(word) for word in fields.get("decision_type", "").split()]
    for place, line in enumerate(lines):
        name, _, text = line.partition("=")
        if name == "threshold":
            words = text.split()
            fitted = for_float32(np.array(words, np.float64)).tolist()
            triples = zip(words, fitted, decisions, strict=True)
            said = (word if is_categorical(decision) else repr(value) for word, value, decision in triples)
            lines[place] = f"threshold={' '.join(said)}"
        elif name == "leaf_value" and factor != 1.0:
            lines[place] = f"leaf_value={' '.join(repr(float(word) * factor) for word in text.split())}"
    return "\n".join(lines)


def _each_class_alone(model: onnx.ModelProto) -> None:
    """One sigmoid a class, where onnxmltools takes all classes for one softmax."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "post_transform":
                attribute.s = b"LOGISTIC"
