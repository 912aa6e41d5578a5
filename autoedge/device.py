"""What is known of the machine behind a target."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Device:
    """What a probe of a target reported.

    Attributes:
        machine: Hash of the machine's own id, so that two targets on one machine are recognised.
        arch: Processor architecture as the system names it, ``x86_64`` or ``aarch64``.
        cpu: The board as its system names it, or else the model of its processor.
        cores: Logical processors that a process may use there.
        physical_cores: Of those, how many are not mere hardware threads.
        memory_mib: Physical memory in MiB.
        os: Name and release of the system.
        python: Version of the Python that runs the agent.
        runtimes: Installed runtimes with their versions.
        wrap: Command in front of the agent there, such as ``taskset -c 0``, as a shell would read it; empty for none.
        offers: By runtime and knob, the levels that hang on the machine, each with why it cannot be used there.
    """

    machine: str
    arch: str
    cpu: str
    cores: int
    physical_cores: int
    memory_mib: int
    os: str
    python: str
    runtimes: Mapping[str, str] = field(default_factory=dict)
    wrap: str = ""
    offers: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when measurements stop being comparable.

        Runtime versions are left out: a row stores the version of its own runtime beside this.
        """
        parts = [self.machine, self.arch, self.cpu, self.cores, self.memory_mib, self.os]
        parts += [self.wrap] if self.wrap else []
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
