"""The section ``inputs``: what it means, what is wrong with it, and that it reads back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.intent.inputs import InputSpec
from autoedge.intent.load import dump_resolved, load_intent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.intent.resolved import Intent

    Load = Callable[[str], Intent]
    Problems = Callable[[str], list[str]]

IMAGE = """\
inputs:
  image: {size: [32, 48x64, 64x64], layout: NCHW, colour: BGR, resize: bicubic, antialias: false, scale: 1/255,
          mean: [0.485, 0.456, 0.406], std: 0.2, dtype: float16, padding: {colour: 114}, data_layout: NCHW}
"""


def test_everything_of_an_image_is_read(load: Load, minimal: str) -> None:
    """Each key of an image means what it says; sizes are numbers, or height x width; fractions are exact."""
    (spec,) = load(minimal + IMAGE).inputs
    assert spec == InputSpec(
        "image",
        "image",
        size=(32, "48x64", 64),
        layout="NCHW",
        colour="BGR",
        resize="bicubic",
        antialias=False,
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.2,),
        dtype="float16",
        padding=114.0,
        data_layout="NCHW",
    )
    assert (spec.knob, spec.levels) == ("image_size", (32, "48x64", 64))
    assert [spec.level({"image_size": 64}), spec.level({})] == [64, 32]


def test_everything_of_tokens_is_read(load: Load, minimal: str) -> None:
    """Lengths become levels of a knob, a single one fixes it; an empty padding is a ground of 0."""
    text = "inputs: {Token Ids: {length: 16, pad: 1, side: left, truncate: left, mask: m}, i: {size: 8, padding: {}}}\n"
    tokens, image = load(minimal + text).inputs
    assert tokens == InputSpec("Token Ids", "tokens", length=(16,), pad=1, side="left", truncate="left", mask="m")
    assert (tokens.knob, tokens.levels) == ("token_ids_length", (16,))
    assert image.padding == 0


def test_without_the_section_nothing_is_prepared(load: Load, minimal: str) -> None:
    """An intent without inputs has none."""
    assert load(minimal).inputs == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{size: 0}", "inputs.image.size: takes pixels such as 48, or height x width such as 48x64, but got 0"),
        ("{size: [8, 9x]}", "inputs.image.size: takes pixels such as 48, or height x width such as 48x64, but got 9x"),
        ("{size: [8, 8x8]}", "inputs.image: levels stand once each, but got (8, 8)"),
        ("{length: 0}", "inputs.image.length: takes 1 to 1048576 items, but got 0"),
        (
            "{size: 8, length: 9}",
            "inputs.image: an input is an image or tokens, but size belongs to images and",
        ),
        ("{}", "inputs.image: says how samples are prepared, but is empty; add size (an image) or length (tokens)"),
        ("{scale: 1/0}", "inputs.image.scale: takes a number or a fraction such as 1/255, but got 1/0"),
        ("{scale: 0}", "inputs.image.scale: takes a number other than 0, but got 0"),
        ("{layout: HWC}", "inputs.image.layout: takes NCHW or NHWC, but got HWC"),
        ("{resiz: box}", "inputs.image: unknown key resiz; did you mean resize?"),
        ("{std: [1, 0]}", "inputs.image: std has no zeros"),
        ("{colour: grey, mean: [1, 2, 3]}", "inputs.image: mean has one number or one a channel (1), but got 3"),
        ("{resize: box, antialias: false}", "inputs.image: antialias: false goes with nearest, bilinear, bicubic"),
        (
            "{padding: {colour: 1}}",
            "inputs.image: padding keeps proportions inside a size, but there is none; add size",
        ),
        ("{size: 8, crop: 1, padding: {}}", "inputs.image: padding and crop exclude each other"),
        ("{crop: 1.5}", "inputs.image.crop: takes a number of at most 1, but got 1.5"),
        ("{length: 3, mask: image}", "inputs.image: an input's mask is another input, but got its own name"),
    ],
)
def test_what_is_wrong_is_told(problems: Problems, minimal: str, entry: str, problem: str) -> None:
    """Each problem has its line, its place, the rule and the value."""
    (told,) = problems(f"{minimal}inputs: {{image: {entry}}}\n")
    assert told.startswith(f"intent.yaml:5 {problem}")


def test_knobs_do_not_collide(problems: Problems, minimal: str) -> None:
    """Two inputs whose knobs would have one name are told of."""
    (told,) = problems(minimal + "inputs: {A b: {size: 8}, a-b: {size: 9}}\n")
    assert "its knob is a_b_size, but so is that of A b" in told


def test_data_may_be_a_folder_or_a_csv(load: Load, minimal: str, folder: Path) -> None:
    """Evaluation data are a file or a folder; what is not there is still told."""
    (folder / "pictures").mkdir(exist_ok=True)
    (folder / "data" / "list.csv").touch()
    data = load(minimal + "data: {evaluation: pictures, calibration: data/list.csv}\n").data
    assert data.evaluation == folder / "pictures"
    assert data.calibration == folder / "data" / "list.csv"


SIZES = st.lists(
    st.integers(1, 9999) | st.builds("{}x{}".format, st.integers(1, 99), st.integers(100, 999)), unique=True
)
NUMBERS = st.floats(-1e6, 1e6).filter(lambda number: number != 0)
IMAGES = st.builds(
    InputSpec,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
    st.just("image"),
    size=SIZES.filter(len).map(tuple),
    layout=st.sampled_from([None, "NCHW", "NHWC"]),
    colour=st.sampled_from([None, "RGB", "BGR"]),
    resize=st.sampled_from(["bilinear", "box", "lanczos"]),
    padding=st.none() | NUMBERS,
    scale=NUMBERS,
    mean=st.sampled_from([(), (0.5,), (0.1, 0.2, 0.3)]),
    std=st.lists(NUMBERS, min_size=3, max_size=3).map(tuple),
)
TOKENS = st.builds(
    InputSpec,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
    st.just("tokens"),
    length=st.lists(st.integers(1, 9999), unique=True, min_size=1).map(tuple),
    pad=st.integers(-9, 9),
    side=st.sampled_from(["left", "right"]),
    mask=st.none() | st.just("the mask of it"),
)


@given(spec=IMAGES | TOKENS)
def test_entries_read_back(load: Load, minimal: str, folder: Path, spec: InputSpec) -> None:
    """An entry written as JSON or into a resolved intent reads back equal."""
    assert InputSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    from dataclasses import replace

    intent = replace(load(minimal), inputs=(spec,))
    (folder / "resolved.yaml").write_text(dump_resolved(intent))
    assert load_intent(folder / "resolved.yaml").inputs == (spec,)


def test_kinds_are_not_mixed() -> None:
    """An entry made by hand keeps the rules that a written one does."""
    with pytest.raises(ValueError, match="length does not belong to image"):
        InputSpec("a", "image", length=(3,))
