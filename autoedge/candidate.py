"""What is chosen: a configuration, and a configuration on a target."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Scalar = str | int | float | bool


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Configuration:
    """Everything but the device.

    Attributes:
        model: The user's name of the model.
        recipe: How the model file is made from the user's: ``{"precision": "int8-static", "calibration": "minmax",
            "granularity": "channel"}``. Only the knobs that apply.
        runtime: Name of the runtime that executes it.
        knobs: The runtime's knobs that apply: ``{"batch": 1, "threads": 2, ...}``.
    """

    model: str
    recipe: Mapping[str, Scalar]
    runtime: str
    knobs: Mapping[str, Scalar]

    @property
    def canonical(self) -> dict[str, Any]:
        """The form that is stored, hashed and exported."""
        return {
            "model": self.model,
            "recipe": dict(sorted(self.recipe.items())),
            "runtime": self.runtime,
            "knobs": dict(sorted(self.knobs.items())),
        }

    @classmethod
    def from_canonical(cls, form: Mapping[str, Any]) -> Configuration:
        """The configuration whose ``canonical`` is ``form``."""
        return cls(form["model"], dict(form["recipe"]), form["runtime"], dict(form["knobs"]))

    @cached_property
    def config_id(self) -> str:
        """Ten hex digits of the canonical form's hash."""
        return hashlib.sha256(_canonical(self.canonical).encode()).hexdigest()[:10]

    @property
    def batch(self) -> int:
        """Items in one call."""
        return int(self.knobs.get("batch", 1))

    def __str__(self) -> str:
        recipe = "/".join(str(value) for _, value in sorted(self.recipe.items(), key=lambda kv: kv[0] != "precision"))
        knobs = " ".join(f"{name}={value}" for name, value in sorted(self.knobs.items()))
        return f"{self.model} {recipe} {self.runtime} {knobs}"

    def __hash__(self) -> int:
        return hash(self.config_id)


@dataclass(frozen=True)
class Candidate:
    """A configuration on a named target."""

    configuration: Configuration
    target: str

    @property
    def candidate_id(self) -> str:
        """``CONFIG_ID@TARGET``."""
        return f"{self.configuration.config_id}@{self.target}"

    def __str__(self) -> str:
        return f"{self.configuration} on {self.target}"
