"""An environment on a device is made by its own Python and pip, from wheels that lie at hand here."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import IntentError, TargetError
from autoedge.targets.declared import DeclaredTarget, read_targets
from autoedge.targets.environment import make_environment
from autoedge.targets.file import write_target
from autoedge.workflows.targets import set_up_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGES = ("numpy", "psutil", "pillow", "onnxruntime")


def _wheel(folder: Path, name: str) -> None:
    """A package that is nothing but its name."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text)}\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


@pytest.fixture(scope="module")
def offline(loopback: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A device whose pip finds three packages and no network."""
    wheels = tmp_path_factory.mktemp("wheels")
    for name in PACKAGES:
        _wheel(wheels, name)
    pip = f"PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS={wheels}"
    server = type(loopback)(tmp_path_factory.mktemp("offline"), environment=pip)
    server.start()
    yield server
    server.stop()


def test_setup_makes_an_environment_once(offline: Any, tmp_path: Path) -> None:
    """Packages are installed into the target's folder, each step is told, and the interpreter is noted in the file."""
    file = tmp_path / "targets.yaml"
    ssh = ["-F", str(offline.config)]
    write_target(file, "pi4", {"address": "ssh://device", "folder": str(tmp_path / "device"), "ssh": ssh})
    steps: list[str] = []
    versions = set_up_target("pi4", ["onnxruntime"], file=file, on_step=steps.append)
    assert versions == dict.fromkeys(PACKAGES, "1.0")
    assert any(step.startswith("making an environment") for step in steps)
    assert any("Successfully installed" in step for step in steps)
    (noted,) = read_targets(file).values()
    assert noted.python == str(tmp_path / "device" / "env" / "bin" / "python")
    steps.clear()
    assert set_up_target("pi4", ["onnxruntime"], file=file, on_step=steps.append) == versions
    assert not any(step.startswith("making an environment") for step in steps)


def test_package_that_pip_does_not_find(offline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip says is told when it cannot install something."""
    from autoedge.targets import environment

    monkeypatch.setitem(environment.PACKAGES, "absent", ("no-such-package",))
    target = offline.declared("pi4", folder=str(tmp_path / "device"))
    with pytest.raises(
        TargetError, match=r"pip could not install numpy, psutil, pillow, no-such-package there; it said: .*No"
    ):
        make_environment(target, ["absent"], python=sys.executable, on_step=lambda _: None)


def test_device_without_venv(offline: Any, tmp_path: Path) -> None:
    """A Python that cannot make environments is told with what to install."""
    crippled = tmp_path / "python"
    crippled.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] && {{ echo "ensurepip is not available"; exit 1; }}\nexec {sys.executable} "$@"\n'
    )
    crippled.chmod(0o755)
    target = offline.declared("pi4", folder=str(tmp_path / "device"))
    with pytest.raises(TargetError, match=r"sudo apt install python3-venv; it said: ensurepip is not available"):
        make_environment(target, [], python=str(crippled), on_step=lambda _: None)


def test_device_with_an_old_python(offline: Any, tmp_path: Path) -> None:
    """A Python that is too old is told with how to name another."""
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 3 8\n")
    old.chmod(0o755)
    target = offline.declared("pi4", folder=str(tmp_path / "device"))
    with pytest.raises(TargetError, match=r"takes Python 3\.9 or later, but .* is 3\.8; name another with --python"):
        make_environment(target, [], python=str(old), on_step=lambda _: None)
    with pytest.raises(TargetError, match=r"the interpreter, python9, is not there"):
        make_environment(target, [], python="python9", on_step=lambda _: None)


def test_what_cannot_be_set_up() -> None:
    """This machine, unknown runtimes and targets without a name are refused before anything is reached."""
    with pytest.raises(IntentError, match="is this machine and uses AutoEdge's own Python: pip install onnxruntime"):
        make_environment(DeclaredTarget("local"), ["onnxruntime"], python=None, on_step=lambda _: None)
    with pytest.raises(IntentError, match="no runtime is called onnxrutime; did you mean onnxruntime"):
        make_environment(DeclaredTarget("a", "ssh://a"), ["onnxrutime"], python=None, on_step=lambda _: None)
    with pytest.raises(IntentError, match="has no name yet; give it one: autoedge targets add pi-host ssh://pi@host"):
        set_up_target("ssh://pi@host", [], on_step=lambda _: None)
