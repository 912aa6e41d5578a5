"""OpenVINO's IR, which is two files, as one: a zip of ``model.xml``, deflated, and ``model.bin`` as it is.

The text of a small graph is larger than its weights and shrinks to a tenth; weights hardly shrink, and as they are the
engine maps them into memory.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

_XML, _BIN = "model.xml", "model.bin"
_MAGIC = b"PK\x03\x04"
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of the name, length of the extra field
_EXTRA_HEADER = struct.Struct("<HH")
_ENCIPHERED = 1
_PADDING_ID = 0xD935  # what Android's zipalign marks its padding with
_ALIGNMENT = 64  # bytes of a cache line, as OpenVINO aligns constants inside
_MAX_XML_BYTES = 2**28
_SMALLEST = 9
_OLDEST = (1980, 1, 1, 0, 0, 0)  # equal models give equal bytes, whenever they are packed


def is_packed(path: Path) -> bool:
    """Whether a file begins like a packed IR; its name does not matter."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def write(xml: bytes, weights: bytes, into: Path) -> None:
    """Write both parts as one file."""
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_XML, _OLDEST), xml, zipfile.ZIP_DEFLATED, _SMALLEST)
        member = zipfile.ZipInfo(_BIN, _OLDEST)
        begin = archive.start_dir + _LOCAL_HEADER.size + len(_BIN) + _EXTRA_HEADER.size
        padding = -begin % _ALIGNMENT
        member.extra = _EXTRA_HEADER.pack(_PADDING_ID, padding) + bytes(padding)
        archive.writestr(member, weights)


def read(path: Path) -> tuple[bytes, np.ndarray]:
    """The XML, and the weights as bytes that the kernel reads from the file when they are touched.

    Raises:
        ModelError: The file holds anything but exactly the two parts.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if [member.filename for member in members] != [_XML, _BIN]:
                raise ModelError(f"a packed IR holds {_XML} and {_BIN} and nothing else; pack the model again")
            graph, weights = members
            if weights.compress_type != zipfile.ZIP_STORED or (graph.flag_bits | weights.flag_bits) & _ENCIPHERED:
                raise ModelError("the weights of a packed IR are stored as they are; pack the model again")
            if graph.file_size > _MAX_XML_BYTES:
                raise ModelError(f"the graph of a packed IR has at most {_MAX_XML_BYTES} bytes (256 MiB)")
            xml = archive.read(graph)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise ModelError(f"the packed IR is damaged: {error}; pack the model again") from error
    return xml, _mapped(path, weights)


def _mapped(path: Path, member: zipfile.ZipInfo) -> np.ndarray:
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        whole = file.seek(0, 2)
    signature, name, extra = _LOCAL_HEADER.unpack(header) if len(header) == _LOCAL_HEADER.size else (b"", 0, 0)
    begin = member.header_offset + _LOCAL_HEADER.size + name + extra
    if signature != _MAGIC or begin + member.file_size > whole:
        raise ModelError("the packed IR is damaged: its weights do not lie where it says; pack the model again")
    if not member.file_size:
        return np.empty(0, np.uint8)
    # Copy on write: the engine takes writable memory only, and the file stays as it is.
    return np.memmap(path, np.uint8, "c", begin, (member.file_size,))
