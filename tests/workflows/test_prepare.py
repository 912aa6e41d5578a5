"""An intent is held against its files before anything is measured."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from autoedge.errors import AutoEdgeError, DataError, IntentError, ModelError
from autoedge.intent.load import load_intent
from autoedge.models.info import ModelInfo, Tensor
from autoedge.models.inspect import inspect_model
from autoedge.workflows.prepare import Prepared, prepare, score_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Shape = Sequence[int | str]
    Prepare = Callable[..., Prepared]

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
FEATURES, CLASSES, SAMPLES = 4, 3, 12


def _save(path: Path, nodes: Sequence[Any], inputs: dict[str, Shape], outputs: dict[str, tuple[int, Shape]]) -> None:
    weights = np.random.default_rng(0).standard_normal((FEATURES, CLASSES)).astype(np.float32)
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models, each with something of its own."""
    folder = tmp_path_factory.mktemp("models")
    product = helper.make_node("MatMul", ["x", "w"], ["scores"])
    single: dict[str, Shape] = {"x": ["n", FEATURES]}
    free: dict[str, tuple[int, Shape]] = {"scores": (FLOAT, ["n", CLASSES])}
    _save(folder / "plain.onnx", [product], single, free)
    _save(folder / "fixed.onnx", [product], {"x": [5, FEATURES]}, {"scores": (FLOAT, [5, CLASSES])})
    label = helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0)
    _save(folder / "labelled.onnx", [product, label], single, {"label": (INT, ["n"]), **free})
    twice = helper.make_node("Softmax", ["scores"], ["shares"])
    _save(folder / "twice.onnx", [product, twice], single, {**free, "shares": free["scores"]})
    _save(
        folder / "plain_relu.onnx", [helper.make_node("Relu", ["x"], ["scores"])], single, {"scores": (FLOAT, ["n", 4])}
    )
    both = [helper.make_node("Add", ["a", "b"], ["x"]), product]
    _save(folder / "pair.onnx", both, {"a": ["n", FEATURES], "b": ["n", FEATURES]}, free)
    _save(folder / "uneven.onnx", both, {"a": [1, FEATURES], "b": [5, FEATURES]}, {"scores": (FLOAT, [5, CLASSES])})
    mean = helper.make_node("ReduceMean", ["s"], ["x"], axes=[1], keepdims=0)
    _save(folder / "sequence.onnx", [mean, product], {"s": ["n", "length", FEATURES]}, free)
    (folder / "broken.onnx").write_bytes(b"no model")
    return folder


@pytest.fixture(scope="module", autouse=True)
def once() -> Iterator[None]:
    """Each model is looked into once, in a child process as always, and not again for every test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autoedge.workflows.prepare.inspect_model", cache(inspect_model))
        yield


@pytest.fixture
def prepared(models: Path, tmp_path: Path) -> Prepare:
    """Loads and prepares an intent over models of that folder and arrays; other lines as keywords."""

    def made(
        *names: str,
        evaluation: dict[str, np.ndarray[Any, Any]] | None = None,
        calibration: dict[str, np.ndarray[Any, Any]] | None = None,
        **lines: str,
    ) -> Prepared:
        files = []
        for name, arrays in (("evaluation", evaluation), ("calibration", calibration)):
            if arrays is not None:
                np.savez(tmp_path / f"{name}.npz", **arrays)  # type: ignore[arg-type]  # its stubs know flags only
                files.append(f"{name}: {name}.npz")
        text = {
            "version": "1",
            "name": "test",
            "task": "{type: classification}",
            "models": f"[{', '.join(str(models / f'{name}.onnx') for name in names)}]",
            **({"data": f"{{{', '.join(files)}}}"} if files else {}),
            **lines,
        }
        path = tmp_path / "intent.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in text.items()), encoding="utf-8")
        return prepare(load_intent(path))

    return made


def _samples(count: int = SAMPLES, *shape: int) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(1)
    return generator.standard_normal((count, *(shape or (FEATURES,)))).astype(np.float32)


def _labels(count: int = SAMPLES, classes: int = CLASSES) -> np.ndarray[Any, Any]:
    return np.arange(count) % classes


def _good() -> dict[str, np.ndarray[Any, Any]]:
    return {"x": _samples(), "y": _labels()}


# -- what fits -----------------------------------------------------------------------------------------------------


def _refused(found: Prepared) -> Mapping[str, str]:
    """What there is not of the only model for ONNX Runtime."""
    (facts,) = found.facts
    return facts.forms[0].refused["onnxruntime"]


def test_what_fits_is_known_in_full(prepared: Prepare, models: Path, tmp_path: Path) -> None:
    """Models, task, facts and constraints are what the files and the intent say, in the user's order."""
    found = prepared(
        "fixed",
        "plain",
        evaluation=_good(),
        calibration={"x": _samples()},
        workload="{rate: 2.5 / s}",
        battery="{capacity: 10 Wh}",
        targets="[{name: local, idle_power: 0.4 W}]",
        baseline="plain",
        constraints="[latency_p50 <= 1 s]",
    )
    assert list(found.infos) == ["fixed", "plain"]
    assert found.infos["plain"].sha256 == hashlib.sha256((models / "plain.onnx").read_bytes()).hexdigest()
    task = found.task
    assert task.data == tmp_path / "evaluation.npz"
    assert task.data_hash == hashlib.sha256((tmp_path / "evaluation.npz").read_bytes()).hexdigest()
    assert task.labels is not None
    assert task.labels.tolist() == _labels().tolist()
    assert task.scores == {"fixed": "scores", "plain": "scores"}
    assert (task.rate, task.idle_power) == (2.5, {"local": 0.4})
    assert task.battery_wh == pytest.approx(10)
    assert (task.reference, task.samples) == ("plain", SAMPLES)
    assert [constraint.key for constraint in found.constraints] == ["latency_p50_ms_max", "workload_rate"]
    assert found.constraints[1].limit == 2.5
    assert found.calibration == tmp_path / "calibration.npz"
    assert len(found.calibration_hash) == 64
    fixed, plain = found.facts
    assert (fixed.name, fixed.forms[0].only, fixed.forms[0].precision) == ("fixed", {"batch": (5,)}, "fp32")
    assert (plain.name, plain.forms[0].only, plain.forms[0].refused["onnxruntime"]) == ("plain", {}, {})
    assert plain.features["log_macs"] == pytest.approx(np.log10(FEATURES * CLASSES + 1))
    assert set(plain.features) == {"log_macs", "log_parameters", "log_activations", "log_size"}


