"""Where a device is reached over SSH."""

from __future__ import annotations

import re
from dataclasses import dataclass

# User and host begin with a letter, a digit or an underscore: as words of a command line they are never options.
_FORM = re.compile(
    r"(?:ssh://)?(?:(?P<user>\w[\w.-]{0,63})@)?(?:(?P<host>\w[\w.-]{0,252})|\[(?P<literal>[0-9A-Fa-f:.]{2,45})\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?",
    re.ASCII,
)
_PORTS = range(1, 65536)


@dataclass(frozen=True)
class Address:
    """A destination for ssh.

    Attributes:
        host: Name, number or ``Host`` alias of the user's ssh configuration.
        user: None: as the configuration says.
        port: None: as the configuration says.
    """

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``ssh://user@host:port``, where user, port and the scheme may be left out.

        Raises:
            ValueError: It is something else.
        """
        found = _FORM.fullmatch(text)
        port = int(found["port"]) if found and found["port"] else None
        if found is None or not (port is None or port in _PORTS):
            raise ValueError(
                f"an address is ssh://user@host:port or a host of your ssh configuration, but got {text!r}"
            )
        return cls(found["host"] or found["literal"], found["user"], port)

    @property
    def options(self) -> list[str]:
        """User and port as options of ssh."""
        user = [] if self.user is None else ["-l", self.user]
        return user if self.port is None else [*user, "-p", str(self.port)]

    def __str__(self) -> str:
        """As it is typed behind ``ssh`` on a command line."""
        user = "" if self.user is None else f"{self.user}@"
        port = "" if self.port is None else f"-p {self.port} "
        return f"{port}{user}{self.host}"
