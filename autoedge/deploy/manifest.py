"""The form of ``bundle.json``: what is written is what can be read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

_HASH = r"^[0-9a-f]{64}$"
# Plain names one to three levels deep: nothing absolute, nothing hidden, no way up.
_PLACE = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){0,2}$"
_VERSION = r"^[0-9][0-9A-Za-z.+!-]{0,31}$"
_MOST = 65_536

_Plain = bool | int | float | str


def _bounded(value: _Plain) -> _Plain:
    """Nobody starts a million threads because a file says so."""
    if not isinstance(value, str) and abs(value) > _MOST:
        raise ValueError(f"numbers of a configuration lie in -{_MOST} to {_MOST}")
    return value


Hash = Annotated[str, Field(pattern=_HASH)]
Scalar = Annotated[_Plain, AfterValidator(_bounded)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ConfigurationForm(_Form):
    """A configuration in its canonical form."""

    model: str
    recipe: dict[str, Scalar]
    runtime: str
    knobs: dict[str, Scalar]


class RuntimeForm(_Form):
    """The engine that the figures were measured with."""

    name: str
    version: Annotated[str, Field(pattern=_VERSION)]


class TensorForm(_Form):
    """An input or output."""

    name: str
    dtype: str
    shape: list[int | str | None]


class DeviceForm(_Form):
    """The device that the figures were measured on; its machine's own id stays out."""

    arch: str
    cpu: str
    cores: int
    physical_cores: int
    memory_mib: int
    os: str
    python: str
    runtimes: dict[str, str]


class TargetForm(_Form):
    """The target by its name and what is known of it."""

    name: str
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    device: DeviceForm


class ValueForm(_Form):
    """A figure with its interval; an estimate says so in its source."""

    value: float
    low: float
    high: float
    source: Literal["measured", "derived", "estimated"]
    estimator: str
    n: int


class ResultForm(_Form):
    """What the candidate was measured to be."""

    phase: Literal["baseline", "search", "confirm"]
    processes: Annotated[int, Field(ge=1)]
    flags: list[str]
    metrics: dict[str, ValueForm]


class ProtocolForm(_Form):
    """How it was measured."""

    name: str
    version: int
    parameters: dict[str, _Plain]


class DecisionForm(_Form):
    """One constraint held against the candidate; further keys are for people."""

    model_config = ConfigDict(extra="allow")

    constraint: str
    outcome: Literal["met", "not met", "undecided"]


class VerdictForm(_Form):
    """The intent held against the candidate."""

    outcome: Literal["met", "not met", "undecided"]
    decisions: list[DecisionForm]


class Manifest(_Form):
    """All of ``bundle.json``."""

    schema_version: Literal[1]
    candidate_id: str
    configuration: ConfigurationForm
    runtime: RuntimeForm
    inputs: Annotated[list[TensorForm], Field(min_length=1)]
    outputs: Annotated[list[TensorForm], Field(min_length=1)]
    scores: str | None
    target: TargetForm
    result: ResultForm
    protocol: ProtocolForm
    verdict: VerdictForm
    intent: str
    tools: dict[str, str]
    data_hash: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    files: dict[Annotated[str, Field(pattern=_PLACE)], Hash]

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return self.model_dump(mode="json")
