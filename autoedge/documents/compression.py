"""What ``autoedge compress --json`` prints, and ``compressed.json``."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Hash, Version, strict


@strict
class MadeModel(TypedDict):
    """A model file that was made."""

    kind: Annotated[str, Field(description="Of its recipe: prune, distil, qat.")]
    sha256: Hash
    precision: str
    size_bytes: Count
    macs: Annotated[int | None, Field(description="Multiplications for one item; null where not known.")]
    parameters: Count
    given_parameters: Annotated[Count, Field(description="Of the model as given.")]
    epoch: Annotated[Count | None, Field(description="That was kept.")]
    holdout: Annotated[float | None, Field(description="Figure on the holdout data; null without any.")]
    given: Annotated[float | None, Field(description="Likewise of the model as given.")]
    code: Annotated[dict[str, Hash], Field(description="Files of the model's code that were loaded.")]


@strict
class MadeCandidate(MadeModel):
    """A candidate of the spec."""

    name: str
    reused: Annotated[bool, Field(description="Whether it was there already.")]
    path: Annotated[str, Field(description="As an intent beside the spec names it.")]


@strict
class RecordedModel(MadeModel):
    """A model file with everything that it depends on."""

    made_of: dict[str, Any]


@strict
class FailedCandidate(TypedDict):
    """A candidate that could not be made."""

    name: str
    reason: str


@strict
class Compression(TypedDict):
    """Smaller models that were made of a PyTorch model."""

    schema_version: Version
    name: Annotated[str, Field(description="Of the spec.")]
    out: str
    figure: Annotated[Literal["accuracy", "mse"], Field(description="What holdout and given are.")]
    given: Annotated[float | None, Field(description="Of the model as given; null without holdout data.")]
    candidates: Annotated[list[MadeCandidate], Field(description="In the order of the spec.")]
    failed: list[FailedCandidate]


@strict
class CompressionRecord(TypedDict):
    """How the models of a folder were made, by name; compressed.json."""

    schema_version: Version
    candidates: dict[str, RecordedModel]
