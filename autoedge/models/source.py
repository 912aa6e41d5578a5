"""Read a model file and its external data, trusting neither."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from autoedge.errors import ModelError
from autoedge.models import walk

MAX_BYTES = 2**31 - 1  # protobuf holds no larger message
_LFS = b"version https://git-lfs"
_MAX_RANK = 64


@dataclass(frozen=True)
class Source:
    """A model as read.

    Attributes:
        model: With all its data inside.
        sha256: As ``ModelInfo`` says.
        size_bytes: Of the model file and its data files.
        data: The file's bytes; None when some of its tensors lay in other files.
    """

    model: onnx.ModelProto
    sha256: str
    size_bytes: int
    data: bytes | None


def read(path: Path) -> Source:
    """Read a model.

    Raises:
        ModelError: It is no ONNX model, it is larger than 2 GiB, or its external data are missing, cut short or
            outside its folder.
    """
    data = _bytes(path)
    model = _parsed(data)
    digest, size = hashlib.sha256(data).hexdigest(), len(data)
    outside = [tensor for tensor in walk.tensors(model) if tensor.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        files = {name: _resolved(path.parent, name) for name in sorted({_entry(each, "location") for each in outside})}
        size += sum(file.stat().st_size for file in set(files.values()))
        if size > MAX_BYTES:
            raise ModelError(_too_large(size))
        for tensor in outside:
            _attach(tensor, files[_entry(tensor, "location")])
        digest = _digest_of([digest, *(_sha256(file) for file in files.values())])
    for tensor in walk.tensors(model):
        _check_length(tensor)
    return Source(model, digest, size, None if outside else data)


def as_bytes(model: onnx.ModelProto) -> bytes:
    """The model as one file.

    Raises:
        ModelError: It is too large for that.
    """
    if model.ByteSize() > MAX_BYTES:
        raise ModelError(f"as one file it would have {model.ByteSize()} bytes, and ONNX allows {MAX_BYTES} (2 GiB)")
    return bytes(model.SerializeToString(deterministic=True))


def _bytes(path: Path) -> bytes:
    try:
        # Never wait for the other end of a pipe that lies where a file should.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError("it is not a file")
            if status.st_size > MAX_BYTES:
                raise ModelError(_too_large(status.st_size))
            return file.read(MAX_BYTES)
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}") from error


def _too_large(size: int) -> str:
    return f"a model and its data files may have at most {MAX_BYTES} bytes (2 GiB), but these have {size}"


def _parsed(data: bytes) -> onnx.ModelProto:
    if not data:
        raise ModelError("the file is empty")
    if data.startswith(_LFS):
        raise ModelError("the file is a Git LFS pointer, not the model itself; fetch it with: git lfs pull")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelError("it is not an ONNX model, or it was cut short") from error
    if not model.ir_version or not model.HasField("graph") or not model.graph.node:
        raise ModelError("it is not an ONNX model, or it was cut short: it holds no graph of operators")
    model.ClearField("training_info")
    _check_names(model)
    return model


def _check_names(model: onnx.ModelProto) -> None:
    """Names must be text: protobuf hands out those that are not UTF-8 as bytes, which no library expects."""
    names: list[str | bytes] = [part for node in walk.nodes(model) for part in (node.op_type, node.domain, node.name)]
    names += [name for node in walk.nodes(model) for name in (*node.input, *node.output)]
    for graph in walk.graphs(model):
        names += [each.name for each in (*graph.input, *graph.output, *graph.initializer)]
    if any(isinstance(name, bytes) for name in names):
        raise ModelError("it is not an ONNX model, or it is damaged: some of its names are not text")


def _entry(tensor: onnx.TensorProto, key: str) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == key), "")


def _resolved(folder: Path, location: str) -> Path:
    """The data file that a model names, once it is sure to lie in the model's folder."""
    inside = f"external data must lie in the model's folder, but '{location}'"
    plain = PureWindowsPath(location)  # knows both separators
    if not location or plain.is_absolute() or plain.drive or PurePosixPath(location).is_absolute():
        raise ModelError(f"{inside} is no path inside it; save the model and its data next to each other")
    if ".." in plain.parts:
        raise ModelError(f"{inside} leads out of it; save the model and its data next to each other")
    try:
        file = (folder / location).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"its data file '{location}' is missing; it belongs next to the model") from error
    if not file.is_relative_to(folder.resolve()):
        raise ModelError(f"{inside} is a link that leads out of it; put the data file itself there")
    if not file.is_file():
        raise ModelError(f"its data file '{location}' is not a file")
    return file


def _attach(tensor: onnx.TensorProto, file: Path) -> None:
    """Put a tensor's data from its file into the model."""
    length = _stored_bytes(tensor)
    try:
        offset, given = int(_entry(tensor, "offset") or 0), int(_entry(tensor, "length") or length)
    except ValueError as error:
        raise ModelError(f"tensor '{tensor.name}': offset and length of its data are not numbers") from error
    if offset < 0 or given != length or offset + length > file.stat().st_size:
        raise ModelError(
            f"tensor '{tensor.name}' needs {length} bytes at {offset} of '{file.name}', "
            f"but it is promised {given} bytes of the {file.stat().st_size} there"
        )
    with file.open("rb") as stream:
        stream.seek(offset)
        tensor.raw_data = stream.read(length)
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")


def _kind(tensor: onnx.TensorProto) -> str:
    """The element type's name, once type and shape are possible ones."""
    kind = walk.dtype(tensor.data_type)
    if kind is None:
        raise ModelError(f"tensor '{tensor.name}' has an element type that ONNX does not define: {tensor.data_type}")
    if len(tensor.dims) > _MAX_RANK or any(size < 0 for size in tensor.dims):
        raise ModelError(f"tensor '{tensor.name}' has an impossible shape: {list(tensor.dims)[:_MAX_RANK]}")
    return kind


def _stored_bytes(tensor: onnx.TensorProto) -> int:
    size = walk.bits(_kind(tensor))
    if size is None:
        raise ModelError(f"tensor '{tensor.name}' holds strings, which cannot lie in raw or external data")
    return -(-walk.elements(tensor) * size // 8)


def _check_length(tensor: onnx.TensorProto) -> None:
    """A tensor must hold as much as its shape promises: the libraries below read on without looking."""
    kind = _kind(tensor)
    if tensor.HasField("raw_data"):
        want, have = _stored_bytes(tensor), len(tensor.raw_data)
    else:
        # In the typed fields, 4-bit values lie two to an entry, and a complex number is two entries.
        want = walk.elements(tensor)
        want = want * 2 if kind.startswith("complex") else _stored_bytes(tensor) if kind.endswith("int4") else want
        have = len(getattr(tensor, onnx.helper.tensor_dtype_to_field(tensor.data_type)))
    if want != have:
        raise ModelError(
            f"tensor '{tensor.name}' of shape {list(tensor.dims)} holds {have} values or bytes instead of {want}"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest_of(digests: list[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
