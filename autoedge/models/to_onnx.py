"""Classical models as ONNX: scikit-learn's through skl2onnx, LightGBM's through onnxmltools."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import ModelError
from autoedge.models import estimator_file, lightgbm_file
from autoedge.models.thresholds import for_float32
from autoedge.runtimes.estimator_parts import parts
from autoedge.runtimes.scikit_learn import INPUT, answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnx

    from autoedge.models.info import ModelInfo

_OPSETS = {"": 18, "ai.onnx.ml": 3}
_MOST_IR = 10  # what ONNX Runtime 1.19 reads
_FATAL_ONLY = 4
_PROBES = 64
_HALF = 0.5


def convert(path: Path, info: ModelInfo, output: Path) -> None:
    """Write a classical model as ONNX.

    The input is ``x``, float32 with a free batch; the only output is called as in ``info``, with as many columns.
    Equal models give equal bytes.

    Args:
        path: The model.
        info: What ``look`` said of it.
        output: The file to write.

    Raises:
        ModelError: There is no such graph; the converter's reason.
    """
    model = _from_lightgbm(path) if info.format == ".txt" else _from_estimator(path)
    _keep_one_output(model, info.outputs[0].name, int(info.outputs[0].shape[1] or 0))
    _tidy(model)
    output.write_bytes(model.SerializeToString(deterministic=True))


def _from_lightgbm(path: Path) -> onnx.ModelProto:
    from autoedge.models.lightgbm_onnx import graph_of

    return _converted("onnxmltools", graph_of, lightgbm_file.read(path))


def _from_estimator(path: Path) -> onnx.ModelProto:
    estimator = estimator_file.opened(path)
    if type(estimator).__module__.startswith("lightgbm."):
        raise ModelError(
            "a LightGBM estimator is converted from its text form; save it with model.booster_.save_model('model.txt')"
        )
    _fit_histograms(estimator)
    with _whole_numbers():
        for options in _attempts(estimator):
            try:
                model = _converted("skl2onnx", _by_skl2onnx, estimator, options)
            except ModelError as error:
                refused = error
                if not isinstance(error.__cause__, NameError):  # which says that there is no such option
                    break
            else:
                _put_in_order(model, estimator)
                return model
    raise refused


def _fit_histograms(estimator: Any) -> None:
    """Fit the thresholds of histogram boosting to float32, which skl2onnx does for other trees alone."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    for part in parts(estimator):
        if isinstance(part, TreePredictor):
            part.nodes = part.nodes.copy()  # what comes out of a file may not be writable
            part.nodes["num_threshold"] = for_float32(part.nodes["num_threshold"])


def _attempts(estimator: Any) -> list[Any]:
    """Options by ``id``, to be tried in turn: a classifier is to give a matrix rather than a dictionary a sample.

    Those without probabilities do so anyway and know no such option, not even at the end of a pipeline that has it.
    """
    last = estimator
    while hasattr(last, "steps"):
        last = last.steps[-1][1]
    return [{id(estimator): {"zipmap": False}}, None, {id(last): {"raw_scores": True}}]


def _put_in_order(model: onnx.ModelProto, estimator: Any) -> None:
    """Give the scores of two classes a column each, the first class first: some converters give one, or both reversed.

    Which it is shows on rows that were made up: the converted model is run.
    """
    from onnx import TensorProto, helper
    from onnxruntime import InferenceSession, SessionOptions

    answer = answer_of(estimator)
    if answer.name != "scores" or answer.columns != 2:  # noqa: PLR2004 - classes
        return
    rows = np.random.default_rng(0).standard_normal((_PROBES, answer.features)).astype(np.float32)
    options = SessionOptions()
    options.log_severity_level = _FATAL_ONLY  # it warns of shapes that the converters state wrongly
    session = InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    old = model.graph.output[-1].name
    found = session.run([old], {INPUT: rows})[0].reshape(_PROBES, -1)
    same = np.sign(found[:, -1]) == np.sign(answer.call(rows.astype(np.float64))[:, 1])
    second = found.shape[1] - 1 if same.mean() > _HALF else 0
    graph = model.graph
    graph.initializer.append(helper.make_tensor("second_column", TensorProto.INT64, [1], [second]))
    graph.node.extend(
        [
            helper.make_node("Gather", [old, "second_column"], ["second_score"], axis=1),
            helper.make_node("Neg", ["second_score"], ["first_score"]),
            helper.make_node("Concat", ["first_score", "second_score"], ["both_scores"], axis=1),
        ]
    )
    graph.output[-1].name = "both_scores"


def _converted(tool: str, convert: Any, *given: Any) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = convert(*given)
    except ModelError:
        raise
    except Exception as error:  # the converters raise anything on what they do not know
        said = " ".join(str(error).split())[:300]
        raise ModelError(f"{tool} cannot convert it to ONNX: {type(error).__name__}: {said}") from error
    return model


def _by_skl2onnx(estimator: Any, options: Any) -> onnx.ModelProto:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    model: onnx.ModelProto = convert_sklearn(
        estimator,
        name="model",  # otherwise a random one
        initial_types=[(INPUT, FloatTensorType([None, int(estimator.n_features_in_)]))],
        options=options,
        target_opset=_OPSETS,
    )
    return model


@contextmanager
def _whole_numbers() -> Iterator[None]:
    """Hand whole numbers of numpy to ONNX as Python's: protobuf 7 refuses those that histogram boosting holds."""
    from skl2onnx.common import _container

    make_node = _container.make_node

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [int(each) if isinstance(each, (bool, np.bool_, np.integer)) else each for each in value]
        return value

    def make(*arguments: Any, **attributes: Any) -> Any:
        return make_node(*arguments, **{name: plain(value) for name, value in attributes.items()})

    _container.make_node = make
    try:
        yield
    finally:
        _container.make_node = make_node


def _keep_one_output(model: onnx.ModelProto, name: str, columns: int) -> None:
    """Leave the scores alone, the last output, under a name of ours; labels and what makes only them go."""
    from onnx import TensorProto, helper

    graph = model.graph
    old, kind = graph.output[-1].name, graph.output[-1].type.tensor_type.elem_type
    if kind != TensorProto.FLOAT:
        raise ModelError("converted to ONNX it gives no float32 scores; run it as it is on its own runtime")
    needed, kept = {old}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    for node in kept:
        for names in (node.input, node.output):
            names[:] = [name if each == old else each for each in names]
    stored = [each for each in graph.initializer if each.name in needed]
    for field, values in (("node", kept[::-1]), ("initializer", stored)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    del graph.output[:], graph.value_info[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", columns]))


def _tidy(model: onnx.ModelProto) -> None:
    """One line for each operator set, and nothing of who made it when."""
    from onnx import helper

    sets: dict[str, int] = {}
    for each in model.opset_import:
        sets[each.domain] = max(each.version, sets.get(each.domain, 0))
    del model.opset_import[:], model.metadata_props[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in sorted(sets.items()))
    for field in ("doc_string", "domain", "model_version"):
        model.ClearField(field)
    model.graph.ClearField("doc_string")
    model.ir_version = min(model.ir_version, _MOST_IR)
