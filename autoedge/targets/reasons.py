"""Why ssh ended, in words that say what to do; its own text is from outside and only quoted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from autoedge.errors import TargetError
from autoedge.targets.address import Address
from autoedge.targets.link import LostTargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.targets.declaration import DeclaredTarget

_SSH_FAILED = 255
_NO_PYTHON = (126, 127)


class _Reason(NamedTuple):
    """What ssh says, what that means, and whether another try may help."""

    pattern: str
    meaning: str
    again: bool


# The first whose pattern is found counts.
_REASONS = (
    _Reason(
        "REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed",
        "shows another host key than the one known here: it was set up anew, or somebody stands in between. Compare "
        "with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the device itself; if it is right, forget the old "
        "key with `ssh-keygen -R {known}` and connect once with `{ssh}`",
        again=False,
    ),
    _Reason(
        r"Host key verification failed|No \S+ host key is known",
        "has a host key that is not known here, and AutoEdge never accepts one by itself. Connect once with `{ssh}` "
        "and compare the fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the device",
        again=False,
    ),
    _Reason(
        r"Permission denied \(|Too many authentication failures",
        "refuses the login: none of your keys is accepted, and a password is never asked for. `ssh-copy-id {to}` "
        "brings a key there; `{ssh} true` must then work without a question",
        again=False,
    ),
    _Reason("Could not resolve hostname", "has no address: its host name is not known in this network", again=True),
    _Reason("Connection refused", "refuses the connection: no ssh server listens on that port", again=True),
    _Reason(
        "No route to host|Network is unreachable|(Connection|Operation) timed out|Host is down",
        "does not answer: is it on, and in this network?",
        again=True,
    ),
    _Reason("Timeout, server .* not responding", "is silent: the connection was given up", again=True),
    _Reason(
        "kex_exchange_identification|Connection (closed|reset) by|Broken pipe|closed by remote host",
        "closed the connection",
        again=True,
    ),
    _Reason(
        r"[Bb]ad configuration option|Bad owner or permissions|terminating, \d+ bad|unknown option|percent_expand|"
        r"Can't open user config|Bad port|command-line line \d+",
        "cannot be called: ssh does not accept its configuration; look into `ssh:` of the targets file and your "
        "~/.ssh/config",
        again=False,
    ),
)


def reason_of(declared: DeclaredTarget, code: int, tail: Sequence[str]) -> TargetError:
    """The error for an ssh that ended.

    Args:
        declared: Which target.
        code: Exit code of ssh: 255 for its own failures, else that of the command there.
        tail: Its last lines, harmless already.
    """
    subject = f"target '{declared.name}'"
    said = f"; ssh says: {tail[-1]}" if tail else ""
    if code == _SSH_FAILED:
        for reason in _REASONS:
            if any(re.search(reason.pattern, line) for line in tail):
                text = f"{subject} {reason.meaning.format(**_names(declared))}{said}"
                return LostTargetError(text) if reason.again else TargetError(text)
        what = "the agent was killed there, or the connection was cut"
        return LostTargetError(f"{subject}: {what}{said}")
    if code in _NO_PYTHON:
        words = tail[-1] if tail else f"exit code {code}"
        return TargetError(f"{subject}: no python3 can be started there, or its shell does not allow it: {words}")
    words = f"; its last words: {tail[-1]}" if tail else ""
    return LostTargetError(f"{subject}: the agent ended with exit code {code}{words}")


def _names(declared: DeclaredTarget) -> dict[str, str]:
    """What a user would type."""
    address = Address.parse(declared.address or "")
    options = "".join(f"{word} " for word in declared.ssh)
    known = address.host if address.port in (None, 22) else f"'[{address.host}]:{address.port}'"
    return {"ssh": f"ssh {options}{address}", "to": f"{options}{address}", "known": known}
