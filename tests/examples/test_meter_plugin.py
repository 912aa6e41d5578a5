"""The worked example of a meter as a plugin, installed by pip: its own tests, the command line, and the page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLE = Path(__file__).parents[2] / "examples" / "meter-plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the plugin is installed into."""
    folder = tmp_path_factory.mktemp("plugin")
    ignored = shutil.ignore_patterns("__pycache__")
    source = shutil.copytree(EXAMPLE, folder / "source", ignore=ignored)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*command, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    return folder / "site"


@pytest.fixture
def environment(site: Path, tmp_path: Path) -> dict[str, str]:
    """Where the plugin is installed, with targets of one's own."""
    return {**os.environ, "PYTHONPATH": str(site), "AUTOEDGE_TARGETS": str(tmp_path / "targets.yaml")}


@pytest.fixture
def python(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs a module where the plugin is installed."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)

    return call


@pytest.fixture
def port(environment: dict[str, str]) -> Iterator[str]:
    """The port of the emulated instrument, run as the page says."""
    command = [sys.executable, "-m", "autoedge_pico_power.emulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as emulator:
        assert emulator.stdout is not None
        yield emulator.stdout.readline().strip()
        emulator.terminate()


def test_it_keeps_the_contract(python: Run) -> None:
    """The driver passes the contract of every serial meter, and its own tests of the bytes."""
    done = python("pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_listed(python: Run) -> None:
    """`autoedge meters list` knows the kind; no port is taken for one that does not name itself."""
    done = python("autoedge_cli.main", "meters", "list", "--json")
    assert done.returncode == 0, done.stderr
    listing = json.loads(done.stdout)
    assert "pico-power" in {kind["name"] for kind in listing["kinds"]}
    assert "pico-power" not in {meter["name"] for meter in listing["here"]}


def test_it_is_checked_and_read(python: Run, port: str, tmp_path: Path) -> None:
    """`meters check` calls it fit for a window that is long enough and for no other; `meters read` tells its 3 W."""
    checked = python("autoedge_cli.main", "meters", "check", "pico-power", "--port", port, "--json", "check.json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    document = json.loads((tmp_path / "check.json").read_text())
    assert document["meter"]["name"] == "pico-power"
    short = python("autoedge_cli.main", "meters", "check", "pico-power", "--port", port, "--window", "1 s")
    assert short.returncode == 4
    read = python("autoedge_cli.main", "meters", "read", "pico-power", "--port", port, "--seconds", "1", "--json")
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout)["summary"]["mean_w"] == pytest.approx(3.0, abs=0.001)


def test_a_missing_port_is_told(python: Run) -> None:
    """Without the instrument, or without its port, the answer says what is missing."""
    gone = python("autoedge_cli.main", "meters", "read", "pico-power", "--port", "/dev/no-such-port")
    assert gone.returncode == 3
    assert "/dev/no-such-port" in gone.stderr
    unnamed = python("autoedge_cli.main", "meters", "read", "pico-power")
    assert unnamed.returncode == 3
    assert "its options are: port" in unnamed.stderr
