"""The gate in CI services: the scripts of the Action and of the GitLab job, run as shell on real bundles."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]
BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
HOSTILE = ["$(touch hacked)", "`touch hacked`", "; touch hacked", "--help", '"; touch hacked; "', "a b\ntouch hacked"]
COMPLETED = subprocess.CompletedProcess[str]


def read(path: Path) -> Any:
    """A YAML file as plain values."""
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


@pytest.fixture
def action(place: Path, environment: dict[str, str]) -> Callable[..., COMPLETED]:
    """Runs a step of the Action as GitHub does: inputs stand in its environment, defaults where none is given."""
    document = read(ROOT / "action.yml")
    defaults = {name: each.get("default", "") for name, each in document["inputs"].items()}
    steps = {step["name"]: step for step in document["runs"]["steps"]}

    def run(step: str, **inputs: str) -> COMPLETED:
        known = {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()}
        known["github.action_path"] = str(ROOT)
        own = {name: known[re.fullmatch(r"\$\{\{ (.*) \}\}", text)[1]] for name, text in steps[step]["env"].items()}  # type: ignore[index]
        files = {"GITHUB_OUTPUT": str(place / "output"), "GITHUB_STEP_SUMMARY": str(place / "summary.md")}
        return ran(steps[step]["run"], place, {**environment, **own, **files})

    return run


def ran(script: str, place: Path, environment: Mapping[str, str]) -> COMPLETED:
    """Run a script with this environment's own programs first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        [*BASH, script], env={**environment, "PATH": path}, cwd=place, capture_output=True, text=True, check=False
    )


def test_no_input_stands_in_shell_text() -> None:
    """Expressions of the service stand in ``env`` alone, so that no input is ever part of a script."""
    for step in read(ROOT / "action.yml")["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


def test_the_action_on_real_bundles(
    action: Callable[..., COMPLETED], gate_bundle: Callable[..., Path], gate_intent: str, place: Path
) -> None:
    """Its exit code, outputs and summary are those of the gate, and its files lie in the workspace."""
    timed = gate_intent.replace("[latency_p50, size]", "[latency_p50]")
    base, new = gate_bundle("base", 40, timed), gate_bundle("new", 160, timed)
    done = action("Check", bundle=str(new), against=str(base))
    assert done.returncode == 1, done.stderr
    assert (place / "output").read_text() == "outcome=regressed\nexit-code=1\n"
    assert "regressed" in (place / "summary.md").read_text()
    assert {"autoedge-check.xml", "autoedge-check.md", "autoedge-check.json"} <= {one.name for one in place.iterdir()}
    (place / "output").unlink()
    done = action("Check", bundle=str(base))
    assert (done.returncode, (place / "output").read_text()) == (0, "outcome=met\nexit-code=0\n")


def test_an_undecided_gate_fails_or_warns(
    action: Callable[..., COMPLETED], gate_bundle: Callable[..., Path], gate_intent: str
) -> None:
    """What is undecided fails with its own exit code, unless only a warning is wanted."""
    bundle = str(gate_bundle("new", 5, gate_intent.replace("latency_p50 <= 10 s", "latency_p50 <= 110 % of baseline")))
    assert action("Check", bundle=bundle).returncode == 4
    warned = action("Check", bundle=bundle, undecided="warn")
    assert warned.returncode == 0
    assert "::warning::" in warned.stdout


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_inputs_are_only_words(action: Callable[..., COMPLETED], place: Path, text: str) -> None:
    """Whatever an input holds, nothing of it is run, and the command refuses it as bad input."""
    for name in ("bundle", "intent", "against", "target", "targets", "limit"):
        done = action("Check", **{"bundle": "nothing", name: text})
        assert done.returncode == 2, (name, done.stderr)
    assert action("Install", extras=text).returncode != 0
    assert not (place / "hacked").exists()


def test_the_gitlab_job(gate_bundle: Callable[..., Path], environment: dict[str, str], place: Path) -> None:
    """Its script, run by a plain shell with the job's variables, checks the bundle and writes the named artifacts."""
    document = read(ROOT / "examples" / "ci" / "gitlab.yml")
    job = document["autoedge-check"]
    script = job["script"][-1]
    bundle = gate_bundle("bundle", 20)
    variables = {**document["variables"], "AUTOEDGE_CHECK_INTENT": "", "AUTOEDGE_CHECK_AGAINST": str(bundle)}
    done = ran(f"sh -euc {_quoted(script)}", place, {**environment, **variables})
    written = json.loads((place / "autoedge-check.json").read_text())
    assert done.returncode == {"met": 0, "undecided": 4}[written["outcome"]], done.stderr
    for name in [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]:
        assert (place / name).is_file()
    for text in HOSTILE:
        done = ran(f"sh -euc {_quoted(script)}", place, {**environment, **variables, "AUTOEDGE_CHECK_BUNDLE": text})
        assert done.returncode == 2
    assert not (place / "hacked").exists()


def _quoted(script: str) -> str:
    import shlex

    return shlex.quote(script)


def test_the_pre_commit_hook(autoedge: Callable[..., Any], write_intent: Callable[..., Path], place: Path) -> None:
    """The hook's command ends with 0 for sound intents, and names every problem of the others."""
    (hook,) = read(ROOT / ".pre-commit-hooks.yaml")
    program, *words = hook["entry"].split()
    assert program == "autoedge"
    sound = write_intent()
    assert re.search(hook["files"], "examples/digits/intent.yaml")
    assert not re.search(hook["files"], "docs/intention.txt")
    assert autoedge(*words, sound).returncode == 0
    (place / "intent-two.yaml").write_text(sound.read_text().replace("accuracy >= 90 %", "acuracy >= 90 %"))
    done = autoedge(*words, sound, place / "intent-two.yaml", "--json")
    assert done.returncode == 2
    problems = json.loads(done.stdout)["problems"]
    assert problems[str(sound)] == []
    assert "did you mean accuracy" in problems[str(place / "intent-two.yaml")][0]
