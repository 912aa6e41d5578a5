"""From samples as they are stored to the batches that a model takes: the same in agent and bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.decoding import Encoded, decode
from autoedge.preprocessing.fit import fit_batch, match_inputs
from autoedge.preprocessing.images import ImageSteps
from autoedge.preprocessing.pillow import pillow
from autoedge.preprocessing.quantised import quantise
from autoedge.preprocessing.steps import read_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.preprocessing.decoding import Samples
    from autoedge.preprocessing.steps import Steps

    Forms = Mapping[str, Mapping[str, Any]]


class Inputs:
    """What is done to samples before a model gets them.

    Args:
        forms: By input, the JSON form of its steps (see ``steps``), and ``of`` where it is made from the data of
            another input, as a mask is. An input without steps gets its samples as they are stored.

    Raises:
        DataError: The forms are no steps.
    """

    def __init__(self, forms: Forms | None) -> None:
        self._of = {name: str(form["of"]) for name, form in (forms or {}).items() if form.get("of") is not None}
        self._steps: dict[str, Steps] = {
            name: read_steps({key: value for key, value in form.items() if key != "of"})
            for name, form in (forms or {}).items()
        }

    @property
    def declared(self) -> bool:
        """Whether any input has steps."""
        return bool(self._steps)

    def has_steps(self, name: str) -> bool:
        """Whether anything is done to an input's samples."""
        return name in self._steps

    def match(self, names: Sequence[str], samples: Mapping[str, int]) -> dict[str, str]:
        """Which array feeds which input; see :func:`autoedge.preprocessing.fit.match_inputs`.

        Args:
            names: Of the model's inputs.
            samples: Length of each array at hand, by its name.

        Raises:
            DataError: An array is missing, or lengths differ.
        """
        own = [name for name in names if name not in self._of]
        found = match_inputs(own, samples)
        for name in names:
            if name in self._of:
                found[name] = found.get(self._of[name], self._of[name])
        return {name: found[name] for name in names}

    def prepared(self, name: str, samples: Samples) -> np.ndarray:
        """Samples of one input after its steps, before they are fitted to the model; first axis = samples.

        Args:
            name: Of the input.
            samples: Encoded images or arrays; an array's first axis is samples.

        Raises:
            DataError: They are not what its steps take.
        """
        steps = self._steps.get(name)
        if steps is not None:
            return steps(samples)
        if isinstance(samples, np.ndarray):
            return samples
        made = [decode(sample) if isinstance(sample, Encoded) else np.asarray(sample) for sample in samples]
        if any(array.shape != made[0].shape for array in made):
            raise DataError(f"the samples differ in size: say inputs: {{{name}: {{size: ...}}}} in the intent")
        return np.stack(made)

    def batch(self, ports: Sequence[Any], rows: Mapping[str, Samples], size: int) -> dict[str, np.ndarray]:
        """A full batch for the model; the last sample fills what is missing.

        Args:
            ports: What the model takes: ``autoedge.runtimes.base.Port`` or its like.
            rows: By input, 1 to ``size`` samples.
            size: Samples in the batch.

        Raises:
            DataError: The samples do not fit the model.
        """
        return {port.name: _fitted(self.prepared(port.name, rows[port.name]), port, size) for port in ports}

    def load_tools(self) -> None:
        """Import what the steps need, so that its memory is not taken for the model's.

        Raises:
            DataError: It is not installed.
        """
        if any(isinstance(steps, ImageSteps) and steps.resamples for steps in self._steps.values()):
            pillow()


def _fitted(piece: np.ndarray, port: Any, batch: int) -> np.ndarray:
    """Real numbers become what stands for them where the model takes such integers; integers are taken as they are."""
    if port.scale and piece.dtype.kind == "f":
        reals = fit_batch(piece, port.shape, None, batch)
        return quantise(reals, port.dtype, port.scale, port.zero_point)
    return fit_batch(piece, port.shape, port.dtype, batch)
