"""The spec of ``autoedge compress`` as it is written: its shape for pydantic."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from autoedge.intent.section import Name, Path, Section

_PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_FREE = re.compile(r"([a-z][a-z0-9_]*)=([1-9][0-9]{0,5})")
_ENTRIES = 100
_DIMENSIONS = 8
_LARGEST = 1 << 20


def _place(text: str) -> str:
    if not _PLACE.fullmatch(text):
        raise PydanticCustomError("rule", "takes module:function, such as nets:small")
    return text


def _size(size: int | str) -> int | str:
    if isinstance(size, str):
        if not _FREE.fullmatch(size) or size.startswith("batch="):
            raise PydanticCustomError(
                "rule", "takes a size, or NAME=SIZE for a free one with the size to try it with, such as length=32"
            )
    elif not 1 <= size <= _LARGEST:
        raise PydanticCustomError("rule", "takes a size of 1 to 1048576")
    return size


Place = Annotated[str, AfterValidator(_place), Field(max_length=200)]
Size = Annotated[int | str, AfterValidator(_size)]
Shape = Annotated[list[Size], Field(max_length=_DIMENSIONS)]
Rate = Annotated[float, Field(gt=0, le=10)]
Ratio = Annotated[float, Field(gt=0, lt=1)]


class DataSection(Section):
    """Samples as npz files: x (or one array for each input) and y, first axis = samples."""

    train: Annotated[Path, Field(description="Samples to train on.")]
    holdout: Annotated[
        Path | None, Field(description="Samples that choose the epoch to keep; never the intent's evaluation set.")
    ] = None


class _Training(Section):
    """What every way of making a candidate takes."""

    name: Annotated[Name | None, Field(description="Ends the candidate's name; by default the kind says it.")] = None
    epochs: Annotated[int, Field(ge=1, le=100_000, description="Passes over the training samples.")] = 5
    batch: Annotated[int, Field(ge=1, le=1 << 16, description="Samples in a step.")] = 32
    rate: Annotated[Rate, Field(description="Highest learning rate.")] = 1e-3
    alpha: Annotated[float, Field(ge=0, le=1, description="Share of the teacher in the loss.")] = 0.0
    temperature: Annotated[float, Field(ge=0.1, le=100, description="Softens the teacher's scores.")] = 4.0


class PruneStep(_Training):
    """Whole channels taken out, then fine-tuning."""

    kind: Literal["prune"]
    ratio: Annotated[
        list[Ratio], Field(min_length=1, max_length=_ENTRIES, description="Shares of channels to take out, one each.")
    ]


class DistilStep(_Training):
    """A smaller model that learns from the given one."""

    kind: Literal["distil"]
    student: Annotated[Place, Field(description="module:function of the smaller model.")]
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    rate: Annotated[Rate, Field()] = 3e-3
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.7


class QatStep(_Training):
    """Fine-tuning with the rounding of int8 in place."""

    kind: Literal["qat"]
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 3
    rate: Annotated[Rate, Field()] = 1e-4


Step = Annotated[PruneStep | DistilStep | QatStep, Field(discriminator="kind")]


class SpecFile(Section):
    """A spec of ``autoedge compress``. Relative paths are relative to the file."""

    version: Annotated[Literal[1], Field(description="Version of this format.")]
    name: Annotated[Name, Field(description="Begins the name of every candidate.")]
    model: Annotated[Place, Field(description="module:function in the spec's folder; returns a torch.nn.Module.")]
    weights: Annotated[Path | None, Field(description="Its state dict, as torch.save wrote it.")] = None
    data: Annotated[DataSection, Field(description="What to train on.")]
    inputs: Annotated[
        dict[str, Shape],
        Field(min_length=1, max_length=16, description="By input, the shape of one sample, in the order of forward."),
    ]
    task: Annotated[Literal["classification", "regression"], Field(description="What the model does.")]
    trust: Annotated[bool, Field(description="Run the model's code; the command line must agree with --trust.")] = False
    make: Annotated[list[Step], Field(min_length=1, max_length=_ENTRIES, description="What to make.")]
    seed: Annotated[int, Field(ge=0, lt=1 << 32, description="Of everything random.")] = 0
    threads: Annotated[int, Field(ge=1, le=1024, description="That train; sums, and so results, depend on it.")] = 1


def free_size(size: int | str) -> tuple[str | None, int]:
    """Name of a free dimension (None for a fixed one), and its size or the size to try it with."""
    if isinstance(size, int):
        return None, size
    name, _, example = size.partition("=")
    return name, int(example)
