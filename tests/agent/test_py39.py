"""What is sent to a device keeps to Python 3.9; and where there is a 3.9, it runs there with three packages alone."""

from __future__ import annotations

import ast
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.targets.archive import agent_archive
from autoedge.targets.base import Target
from autoedge.targets.link import AgentLink

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("numpy", "psutil", "onnxruntime==1.19.2")
AT_IMPORT = {"autoedge", "numpy", "psutil"} | set(sys.stdlib_module_names)
OWN = {"agent", "runtimes", "meters", "preprocessing", "errors"}
ALONE = ("bootstrap.py", "entry.py", "environment.py")  # read by whatever python3 a device has
NEWER_NAMES = {"Self", "override", "ParamSpec", "TypeAlias", "assert_never", "StrEnum"}


def _sources() -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(agent_archive().data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


SOURCES = _sources()


def _imports(node: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """Modules, with the names taken from them, that running code imports: no functions, nothing for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, []
        elif isinstance(child, ast.ImportFrom):
            yield child.module or "", [alias.name for alias in child.names]
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports(child)


@pytest.mark.parametrize("name", SOURCES)
def test_syntax(name: str) -> None:
    """Every file of the archive is Python 3.9; those that come before the agent are 3.6."""
    version = (3, 6) if name == "__main__.py" or name.endswith(ALONE) else (3, 9)
    ast.parse(SOURCES[name], feature_version=version)


@pytest.mark.parametrize("name", SOURCES)
def test_imports(name: str) -> None:
    """Importing a file needs the standard library of 3.9, numpy and psutil, and AutoEdge's own layers for devices."""
    for module, names in _imports(ast.parse(SOURCES[name])):
        first, _, rest = module.partition(".")
        assert first in AT_IMPORT
        assert first != "autoedge" or rest.partition(".")[0] in OWN
        assert first not in {"typing", "enum"} or not NEWER_NAMES & set(names)


def test_the_archive_is_reproducible() -> None:
    """The same sources give the same bytes, whose hash is the archive's name on a device."""
    assert agent_archive.__wrapped__() == agent_archive.__wrapped__()


def _python39() -> Path | None:
    named = [os.environ.get("AUTOEDGE_PYTHON39"), shutil.which("python3.9"), "/usr/bin/python3.9"]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [Path(path) for path in named if path] + sorted(pyenv.glob("3.9.*/bin/python3.9"))
    return next((path for path in found if _is_39(path)), None)


def _is_39(path: Path) -> bool:
    """Whether it really runs: a pyenv shim is there for versions that are not."""
    if not path.exists():
        return False
    shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return shown.stdout.startswith("Python 3.9.")


class OldTarget(Target):
    """This machine, with the agent's archive under another Python.

    Args:
        python: Its interpreter.
        folder: For everything.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        super().__init__("old", {"onnxruntime": "autoedge.runtimes.onnxruntime:OnnxRuntime"})
        self._python = python
        self._folder = folder

    def _start(self) -> AgentLink:
        archive = self._folder / "agent.pyz"
        archive.write_bytes(agent_archive().data)
        folders = ["--blobs", str(self._folder / "blobs"), "--jobs", str(self._folder / "jobs")]
        return AgentLink([str(self._python), str(archive), "--alone", *folders], self._folder, "old")


@pytest.fixture(scope="module")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a 3.9 environment with numpy, psutil and the last ONNX Runtime for it."""
    base = _python39()
    if base is None:
        pytest.skip("no Python 3.9 here (looked for python3.9, pyenv's versions and AUTOEDGE_PYTHON39): not run on one")
    folder = tmp_path_factory.mktemp("python39")
    subprocess.run([base, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    ran = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"there is a Python 3.9, but its packages cannot be installed: {ran.stderr[-500:]}"
    return python


def test_a_job_runs_on_python_39(old_python: Path, tmp_path: Path, job: dict[str, Any], files: dict[str, Path]) -> None:
    """The agent, its worker and a job run on Python 3.9 from the archive alone, and tell versions and conditions."""
    with OldTarget(old_python, tmp_path) as target:
        assert target.device is not None
        assert target.device.python.startswith("3.9.")
        assert target.device.runtimes == {"onnxruntime": "1.19.2"}
        target.send_files(files)
        reply = target.run(job, {})
        assert reply.arrays["scores"].shape == (30, 3)
        assert reply.body["done"]["runtime_version"] == "1.19.2"
        assert target.survey()["kernels"]["pipe_us"] > 0
        assert isinstance(target.meters({}), list)
