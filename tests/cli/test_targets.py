"""The commands around targets, as far as they need no device."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from autoedge_cli.main import run
from autoedge_cli.render_probe import render_probe

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands find targets."""
    path = tmp_path / "targets.yaml"
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(path))
    return path


def test_add_then_list(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is added is listed, beside this machine; adding says what comes next."""
    add = ["targets", "add", "pi4", "ssh://pi@shelf", "--wrap", "taskset -c 0", "--idle-power", "2.7 W"]
    assert run(add) == 0
    assert "autoedge targets setup pi4" in capsys.readouterr().out
    assert "wrap: [taskset, -c, '0']" in file.read_text()
    assert run(["targets", "list"]) == 0
    shown = capsys.readouterr().out
    assert "this machine" in shown
    assert "ssh://pi@shelf" in shown
    assert run(["targets", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in document["targets"]] == ["local", "pi4"]
    assert document["targets"][1]["idle_power_w"] == 2.7


def test_a_name_is_declared_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second target of that name is refused, and the file stays as it is."""
    assert run(["targets", "add", "pi4", "ssh://pi"]) == 0
    before = file.read_text()
    assert run(["targets", "add", "pi4", "ssh://other"]) == 2
    assert "target 'pi4' is declared there already" in capsys.readouterr().err
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "Pi", "ssh://pi"], "the name of a target matches"),
        (["add", "pi", "ssh://-oProxyCommand=x"], "an address is ssh://user@host:port"),
        (["add", "local", "ssh://pi"], "local is this machine and has no address"),
        (["add", "pi", "ssh://pi", "--wrap", "'"], "--wrap: this is no command"),
        (["add", "pi", "ssh://pi", "--idle-power", "3 s"], "takes a power"),
        (["probe", "pi5"], "is not declared in"),
        (["setup", "ssh://pi@host"], "has no name yet"),
        (["setup", "local"], "is this machine"),
    ],
)
def test_bad_input(file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """What cannot be meant is exit 2 with the reason, and nothing is written."""
    assert run(["targets", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not file.exists()


def test_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--targets`` names another file."""
    other = tmp_path / "other.yaml"
    assert run(["targets", "add", "pi", "ssh://pi", "--targets", str(other)]) == 0
    assert run(["targets", "list", "--targets", str(other)]) == 0
    assert "ssh://pi" in capsys.readouterr().out
    assert run(["targets", "probe", "pu", "--targets", str(other)]) == 2
    told = capsys.readouterr().err
    assert f"is not declared in {other}" in told.replace("\n", "")


def test_unreachable_target_is_exit_3(file: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A target that cannot be reached is exit 3, and the message says what ssh met."""
    config = tmp_path / "config"
    config.write_text("Host nobody\n  HostName 127.0.0.1\n  Port 1\n")
    file.write_text(f"version: 1\ntargets:\n  pi: {{address: ssh://nobody, ssh: [-F, {config}]}}\n")
    assert run(["targets", "probe", "pi"]) == 3
    assert "target 'pi' refuses the connection" in capsys.readouterr().err


def test_probe_of_this_machine(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A probe shows processor, runtimes and speed, and gives the same as JSON."""
    del file
    assert run(["targets", "probe", "local"]) == 0
    shown = capsys.readouterr().out
    for word in ("processor", "onnxruntime", "fingerprint", "GFLOP/s", "Power meters"):
        assert word in shown
    assert run(["targets", "probe", "local", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["clock"] == {"offset_s": 0.0, "bound_s": 0.0}


@pytest.mark.parametrize(
    "survey",
    [
        {},
        {"conditions": 3, "kernels": None, "disk_free_mib": "\x1b[2J"},
        {"conditions": {"clocks": {"cpus": {"0": {"min_khz": [1], "max_khz": 10**400, "governor": {"a": "\x1b[2J"}}}}}},
    ],
)
def test_a_probe_of_nonsense_is_shown(survey: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a device says of itself, what is printed steers no terminal."""
    from autoedge_cli.render import console

    device = dict.fromkeys(("arch", "cpu", "cores", "physical_cores", "memory_mib", "os", "python", "fingerprint"), "x")
    probe = {
        "name": "pi",
        "address": "ssh://pi",
        "device": {**device, "runtimes": {}, "offers": {"r": {"k": {"good": "", "bad": "no\x1b[2J"}}}},
        "clock": {"offset_s": 1.0, "bound_s": 0.001},
        "survey": survey,
        "meters": [{"name": "a\x1bb", "reason": ["x"]}],
    }
    render_probe(console(), probe)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert r"good, bad (no\x1b[2J)" in shown
    assert "autoedge targets setup pi" in shown
