"""Load and run a variant once before it is handed out."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.models.info import Tensor
    from autoedge.runtimes.base import Runtime

    Feed = Mapping[str, np.ndarray]

_NOISE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .+? failed: ?")


def probe(inputs: Sequence[Tensor], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """One item to try a model with: uniform in [0, 1) where it takes floats, else zeros.

    Args:
        inputs: What it takes.
        shapes: By input; where one is missing, free dimensions are 1.
    """
    random = np.random.default_rng(0)
    feed: dict[str, np.ndarray] = {}
    for tensor in inputs:
        shape = shapes.get(tensor.name) or [size if isinstance(size, int) else 1 for size in tensor.shape]
        if np.dtype(tensor.dtype).kind == "f":
            feed[tensor.name] = random.random(shape, np.float32).astype(tensor.dtype)
        else:
            feed[tensor.name] = np.zeros(shape, tensor.dtype)
    return feed


def check(variant: Path, given: Path, feed: Feed, *, guessed: bool, place: str, trusted: bool = False) -> None:
    """The variant loads and runs, and is finite where the model as given is.

    Args:
        variant: The file to try.
        given: The model that it is made of; may be the same file.
        feed: Its input.
        guessed: Free dimensions of the input were filled in blindly, so that the model as given may refuse it; then
            loading has to do.
        place: Of the runtime's class, as the registry knows it.
        trusted: Whether a pickle may be opened.

    Raises:
        ModelError: It does not.
    """
    module, _, name = place.partition(":")
    runtime: Runtime = getattr(import_module(module), name)()
    if runtime.version() is None:
        return  # the target that is to run it has it; what comes of it is seen there
    shapes = None if guessed else {key: array.shape for key, array in feed.items()}
    knobs = {"trusted": True} if trusted else {}
    session = _load(runtime, variant, knobs, shapes)
    try:
        expected = _run(session if variant == given else _load(runtime, given, knobs, shapes), feed)
    except ModelError:
        if guessed:
            return
        raise
    got = expected if variant == given else _run(session, feed)
    for name, values in got.items():
        if np.isfinite(expected[name]).all() and not np.isfinite(values).all():
            raise ModelError(
                f"output '{name}' is not finite where that of the model as given is: its values leave the range "
                "that the precision can hold"
            )


def _load(runtime: Runtime, path: Path, knobs: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]] | None) -> Any:
    try:
        return runtime.load(path, knobs, shapes)
    except ModelError as error:
        raise ModelError(_NOISE.sub("", str(error))) from error


def _run(session: Any, feed: Feed) -> dict[str, np.ndarray]:
    """The numeric outputs by name."""
    names = [port.name for port in session.outputs]
    try:
        values = session.bind(names)(feed)
    except Exception as error:  # the engine's errors share no base class below Exception
        raise ModelError(f"the runtime cannot run it: {_NOISE.sub('', str(error))}") from error
    return {name: value for name, value in zip(names, values, strict=True) if np.asarray(value).dtype.kind in "fiub"}
