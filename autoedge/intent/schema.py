"""The intent file as it is written: its shape for pydantic, and its JSON Schema for editors.

Only shape is checked here; what the values mean, and whether they fit one another, is read in ``meaning``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from autoedge.intent.resolved import NAME, Preset
from autoedge.metric import METRICS

_ENTRIES = 100  # in a list; an intent is written by hand
_CHARACTERS = 4096  # in a text; the longest path of Linux

Strategy = Literal["surrogate", "tpe", "nsga2", "random", "exhaustive", "gp"]


def _kind(value: Any) -> str | None:
    """Which alternative of a union a value is meant for, so that only that one's problems are told."""
    if isinstance(value, dict) and "lexicographic" in value:
        return "order"
    kinds: dict[type, str] = {str: "text", bool: "flag", int: "number", float: "number", dict: "mapping", list: "list"}
    return kinds.get(type(value), "mapping" if isinstance(value, BaseModel) else None)


def _either(rule: str) -> Discriminator:
    return Discriminator(_kind, custom_error_type="rule", custom_error_message=rule)


_Text = Annotated[str, Field(min_length=1, max_length=_CHARACTERS), Tag("text")]
_Number = Annotated[float, Tag("number")]
_Flag = Annotated[bool, Tag("flag")]
_Exact = Annotated[int | float, Tag("number")]

Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Path = Annotated[str, Field(min_length=1, max_length=_CHARACTERS)]
Quantity = Annotated[_Text | _Number, _either("takes a number with its unit")]
MetricName = Annotated[str, Field(json_schema_extra={"enum": sorted(METRICS)})]
_Scalar = Annotated[_Text | _Exact | _Flag, _either("takes text, a number, true or false")]
_Scalars = Annotated[list[_Scalar], Field(min_length=1, max_length=1000), Tag("list")]
KnobValues = Annotated[_Text | _Exact | _Flag | _Scalars, _either("takes one value or a list of them")]


class Section(BaseModel):
    """A mapping of the intent file; a key without a value counts as left out."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if item is not None or key not in cls.model_fields}
        return value


class TaskSection(Section):
    """What the models do."""

    type: Annotated[str, Field(description="Kind of task.", json_schema_extra={"enum": ["classification"]})]


class ModelItem(Section):
    """A model file with a name of its own."""

    path: Annotated[Path, Field(description="The model file, relative to the intent file.")]
    name: Annotated[Name | None, Field(description="Stands for the model; by default the file's name.")] = None


class DataSection(Section):
    """Samples as npz files: x (or one array for each input) and labels y, first axis = samples."""

    evaluation: Annotated[Path | None, Field(description="Samples that accuracy is measured on.")] = None
    calibration: Annotated[Path | None, Field(description="Samples that static quantisation is calibrated on.")] = None


class TargetItem(Section):
    """A target with what is known of it."""

    name: Annotated[str, Field(description="local, a name of the targets file, or an address: ssh://user@host:port.")]
    idle_power: Annotated[Quantity | None, Field(description="What it draws at rest, such as 0.4 W.")] = None


class ConstraintItem(Section):
    """A constraint with more to say than an expression can."""

    metric: Annotated[str, Field(description="Name of the metric, with drop behind it for a drop.")]
    max: Annotated[Quantity | None, Field(description="Largest value allowed, such as 5 mJ.")] = None
    min: Annotated[Quantity | None, Field(description="Smallest value allowed, such as 95 %.")] = None
    source: Annotated[Literal["measured"] | None, Field(description="measured: an estimate does not count.")] = None
    decide: Annotated[
        Literal["value", "interval"] | None,
        Field(
            description="interval: the whole 95 % interval keeps the limit; value: quality figures only, the default."
        ),
    ] = None


class Lexicographic(Section):
    """One objective after the other."""

    lexicographic: Annotated[
        list[MetricName], Field(min_length=1, max_length=_ENTRIES, description="Most important objective first.")
    ]


class WorkloadSection(Section):
    """What arrives."""

    rate: Annotated[Quantity | None, Field(description="Items that arrive, such as 2 / s.")] = None


class BatterySection(Section):
    """What the device lives on."""

    capacity: Annotated[Quantity, Field(description="2600 mAh (with voltage) or 10 Wh.")]
    voltage: Annotated[Quantity | None, Field(description="Nominal voltage, such as 3.7 V.")] = None
    usable: Annotated[Quantity, Field(description="Usable share of the capacity, such as 80 %.")] = 1.0


class BudgetSection(Section):
    """How much may be measured, baselines, failures and confirm rounds included."""

    measurements: Annotated[int, Field(ge=1, le=1_000_000, description="Measurements in all.")] = 60
    time: Annotated[Quantity | None, Field(description="Wall time in all, such as 10 min.")] = None
    reserve: Annotated[Quantity, Field(description="Share of the budget kept for the confirm rounds.")] = 0.3


class LimitsSection(Section):
    """What one measurement may use before it is stopped."""

    time: Annotated[Quantity | None, Field(description="Wall time, such as 60 s.")] = None
    memory: Annotated[Quantity | None, Field(description="Resident memory, such as 512 MiB.")] = None


class SearchSection(Section):
    """Where and how to search."""

    space: Annotated[Path, Field(description="default, or the name or path of a search space.")] = "default"
    strategy: Annotated[Strategy, Field(description="How the next measurement is chosen.")] = "surrogate"
    seed: Annotated[int, Field(ge=0, lt=1 << 32, description="Of everything random.")] = 0
    knobs: Annotated[
        dict[str, KnobValues] | None, Field(description="Fixes a knob to one value, or limits it to a list of them.")
    ] = None
    racing: Annotated[
        bool, Field(description="Whether a candidate's measurement ends once its figures can change nothing.")
    ] = True
    surrogate: Annotated[
        Path, Field(description="What the search starts from: default (the shipped one), none, or a folder.")
    ] = "default"
    history: Annotated[
        list[Path] | None, Field(max_length=_ENTRIES, description="Campaigns to start from: DIR or DIR:target,target.")
    ] = None


_Count = Annotated[int | None, Field(ge=1)]


class ProtocolSection(Section):
    """How to measure: a preset, and what is changed in it."""

    preset: Annotated[Preset, Field(description="Which preset.")] = "standard"
    warmup_calls: Annotated[_Count, Field(description="Calls before anything is timed, at least.")] = None
    warmup_seconds: Annotated[Quantity | None, Field(description="Time before anything is timed, at least.")] = None
    latency_calls: Annotated[_Count, Field(description="Timed calls, at least.")] = None
    latency_seconds: Annotated[Quantity | None, Field(description="Time of timed calls, at least.")] = None
    cap_seconds: Annotated[Quantity | None, Field(description="Timed calls end here in any case.")] = None
    processes: Annotated[_Count, Field(description="Fresh processes for each result.")] = None
    idle_seconds: Annotated[Quantity | None, Field(description="With a power meter: each idle stretch, at least.")] = (
        None
    )
    idle_samples: Annotated[_Count, Field(description="Fresh values of the meter in each idle stretch, at least.")] = (
        None
    )
    energy_seconds: Annotated[Quantity | None, Field(description="Each energy window, at least.")] = None
    energy_windows: Annotated[_Count, Field(description="Energy windows in each process.")] = None
    rate_seconds: Annotated[Quantity | None, Field(description="How long finalists run at workload.rate.")] = None
    soak_seconds: Annotated[
        Quantity | None, Field(description="How long finalists are soaked, where a sustained metric is limited.")
    ] = None


PROTOCOL_OVERRIDES = tuple(name for name in ProtocolSection.model_fields if name != "preset")


class OutputsSection(Section):
    """What the models' outputs are."""

    scores: Annotated[
        str | None, Field(min_length=1, max_length=_CHARACTERS, description="Name of the output with the class scores.")
    ] = None


