"""What a gate asks of a bundle: limits, metrics, protocol and data, from an intent file or from the bundle itself."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.bench.presets import protocol_for
from autoedge.bench.task import Task
from autoedge.errors import BundleError, IntentError
from autoedge.intent.load import load_intent
from autoedge.intent.problem import Problems
from autoedge.intent.tree import read_tree
from autoedge.metric import AT_RATE, TO_REFERENCE
from autoedge.workflows.prepare import prepare, with_pace
from autoedge.workflows.task_setup import require_evaluator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autoedge.deploy.read import Bundle
    from autoedge.intent.constraint import Constraint
    from autoedge.intent.resolved import Intent
    from autoedge.measurement import Protocol
    from autoedge.metric import Metric
    from autoedge.workflows.prepare import Prepared

_AT_RATE = {*AT_RATE, "battery_life"}
"""Metrics that take a stretch at the workload's own rate."""


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        intent: The limits' own.
        constraints: Its limits, and its workload's rate as one more.
        prepared: With its models and data; None where only the bundle speaks, whose files are not here.
    """

    intent: Intent
    constraints: tuple[Constraint, ...]
    prepared: Prepared | None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is held against a base: all that the intent limits or wants better."""
        named = [constraint.metric for constraint in self.constraints] + list(self.intent.objectives)
        return tuple(dict.fromkeys(named))

    @property
    def needs_reference(self) -> bool:
        """Whether something is told against the reference model, and that is at hand."""
        relative = any(one.relative != "absolute" or one.metric.name in TO_REFERENCE for one in self.constraints)
        return self.prepared is not None and relative

    def task(self) -> Task:
        """What is solved; without data where only the bundle speaks."""
        if self.prepared is not None:
            return self.prepared.task
        return Task(
            data=None,
            data_hash="",
            labels=None,
            scores={},
            rate=self.intent.rate,
            battery_wh=self.intent.battery_wh,
            idle_power={},
            reference="",
            seed=self.intent.search.seed,
        )

    def protocol(self, idle_w: float | None, meter: str) -> Protocol:
        """How each process is measured.

        Args:
            idle_w: What the device draws at idle, as the user states it.
            meter: Names the power meter; empty without one.
        """
        workload: dict[str, Any] = {"rate": self.intent.rate, "battery_wh": self.intent.battery_wh, "idle_w": idle_w}
        if meter:
            workload["meter"] = meter
        preset = self.intent.protocol
        names = [metric.name for metric in self.metrics]
        protocol = protocol_for(preset.preset, preset.overrides, names, workload, metered=bool(meter))
        if not _AT_RATE.isdisjoint(names):
            return protocol
        parameters = {name: value for name, value in protocol.parameters.items() if name != "rate_seconds"}
        return replace(protocol, parameters=parameters)  # the longest stretch, for nobody's figures


def question_of(bundle: Bundle, intent: Path | None, trust: Iterable[Path] = ()) -> Question:
    """What is asked of a bundle.

    Args:
        bundle: That is to be checked.
        intent: The file that says what is asked; None for what the bundle was chosen by.
        trust: Files and folders whose code may be loaded.

    Raises:
        IntentError: What is wrong with the file, its models or data.
        BundleError: The bundle's own intent cannot be read, or is of another task.
    """
    if intent is None:
        loaded = _own_intent(bundle)
        return Question(loaded, with_pace(loaded), None)
    prepared = prepare(load_intent(intent, trust))
    require_evaluator(prepared.intent, prepared.task.evaluator)
    if prepared.intent.task != bundle.task:
        raise BundleError(f"{bundle.folder}: does {bundle.task}, but {intent} asks for {prepared.intent.task}")
    return Question(prepared.intent, prepared.constraints, prepared)


_NAME_ONE = "say what is asked with --intent FILE"
_ASKED = ("version", "name", "constraints", "objectives", "workload", "battery", "budget", "limits", "protocol")
"""Of an intent, what a gate needs where neither the other models nor the data are at hand."""


def _own_intent(bundle: Bundle) -> Intent:
    """What a bundle was chosen by, with its own model as the only one: the files of its intent are not here."""
    with tempfile.TemporaryDirectory(prefix="autoedge-gate-") as folder:
        path = Path(folder) / "intent.yaml"
        path.write_text(bundle.intent, encoding="utf-8")
        try:
            given = read_tree(path, Problems(path)).plain  # within its limits: no aliases, no depth without end
            asked = {key: given[key] for key in _ASKED if key in given} if isinstance(given, dict) else {}
            asked |= {"task": {"type": bundle.task}, "models": [str(bundle.model.absolute())], "lossy": "allow"}
            asked["targets"] = [{"name": bundle.candidate.target}]
            if bundle.data_hash:  # the file is not here and not opened, but limits on quality must be allowed
                asked["data"] = {"evaluation": "evaluation.npz"}
                (Path(folder) / "evaluation.npz").touch()
            path.write_text(json.dumps(asked), encoding="utf-8")  # JSON is YAML too
            return load_intent(path)
        except IntentError as error:
            problem = str(error).replace(str(path), "its intent")
            raise BundleError(f"{bundle.folder}: {problem}; {_NAME_ONE}") from error
