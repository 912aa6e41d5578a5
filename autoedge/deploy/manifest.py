"""The form of ``bundle.json``: what is written is what can be read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

_HASH = r"^[0-9a-f]{64}$"
# Plain names one to three levels deep: nothing absolute, nothing hidden, no way up. At most 194 characters.
PLACE = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){0,2}$"
_MODEL = r"^model(\.[a-z0-9]{1,8}){1,2}$"
_VERSION = r"^[0-9][0-9A-Za-z.+!-]{0,31}$"
_MOST = 65_536

_Plain = bool | int | float | str


def _bounded(value: _Plain) -> _Plain:
    """Nobody starts a million threads because a file says so."""
    if not isinstance(value, str) and abs(value) > _MOST:
        raise ValueError(f"numbers of a configuration lie in -{_MOST} to {_MOST}")
    return value


# A whole number and not merely equal to one, as true is.
Version = Annotated[int, Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)]
Hash = Annotated[str, Field(pattern=_HASH)]
Scalar = Annotated[_Plain, AfterValidator(_bounded)]


class Form(BaseModel):
    """What a file of this package looks like: these keys and no others, of these types and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ConfigurationForm(Form):
    """A configuration in its canonical form."""

    model: str
    recipe: dict[str, Scalar]
    runtime: str
    knobs: dict[str, Scalar]


class RuntimeForm(Form):
    """The engine that the figures were measured with."""

    name: str
    version: Annotated[str, Field(pattern=_VERSION)]


class TensorForm(Form):
    """An input or output."""

    name: str
    dtype: str
    shape: list[int | str | None]
    scale: Annotated[float, Field(ge=0)] = 0.0
    zero_point: int = 0


class DeviceForm(Form):
    """The device that the figures were measured on; its machine's own id stays out."""

    arch: str
    cpu: str
    cores: int
    physical_cores: int
    memory_mib: int
    os: str
    python: str
    runtimes: dict[str, str]


class TargetForm(Form):
    """The target by its name and what is known of it."""

    name: str
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    device: DeviceForm


class ValueForm(Form):
    """A figure with its interval; an estimate says so in its source."""

    value: float
    low: float
    high: float
    source: Literal["measured", "derived", "estimated"]
    estimator: str
    n: int


class ResultForm(Form):
    """What the candidate was measured to be."""

    phase: Literal["baseline", "search", "confirm"]
    processes: Annotated[int, Field(ge=1)]
    flags: list[str]
    metrics: dict[str, ValueForm]


class ProtocolForm(Form):
    """How it was measured."""

    name: str
    version: int
    parameters: dict[str, _Plain]


class DecisionForm(Form):
    """One constraint held against the candidate; further keys are for people."""

    model_config = ConfigDict(extra="allow")

    constraint: str
    outcome: Literal["met", "not met", "undecided"]


class VerdictForm(Form):
    """The intent held against the candidate."""

    outcome: Literal["met", "not met", "undecided"]
    decisions: list[DecisionForm]


class TaskForm(Form):
    """What the model does, where it is no classifier."""

    type: Literal["regression", "embedding", "detection", "custom"]
    outputs: Annotated[list[str], Field(max_length=3)]


_Size = Annotated[int, Field(ge=1, le=2**24)]


class PreprocessingForm(Form):
    """What is fed to the model: steps by input, the knobs that chose them, and the shape of each call."""

    steps: dict[str, dict[str, Any]]
    knobs: list[str]
    shapes: dict[str, Annotated[list[_Size], Field(min_length=1, max_length=8)]]


class Manifest(Form):
    """All of ``bundle.json``."""

    schema_version: Version
    candidate_id: str
    configuration: ConfigurationForm
    model: Annotated[str, Field(pattern=_MODEL)] = "model.onnx"
    runtime: RuntimeForm
    inputs: Annotated[list[TensorForm], Field(min_length=1)]
    outputs: Annotated[list[TensorForm], Field(min_length=1)]
    scores: str | None
    task: TaskForm | None = None
    preprocessing: PreprocessingForm | None = None
    target: TargetForm
    result: ResultForm
    protocol: ProtocolForm
    verdict: VerdictForm
    intent: Annotated[str, Field(max_length=2**20)]  # what an intent file may hold
    tools: dict[str, str]
    data_hash: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    files: dict[Annotated[str, Field(pattern=PLACE)], Hash]

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return self.model_dump(mode="json")
