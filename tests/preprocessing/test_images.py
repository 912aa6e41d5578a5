"""What is done to images, step by step, each against a reckoning of its own."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from autoedge.errors import DataError
from autoedge.preprocessing.decoding import Encoded
from autoedge.preprocessing.images import ImageSteps
from autoedge.preprocessing.steps import read_steps, steps_form

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_the_usual_recipe_by_hand() -> None:
    """Resize with Pillow, 1/255, mean and std, channels first: as torchvision's transforms are defined."""
    steps = ImageSteps(size=(8, 12), layout="NCHW", colour="RGB", scale=1 / 255, mean=MEAN, std=STD)
    small = np.asarray(Image.fromarray(RGB).resize((12, 8), Image.Resampling.BILINEAR))
    expected = (small.transpose(2, 0, 1) / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    got = steps([RGB, RGB])
    assert (got.shape, got.dtype) == ((2, 3, 8, 12), np.float32)
    np.testing.assert_allclose(got[1], expected, atol=1e-5)


def test_blue_green_red() -> None:
    """BGR turns the channels round, and means are in the order of the model's channels."""
    got = ImageSteps(layout="NHWC", colour="BGR", mean=(1, 2, 3))([RGB])[0]
    np.testing.assert_array_equal(got, RGB[:, :, ::-1].astype(np.float32) - np.float32([1, 2, 3]))


def test_grey_is_pillows_grey() -> None:
    """8-bit colours become the grey that Pillow's convert gives, to the bit; floats by the same weights."""
    got = ImageSteps(layout="NCHW", colour="grey", dtype="uint8")([RGB])[0]
    np.testing.assert_array_equal(got[0], np.asarray(Image.fromarray(RGB).convert("L")))
    floats = ImageSteps(colour="grey")([RGB.astype(np.float64)])[0]
    np.testing.assert_allclose(floats[:, :, 0], RGB @ np.array([0.299, 0.587, 0.114]), atol=0.01)


def test_grey_to_colour_repeats_the_channel() -> None:
    """A grey image for a model of three channels has it three times."""
    got = ImageSteps(layout="NCHW", colour="RGB")([RGB[:, :, 0]])[0]
    assert (got == RGB[:, :, 0]).all()


def test_padding_keeps_proportions() -> None:
    """A wide image lies in the middle of a square, on the ground that was said, as Pillow's pad lays it."""
    got = ImageSteps(size=(24, 24), padding=114, dtype="uint8")([RGB])[0]
    expected = ImageOps.pad(Image.fromarray(RGB), (24, 24), Image.Resampling.BILINEAR, (114, 114, 114))
    np.testing.assert_array_equal(got, np.asarray(expected))
    assert (got[:4] == 114).all()
    assert (got[-4:] == 114).all()
    assert not (got[4] == 114).all()


def test_an_odd_rest_goes_below() -> None:
    """Where the ground cannot be shared evenly, one row more lies below."""
    got = ImageSteps(size=(5, 4), padding=-1)([np.ones((2, 4), np.float32)])[0, :, 0, 0]
    assert got.tolist() == [-1, 1, 1, -1, -1]


def test_crop_takes_the_middle() -> None:
    """The largest middle part of the proportions asked for is cut out before it is resized."""
    image = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    np.testing.assert_array_equal(ImageSteps(size=(20, 20), crop=1)([image])[0, :, :, 0], image[:, 5:25])
    np.testing.assert_array_equal(ImageSteps(size=(10, 10), crop=0.5)([image])[0, :, :, 0], image[5:15, 10:20])


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_stored_layouts_come_to_the_same(layout: str) -> None:
    """Channels first in the data, when said so, gives what channels last gives."""
    last = ImageSteps(size=(5, 6), layout=layout)([RGB])
    first = ImageSteps(size=(5, 6), layout=layout, data_layout="NCHW")([RGB.transpose(2, 0, 1)])
    np.testing.assert_array_equal(first, last)


def test_integers_are_rounded_and_clipped() -> None:
    """A model that takes integers gets the nearest, halves to even, within the type's range."""
    image = np.float32([[0.5, 1.5, 2.5, -300, 300]])
    assert ImageSteps(dtype="int8")([image])[0, 0, :, 0].tolist() == [0, 2, 2, -128, 127]


def test_encoded_images_are_decoded() -> None:
    """A PNG gives the same as its pixels."""
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG")
    steps = ImageSteps(size=(7, 7), colour="RGB")
    np.testing.assert_array_equal(steps([Encoded(file.getvalue(), "a.png", grey=False)]), steps([RGB]))


def test_shapes_are_foretold() -> None:
    """The shape of a prepared sample is known beforehand wherever the sample's own is."""
    for steps, sample in (
        (ImageSteps(size=(4, 6), layout="NCHW", colour="grey"), RGB),
        (ImageSteps(layout="NHWC"), RGB),
        (ImageSteps(layout="NCHW", colour="BGR"), RGB[:, :, 0]),
        (ImageSteps(size=(4, 6), data_layout="NCHW"), RGB.transpose(2, 0, 1)),
    ):
        assert steps.shape(sample.shape) == steps([sample]).shape[1:]
    assert ImageSteps(layout="NCHW", colour="RGB").shape(()) == (3, None, None)


def test_steps_read_back() -> None:
    """The JSON form of steps gives equal steps."""
    steps = ImageSteps((4, 6), "NHWC", "BGR", "bicubic", False, 1.5, None, 0.5, MEAN, (2.0,), "uint8", "NCHW")  # noqa: FBT003
    assert read_steps(json.loads(json.dumps(steps_form(steps)))) == steps


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "sound"},
        {"kind": "image", "size": [4]},
        {"kind": "image", "size": [4, 10**9]},
        {"kind": "image", "size": "44"},
        {"kind": "image", "size": 4},
        {"kind": "image", "size": [True, 1]},
        {"kind": "image", "layout": "HW"},
        {"kind": "image", "colour": ["RGB"]},
        {"kind": "image", "resize": "box", "antialias": False},
        {"kind": "image", "dtype": "object"},
        {"kind": "image", "scale": float("nan")},
        {"kind": "image", "std": [0.0]},
        {"kind": "image", "crop": 2},
        {"kind": "image", "evil": 1},
        {"kind": "image", "mean": ["a"]},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    """Steps that a stranger wrote are checked, and what is wrong is one clear error."""
    with pytest.raises(DataError):
        read_steps(wrong)


@pytest.mark.parametrize(
    ("steps", "samples", "message"),
    [
        (ImageSteps(colour="RGB"), [np.zeros((3, 8, 8))], "1 or 3 channels, but these have 8; are the data NCHW"),
        (ImageSteps(), [np.zeros((4, 4)), np.zeros((4, 5))], "several sizes"),
        (ImageSteps(), [np.zeros(4)], "an image is an array of 2 or 3 axes"),
        (ImageSteps(), [np.array([["a"]])], "images hold numbers"),
        (ImageSteps(mean=(1, 2, 3)), [np.zeros((4, 4))], "one number a channel"),
    ],
)
def test_samples_that_are_no_such_images(steps: ImageSteps, samples: list[Any], message: str) -> None:
    """What does not fit the steps is told, not guessed."""
    with pytest.raises(DataError, match=message):
        steps(samples)
