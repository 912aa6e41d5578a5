"""What a job says: a candidate under a protocol, in the words of ``autoedge.agent.job``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autoedge.bench.power_plan import PowerPlan
from autoedge.bench.quality import TOLERANCE
from autoedge.measurement import Phase
from autoedge.metric import AT_RATE

if TYPE_CHECKING:
    from autoedge.bench.metering import Metering
    from autoedge.bench.task import Task
    from autoedge.candidate import Candidate, Configuration
    from autoedge.intent.resolved import Limits
    from autoedge.measurement import Protocol

_SHARE_OF_MEMORY = 0.8
_LOAD_ALLOWANCE_S = 60.0
_SAMPLE_ALLOWANCE_S = 0.2
_SIGNATURE_S = 10.0
_PREPROCESS_S = 0.5
_NO_WINDOW = {"latency_calls": 1, "latency_seconds": 0.0}
_MARK_S, _MARKS = 0.1, 1000
_LOOK_S, _LOOKS = 2.0, 2000
_KEPT_CALLS = 5_000_000  # 40 MB on the device
_PATIENCE = 2  # a busy machine may take twice as long over stretches of a given length


@dataclass(frozen=True)
class Making:
    """What all jobs of a target share.

    Attributes:
        task: What candidates solve.
        protocol: How they are measured.
        limits: What one measurement may use; idle and energy stretches come on top of its time.
        metering: The target's meter, None without.
        wanted: Names of the metrics that the intent decides on.
        soak_s: Length of a soak.
    """

    task: Task
    protocol: Protocol
    limits: Limits
    metering: Metering | None
    wanted: frozenset[str]
    soak_s: float = 0.0

    def job(self, candidate: Candidate, phase: Phase, memory_mib: int | None) -> dict[str, Any]:
        """A job but for its files and its key.

        Args:
            candidate: What to run.
            phase: The workload's own rate is tried in the confirm rounds, unless the intent decides on it. A soak has
                no windows but itself.
            memory_mib: Of the device, where known.
        """
        configuration, parameters = candidate.configuration, self.protocol.parameters
        soak = self._soak() if phase is Phase.SOAK else None
        plan = None if soak or self.metering is None else PowerPlan.of(parameters, self.metering.spec)
        power = self._power(plan)
        rate = None if soak else self._rate(configuration.batch, phase, plan)
        lasting = sum(plan.stretches) + _SIGNATURE_S if plan else 0.0
        lasting += rate["lead_s"] + rate["seconds"] if rate else 0.0
        lasting += self.soak_s if soak else 0.0
        longest = float(parameters["warmup_cap_seconds"]) + float(parameters["cap_seconds"]) + _LOAD_ALLOWANCE_S
        longest += self.task.samples * _SAMPLE_ALLOWANCE_S
        fed, taken = self._fed(configuration)
        if self.task.data_hash and soak is None:
            fed["preprocess_s"] = _PREPROCESS_S
        memory = float("inf") if memory_mib is None else memory_mib * _SHARE_OF_MEMORY
        return {
            "runtime": configuration.runtime,
            "data": self.task.data_hash or None,
            "knobs": self._knobs(configuration, taken),
            "batch": configuration.batch,
            **fed,
            "seed": self.task.seed,
            "scores": self.task.output_of(configuration.model),
            "shaped": self.task.evaluator.shaped,
            "tolerance": TOLERANCE,
            "protocol": {**parameters, **(_NO_WINDOW if soak else {})},
            "power": power,
            "metered": self.metering is not None and self.metering.on_device,
            "rate": rate,
            "soak": soak,
            "limits": {
                "time_s": (self.limits.time_s or longest) + _PATIENCE * lasting,
                "memory_mib": self.limits.memory_mib or memory,
            },
        }

    def _knobs(self, configuration: Configuration, taken: frozenset[str]) -> dict[str, Any]:
        """What the runtime is told."""
        beside = {} if self.task.unsearched is None else dict(self.task.unsearched(configuration))
        return {**{name: value for name, value in configuration.knobs.items() if name not in taken}, **beside}

    def _fed(self, configuration: Configuration) -> tuple[dict[str, Any], frozenset[str]]:
        """What a job says of the model's inputs, and the knobs that are not the runtime's."""
        if self.task.inputs_of is None:
            return {}, frozenset({"batch"})
        inputs = self.task.inputs_of(configuration)
        shapes = inputs.shapes(configuration.knobs, configuration.batch)
        return {"inputs": inputs.forms(configuration.knobs), "shapes": shapes}, inputs.knob_names | {"batch"}

    def _power(self, plan: PowerPlan | None) -> dict[str, Any] | None:
        if plan is None or self.metering is None:
            return None
        return {**asdict(plan), "signature": self.metering.signature}

    def _soak(self) -> dict[str, float]:
        seconds = self.soak_s
        return {
            "seconds": seconds,
            "mark_s": max(_MARK_S, seconds / _MARKS),
            "look_s": max(min(_LOOK_S, seconds / 20), seconds / _LOOKS),
            "keep": _KEPT_CALLS,
        }

    def _rate(self, batch: int, phase: Phase, plan: PowerPlan | None) -> dict[str, float] | None:
        rate, length = self.task.rate, self.protocol.parameters.get("rate_seconds")
        if rate is None or length is None or not (phase is Phase.CONFIRM or self.wanted & set(AT_RATE)):
            return None  # without a length: a bundle's protocol of an earlier release
        seconds = max(float(length), plan.window_s if plan else 0.0)
        return {"period_s": batch / rate, "lead_s": plan.lead_s if plan else 0.0, "seconds": seconds}
