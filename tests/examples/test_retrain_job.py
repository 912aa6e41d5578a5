"""The workflow file for a scheduled retraining."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

FILE = Path(__file__).parents[2] / "examples" / "ci" / "retrain.yml"
STAND_IN = """#!{python}
import json, pathlib, sys
pathlib.Path("asked.json").write_text(json.dumps(sys.argv[1:]))
sys.exit({code})
"""


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    """The one job of the file."""
    document = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))
    assert document["on"]["schedule"][0]["cron"]
    found: dict[str, Any] = document["jobs"]["retrain"]
    return found


def _step(job: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(step for step in job["steps"] if step.get("name") == name)
    return found


def _ran(job: dict[str, Any], place: Path, code: int, store: str = "") -> subprocess.CompletedProcess[str]:
    """Run the retraining step as GitHub does, with a command that only writes down what it was asked."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("the step is a script for bash")
    program = place / "bin" / "autoedge"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable, code=code))
    program.chmod(0o755)
    own = {"PATH": f"{program.parent}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(place / "output"), "STORE": store}
    (place / "output").touch()
    script = _step(job, "Retrain")["run"]
    return subprocess.run(
        [bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={**os.environ, **job["env"], **own},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_asks_what_the_command_takes(job: dict[str, Any], tmp_path: Path) -> None:
    """All campaigns and the store are named as the command line reads them, whatever is in their names."""
    from autoedge_cli.commands.retrain import command

    for name in ("one", "two words"):
        (tmp_path / "measurements" / name).mkdir(parents=True)
        (tmp_path / "measurements" / name / "campaign.json").touch()
    ran = _ran(job, tmp_path, 0, "postgresql://user:p w@host/db")
    assert ran.returncode == 0, ran.stderr
    name, *arguments = json.loads((tmp_path / "asked.json").read_text())
    assert name == "retrain"
    context = command.make_context("retrain", arguments)
    assert context.params["sources"] == ("measurements/one", "measurements/two words", "postgresql://user:p w@host/db")
    assert context.params["out"] == Path(job["env"]["SURROGATE"])
    assert context.params["json_file"] == "retrained.json"


@pytest.mark.parametrize(("code", "ends", "promoted"), [(0, 0, True), (1, 0, False), (2, 2, False), (70, 70, False)])
def test_exit_codes(job: dict[str, Any], tmp_path: Path, code: int, ends: int, promoted: bool) -> None:  # noqa: FBT001
    """Promoted goes on to a proposal, a kept champion is no failure, and all else is."""
    assert _ran(job, tmp_path, code).returncode == ends
    assert ("promoted=true" in (tmp_path / "output").read_text()) is promoted
    assert _step(job, "Propose")["if"] == "steps.retrain.outputs.promoted == 'true'"


def test_secrets_stay_out_of_scripts(job: dict[str, Any]) -> None:
    """No expression is pasted into a script, where its text would be executed."""
    for step in job["steps"]:
        assert not re.search(r"\$\{\{", step.get("run", ""))
