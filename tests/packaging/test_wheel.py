"""What is shipped: the built wheel in an environment of its own, away from the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns(".venv", ".git", "runs", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def test_what_the_wheel_holds(wheel: Path) -> None:
    """Two packages at the top, the data folders inside, and nothing of tests, examples or benchmarks."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"autoedge", "autoedge_cli"}
    assert "autoedge/_catalog/search_spaces/onnxruntime-cpu.yaml" in names
    assert "autoedge/_catalog/surrogate_models/default/model.txt" in names
    assert "autoedge/_catalog/measurements/digits-x86/rows.parquet" in names
    assert "autoedge/py.typed" in names
    assets = {f"autoedge/report/assets/{path.name}" for path in (ROOT / "autoedge" / "report" / "assets").iterdir()}
    assert {name.rpartition(".")[2] for name in assets} >= {"js", "css", "md"}
    assert assets <= set(names)  # every run ends with a report
    assert any(name.startswith("autoedge/store/migrations/versions/") for name in names)


@pytest.mark.timeout(900)
def test_the_installed_command_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Installed into a fresh environment, the command measures an example that lies elsewhere."""
    home = tmp_path / "fresh"
    venv.create(home, with_pip=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(wheel)], check=True)
    example = shutil.copytree(ROOT / "examples" / "digits", tmp_path / "digits")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["AUTOEDGE_CACHE"] = str(tmp_path / "cache")
    command = [str(home / "bin" / "autoedge"), "space", "--intent", str(example / "intent.yaml"), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    plan = json.loads(ran.stdout)
    assert plan["candidates"] > 500
    assert set(plan["call_ms"]["local"]) == {
        "conv-large",
        "resnet",
        "conv-separable",
        "conv-tiny",
        "mlp",
        "boosted-trees",
        "logreg",
    }
