"""Outputs on the evaluation data as a job gives them: one that is flat or keeps its shape, or several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from autoedge.agent.evaluation import FILLING, Evaluation, joined
from autoedge.agent.looks import Looks
from autoedge.errors import DataError
from autoedge.runtimes.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Made = Callable[..., np.ndarray[Any, Any]]

SAMPLES, THINGS = 7, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives its input in parts, cut to the most things that a sample of the batch has; and samples."""
    path = tmp_path_factory.mktemp("outputs")
    nodes = [
        helper.make_node("Gather", ["x", "last"], ["marks"], axis=2),
        helper.make_node("ReduceSum", ["marks", "one"], ["counts"], keepdims=0),
        helper.make_node("ReduceMax", ["counts"], ["most"], keepdims=1),
        helper.make_node("Cast", ["most"], ["end"], to=TensorProto.INT64),
        helper.make_node("Slice", ["x", "zero", "end", "one"], ["kept"]),
        helper.make_node("Slice", ["kept", "zero", "four", "two"], ["boxes"]),
        helper.make_node("Gather", ["kept", "four_"], ["scores"], axis=2),
        helper.make_node("Slice", ["x", "zero", "two", "two"], ["wide"]),
    ]
    stored = {"last": np.int64(5), "one": [1], "zero": [0], "four": [4], "two": [2], "four_": np.int64(4)}
    outputs = {"boxes": ["n", "m", 4], "scores": ["n", "m"], "wide": ["n", THINGS, 2]}
    graph = helper.make_graph(
        nodes,
        "parts",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", THINGS, 6])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path / "m.onnx")
    x = np.random.default_rng(0).random((SAMPLES, THINGS, 6)).astype(np.float32)
    x[..., 5] = np.arange(THINGS) < np.array([1, 0, 2, 0, 0, 3, 1])[:, None]
    np.savez(path / "eval.npz", x=x)
    return path


@pytest.fixture
def made(folder: Path) -> Made:
    """Outputs as a full evaluation gives them."""

    def make(scores: str | list[str], batch: int = 1, **more: Any) -> np.ndarray[Any, Any]:
        session = OnnxRuntime().load(folder / "m.onnx", {})
        job = {
            "evaluate": "full",
            "scores": scores,
            "batch": batch,
            "seed": 0,
            "data": str(folder / "eval.npz"),
            **more,
        }
        outputs, whole = Evaluation(job, None, session, Looks(None)).scores()
        assert whole
        return outputs

    return make


@pytest.mark.parametrize("batch", [1, 2, 3, SAMPLES])
def test_things_of_any_count_lie_side_by_side(folder: Path, made: Made, batch: int) -> None:
    """Each sample has one row, whose things are the model's; what the fullest sample has more is filled up."""
    with np.load(folder / "eval.npz") as arrays:
        x = arrays["x"]
    rows = made(["boxes", "scores"], batch).reshape(SAMPLES, -1, 5)
    assert rows.shape[1] == THINGS
    counts = x[..., 5].sum(axis=1)
    for start in range(0, SAMPLES, batch):
        most = max(int(counts[start : start + batch].max()), 0)
        for sample in range(start, min(start + batch, SAMPLES)):
            np.testing.assert_array_equal(rows[sample, :most], x[sample, :most, :5])
            assert (rows[sample, most:] == FILLING).all()


def test_one_output_is_flat_unless_its_shape_is_wanted(folder: Path, made: Made) -> None:
    """A single output comes as samples x numbers, or in the model's own shape where the job says so."""
    with np.load(folder / "eval.npz") as arrays:
        wanted = arrays["x"][..., :2]
    np.testing.assert_array_equal(made("wide", 2), wanted.reshape(SAMPLES, -1))
    np.testing.assert_array_equal(made("wide", 2, shaped=True), wanted)


def test_outputs_that_do_not_belong_together_are_refused(made: Made) -> None:
    """Where one output has no whole number for each thing of the first, names and shapes are told."""
    with pytest.raises(DataError, match=r"one row for each thing of a sample, but got .*'scores': \(1, 1\)"):
        made(["wide", "scores"])


@given(widths=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_joining_keeps_every_row(widths: list[int]) -> None:
    """Rows keep their order and numbers, whatever the widths of the pieces."""
    pieces = [np.full((2, width), float(place), np.float32) for place, width in enumerate(widths)]
    whole = joined(pieces)
    assert whole.shape == (2 * len(widths), max(widths))
    for place, width in enumerate(widths):
        assert (whole[2 * place : 2 * place + 2, :width] == place).all()
        assert (whole[2 * place : 2 * place + 2, width:] == FILLING).all()
