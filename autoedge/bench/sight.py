"""What has been seen of a measurement that has not run through."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.measurement import Value


@dataclass(frozen=True)
class Sight:
    """Figures by metric key as a full measurement would have them, with the interval that each comparison needs.

    The reference was measured too, so that the interval of that comparison is wider than that of the figure alone.
    Figures that are known without doubt, such as outputs, are the same in all.

    Attributes:
        alone: Against a fixed limit.
        to_reference: Against the reference's figure.
        to_rivals: Against rivals: as a full measurement of this very process would have them, since that is what would
            be held against them.
    """

    alone: Mapping[str, Value] = field(default_factory=dict)
    to_reference: Mapping[str, Value] = field(default_factory=dict)
    to_rivals: Mapping[str, Value] = field(default_factory=dict)

    def knowing(self, figures: Mapping[str, Value]) -> Sight:
        """The same with figures that are no estimates of anything."""
        return Sight(*({**one, **figures} for one in (self.alone, self.to_reference, self.to_rivals)))

    def ends(self) -> dict[str, dict[str, list[float]]]:
        """The intervals of comparisons that differ from those of the figures alone, as details keep them."""
        contrasts = {"reference": self.to_reference, "rivals": self.to_rivals}
        return {
            name: {key: [value.low, value.high] for key, value in figures.items() if value != self.alone.get(key)}
            for name, figures in contrasts.items()
        }

    @classmethod
    def of(cls, metrics: Mapping[str, Value], details: Mapping[str, Any]) -> Sight:
        """From a stored measurement that was stopped: what :meth:`ends` gave stands in its details as ``ends``."""
        kept = details.get("ends", {})
        contrasts = []
        for name in ("reference", "rivals"):
            ends = {key: pair for key, pair in kept.get(name, {}).items() if key in metrics}
            wider = {key: replace(metrics[key], low=low, high=high) for key, (low, high) in ends.items()}
            contrasts.append({**metrics, **wider})
        return cls(metrics, *contrasts)
