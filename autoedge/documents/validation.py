"""What ``autoedge validate --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Version, strict


@strict
class Validation(TypedDict):
    """The problems of intent files."""

    schema_version: Version
    problems: Annotated[
        dict[str, list[str]], Field(description="By file as it was named; an empty list for one that can be read.")
    ]
