"""Targets are declared, reached side by side, and left out when they cannot be."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from autoedge.device import Device
from autoedge.errors import IntentError, TargetError
from autoedge.intent.load import load_intent
from autoedge.targets.declared import DeclaredTarget, open_target
from autoedge.workflows.connecting import connected, declared_targets, share_machines
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


def test_an_unknown_target_names_the_file_that_was_read(
    write_intent: Intent, declare_in: Declare, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file after ``--targets`` is named when it was read, else the user's own."""
    intent, own = load_intent(write_intent(targets="[pi5]")), place / "own.yaml"
    lab = declare_in(place, jetson={}).rename(place / "lab.yaml")
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(own))
    for file, named in ((lab, lab), (None, own)):
        with pytest.raises(IntentError, match=f"target pi5 is not declared in {named};"):
            declared_targets(intent, file)


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


@pytest.mark.parametrize(
    ("targets", "together"),
    [
        ({"pi4": ("a", None), "one-core": ("a", "pi4")}, ["pi4 one-core"]),  # as a user writes it first
        ({"one-core": ("a", "pi4"), "pi4": ("a", None)}, ["one-core pi4"]),
        ({"pi4": ("a", None), "container": ("b", "pi4")}, ["pi4 container"]),
        ({"x": ("a", "shelf"), "y": ("b", "shelf"), "z": ("c", None)}, ["x y", "z"]),
        ({"x": ("a", "shelf"), "y": ("a", "wall"), "z": ("a", None)}, ["x y z"]),  # an id is never two machines
        ({"x": ("a", "shelf"), "y": ("b", "shelf"), "z": ("b", None)}, ["x y z"]),
        ({"w": ("a", None), "x": ("b", "shelf"), "y": ("c", "w"), "z": ("c", "shelf")}, ["w x y z"]),
        ({"pi4": (None, None), "x": ("b", "pi4"), "y": ("c", "pi4"), "z": ("d", None)}, ["pi4 x y", "z"]),
        ({"x": (None, None), "y": (None, None)}, ["x", "y"]),
    ],
)
def test_which_targets_are_one_machine(
    tmp_path: Path, targets: dict[str, tuple[str | None, str | None]], together: list[str]
) -> None:
    """Targets with one id are one machine, so are those with one host, and a host that is a target is that target."""
    opened = []
    for name, (identity, host) in targets.items():
        opened.append(open_target(DeclaredTarget(name, host=host), {}, blobs=tmp_path, jobs=tmp_path))
        if identity is not None:  # it was reached
            opened[-1].device = Device(identity, "x86_64", "cpu", 1, 1, 1, "Linux", "3.11")
    assert len({target.machine for target in opened}) == len(opened)
    share_machines(opened)
    machines: dict[str, list[str]] = {}
    for target in opened:
        machines.setdefault(target.machine, []).append(target.name)
    assert [" ".join(names) for names in machines.values()] == together


def test_two_targets_on_one_board_take_turns(tmp_path: Path) -> None:
    """A second view of a board, declared with ``host``, is the same machine once both are reached."""
    wanted = [DeclaredTarget("pi4"), DeclaredTarget("pi4-one-core", wrap=("taskset", "-c", "0"), host="pi4")]
    with connected(wanted, RunFolder(tmp_path / "run"), tmp_path / "blobs") as (targets, _):
        assert targets["pi4"].machine == targets["pi4-one-core"].machine


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
