"""What ``autoedge bundle run --json`` prints."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from autoedge.documents.form import Version


class Answers(BaseModel):
    """The outputs of a bundle for the samples given, by name: arrays whose first axis is the samples.

    Of a classifier these are scores and classes (the class with the best score).
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, list[Any]] = Field(init=False)

    schema_version: Version
