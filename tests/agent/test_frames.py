"""The wire format under chunking, corruption and hostile frames."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autoedge.agent.frames import FrameError, pack, read_frame

BODIES = st.dictionaries(st.text(max_size=8).filter(lambda key: key != "arrays"), st.integers() | st.text(), max_size=4)
ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    hnp.arrays(st.sampled_from([np.int64, np.float32, np.uint8]), hnp.array_shapes(max_dims=3, max_side=4)),
    max_size=3,
)


@given(BODIES, ARRAYS)
def test_frames_survive_the_way(body: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    """What is packed is what is read, byte for byte, also when two frames follow each other."""
    stream = io.BytesIO(pack(body, arrays) * 2)
    for _ in range(2):
        frame = read_frame(stream)
        assert frame is not None
        assert frame.body == body
        assert frame.arrays.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(frame.arrays[name], array)
    assert read_frame(stream) is None


@given(BODIES, ARRAYS, st.data())
def test_a_cut_frame_is_noticed(body: dict[str, object], arrays: dict[str, np.ndarray], data: st.DataObject) -> None:
    """A stream that ends inside a frame is an error, never a shorter message."""
    whole = pack(body, arrays)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(FrameError):
        read_frame(io.BytesIO(whole[:cut]))


@given(st.binary(min_size=1, max_size=200))
def test_noise_is_no_frame(noise: bytes) -> None:
    """Bytes that are no frame raise FrameError and nothing else."""
    with pytest.raises(FrameError):
        read_frame(io.BytesIO(b"x" + noise))


def _frame(text: str, data: bytes = b"") -> bytes:
    return b"AE1 %d %d\n%b%b" % (len(text), len(data), text.encode(), data)


@pytest.mark.parametrize(
    "frame",
    [
        b"AE1 2 0\n{}",
        b'AE1 13 0\n{"arrays":[1]}'[:22],
        b'AE1 56 0\n{"arrays": {"a": {"dtype": "|O", "shape": [1]}}}        '[:65],
        b'AE1 58 4\n{"arrays": {"a": {"dtype": "<f4", "shape": [1000]}}}      \0\0\0\0'[:71],
        b"AE1 999999999999 0\n",
        b"AE1 5 0\n[[[[[",
        _frame('{"arrays": {"a": {"dtype": "<f8", "shape": [Infinity]}}}'),
        _frame('{"arrays": {"a": {"dtype": "(1,", "shape": [1]}}}'),
        _frame('{"arrays": {"a": {"dtype": "<U1", "shape": [1]}}}', b"abcd"),
        _frame('{"arrays": {"a": {"dtype": "V0", "shape": [1000000000000000000]}}}'),
        _frame('{"arrays": []}'),
        _frame("[]"),
    ],
)
def test_frames_that_lie_are_refused(frame: bytes) -> None:
    """Missing members, arrays of no numbers or longer than their bytes, huge sizes and broken JSON are refused."""
    with pytest.raises(FrameError):
        read_frame(io.BytesIO(frame))
