"""What the space must know of models, and what it says of the parts that it leaves out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.candidate import Scalar


@dataclass(frozen=True)
class Form:
    """A model as a file of one format: the user's own, or one that it was converted to.

    Attributes:
        suffix: Of the format: ``.onnx``.
        precision: What it is as it is: ``fp32``.
        only: By knob, the only levels that it takes: batch sizes, input sizes.
        refused: By runtime and precision, why there is no such variant.
        unreadable: By runtime, why it cannot run the model at all.
        weights: How many there are; None where nobody knows.
        activations: Bytes that are alive at once between operators, for one item; None where nobody knows.
    """

    suffix: str = ".onnx"
    precision: str = "fp32"
    only: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    refused: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    weights: int | None = None
    activations: int | None = None

    @property
    def refusals(self) -> set[str]:
        """Precisions that some runtime has no variant of."""
        return {precision for reasons in self.refused.values() for precision in reasons}


@dataclass(frozen=True)
class ModelFacts:
    """What the space must know of a model.

    Attributes:
        name: The user's.
        forms: The user's own file first.
        features: Known numbers: MACs, parameters, ...
        lost: Forms that there might be and are not, with the reasons.
    """

    name: str
    forms: tuple[Form, ...] = (Form(),)
    features: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.forms:
            raise ValueError("a model has a form, its own file, but got none")


@dataclass(frozen=True)
class LeftOut:
    """A part of the space that is not searched, and why.

    Attributes:
        model: Empty for all of them.
        what: There is not.
        reason: Why.
        target: Empty for all of them.
        candidates: How many there would be; 0 where they were never candidates.
    """

    model: str
    what: str
    reason: str
    target: str = ""
    candidates: int = 0

    def __str__(self) -> str:
        where = " on ".join(name for name in (self.model, self.target) if name)
        return f"{where}: no {self.what} ({self.reason})"
