"""What ``autoedge targets list --json`` prints."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Version, strict


@strict
class DeclaredTarget(TypedDict):
    """A target as the user declared it."""

    name: str
    address: Annotated[str | None, Field(description="ssh://user@host:port or a host of ssh; null for this machine.")]
    python: Annotated[str, Field(description="Interpreter that runs the agent there.")]
    folder: Annotated[str, Field(description="Where files are kept there.")]
    wrap: Annotated[list[str], Field(description="Command in front of the agent.")]
    ssh: Annotated[list[str], Field(description="Options for ssh.")]
    host: Annotated[str | None, Field(description="Names the machine where several targets are the same one.")]
    meter: Annotated[dict[str, Any] | None, Field(description="The power meter to use: its type and options.")]
    idle_power_w: Annotated[float | None, Field(description="What it draws at rest, in W.")]
    delegates: Annotated[dict[str, dict[str, Any]], Field(description="Libraries that LiteRT may load, by name.")]


@strict
class Targets(TypedDict):
    """The declared targets; this machine is always one."""

    schema_version: Version
    targets: list[DeclaredTarget]