def test_a_model_alone_is_enough(prepared: Prepare) -> None:
    """Without data there are no labels, scores or hashes; lossy variants are refused unless they are allowed."""
    found = prepared("plain")
    assert (found.task.data, found.task.data_hash, found.task.labels, found.task.scores) == (None, "", None, {})
    assert (found.calibration, found.calibration_hash, found.constraints) == (None, "", ())
    refused = _refused(found)
    assert {"fp16", "int8-dynamic", "int8-static"} <= set(refused)
    assert all("cannot be seen without data.evaluation (or say lossy: allow)" in v for v in refused.values())
    assert _refused(prepared("plain", lossy="allow")) == {"int8-static": "it needs data.calibration"}


def test_static_int8_takes_calibration_data(prepared: Prepare) -> None:
    """The evaluation set never stands in for calibration data: without them static int8 is left out, saying so."""
    assert _refused(prepared("plain", evaluation=_good())) == {"int8-static": "it needs data.calibration"}
    assert _refused(prepared("plain", evaluation=_good(), calibration={"x": _samples()})) == {}


def test_what_has_no_weights_to_shrink_has_no_variants(prepared: Prepare) -> None:
    """A model without convolution or matrix product runs as given only."""
    refused = _refused(prepared("plain_relu", evaluation=_good(), calibration={"x": _samples()}))
    assert set(refused.values()) == {"it has no convolution or matrix product to make smaller"}


@pytest.mark.parametrize(
    "evaluation",
    [
        {"x": _samples(SAMPLES, 1, FEATURES), "y": _labels()},
        {"x": _samples(SAMPLES, 2, 2).astype(np.float64), "y": _labels().reshape(-1, 1).astype(np.uint8)},
        {"names": np.zeros(7), "x": _samples(), "y": _labels()},
        {"names": np.zeros((3, 2)), "x": _samples()},
    ],
)
def test_what_can_be_fitted_fits(prepared: Prepare, evaluation: dict[str, np.ndarray[Any, Any]]) -> None:
    """Unit axes, flattening, wider floats, labels in a column and arrays that no model asks for do no harm."""
    assert prepared("plain", evaluation=evaluation).task.scores == {"plain": "scores"}


