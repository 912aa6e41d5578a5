"""What was chosen: everything but the device."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Scalar, strict

CandidateId = Annotated[str, Field(description="CONFIG_ID@TARGET.")]


@strict
class Configuration(TypedDict):
    """A configuration in its canonical form: the one that is hashed."""

    model: Annotated[str, Field(description="The user's name of the model.")]
    recipe: Annotated[dict[str, Scalar], Field(description="How the model file was made: precision, calibration, ...")]
    runtime: Annotated[str, Field(description="The engine that executes it.")]
    knobs: Annotated[dict[str, Scalar], Field(description="Of the runtime, those that apply: batch, threads, ...")]
