"""What is fed to a model: the sizes that it can take, its steps and the shapes of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.errors import DataError
from autoedge.intent.inputs import InputSpec
from autoedge.models.info import Tensor
from autoedge.models.input_steps import levels_for, steps_for
from autoedge.models.model_inputs import ModelInputs, unused
from autoedge.preprocessing.images import ImageSteps
from autoedge.preprocessing.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

FREE = ("n", 3, "h", "w")
LAST = (1, 32, 32, 3)


def image(name: str = "image", **said: Any) -> InputSpec:
    """An entry of an image."""
    return InputSpec(name, "image", **said)


def tokens(name: str = "ids", **said: Any) -> InputSpec:
    """An entry of tokens."""
    return InputSpec(name, "tokens", **said)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (FREE, (16, "32x48", 32)),
        (LAST, (32,)),
        (("n", 3, 32, "w"), ("32x48", 32)),
        (("n", 32, 32), (32,)),
        (("n", 32 * 48 * 3), ("32x48",)),
        (("n", 256), (16,)),
        (("n", "f"), (16, "32x48", 32)),
    ],
)
def test_a_model_takes_the_levels_that_fit_its_shape(shape: Any, expected: Sequence[Any]) -> None:
    """Free dimensions take every size, fixed ones their own, and a flat input those with as many numbers."""
    assert levels_for(image(size=(16, "32x48", 32)), Tensor("x", "float32", shape)) == tuple(expected)


def test_a_model_of_another_size_says_so() -> None:
    """Where no level fits, the reason names the model's own size and each asked for."""
    with pytest.raises(DataError) as caught:
        levels_for(image(size=(48, "16x64")), Tensor("x", "float32", LAST))
    told = "inputs.image: the model takes 32x32 pixels only, but size is"
    assert str(caught.value) == f"{told} 48x48; {told} 16x64"
    with pytest.raises(DataError, match=r"inputs\.ids: the model takes 16 tokens only, but length is 8"):
        levels_for(tokens(length=(8,)), Tensor("x", "int64", ("n", 16)))
    assert levels_for(tokens(length=(8, 16)), Tensor("x", "int64", ("n", 16))) == (16,)
    assert levels_for(tokens(length=(8, 16)), Tensor("x", "int64", ("n", None))) == (8, 16)


@pytest.mark.parametrize(
    ("shape", "layout", "colour"),
    [(FREE, "NCHW", "RGB"), (LAST, "NHWC", "RGB"), (("n", 1, 8, 8), "NCHW", "grey"), (("n", 8, 8), "NHWC", "grey")],
)
def test_layout_and_colour_follow_the_model(shape: Any, layout: str, colour: str) -> None:
    """What is not declared is what the model's own shape says."""
    steps = steps_for(image(size=(8, 32)), Tensor("x", "float32", shape), 8 if 8 in shape else 32)
    assert isinstance(steps, ImageSteps)
    assert (steps.layout, steps.colour) == (layout, colour)


@pytest.mark.parametrize(
    ("spec", "shape", "dtype", "message"),
    [
        (image(layout="NCHW", colour="RGB"), LAST, "float32", "layout is NCHW, .* say layout: NHWC"),
        (image(layout="NCHW", colour="RGB"), (1, 32, 32, 1), "float32", "takes 32 channels .* is it NHWC"),
        (image(colour="grey"), LAST, "float32", "takes 3 channels .* colour: grey gives 1"),
        (image(size=(8,)), ("n", "c", "h", "w"), "float32", "does not tell the axis of channels; say layout"),
        (image(size=(8,)), ("n", 3, 4, 5, 6), "float32", "which is no image"),
        (image(), FREE, "uint8", "takes uint8, but dtype is float32; say dtype: uint8"),
        (image(), FREE, "str", "which are no images"),
        (image(size=(8,)), ("n", 100), "float32", "takes 100 numbers, but size 8x8 gives 64 for each channel"),
        (tokens(length=(8,)), ("n",), "int64", "has no axis for tokens"),
    ],
)
def test_what_contradicts_the_model_is_told(spec: InputSpec, shape: Any, dtype: str, message: str) -> None:
    """A layout, colour, type or rank that the model does not take is an error with its reason."""
    with pytest.raises(DataError, match=message):
        levels_for(spec, Tensor("x", dtype, shape))


