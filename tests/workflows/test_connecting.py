"""Targets are declared, reached side by side, and left out when they cannot be."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import TargetError
from autoedge.intent.load import load_intent
from autoedge.targets.declared import DeclaredTarget
from autoedge.workflows.connecting import connected, declared_targets
from autoedge.workflows.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Declare = Callable[..., Path]
    Intent = Callable[..., Path]


def test_the_intent_says_more_than_the_file(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """Idle power is the intent's where it states one, else the file's; an address needs no file."""
    file = declare_in(place, pi={"address": "ssh://pi@pi.lan", "idle_power": "2.7 W", "wrap": ["nice"]}, tv={})
    targets = "[local, pi, {name: tv, idle_power: 1 W}, 'ssh://me@box:2222']"
    intent, found = declared_targets(load_intent(write_intent(targets=targets)), file)
    assert [(one.name, one.idle_power) for one in intent.targets] == [
        ("local", None),
        ("pi", 2.7),
        ("tv", 1.0),
        ("me-box-2222", None),
    ]
    assert [(one.name, one.address) for one in found] == [
        ("local", None),
        ("pi", "ssh://pi@pi.lan"),
        ("tv", None),
        ("me-box-2222", "ssh://me@box:2222"),
    ]
    assert found[1].wrap == ("nice",)


def test_without_a_targets_file(write_intent: Intent, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who never declared a target needs no file for this machine."""
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(place / "none.yaml"))
    _, found = declared_targets(load_intent(write_intent()))
    assert found == [DeclaredTarget("local")]


def test_targets_are_reached_side_by_side(tmp_path: Path) -> None:
    """Two targets that start only together are both reached; what cannot start is named with the reason."""
    meet = tmp_path / "meet.py"
    meet.write_text(
        "import os, pathlib, sys, time\n"
        "mine, other = map(pathlib.Path, sys.argv[1:3])\n"
        "mine.touch()\n"
        "while not other.exists():\n"
        "    time.sleep(0.05)\n"
        "os.execvp(sys.argv[3], sys.argv[3:])\n"
    )
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    wanted = [
        DeclaredTarget("one", wrap=(sys.executable, str(meet), a, b)),
        DeclaredTarget("dead", wrap=("false",)),
        DeclaredTarget("none", wrap=(str(tmp_path / "no-such-command"),)),
        DeclaredTarget("two", wrap=(sys.executable, str(meet), b, a)),
    ]
    with connected(wanted, RunFolder(tmp_path / "run"), tmp_path / "blobs") as (targets, away):
        assert list(targets) == ["one", "two"]
        assert all(target.device is not None for target in targets.values())
        assert list(away) == ["dead", "none"]
        assert all(f"target '{name}'" in reason for name, reason in away.items())


def test_none_reached(tmp_path: Path) -> None:
    """The error names every target with its reason; a single one speaks for itself."""
    dead = [DeclaredTarget(name, wrap=("false",)) for name in ("a", "b")]
    with (
        pytest.raises(TargetError, match=r"no target is left to measure on: target 'a'.*; target 'b'"),
        connected(dead, RunFolder(tmp_path / "run"), tmp_path / "blobs"),
    ):
        pass
    with (
        pytest.raises(TargetError, match=r"^target 'a'"),
        connected(dead[:1], RunFolder(tmp_path / "run"), tmp_path / "blobs"),
    ):
        pass


def test_ctrl_c_while_a_target_does_not_answer(
    place: Path, write_intent: Intent, declare_in: Declare, environment: dict[str, str]
) -> None:
    """Waiting for a silent target ends at once with 130."""
    declare_in(place, silent={"wrap": ["sleep", "1000"]}, one={})
    command = [sys.executable, "-m", "autoedge_cli.main", "select", "--intent"]
    intent = write_intent(targets="[silent, one]")
    said = place / "said.txt"
    with (
        said.open("w") as file,
        subprocess.Popen([*command, str(intent)], env=environment, cwd=place, stderr=file) as process,
    ):
        while process.poll() is None and "reaching" not in said.read_text():
            time.sleep(0.1)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130, said.read_text()
    assert "Traceback" not in said.read_text()