class IntentFile(Section):
    """What a deployment must achieve. AutoEdge measures candidates until it finds one that does."""

    model_config = ConfigDict(title="AutoEdge intent")

    version: Annotated[Literal[1], Field(description="Version of this format.")]
    name: Annotated[Name, Field(description="Names the run.")]
    task: Annotated[TaskSection, Field(description="What the models do.")]
    models: Annotated[
        list[
            Annotated[
                _Text | Annotated[ModelItem, Tag("mapping")], _either("takes a path, or a mapping with path and name")
            ]
        ],
        Field(min_length=1, max_length=_ENTRIES, description="Models to choose from."),
    ]
    data: Annotated[DataSection, Field(description="Samples of the task.")] = DataSection()
    targets: Annotated[
        list[
            Annotated[
                _Text | Annotated[TargetItem, Tag("mapping")],
                _either("takes a name or an address, or a mapping with name and idle_power"),
            ]
        ],
        Field(min_length=1, max_length=_ENTRIES, description="Devices to measure on."),
    ] = ["local"]
    baseline: Annotated[str | None, Field(description="Name of the reference model; by default the first.")] = None
    constraints: Annotated[
        list[
            Annotated[
                _Text | Annotated[ConstraintItem, Tag("mapping")],
                _either("takes an expression such as latency_p95 <= 20 ms, or a mapping with metric and max or min"),
            ]
        ],
        Field(
            max_length=_ENTRIES,
            description="What must be kept: latency_p95 <= 20 ms, accuracy drop <= 1 %, energy <= 50 % of baseline.",
        ),
    ] = []
    objectives: Annotated[
        list[MetricName] | None,
        Field(min_length=1, max_length=_ENTRIES, description="What is made better; directions belong to the metrics."),
    ] = None
    prefer: Annotated[
        Annotated[Literal["knee"], Tag("text")]
        | Annotated[Lexicographic, Tag("order")]
        | Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1), Tag("mapping")],
        _either("takes knee, a mapping of weights such as {energy: 2}, or {lexicographic: [...]}"),
        Field(description="How one point of the front is chosen."),
    ] = "knee"
    workload: Annotated[WorkloadSection, Field(description="What arrives.")] = WorkloadSection()
    battery: Annotated[BatterySection | None, Field(description="What the device lives on.")] = None
    budget: Annotated[BudgetSection, Field(description="How much may be measured.")] = BudgetSection()
    limits: Annotated[LimitsSection, Field(description="What one measurement may use.")] = LimitsSection()
    search: Annotated[SearchSection, Field(description="Where and how to search.")] = SearchSection()
    protocol: Annotated[
        Annotated[Preset, Tag("text")] | Annotated[ProtocolSection, Tag("mapping")],
        _either("takes a preset, or a mapping with preset"),
        Field(description="How to measure."),
    ] = "standard"
    outputs: Annotated[OutputsSection, Field(description="What the models' outputs are.")] = OutputsSection()
    lossy: Annotated[
        Literal["allow"] | None, Field(description="allow: make lossy variants even without evaluation data.")
    ] = None
    trust: Annotated[bool, Field(description="Allow foreign code; the command line must agree with --trust.")] = False


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the intent file, for editors.

    Save it and put ``# yaml-language-server: $schema=FILE`` at the top of an intent.
    """
    from pydantic.json_schema import GenerateJsonSchema

    return {"$schema": GenerateJsonSchema.schema_dialect, **IntentFile.model_json_schema()}
