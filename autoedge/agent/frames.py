"""The wire format between host, agent and worker: framed JSON with arrays behind it.

A frame is one ASCII line ``AE1 <json bytes> <array bytes>``, the JSON object, then the arrays' bytes. Arrays are named
in the object's ``arrays`` member: ``{"latency_ns": {"dtype": "<i8", "shape": [100]}}``, in the order of their bytes.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
_MAGIC = b"AE1 "
_LONGEST_LINE = 64
MAX_JSON = 64 * 2**20
MAX_ARRAYS = 2 * 2**30
WAITING = "waiting for another measurement on this machine"
"""The phase of a job before it begins, while another one has the machine's turn."""
NONSENSE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, SyntaxError, RecursionError)
"""Whatever it may raise to read what another machine made up; a name of a dtype can even be a syntax error."""
_PLAIN = "biuf"


class FrameError(Exception):
    """What arrived is not a frame; the text shows its beginning."""


class Frame(NamedTuple):
    """One message.

    Attributes:
        body: A JSON object.
        arrays: Arrays by name.
    """

    body: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Readable(Protocol):
    """A buffered binary stream to read from."""

    def readline(self, limit: int, /) -> bytes:
        """Up to and with the next newline, at most ``limit`` bytes."""

    def read(self, size: int, /) -> bytes:
        """That many bytes, fewer only at the end."""


class Writable(Protocol):
    """A binary stream to write to."""

    def write(self, data: bytes, /) -> Any:
        """Write all of it."""

    def flush(self) -> None:
        """Hand it on."""


def pack(body: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """The bytes of a frame."""
    solid = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    layout = {name: {"dtype": array.dtype.str, "shape": list(array.shape)} for name, array in solid.items()}
    text = json.dumps({**body, "arrays": layout}).encode()
    data = b"".join(array.tobytes() for array in solid.values())
    return b"%b%d %d\n%b%b" % (_MAGIC, len(text), len(data), text, data)


def write_frame(stream: Writable, body: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Send one frame."""
    stream.write(pack(body, arrays))
    stream.flush()


def read_frame(stream: Readable) -> Frame | None:
    """The next frame, or None where the stream ended between frames.

    Raises:
        FrameError: Something else arrived, or the stream ended inside a frame.
    """
    line = stream.readline(_LONGEST_LINE)
    if not line:
        return None
    sizes = line[len(_MAGIC) :].split()
    if not (line.startswith(_MAGIC) and line.endswith(b"\n") and len(sizes) == 2 and all(s.isdigit() for s in sizes)):  # noqa: PLR2004
        raise FrameError(f"expected a frame, but got {line!r}")
    text_size, data_size = int(sizes[0]), int(sizes[1])
    if text_size > MAX_JSON or data_size > MAX_ARRAYS:
        raise FrameError(f"a frame of {text_size} and {data_size} bytes is too large")
    text, data = stream.read(text_size), stream.read(data_size)
    if len(text) != text_size or len(data) != data_size:
        raise FrameError("the stream ended inside a frame")
    try:
        body = json.loads(text)
        return Frame(body, _split(body.pop("arrays"), data))
    except NONSENSE as error:
        raise FrameError(f"a frame does not hold what it declares: {error}") from error


def _split(layout: Mapping[str, Any], data: bytes) -> dict[str, np.ndarray]:
    arrays, offset = {}, 0
    for name, form in layout.items():
        dtype = np.dtype(form["dtype"])
        if dtype.kind not in _PLAIN:
            raise ValueError(f"array '{name}' must hold plain numbers")
        count = math.prod(int(size) for size in form["shape"])
        if count < 0 or offset + count * dtype.itemsize > len(data):
            raise ValueError(f"array '{name}' is longer than the frame")
        arrays[name] = np.frombuffer(data, dtype, count, offset).reshape(form["shape"])
        offset += count * dtype.itemsize
    return arrays
