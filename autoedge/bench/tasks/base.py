"""What a kind of task is to the bench."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    import numpy as np

    Outputs = np.ndarray[Any, Any]


class Evaluator(ABC):
    """Turns outputs on the evaluation data into metrics.

    Outputs are samples x numbers, float32: the output that counts, flattened sample by sample.

    Attributes:
        shaped: Whether outputs are wanted in the shape that the model gives them.
        withheld: Why nothing can be evaluated here, so that stored figures stand; empty where it can.
        labelled: Whether there are labels, so that quality is told without a reference.
        needs_reference: Whether metrics take the reference's outputs.
        against_reference: Whether a metric compares with them, so that figures of other references are of another kind.
        asked: Keys of metrics that are told only where they are asked for.
    """

    shaped: bool = False
    withheld: str = ""
    labelled: bool = True
    needs_reference: bool = False
    against_reference: bool = False
    asked: frozenset[str] = frozenset()

    @abstractmethod
    def metrics(self, outputs: Outputs, reference: Outputs | None, level: float) -> dict[str, Value]:
        """Metrics by key, each with its interval.

        Args:
            outputs: Of all samples.
            reference: The reference's on the same samples; None where they are not known or not needed.
            level: Of the intervals.

        Raises:
            DataError: The outputs do not fit the task; says the rule and the value.
        """

    def outlook(self, outputs: Outputs, reference: Outputs | None) -> dict[str, Value]:  # noqa: ARG002
        """Metrics from the outputs of the first samples, with ends between which they will surely come.

        Args:
            outputs: Of the first samples, finite.
            reference: The reference's on all samples; None where they are not known or not needed.

        Returns:
            Derived values by key; nothing where no end is certain, as for most kinds of task.
        """
        return {}

    def hits(self, key: str, outputs: Outputs) -> np.ndarray[Any, np.dtype[np.bool_]] | None:  # noqa: ARG002
        """Of which samples a metric counts as right, so that candidates can be compared sample by sample.

        Returns:
            One boolean a sample, in an order of its own that is the same for all outputs; None where the metric is no
            share of samples.
        """
        return None


class Withheld(Evaluator):
    """Stands where outputs cannot be judged: what is stored of earlier stays, nothing new is told.

    Args:
        reason: Why.
    """

    labelled = False

    def __init__(self, reason: str) -> None:
        self.withheld = reason

    def metrics(self, outputs: Outputs, reference: Outputs | None, level: float) -> dict[str, Value]:  # noqa: ARG002
        """Nothing."""
        return {}


def measured(triple: tuple[float, float, float], estimator: str, n: int) -> Value:
    """A figure that was measured: value, low and high."""
    return Value(*triple, Source.MEASURED, estimator, n)
