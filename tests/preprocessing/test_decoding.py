"""Image files, good and hostile."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from autoedge.errors import DataError
from autoedge.preprocessing.decoding import Encoded, decode, look

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    """An image as a file's bytes."""
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


@pytest.mark.parametrize(
    ("image", "grey"),
    [
        (Image.fromarray(PIXELS), False),
        (Image.fromarray(PIXELS[:, :, 0]), True),
        (Image.fromarray(PIXELS).convert("P"), False),
        (Image.fromarray(PIXELS).convert("RGBA"), False),
        (Image.fromarray(PIXELS[:, :, 0]).convert("LA"), True),
        (Image.fromarray(PIXELS[:, :, 0]).convert("1"), True),
    ],
)
def test_kinds_of_png(image: Image.Image, grey: bool) -> None:  # noqa: FBT001
    """Grey images have one channel, all others three; what an alpha channel says is left out."""
    data = encoded(image)
    assert look(data, "a.png") == (6, 9, grey)
    got = decode(Encoded(data, "a.png", grey))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, np.asarray(image.convert("L" if grey else "RGB")))


def test_a_palette_with_transparency() -> None:
    """A palette of which one colour is transparent decodes without a warning."""
    image = Image.fromarray(PIXELS).convert("P")
    file = io.BytesIO()
    image.save(file, "PNG", transparency=bytes([0, 128, 255]))
    got = decode(Encoded(file.getvalue(), "a.png", grey=False))
    np.testing.assert_array_equal(got, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_kinds_of_jpeg(mode: str) -> None:
    """JPEG in grey, colour and print colours decodes."""
    data = encoded(Image.fromarray(PIXELS).convert(mode), "JPEG")
    assert decode(Encoded(data, "a.jpg", grey=False)).shape == (6, 9, 3)


def bomb(width: int, height: int) -> bytes:
    """A tiny PNG that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no PNG or JPEG image"),
        (b"GIF89a" + bytes(20), "is no PNG or JPEG image"),
        (encoded(Image.fromarray(PIXELS), "TIFF"), "is no PNG or JPEG image"),
        (encoded(Image.fromarray(PIXELS))[:40], "damaged|is no PNG"),
        (encoded(Image.fromarray(PIXELS), "JPEG")[:-40], "damaged"),
        (encoded(Image.fromarray(PIXELS[:, :, 0].astype(np.uint16))), "8 bits a channel"),
        (bomb(9000, 9000), "at most 67108864 pixels, but this has 9000x9000"),
        (bomb(60000, 60000), "exceeds limit"),
        (bomb(4000, 4000), "damaged"),
    ],
)
def test_hostile_files(data: bytes, message: str) -> None:
    """Foreign, cut, deep and gigantic images are each one clear error that names the file."""
    with pytest.raises(DataError, match=rf"^a\.png: .*({message})"):
        decode(Encoded(data, "a.png", grey=False))


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Pillow is missing, the error says what to install."""
    data = encoded(Image.fromarray(PIXELS))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(DataError, match=r"pip install 'autoedge\[images\]'"):
        look(data, "a.png")
