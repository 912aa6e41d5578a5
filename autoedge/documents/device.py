"""What is known of a machine."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, strict

Fingerprint = Annotated[
    str, Field(pattern="^[0-9a-f]{16}$", description="Changes when measurements stop being comparable.")
]


@strict
class Device(TypedDict):
    """What a probe of a target reported."""

    machine: Annotated[str, Field(description="Hash of the machine's own id.")]
    arch: Annotated[str, Field(description="Processor architecture: x86_64, aarch64.")]
    cpu: Annotated[str, Field(description="The board, or else the model of its processor.")]
    cores: Annotated[Count, Field(description="Logical processors that a process may use.")]
    physical_cores: Annotated[Count, Field(description="Of those, how many are no mere hardware threads.")]
    memory_mib: Annotated[Count, Field(description="Physical memory in MiB.")]
    os: Annotated[str, Field(description="Name and release of the system.")]
    python: Annotated[str, Field(description="Version of the Python that runs the agent.")]
    runtimes: Annotated[dict[str, str], Field(description="Installed runtimes with their versions.")]
    wrap: Annotated[str, Field(description="Command in front of the agent, as a shell reads it; empty for none.")]
    offers: Annotated[
        dict[str, dict[str, dict[str, str]]],
        Field(description="By runtime and knob, levels that hang on the machine, each with why it cannot be used."),
    ]
    fingerprint: Fingerprint