# -- what does not -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "evaluation", "said"),
    [
        ("plain", {"x": _samples(SAMPLES, 5), "y": _labels()}, ["array 'x', model 'plain'", "takes (4)", "have (5)"]),
        ("plain", {"x": _samples(SAMPLES, 4, 2)}, ["array 'x', model 'plain'", "takes (4)", "have (4, 2)"]),
        ("plain", {"x": _samples().astype(complex)}, ["array 'x', model 'plain'", "takes float32", "complex128"]),
        ("plain", {"z": _samples(), "y": _labels()}, ["needs 'x' (missing: x)", "y, z"]),
        ("plain", {"x": _samples(), "y": _labels(classes=4)}, ["labels go up to 3", "need 4 columns", "has 3"]),
        ("plain", {"x": _samples(), "y": _labels() - 1}, ["class numbers from 0", "'y' holds -1"]),
        ("plain", {"x": _samples(), "y": _labels(7)}, ["one label a sample", "'y' has 7 for 12 samples"]),
        ("plain", {"x": _samples(), "y": _labels().astype(float)}, ["'y' must hold one class number a sample"]),
        ("plain", {"x": _samples(0)}, ["array 'x'", "holds no samples"]),
        ("pair", {"a": _samples(), "y": _labels()}, ["one array for each input (missing: b)"]),
        ("pair", {"a": _samples(), "b": _samples(3), "y": _labels()}, ["same number of samples"]),
        ("pair", {"a": _samples(3), "b": _samples(3), "c": _samples(), "y": _labels()}, ["'y' has 12 for 3 samples"]),
        ("sequence", None, ["input 's' has free dimensions beside the batch; give data: {evaluation:"]),
        ("twice", {"x": _samples(), "y": _labels()}, ["several outputs", "scores float32, shares float32", "outputs:"]),
    ],
)
def test_files_that_do_not_fit_are_told(
    prepared: Prepare, model: str, evaluation: dict[str, np.ndarray[Any, Any]] | None, said: list[str]
) -> None:
    """A single problem with the data is a DataError of one line with the place, the rule and the value."""
    with pytest.raises(DataError) as caught:
        prepared(model, evaluation=evaluation)
    assert "\n" not in str(caught.value)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(("model", "said"), [("broken", "broken.onnx"), ("uneven", "fix different batch sizes [1, 5]")])
def test_a_model_that_cannot_be_measured_is_told(prepared: Prepare, model: str, said: str) -> None:
    """A single problem with a model is a ModelError that names it."""
    with pytest.raises(ModelError) as caught:
        prepared(model)
    assert said in str(caught.value)


def test_data_that_cannot_be_read_are_told(prepared: Prepare, tmp_path: Path) -> None:
    """Broken evaluation or calibration data are told before anything is measured."""
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    for which in ("evaluation", "calibration"):
        with pytest.raises(DataError, match=r"bad\.npz: not a readable npz file"):
            prepared("plain", data=f"{{{which}: bad.npz}}")


def test_several_problems_come_at_once(prepared: Prepare) -> None:
    """A broken model, one whose shape does not fit and one without a clear output are told together, each once."""
    with pytest.raises(IntentError) as caught:
        prepared("broken", "sequence", "twice", evaluation=_good())
    problems = caught.value.problems
    assert len(problems) == 3
    for problem, part in zip(problems, ("broken.onnx", "model 'sequence'", "model 'twice'"), strict=True):
        assert part in problem


def test_one_problem_of_all_models_is_told_once(prepared: Prepare) -> None:
    """Labels that do not fit their samples are no fault of each model."""
    with pytest.raises(DataError, match="'y' has 7 for 12 samples"):
        prepared("plain", "fixed", evaluation={"x": _samples(), "y": _labels(7)})


# -- scores --------------------------------------------------------------------------------------------------------


def _info(*outputs: tuple[str, str, tuple[int | str | None, ...]]) -> ModelInfo:
    tensors = tuple(Tensor(name, dtype, shape) for name, dtype, shape in outputs)
    inputs = (Tensor("x", "float32", ("n", 4)),)
    return ModelInfo("0" * 64, 1, 8, 17, "fp32", inputs, tensors, 0, 0, 0, {})


SCORES = ("scores", "float32", ("n", 3))
LABEL = ("label", "int64", ("n",))


@pytest.mark.parametrize(
    ("outputs", "chosen"),
    [
        ([SCORES], "scores"),
        ([LABEL, SCORES], "scores"),
        ([("half", "float16", ("n", 3))], "half"),
        ([("wide", "float64", (1, 10))], "wide"),
        ([("maps", "float32", ("n", 3, 1, 1))], "maps"),
        ([("free", "float32", ("n", "classes"))], "free"),
        ([("unknown", "float32", ())], "unknown"),
        ([("features", "float32", ("n", 2)), SCORES], "scores"),
        ([("one", "float32", ("n", 1)), SCORES], "scores"),
        ([("flat", "float32", ("n",)), SCORES], "scores"),
    ],
)
def test_the_output_with_a_column_a_class_is_found(outputs: list[Any], chosen: str) -> None:
    """Of the floating outputs the one wide enough for the labels; what does not say its width may be it."""
    assert score_output("m", _info(*outputs), np.array([0, 2]), None) == chosen


