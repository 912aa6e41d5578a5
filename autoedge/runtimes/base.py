"""What a runtime is to AutoEdge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    Call = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]
    Shapes = Mapping[str, tuple[int, ...]]


class Port(NamedTuple):
    """An input or output of a loaded model.

    Attributes:
        name: As the model names it.
        dtype: Numpy name of the element type.
        shape: Batch axis first; a name or None is a free dimension.
        scale: Of integers that stand for real numbers, real = scale * (integer - zero_point); 0 for plain values.
        zero_point: The integer that stands for 0.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]
    scale: float = 0.0
    zero_point: int = 0


class Session(ABC):
    """A loaded model, ready to be called.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
    """

    inputs: Sequence[Port]
    outputs: Sequence[Port]

    def placement(self) -> Mapping[str, int]:
        """How many of the model's operators each device or provider executes; empty where the engine does not say.

        It is asked last of all, since some engines must load the model again to tell.
        """
        return {}

    @abstractmethod
    def bind(self, outputs: Sequence[str]) -> Call:
        """A callable that takes arrays by input name and gives those outputs, done when it returns.

        It is what gets timed, so it adds nothing of its own to the engine's call.
        """


class Runtime(ABC):
    """An engine that executes model files. Its package is imported only when a method is called.

    Attributes:
        packages: Distributions that hold it, the one that pip should install first.
        needs: Further distributions that it imports, with what their versions must be: ``numpy<2``.
    """

    packages: tuple[str, ...]
    needs: tuple[str, ...] = ()

    def version(self) -> str | None:
        """Version of the installed package, None when it is missing."""
        from importlib import metadata

        found = (next(iter(metadata.distributions(name=package)), None) for package in self.packages)
        return next((distribution.version for distribution in found if distribution is not None), None)

    def offers(self) -> dict[str, dict[str, str]]:
        """By knob, the levels that hang on this machine, each with why it cannot be used, empty where it can.

        They are found out by running something tiny, not by name. A knob that is not named has all its levels
        everywhere.
        """
        return {}

    @abstractmethod
    def prepare(self) -> None:
        """Import the engine, so that its own memory and start are not taken for the model's."""

    @abstractmethod
    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:
        """Load a model file.

        Args:
            path: The file.
            knobs: The runtime's knobs as its search space file names them; a missing one means the engine's default.
            shapes: By input, the shape of every call to come, batch first; None leaves free dimensions free.

        Raises:
            ModelError: The engine refuses the file; says why in the engine's words.
        """
