"""What the user declares of a target."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autoedge.intent.resolved import NAME
from autoedge.targets.address import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL = "local"
PYTHON = "python3"
FOLDER = ".autoedge"


BUILTIN = "builtin"
"""LiteRT's own kernels: what there is beside delegates."""


@dataclass(frozen=True)
class DeclaredTarget:
    """A target as the user declared it: in the targets file, as ``local``, or as an address.

    Attributes:
        name: Stands for it everywhere.
        address: ``ssh://user@host:port`` or a ``Host`` alias of the ssh configuration; None for this machine.
        python: Interpreter that runs the agent there; a path is relative to the home folder.
        folder: Where blobs, jobs and the environment lie there, relative to the home folder.
        wrap: Command in front of the agent, such as ``("taskset", "-c", "0")``; it is found as ``python`` is.
        ssh: Options for ssh, such as ``("-F", "config")``.
        host: Another target on the same machine, or a word that all targets on one machine share: where their machine
            ids differ.
        meter: The power meter to use; None for the best one that is found.
        idle_power_w: What it draws at rest in W, where known.
        delegates: By name, a library there that LiteRT may load, and its options:
            ``{"library": "libedgetpu.so.1", "options": {"device": "usb"}}``. The targets file is the user's own, so
            that code named in it is trusted.
    """

    name: str
    address: str | None = None
    python: str = PYTHON
    folder: str = FOLDER
    wrap: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    host: str | None = None
    meter: Mapping[str, Any] | None = None
    idle_power_w: float | None = None
    delegates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise ValueError(f"the name of a target matches {NAME}, but got {self.name!r}")
        if self.name == LOCAL and self.address is not None:
            raise ValueError(f"{LOCAL} is this machine and has no address: give another one another name")
        if self.address is not None:
            Address.parse(self.address)
        elif self.ssh:
            raise ValueError("options for ssh belong to a target with an address, but this one has none")
        for what, text in (("python", self.python), ("folder", self.folder), ("host", self.host or "-")):
            if not text or not text.isprintable():
                raise ValueError(f"{what} is printable text, but got {text!r}")
        if any(not word or "\0" in word for word in (*self.wrap, *self.ssh)):
            raise ValueError(f"words of a command are not empty, but got {[*self.wrap, *self.ssh]}")
        if self.meter is not None and not isinstance(self.meter.get("type"), str):
            raise ValueError(f"a meter has a type, but got {dict(self.meter)}")
        self._check_delegates()
        idle = self.idle_power_w
        if idle is not None and not (math.isfinite(idle) and idle >= 0):
            raise ValueError(f"idle power is at least 0 W, but got {idle}")

    def _check_delegates(self) -> None:
        for name, delegate in self.delegates.items():
            if not re.fullmatch(NAME, name) or name == BUILTIN:
                raise ValueError(f"the name of a delegate matches {NAME} and is not {BUILTIN}, but got {name!r}")
            if not str(delegate.get("library") or "").isprintable() or not delegate.get("library"):
                raise ValueError(f"a delegate has a library, but got {dict(delegate)}")
