"""What ``autoedge export mlflow --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId
from autoedge.documents.form import Version, strict


@strict
class ExportedToMlflow(TypedDict):
    """A run as MLflow keeps it."""

    schema_version: Version
    tracking_uri: Annotated[str, Field(description="Where MLflow keeps runs.")]
    experiment: str
    run_id: Annotated[str, Field(description="Of the MLflow run.")]
    new: Annotated[bool, Field(description="Whether it was made now, or brought up to date.")]
    candidates: Annotated[dict[CandidateId, str], Field(description="Ids of the MLflow runs nested in it.")]
    artifacts: Annotated[list[str], Field(description="Files and folders that it holds.")]
