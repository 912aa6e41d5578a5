"""What ``autoedge bundle deploy --json`` prints."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Hash, Version, strict

SlotName = Literal["a", "b"]


@strict
class Slot(TypedDict):
    """One of the two places of a deployment."""

    bundle: Annotated[
        str, Field(pattern="^([0-9a-f]{64})?$", description="SHA-256 of its bundle.json; empty for none.")
    ]
    whole: Annotated[bool, Field(description="Whether every file is what that says.")]
    signed_at: Annotated[int | None, Field(description="Seconds since the epoch; null of an unsigned one.")]
    key: Annotated[str, Field(description="Id of the key that signed it; empty of an unsigned one.")]
    proven: Annotated[bool, Field(description="Whether it has answered while it served.")]


@strict
class Deployment(TypedDict):
    """What serves on a device under one name."""

    schema_version: Version
    name: Annotated[str, Field(description="Of the deployment.")]
    target: str
    done: Annotated[str, Field(description="What was done, in a word or two.")]
    bundle: Annotated[Hash, Field(description="SHA-256 of the bundle.json that was asked about.")]
    serves: Annotated[bool, Field(description="Whether it serves, whole.")]
    folder: Annotated[str, Field(description="Of the slots, on the device.")]
    current: Annotated[SlotName | None, Field(description="The slot that serves; null where none does.")]
    slots: Annotated[dict[SlotName, Slot], Field(description="Those in which something lies.")]
