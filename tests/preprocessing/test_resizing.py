"""Resizing against Pillow, against what torch gave, and against the rule written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from autoedge.preprocessing.resizing import RULES, resized

# (np.arange(20).reshape(4, 5) ** 2 % 17) through torch.nn.functional.interpolate(align_corners=False), torch 2.13.
SMALL = (np.arange(20).reshape(4, 5) ** 2 % 17).astype(np.float32)
GOLDEN = {
    ("bilinear", False, (2, 3)): [[3.1666667, 9.5, 13.333333], [6.8333335, 4.0, 7.166667]],
    ("bilinear", True, (2, 3)): [[3.8571432, 8.111112, 12.857142], [5.979592, 5.476191, 8.163265]],
    ("bicubic", False, (2, 3)): [[2.2824094, 10.15625, 13.597797], [7.3287044, 3.34375, 7.26331]],
    ("bicubic", True, (2, 3)): [[3.4450097, 8.236863, 13.612267], [6.082009, 5.0871415, 8.024857]],
    ("bicubic", False, (6, 4)): [
        [-0.5483197, 1.4884204, 5.9367905, 15.522981],
        [3.0623322, 4.379654, 10.630035, 14.446472],
        [8.943336, 5.9972076, 15.469043, 12.428152],
        [13.652459, 3.0184686, 15.680781, 10.758194],
        [9.232834, 0.8549652, 7.235199, 6.458313],
        [2.8388546, 0.0737936, -0.9743978, 3.1658156],
    ],
}
RESAMPLING = {rule: Image.Resampling[rule.upper()] for rule in RULES}


@pytest.mark.parametrize(("rule", "antialias", "size"), GOLDEN)
def test_floats_agree_with_torch(rule: str, antialias: bool, size: tuple[int, int]) -> None:  # noqa: FBT001
    """With and without antialiasing, floats come out as torch's interpolate gives them."""
    got = resized(SMALL, size, rule, antialias=antialias)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, GOLDEN[rule, antialias, size], atol=2e-5)


@pytest.mark.parametrize("rule", ["bilinear", "bicubic", "box", "lanczos"])
@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 3)])
def test_bytes_are_pillows_to_the_bit(rule: str, shape: tuple[int, ...]) -> None:
    """Antialiased 8-bit images, grey or RGB, are what Pillow's own resize gives."""
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    expected = np.asarray(Image.fromarray(image).resize((11, 17), RESAMPLING[rule]))
    np.testing.assert_array_equal(resized(image, (17, 11), rule, antialias=True), expected)


def test_a_box_of_whole_pixels_is_their_mean() -> None:
    """Halving by box averages four pixels each."""
    image = np.random.default_rng(0).random((6, 8, 2), np.float32)
    expected = image.reshape(3, 2, 4, 2, 2).mean((1, 3))
    np.testing.assert_allclose(resized(image, (3, 4), "box", antialias=True), expected, atol=1e-6)


@given(
    have=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 99),
)
def test_plain_bilinear_follows_its_formula(have: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    """Each new pixel is the weighted mean of the four old ones around its centre, edges repeated; bytes are rounded."""
    image = np.random.default_rng(seed).integers(0, 256, have, np.uint8)
    got = resized(image, size, "bilinear", antialias=False)
    for row in range(size[0]):
        for column in range(size[1]):
            y, x = ((at + 0.5) * old / new - 0.5 for at, old, new in zip((row, column), have, size, strict=True))
            y, x = min(max(y, 0), have[0] - 1), min(max(x, 0), have[1] - 1)
            top, left = int(y), int(x)
            below, right = min(top + 1, have[0] - 1), min(left + 1, have[1] - 1)
            upper = (1 - (x - left)) * image[top, left] + (x - left) * image[top, right]
            lower = (1 - (x - left)) * image[below, left] + (x - left) * image[below, right]
            assert abs(got[row, column] - ((1 - (y - top)) * upper + (y - top) * lower)) <= 0.5 + 1e-4


@given(have=st.integers(1, 50), size=st.integers(1, 50))
def test_nearest_takes_the_pixel_under_the_centre(have: int, size: int) -> None:
    """Nearest gives old pixels unchanged: the one that the new one's centre lies in."""
    image = np.arange(have, dtype=np.float32).reshape(1, have)
    got = resized(image, (1, size), "nearest", antialias=True)
    assert [int(value) for value in got[0]] == [(2 * at + 1) * have // (2 * size) for at in range(size)]


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("rule", ["nearest", "bilinear", "bicubic"])
def test_the_same_size_changes_nothing(rule: str, antialias: bool) -> None:  # noqa: FBT001
    """An image of the size asked for comes back to the bit."""
    assert resized(SMALL, SMALL.shape, rule, antialias=antialias) is SMALL
