"""LightGBM itself, for models in its text form."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import ModelError
from autoedge.runtimes.base import Port, Runtime, Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.runtimes.base import Call, Shapes

_KNOBS = {"threads"}
_LONGEST_HEADER = 100_000
_MULTICLASS = {"multiclass", "multiclassova"}
INPUT = "x"


class LightGbm(Runtime):
    """Microsoft's LightGBM with its own prediction loop.

    Knobs: ``threads`` (OpenMP's, over the samples of a batch). LightGBM's reader trusts every index in the text, so
    that files come from ``autoedge.models.lightgbm_file``, which checks them line by line.
    """

    packages = ("lightgbm",)

    def prepare(self) -> None:
        """Import the engine; see the base class."""
        import lightgbm  # noqa: F401 - the import is the point

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:  # noqa: ARG002 - it takes any batch
        """Load a model file; see the base class."""
        import lightgbm

        unknown = sorted(set(knobs) - _KNOBS)
        if unknown:
            raise ModelError(f"LightGBM has no knob {', '.join(unknown)}; it has {', '.join(sorted(_KNOBS))}")
        try:
            objective = _objective(path)
            booster = lightgbm.Booster(model_file=str(path))
        except (lightgbm.basic.LightGBMError, OSError, UnicodeDecodeError) as error:
            raise ModelError(f"LightGBM {lightgbm.__version__} cannot load the model: {error}") from error
        return _Session(booster, objective, int(knobs["threads"]) if "threads" in knobs else None)


class _Session(Session):
    def __init__(self, booster: Any, objective: str, threads: int | None) -> None:
        self._objective = objective
        # The names of columns say nothing about arrays, so they are not compared in each call.
        options = {} if threads is None else {"num_threads": threads}
        self._predict = partial(booster.predict, validate_features=False, **options)
        name, columns = output_of(objective, booster.num_model_per_iteration())
        self.inputs = [Port(INPUT, "float64", (None, booster.num_feature()))]
        self.outputs = [Port(name, "float64", (None, columns))]

    def bind(self, outputs: Sequence[str]) -> Call:  # noqa: ARG002 - there is one
        """The engine's own predict method; what it gives for two classes or one value is made a matrix."""
        predict = self._predict
        if self._objective == "binary":

            def both(feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
                second = predict(feed[INPUT])
                return [np.column_stack((1.0 - second, second))]

            return both
        if self.outputs[0].shape[1] == 1:
            return lambda feed: [predict(feed[INPUT])[:, np.newaxis]]
        return lambda feed: [predict(feed[INPUT])]


def output_of(objective: str, per_round: int) -> tuple[str, int]:
    """Name and columns of what a model predicts.

    Args:
        objective: Its first word in the file; empty for a loss of the user's own.
        per_round: Trees of one boosting round.
    """
    if objective == "binary":
        return "probabilities", 2
    if objective in _MULTICLASS:
        return "probabilities", per_round
    return ("scores" if per_round > 1 else "predictions"), per_round


def _objective(path: Path) -> str:
    """First word of the objective, which stands above the trees."""
    with path.open(encoding="utf-8") as file:
        for line in iter(lambda: file.readline(_LONGEST_HEADER), ""):
            if line.startswith("objective="):
                words = line[len("objective=") :].split()
                return words[0] if words else ""
            if line.startswith("Tree="):
                break
    return ""
