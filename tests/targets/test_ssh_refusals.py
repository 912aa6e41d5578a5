"""Everything that keeps an agent from starting on a device has a reason that says what to do."""

from __future__ import annotations

import sys
import venv
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import TargetError, Transient
from autoedge.targets.declared import DeclaredTarget
from autoedge.targets.link import LostTargetError
from autoedge.targets.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.targets.ssh import SshTarget

    Make = Callable[..., SshTarget]


def _refusal(target: SshTarget) -> TargetError:
    with pytest.raises(TargetError) as caught:
        target.probe()
    return caught.value


def test_unknown_host_key(loopback: Any, make: Make) -> None:
    """A host whose key is not known is not trusted, and the message says how to get to know it."""
    empty = loopback.folder / "empty"
    empty.touch()
    config = loopback.client_config("unknown", UserKnownHostsFile=empty)
    error = _refusal(make(ssh=("-F", str(config))))
    assert "has a host key that is not known here" in str(error)
    assert f"Connect once with `ssh -F {config} device` and compare the fingerprint" in str(error)
    assert not isinstance(error, Transient)
    assert empty.read_text() == ""


def test_unknown_host_key_stays_unknown_whatever_the_configuration_says(loopback: Any, make: Make) -> None:
    """A configuration that would accept any key does not."""
    empty = loopback.folder / "empty too"
    empty.touch()
    config = loopback.client_config("lax", UserKnownHostsFile=f'"{empty}"', StrictHostKeyChecking="no")
    error = _refusal(make(ssh=("-F", str(config), "-o", "StrictHostKeyChecking=accept-new")))
    assert "has a host key that is not known here" in str(error)
    assert empty.read_text() == ""


@pytest.mark.parametrize("says", [{}, {"StrictHostKeyChecking": "accept-new"}])
def test_an_unknown_jump_host_is_up_to_the_configuration(
    loopback: Any, make: Make, monkeypatch: pytest.MonkeyPatch, says: dict[str, str]
) -> None:
    """A jump host's unknown key is refused, too, unless the user's own configuration says that it may be accepted."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"):
        monkeypatch.delenv(name, raising=False)  # a person could answer there
    known = loopback.folder / f"jump-hosts-{len(says)}"
    known.touch()
    jump = loopback.client_config("jump", UserKnownHostsFile=known, **says).read_text()
    config = loopback.client_config("through", ProxyJump="jump")
    config.write_text(config.read_text() + jump.replace("Host device", "Host jump"))
    target = make(ssh=("-F", str(config)))
    if says:
        assert target.probe().cores
    else:
        assert "has a host key that is not known here" in str(_refusal(target))
    assert bool(known.read_text()) == bool(says)


def test_changed_host_key(loopback: Any, make: Make) -> None:
    """A host that shows another key than before is told apart from an unknown one."""
    kind, key, *_ = (loopback.folder / "stranger.pub").read_text().split()
    other = loopback.folder / "other_hosts"
    other.write_text(f"[127.0.0.1]:{loopback.port} {kind} {key}\n")
    config = loopback.client_config("changed", UserKnownHostsFile=other)
    error = _refusal(make(ssh=("-F", str(config))))
    assert "shows another host key than the one known here" in str(error)
    assert "ssh-keygen -R" in str(error)


def test_wrong_key(loopback: Any, make: Make) -> None:
    """A key that the device does not accept is refused without a question."""
    config = loopback.client_config("wrong", IdentityFile=loopback.folder / "stranger")
    error = _refusal(make(ssh=("-F", str(config))))
    assert "refuses the login: none of your keys is accepted" in str(error)
    assert "ssh-copy-id" in str(error)


def test_nobody_listens(loopback: Any, make: Make) -> None:
    """A port without a server is a refused connection, which may be another time another way."""
    config = loopback.client_config("nobody", Port=1)
    error = _refusal(make(ssh=("-F", str(config))))
    assert "no ssh server listens on that port" in str(error)
    assert isinstance(error, LostTargetError)


def test_wrong_options(make: Make, loopback: Any) -> None:
    """Options that ssh does not know are told to be the user's own."""
    error = _refusal(make(ssh=("-F", str(loopback.config), "-o", "Nonsense=1")))
    assert "ssh does not accept its configuration" in str(error)


def test_missing_interpreter(make: Make) -> None:
    """An interpreter that is not on the device is named."""
    assert "the interpreter, python9, is not there" in str(_refusal(make(python="python9")))


def test_missing_wrap_command(make: Make) -> None:
    """A command of wrap that is not on the device is named."""
    assert "the command of wrap, nothing-of-that-name, is not there" in str(
        _refusal(make(wrap=("nothing-of-that-name", "-x")))
    )


def test_interpreter_without_packages(make: Make, tmp_path: Path) -> None:
    """An interpreter without numpy and psutil is told with the command that puts them there."""
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    said = str(_refusal(make("pi4", python=str(python))))
    assert said == (
        f"target 'pi4': {python} has no numpy and no psutil; make an environment there: autoedge targets setup pi4"
    )


def test_old_interpreter(make: Make, tmp_path: Path) -> None:
    """An interpreter that is too old says so by itself, before any newer syntax is read."""
    old = tmp_path / "old"
    code = "import runpy, sys; sys.version_info = (3, 8, 1); runpy.run_path(sys.argv[1], run_name='__main__')"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    old.chmod(0o755)
    assert "takes Python 3.9 or later, but" in str(_refusal(make(python=str(old))))


def test_folder_that_cannot_be_made(make: Make, tmp_path: Path) -> None:
    """A folder that the device cannot hold is told with its place."""
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file" in str(_refusal(make(folder=str(tmp_path / "file" / "below"))))


@pytest.mark.parametrize(
    ("code", "said", "told", "again"),
    [
        (255, "ssh: connect to host pi port 22: No route to host", "does not answer", True),
        (255, "ssh: connect to host pi port 22: Connection timed out", "does not answer", True),
        (255, "ssh: Could not resolve hostname pi: Name or service not known", "has no address", True),
        (255, "Timeout, server pi not responding.", "the connection was given up", True),
        (255, "client_loop: send disconnect: Broken pipe", "closed the connection", True),
        (255, "kex_exchange_identification: Connection closed by remote host", "closed the connection", True),
        (255, "", "the agent was killed there, or the connection was cut", True),
        (127, "bash: line 1: exec: python3: not found", "no python3 can be started there", False),
        (1, "SyntaxError: invalid syntax", "exit code 1; its last words: SyntaxError", True),
        (1, "Permission denied (publickey)", "exit code 1", True),
    ],
)
def test_what_ssh_says_is_understood(code: int, said: str, told: str, *, again: bool) -> None:
    """Each way that ssh can end has its reason, and only those where another try may help are tried again."""
    error = reason_of(DeclaredTarget("pi4", "ssh://pi"), code, [said] if said else [])
    assert str(error).startswith("target 'pi4'")
    assert told in str(error)
    assert isinstance(error, Transient) == again


def test_ssh_is_missing(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without an ssh client here, that is what is said."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "the agent cannot be started: 'ssh': No such file" in str(_refusal(make()))


def test_noise_of_a_login_shell_is_passed_over(loopback: Any, make: Make) -> None:
    """What a start-up file prints, even with control characters and without a line end, harms nothing."""
    config = loopback.client_config("noisy-config", IdentityFile=loopback.folder / "noisy")
    with make(ssh=("-F", str(config))) as target:
        assert target.device is not None
