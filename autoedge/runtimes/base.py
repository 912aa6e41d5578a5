"""What a runtime is to AutoEdge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    Call = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]


class Port(NamedTuple):
    """An input or output of a loaded model.

    Attributes:
        name: As the model names it.
        dtype: Numpy name of the element type.
        shape: Batch axis first; a name or None is a free dimension.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


class Session(ABC):
    """A loaded model, ready to be called.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
    """

    inputs: Sequence[Port]
    outputs: Sequence[Port]

    @abstractmethod
    def bind(self, outputs: Sequence[str]) -> Call:
        """A callable that takes arrays by input name and gives those outputs, done when it returns.

        It is what gets timed, so it adds nothing of its own to the engine's call.
        """


class Runtime(ABC):
    """An engine that executes model files. Its package is imported only when a method is called."""

    @abstractmethod
    def version(self) -> str | None:
        """Version of the installed package, None when it is missing."""

    @abstractmethod
    def prepare(self) -> None:
        """Import the engine, so that its own memory and start are not taken for the model's."""

    @abstractmethod
    def load(self, path: Path, knobs: Mapping[str, Any]) -> Session:
        """Load a model file.

        Args:
            path: The file.
            knobs: The runtime's knobs as its search space file names them; a missing one means the engine's default.

        Raises:
            ModelError: The engine refuses the file; says why in the engine's words.
        """