@pytest.mark.parametrize(
    ("outputs", "labels", "wanted", "said"),
    [
        (
            [LABEL],
            [0, 2],
            None,
            ["no floating output holds one score a class", "label int64", "outputs: {scores: NAME}"],
        ),
        ([SCORES, ("more", "float32", ("n", 9))], [0, 2], None, ["several outputs could hold", "more float32"]),
        ([("one", "float32", ("n", 1))], [0, 1], None, ["labels go up to 1", "need 2 columns", "'one' has 1"]),
        ([("flat", "float32", ("n",))], [0, 1], None, ["need 2 columns", "'flat' has 1"]),
        ([("one", "float32", ("n", 1))], None, None, ["no floating output holds one score a class"]),
        ([SCORES], [0, 2], "logits", ["outputs.scores names 'logits'", "it gives scores float32"]),
        ([SCORES, LABEL], [0, 2], "label", ["outputs.scores names 'label'", "int64", "scores float32"]),
        ([SCORES], [0, 3], "scores", ["labels go up to 3", "need 4 columns", "'scores' has 3"]),
    ],
)
def test_an_output_that_cannot_hold_scores_is_told(
    outputs: list[Any], labels: list[int] | None, wanted: str | None, said: list[str]
) -> None:
    """None, several, too narrow, or one that the user named wrongly: the outputs are listed with what to do."""
    with pytest.raises(DataError) as caught:
        score_output("m", _info(*outputs), None if labels is None else np.array(labels), wanted)
    assert "model 'm'" in str(caught.value)
    for part in said:
        assert part in str(caught.value)


def test_the_users_word_decides_between_outputs(prepared: Prepare) -> None:
    """With outputs: {scores: NAME} an ambiguous model is clear; a model with labels beside needs no word."""
    assert prepared("twice", evaluation=_good(), outputs="{scores: shares}").task.scores == {"twice": "shares"}
    assert prepared("labelled", evaluation=_good()).task.scores == {"labelled": "scores"}


# -- what quality is told by ---------------------------------------------------------------------------------------


def test_without_labels_quality_is_agreement(prepared: Prepare) -> None:
    """Objectives and preference on accuracy become agreement with the reference, each once."""
    found = prepared(
        "plain",
        evaluation={"x": _samples()},
        objectives="[accuracy, latency_p50, f1_macro]",
        prefer="{accuracy: 2, f1_macro: 1, latency_p50: 1}",
    )
    assert [metric.name for metric in found.intent.objectives] == ["agreement", "latency_p50"]
    assert found.intent.prefer.weights == {"agreement": 3, "latency_p50": 1}
    assert found.task.labels is None


def test_with_labels_agreement_is_accuracy(prepared: Prepare) -> None:
    """Labels say more than the reference does, so they are what counts."""
    found = prepared("plain", evaluation=_good(), objectives="[agreement, size]", prefer="{lexicographic: [agreement]}")
    assert [metric.name for metric in found.intent.objectives] == ["accuracy", "size"]
    assert found.intent.prefer.order == ("accuracy",)


@pytest.mark.parametrize(
    ("evaluation", "constraint", "said"),
    [
        ({"x": _samples()}, "accuracy >= 0.9", "add one label a sample as 'y', or limit agreement"),
        ({"x": _samples()}, "accuracy drop <= 1 %", "add one label a sample as 'y'"),
        (_good(), "agreement >= 0.9", "limit accuracy instead"),
    ],
)
def test_a_limit_that_the_data_cannot_show_is_refused(
    prepared: Prepare, evaluation: dict[str, np.ndarray[Any, Any]], constraint: str, said: str
) -> None:
    """A limit on a quality that can never be measured is an error that says what to do, not an undecided run."""
    with pytest.raises(AutoEdgeError) as caught:
        prepared("plain", evaluation=evaluation, constraints=f"[{constraint}]")
    assert f"'{constraint}' cannot be seen in these data; {said}" in str(caught.value)


def test_a_model_whose_package_is_missing_is_left_out(
    monkeypatch: pytest.MonkeyPatch, models: Path, tmp_path: Path
) -> None:
    """It never breaks the command: the others stay, a line says what to install; the reference alone is an error."""
    from autoedge.models import packages

    monkeypatch.setattr(packages, "version_of", lambda name: None if name == "ai-edge-litert" else "1")
    (tmp_path / "lite.tflite").write_bytes(b"anything")
    text = "version: 1\nname: n\ntask: {type: classification}\nmodels: [MODELS]\n"
    path = tmp_path / "intent.yaml"
    path.write_text(text.replace("MODELS", f"{models / 'plain.onnx'}, lite.tflite"))
    found = prepare(load_intent(path))
    assert [entry.name for entry in found.intent.models] == ["plain"]
    assert [str(left) for left in found.left_out] == [
        "lite: no candidate (it takes ai-edge-litert: pip install 'autoedge[litert]')"
    ]
    path.write_text(text.replace("MODELS", f"lite.tflite, {models / 'plain.onnx'}"))
    with pytest.raises(ModelError, match=r"lite\.tflite: it takes ai-edge-litert: pip install 'autoedge\[litert\]'"):
        prepare(load_intent(path))
