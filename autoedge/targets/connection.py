"""The system's ssh, called so that the user's configuration, keys and known hosts apply and nothing waits for ever."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.targets.address import Address
from autoedge.targets.link import AgentLink
from autoedge.targets.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.targets.declaration import DeclaredTarget

# The first line that arrives is a program as a Python literal. Any login shell understands this command, and nothing
# of it ever changes: what is to be done, and with what, comes over standard input.
REMOTE_COMMAND = "exec python3 -c 'import sys; exec(eval(sys.stdin.buffer.raw.readline()))'"

# ssh takes the first value that it is given. The user's options come after what must hold, before what may be changed.
_ALWAYS = (
    "BatchMode=yes",  # asks nobody
    "StrictHostKeyChecking=yes",  # never accepts a key by itself
    "RemoteCommand=none",
    "RequestTTY=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ControlMaster=no",  # a master that stays behind would hold our streams
    "LogLevel=INFO",  # the reasons of failures are read
)
_USUALLY = (
    "ConnectTimeout=10",
    "ServerAliveInterval=5",  # a dead connection is noticed after fifteen seconds
    "ServerAliveCountMax=3",
)


def ssh_command(declared: DeclaredTarget) -> list[str]:
    """The words that call ssh for a target."""
    address = Address.parse(declared.address or "")
    own = [str(Path(word).expanduser()) if word.startswith("~/") else word for word in declared.ssh]
    always, usually = ([word for option in options for word in ("-o", option)] for options in (_ALWAYS, _USUALLY))
    return ["ssh", "-T", *always, *own, *usually, *address.options, "--", address.host, REMOTE_COMMAND]


def connect(declared: DeclaredTarget, program: str, request: Mapping[str, Any], *, patience_s: float) -> AgentLink:
    """Run one of the stand-alone programs of ``autoedge.agent`` on a device.

    Args:
        declared: The device.
        program: Name of the file: ``bootstrap.py``.
        request: The JSON line that the program reads first.
        patience_s: Longest silence.

    Returns:
        The connection, before anything has been answered.
    """
    link = AgentLink(
        ssh_command(declared),
        Path(tempfile.gettempdir()),
        declared.name,
        patience_s=patience_s,
        ended=partial(reason_of, declared),
        here=False,
    )
    source = resources.files("autoedge.agent").joinpath(program).read_text(encoding="utf-8")
    try:
        link.write(f"{json.dumps(source)}\n{json.dumps(request)}\n".encode())
    except BaseException:
        link.close()
        raise
    return link
