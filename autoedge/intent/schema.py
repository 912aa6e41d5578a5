"""The intent file as it is written: its shape for pydantic, and its JSON Schema for editors.

Only shape is checked here; what the values mean, and whether they fit one another, is read in ``meaning``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Tag

from autoedge.intent.operation_sections import BatterySection, CarbonSection, FleetSection, WorkloadSection
from autoedge.intent.resolved import Preset  # noqa: TC001 - pydantic reads it
from autoedge.intent.section import (
    CHARACTERS,
    ENTRIES,
    Exact,
    Flag,
    Name,
    Number,
    Path,
    Quantity,
    Section,
    Text,
    Texts,
    either,
)
from autoedge.metric import METRICS, TASK_METRICS

Strategy = Literal["surrogate", "tpe", "nsga2", "random", "exhaustive", "gp"]
MetricName = Annotated[str, Field(json_schema_extra={"enum": sorted(METRICS)})]
_Scalar = Annotated[Text | Exact | Flag, either("takes text, a number, true or false")]
_Scalars = Annotated[list[_Scalar], Field(min_length=1, max_length=1000), Tag("list")]
KnobValues = Annotated[Text | Exact | Flag | _Scalars, either("takes one value or a list of them")]


class TaskSection(Section):
    """What the models do."""

    type: Annotated[str, Field(description="Kind of task.", json_schema_extra={"enum": list(TASK_METRICS)})]
    top_k: Annotated[
        list[Literal[1, 3, 5, 10]] | None,
        Field(min_length=1, max_length=ENTRIES, description="Classification: also top-3, top-5 or top-10 accuracy."),
    ] = None
    metric: Annotated[
        str | None,
        Field(min_length=1, max_length=CHARACTERS, description="Custom: module:function, or an installed metric."),
    ] = None
    direction: Annotated[
        Literal["maximize", "minimize"] | None, Field(description="Custom: which way is better; maximize by default.")
    ] = None


class ModelItem(Section):
    """A model file with a name of its own."""

    path: Annotated[Path, Field(description="The model file, relative to the intent file.")]
    name: Annotated[Name | None, Field(description="Stands for the model; by default the file's name.")] = None


class DataSection(Section):
    """Samples: an npz file (x or one array for each input, labels y), a folder of images, or a CSV of path,label."""

    evaluation: Annotated[Path | None, Field(description="Samples that accuracy is measured on.")] = None
    calibration: Annotated[Path | None, Field(description="Samples that static quantisation is calibrated on.")] = None
    annotations: Annotated[
        Path | None,
        Field(description="Detection: the boxes to find, in COCO's form (JSON); images in the samples' order."),
    ] = None


_Whole = Annotated[int, Tag("number")]
_Sizes = Annotated[
    list[Annotated[_Whole | Text, either("takes pixels such as 48, or height x width such as 48x64")]],
    Field(min_length=1, max_length=ENTRIES),
    Tag("list"),
]
_Lengths = Annotated[list[int], Field(min_length=1, max_length=ENTRIES), Tag("list")]
_Numbers = Annotated[list[float], Field(min_length=1, max_length=ENTRIES), Tag("list")]
_PerChannel = Annotated[Number | _Numbers, either("takes a number, or a list of one for each channel")]


class PaddingSection(Section):
    """What is around an image that keeps its proportions."""

    colour: Annotated[float, Field(description="Value of the ground, as in the data: 0 to 255 for 8 bits.")] = 0


class InputSection(Section):
    """How samples become one input of a model: as images (size to data_layout), or as tokens (length to mask)."""

    size: Annotated[
        Annotated[_Whole | Text | _Sizes, either("takes one size or a list of them")] | None,
        Field(description="Image sizes to search: 48, or 48x64 for height x width."),
    ] = None
    layout: Annotated[Literal["NCHW", "NHWC"] | None, Field(description="By default what the model's shape says.")] = (
        None
    )
    colour: Annotated[
        Literal["RGB", "BGR", "grey"] | None, Field(description="By default grey for one channel, RGB for three.")
    ] = None
    resize: Annotated[
        Literal["nearest", "bilinear", "bicubic", "box", "lanczos"] | None, Field(description="bilinear unless said.")
    ] = None
    antialias: Annotated[bool | None, Field(description="Average what becomes one pixel; true unless said.")] = None
    padding: Annotated[PaddingSection | None, Field(description="Keep proportions on a plain ground.")] = None
    crop: Annotated[float | None, Field(gt=0, le=1, description="Share of the middle that is kept.")] = None
    scale: Annotated[
        Annotated[Number | Text, either("takes a number or a fraction such as 1/255")] | None,
        Field(description="Factor, such as 1/255; 1 unless said."),
    ] = None
    mean: Annotated[_PerChannel | None, Field(description="Taken off after scale.")] = None
    std: Annotated[_PerChannel | None, Field(description="Divided by after mean.")] = None
    dtype: Annotated[
        Literal["float32", "float16", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64"] | None,
        Field(description="What the model is given; float32 unless said."),
    ] = None
    data_layout: Annotated[
        Literal["NHWC", "NCHW"] | None, Field(description="Axes of images in npz files; NHWC unless said.")
    ] = None
    length: Annotated[
        Annotated[_Whole | _Lengths, either("takes one length or a list of them")] | None,
        Field(description="Sequence lengths to search."),
    ] = None
    pad: Annotated[float | None, Field(description="Stands for no token; 0 unless said.")] = None
    side: Annotated[Literal["right", "left"] | None, Field(description="Where padding is; right unless said.")] = None
    truncate: Annotated[
        Literal["right", "left"] | None, Field(description="Which end is cut off; right unless said.")
    ] = None
    mask: Annotated[
        str | None,
        Field(min_length=1, max_length=CHARACTERS, description="Input that takes 1 for tokens, 0 for padding."),
    ] = None


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
        list[MetricName], Field(min_length=1, max_length=ENTRIES, description="Most important objective first.")
    ]


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

    space: Annotated[
        Annotated[Text | Texts, either("takes default, the name or path of a search space, or a list of them")],
        Field(description="default, the name or path of a search space, or several of these."),
    ] = "default"
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
        list[Path] | None, Field(max_length=ENTRIES, description="Campaigns to start from: DIR or DIR:target,target.")
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
        str | None, Field(min_length=1, max_length=CHARACTERS, description="Name of the output with the class scores.")
    ] = None
    values: Annotated[
        str | None,
        Field(min_length=1, max_length=CHARACTERS, description="Regression, custom: the output that counts."),
    ] = None
    embedding: Annotated[
        str | None, Field(min_length=1, max_length=CHARACTERS, description="Embedding: name of the output with it.")
    ] = None
    boxes: Annotated[
        str | None, Field(min_length=1, max_length=CHARACTERS, description="Detection: name of the output with boxes.")
    ] = None
    classes: Annotated[
        str | None, Field(min_length=1, max_length=CHARACTERS, description="Detection: the output with their classes.")
    ] = None
    box_format: Annotated[
        Literal["xyxy", "xywh", "cxcywh", "yxyx"] | None, Field(description="Detection: the four numbers of a box.")
    ] = None
    box_units: Annotated[
        Literal["pixel", "relative"] | None,
        Field(description="Detection: pixels of the annotated image, or shares of it."),
    ] = None
    class_numbers: Annotated[
        Literal["category_id", "index"] | None,
        Field(description="Detection: what a class number is: a category's id, or its place in order of the ids."),
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
                Text | Annotated[ModelItem, Tag("mapping")], either("takes a path, or a mapping with path and name")
            ]
        ],
        Field(min_length=1, max_length=ENTRIES, description="Models to choose from."),
    ]
    data: Annotated[DataSection, Field(description="Samples of the task.")] = DataSection()
    inputs: Annotated[
        dict[str, InputSection] | None,
        Field(min_length=1, max_length=ENTRIES, description="How samples become the models' inputs, by input."),
    ] = None
    targets: Annotated[
        list[
            Annotated[
                Text | Annotated[TargetItem, Tag("mapping")],
                either("takes a name or an address, or a mapping with name and idle_power"),
            ]
        ],
        Field(min_length=1, max_length=ENTRIES, description="Devices to measure on."),
    ] = ["local"]  # noqa: RUF012 - pydantic copies defaults
    baseline: Annotated[str | None, Field(description="Name of the reference model; by default the first.")] = None
    constraints: Annotated[
        list[
            Annotated[
                Text | Annotated[ConstraintItem, Tag("mapping")],
                either("takes an expression such as latency_p95 <= 20 ms, or a mapping with metric and max or min"),
            ]
        ],
        Field(
            max_length=ENTRIES,
            description="What must be kept: latency_p95 <= 20 ms, accuracy drop <= 1 %, energy <= 50 % of baseline.",
        ),
    ] = []  # noqa: RUF012 - pydantic copies defaults
    objectives: Annotated[
        list[MetricName] | None,
        Field(min_length=1, max_length=ENTRIES, description="What is made better; directions belong to the metrics."),
    ] = None
    prefer: Annotated[
        Annotated[Literal["knee"], Tag("text")]
        | Annotated[Lexicographic, Tag("order")]
        | Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1), Tag("mapping")],
        either("takes knee, a mapping of weights such as {energy: 2}, or {lexicographic: [...]}"),
        Field(description="How one point of the front is chosen."),
    ] = "knee"
    workload: Annotated[WorkloadSection, Field(description="What arrives.")] = WorkloadSection()
    battery: Annotated[BatterySection | None, Field(description="What the device lives on.")] = None
    carbon: Annotated[CarbonSection | None, Field(description="What its energy and its making emit.")] = None
    fleet: Annotated[FleetSection | None, Field(description="How many devices there will be, and prices.")] = None
    budget: Annotated[BudgetSection, Field(description="How much may be measured.")] = BudgetSection()
    limits: Annotated[LimitsSection, Field(description="What one measurement may use.")] = LimitsSection()
    search: Annotated[SearchSection, Field(description="Where and how to search.")] = SearchSection()
    protocol: Annotated[
        Annotated[Preset, Tag("text")] | Annotated[ProtocolSection, Tag("mapping")],
        either("takes a preset, or a mapping with preset"),
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
