"""All that is known of feeding one model: which declared sizes it can take, its steps, and the shape of each call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.models.input_steps import levels_for, shape_for, steps_for
from autoedge.preprocessing.fit import match_inputs
from autoedge.preprocessing.steps import read_steps, steps_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.intent.inputs import InputSpec, Size
    from autoedge.models.info import Tensor
    from autoedge.preprocessing.data import Data


def spec_of(tensor: Tensor, tensors: Sequence[Tensor], specs: Sequence[InputSpec]) -> InputSpec | None:
    """The entry of the section ``inputs`` that speaks of an input; None where none does.

    An entry speaks of the input that bears its name; a single entry also of a model's only input, masks aside.
    """
    named = next((spec for spec in specs if spec.name == tensor.name), None)
    if named is not None or len(specs) != 1:
        return named
    own = [each for each in tensors if each.name != specs[0].mask]
    return specs[0] if own == [tensor] else None


def mask_of(tensor: Tensor, tensors: Sequence[Tensor], specs: Sequence[InputSpec]) -> tuple[InputSpec, Tensor] | None:
    """The entry that an input is the mask of, and the input that the entry speaks of."""
    for spec in specs:
        if spec.mask == tensor.name:
            return next(((spec, each) for each in tensors if spec_of(each, tensors, specs) is spec), None)
    return None


@dataclass(frozen=True)
class ModelInputs:
    """All that is known of feeding one model.

    Attributes:
        tensors: What the model takes.
        specs: The section ``inputs`` of the intent.
        samples: Shape of one sample of each array in the evaluation data, 0 where samples differ; None without data.
        recorded: What :meth:`record` gave when a bundle was built; None to work all out.
    """

    tensors: tuple[Tensor, ...]
    specs: tuple[InputSpec, ...] = ()
    samples: Mapping[str, tuple[int, ...]] | None = None
    recorded: Mapping[str, Any] | None = None

    @property
    def knobs(self) -> dict[str, tuple[Size, ...]]:
        """By knob, the levels that the model can take; a knob of an input that the model has not is absent.

        Raises:
            DataError: It can take none.
        """
        found = {}
        for tensor in self.tensors:
            spec = spec_of(tensor, self.tensors, self.specs)
            levels = () if spec is None else levels_for(spec, tensor)
            if spec is not None and levels:
                found[spec.knob] = levels
        return found

    @property
    def knob_names(self) -> frozenset[str]:
        """All knobs that speak of inputs: they are not the runtime's."""
        named = {spec.knob for spec in self.specs if spec.levels}
        return frozenset(named | set(self.recorded["knobs"] if self.recorded else ()))

    def forms(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """By input, the JSON form of its steps for ``autoedge.preprocessing.inputs``; inputs without are absent.

        Args:
            knobs: A configuration's; a level that is missing is the first that the model can take.

        Raises:
            DataError: The model cannot take what comes of them.
        """
        if self.recorded is not None:
            return dict(self.recorded["steps"])
        forms: dict[str, Any] = {}
        for tensor in self.tensors:
            masked = mask_of(tensor, self.tensors, self.specs)
            spec, source = masked or (spec_of(tensor, self.tensors, self.specs), tensor)
            if spec is None:
                continue
            level = knobs.get(spec.knob, next(iter(levels_for(spec, source)), None))
            form = steps_form(steps_for(spec, tensor, level, mask=masked is not None))
            forms[tensor.name] = {**form, "of": source.name} if masked else form
        return forms

    def shapes(self, knobs: Mapping[str, Any], batch: int) -> dict[str, tuple[int, ...]] | None:
        """By input, the shape of every call; None where one of them is not known.

        Raises:
            DataError: The samples do not fit the model.
        """
        forms = self.forms(knobs)
        arrays = self._arrays(forms)
        shapes = {}
        for tensor in self.tensors:
            form = {key: value for key, value in forms.get(tensor.name, {}).items() if key != "of"}
            sample = None if self.samples is None else self.samples[arrays[tensor.name]]
            shape = shape_for(tensor, read_steps(form) if form else None, sample, batch)
            if shape is None:
                return self._recorded_shapes(batch)
            shapes[tensor.name] = shape
        return shapes

    def _recorded_shapes(self, batch: int) -> dict[str, tuple[int, ...]] | None:
        shapes = None if self.recorded is None else self.recorded["shapes"]
        return None if not shapes else {name: (batch, *shape[1:]) for name, shape in shapes.items()}

    def record(self, knobs: Mapping[str, Any], batch: int) -> dict[str, Any]:
        """All of this for one configuration, as plain JSON values: ``steps``, ``knobs``, ``shapes`` (empty: unknown).

        Raises:
            DataError: As from ``forms`` and ``shapes``.
        """
        shapes = self.shapes(knobs, batch) or {}
        return {
            "steps": self.forms(knobs),
            "knobs": sorted(self.knob_names & knobs.keys()),
            "shapes": {name: list(shape) for name, shape in shapes.items()},
        }

    def _arrays(self, forms: Mapping[str, Any]) -> dict[str, str]:
        """Which array feeds which input."""
        if self.samples is None:
            return {}
        of = {tensor.name: str(forms.get(tensor.name, {}).get("of") or tensor.name) for tensor in self.tensors}
        own = [tensor.name for tensor in self.tensors if of[tensor.name] == tensor.name]
        found = match_inputs(own, dict.fromkeys(self.samples, 1))
        return {name: found[source] for name, source in of.items()}

    def check(self) -> None:
        """Hold the section against the model and the data, before anything is measured.

        Raises:
            DataError: An entry fits no level, or the data do not fit what comes of them; says why.
        """
        levels = self.knobs
        for combination in [{}, *({knob: level} for knob, known in levels.items() for level in known)]:
            self.shapes(combination, 1)


def sample_shapes(data: Data | None) -> dict[str, tuple[int, ...]] | None:
    """Shape of one sample of each array; None without data."""
    return None if data is None else {name: header.shape[1:] for name, header in data.arrays.items()}


def unused(specs: Sequence[InputSpec], models: Sequence[Sequence[Tensor]]) -> list[str]:
    """Names of entries that speak of no input of any model."""
    return [
        spec.name
        for spec in specs
        if not any(spec_of(tensor, tensors, specs) is spec for tensors in models for tensor in tensors)
    ]
