"""What ``autoedge targets setup --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Version, strict


@strict
class TargetSetup(TypedDict):
    """The environment that was made on a target."""

    schema_version: Version
    name: Annotated[str, Field(description="Of the target.")]
    installed: Annotated[dict[str, str], Field(description="Packages with their versions.")]