def test_integers_that_stand_for_reals_take_reals() -> None:
    """A quantised input takes float32 steps: they become its integers afterwards."""
    quantised = Tensor("x", "int8", LAST, scale=0.1, zero_point=3)
    assert levels_for(image(size=(32,)), quantised) == (32,)
    with pytest.raises(DataError):
        levels_for(image(size=(32,)), Tensor("x", "int8", LAST))


def test_a_single_entry_speaks_of_a_single_input() -> None:
    """One entry and one input belong together whatever their names; of several inputs, each bears its entry's name."""
    one, other = Tensor("serving:0", "float32", FREE), Tensor("b", "float32", FREE)
    specs = (image(size=(8, 16)),)
    assert ModelInputs((one,), specs).knobs == {"image_size": (8, 16)}
    assert ModelInputs((one, other), specs).knobs == {}
    assert unused(specs, [(one, other)]) == ["image"]
    assert unused(specs, [(one, other), (other,)]) == []


def test_shapes_and_steps_follow_the_knobs() -> None:
    """The level that a configuration chooses decides steps and shape; a missing one is the first that fits."""
    inputs = ModelInputs((Tensor("x", "float32", FREE),), (image(size=(8, "16x24")),), {"x": (50, 60, 3), "y": ()})
    assert inputs.shapes({"image_size": "16x24"}, 4) == {"x": (4, 3, 16, 24)}
    assert inputs.shapes({}, 2) == {"x": (2, 3, 8, 8)}
    assert inputs.forms({"image_size": 8})["x"]["size"] == [8, 8]
    assert inputs.knob_names == {"image_size"}


def test_shapes_without_entries() -> None:
    """Without entries, shapes are the data's fitted to the model, else the model's own, else unknown."""
    free, fixed = Tensor("x", "float32", ("n", 1, "h", "w")), Tensor("x", "float32", ("n", 1, 8, 8))
    assert ModelInputs((free,), (), {"x": (9, 7)}).shapes({}, 3) == {"x": (3, 1, 9, 7)}
    assert ModelInputs((fixed,)).shapes({}, 3) == {"x": (3, 1, 8, 8)}
    assert ModelInputs((free,)).shapes({}, 3) is None
    assert ModelInputs((free,), (), {"x": (0, 0, 3)}).shapes({}, 3) is None


def test_a_mask_is_made_from_its_tokens() -> None:
    """The input that an entry names as its mask has the same length, needs no data, and is 1 where tokens are."""
    ids, mask = Tensor("ids", "int64", ("n", "s")), Tensor("attention", "float32", ("n", "s"))
    inputs = ModelInputs((ids, mask), (tokens(length=(4, 6), mask="attention"),), {"x": (5,), "y": ()})
    assert inputs.knobs == {"ids_length": (4, 6)}
    assert inputs.shapes({"ids_length": 6}, 2) == {"ids": (2, 6), "attention": (2, 6)}
    prepare = Inputs(inputs.forms({"ids_length": 6}))
    assert prepare.match(["ids", "attention"], {"x": 1, "y": 1}) == {"ids": "x", "attention": "x"}
    rows = np.array([[7, 8, 0, 0, 0]], np.int32)
    batch = prepare.batch([ids, mask], {"ids": rows, "attention": rows}, 2)
    assert batch["ids"].tolist() == [[7, 8, 0, 0, 0, 0]] * 2
    assert batch["attention"].tolist() == [[1, 1, 0, 0, 0, 0]] * 2
    assert (batch["ids"].dtype, batch["attention"].dtype) == (np.int64, np.float32)


def test_quantised_inputs_are_quantised_after_the_steps() -> None:
    """Steps first, then the model's integers: real = scale * (integer - zero_point)."""
    tensor = Tensor("x", "int8", (1, 1, 2, 2), scale=0.5, zero_point=-1)
    inputs = ModelInputs((tensor,), (image(scale=0.1),), {"x": (2, 2)})
    batch = Inputs(inputs.forms({})).batch([tensor], {"x": np.array([[[10, 255], [0, 5]]], np.uint8)}, 1)
    assert batch["x"].ravel().tolist() == [1, 50, -1, 0]


def test_the_check_covers_every_level() -> None:
    """Data that fit no level's model are told before anything is measured."""
    wrong = ModelInputs((Tensor("x", "float32", FREE),), (image(size=(8,)),), {"x": (5,)})
    with pytest.raises(DataError, match="an image is an array of 2 or 3 axes"):
        wrong.check()
