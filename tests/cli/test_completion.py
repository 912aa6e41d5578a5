"""Completion by the shell: what Tab offers, through the scripts that the command prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autoedge_cli.main import cli, run

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., list[str]]

PROGRAM = Path(sys.executable).with_name("autoedge")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a run that is finished and one that is not, and a declared target."""
    for name in ("runs/done", "runs/begun", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs" / "done" / "verdict.json").write_text("{}")
    (tmp_path / "targets.yaml").write_text("version: 1\ntargets: {pi4: {address: ssh://pi@shelf}}\n")
    (tmp_path / "mine.yaml").write_text("version: 1\ntargets: {nano: {address: ssh://me@nano}}\n")
    (tmp_path / "broken.yaml").write_text("version: [\n")
    return tmp_path


@pytest.fixture
def ask(place: Path) -> Ask:
    """Asks the program as a shell does: the words so far, the last of them unfinished."""

    def call(*words: str, asking: str = "zsh", **more: str) -> list[str]:
        last = words[-1] if asking == "fish" else str(len(words))
        line = {"COMP_WORDS": " ".join(["autoedge", *words]), "COMP_CWORD": last}
        environment = {**os.environ, "AUTOEDGE_TARGETS": "targets.yaml", **line, **more}
        environment["_AUTOEDGE_COMPLETE"] = f"{asking}_complete"
        done = subprocess.run([PROGRAM], capture_output=True, text=True, env=environment, cwd=place, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return call


def names(answer: list[str]) -> list[str]:
    """What zsh is offered: type, value and help take a line each."""
    return answer[1::3]


def test_commands(ask: Ask) -> None:
    """Every command is offered with its help, and so are the commands of a group and options."""
    answer = ask("")
    assert names(answer) == cli.list_commands(None)  # type: ignore[arg-type]
    assert "Measure what an intent allows, and choose." in answer
    assert names(ask("re")) == ["report", "replay", "retrain"]
    assert {"build", "verify", "deploy"} <= set(names(ask("bundle", "")))
    assert {"--intent", "--out", "--json", "--dry-run"} <= set(names(ask("select", "--")))


def test_commands_are_not_imported_to_be_offered() -> None:
    """Offering commands imports none of them, so that Tab answers at once."""
    code = (
        "import sys, click; from autoedge_cli.main import cli;"
        "assert cli.shell_complete(click.Context(cli), '');"
        "print([name for name in sys.modules if name.startswith('autoedge_cli.commands.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_choices_and_files(ask: Ask) -> None:
    """Choices are offered by name; where a file or folder is meant, the shell looks for it."""
    assert names(ask("surrogate", "evaluate", "--choice", "")) == ["random", "spread"]
    assert names(ask("completion", "")) == ["bash", "zsh", "fish"]
    assert "verdict" in names(ask("schema", "ve"))
    assert ask("select", "--intent", "in")[0] == "file"
    assert ask("compress", "--trust", "")[0] == "dir"


def test_names_of_targets(ask: Ask) -> None:
    """Declared targets and this machine, of the file that is named; a broken file offers this machine alone."""
    assert names(ask("bundle", "deploy", "b", "--target", "")) == ["local", "pi4"]
    assert names(ask("targets", "probe", "p")) == ["pi4"]
    assert names(ask("soak", "--targets", "mine.yaml", "--target", "")) == ["local", "nano"]
    assert names(ask("soak", "--target", "", AUTOEDGE_SOAK_TARGETS="mine.yaml")) == ["local", "nano"]
    for file in ("broken.yaml", "absent.yaml"):
        assert names(ask("soak", "--target", "", AUTOEDGE_TARGETS=file)) == ["local"]


def test_runs_runtimes_meters(ask: Ask) -> None:
    """Finished runs where there are any, else folders; runtimes and kinds of meters that are installed."""
    assert names(ask("show", "")) == ["runs/done"]
    assert names(ask("soak", "--run", "runs/")) == ["runs/done"]
    assert ask("show", "oth")[0] == "dir"
    assert "onnxruntime" in names(ask("targets", "setup", "pi4", "--runtime", "onnx"))
    assert names(ask("meters", "read", "um")) == ["um25c"]
    assert names(ask("power", "calibrate", "--meter", "tc")) == ["tc66"]


def test_fish(ask: Ask) -> None:
    """Fish is answered in its own form."""
    assert ask("surrogate", "evaluate", "--choice", "ra", asking="fish") == ["plain,random"]


def test_wrong_variables_do_not_disturb(ask: Ask) -> None:
    """A variable whose value cannot be meant does not keep the shell from completing."""
    assert "--minutes" in names(ask("soak", "--", AUTOEDGE_SOAK_MINUTES="long"))


def test_in_bash(place: Path) -> None:
    """The script, sourced in a real bash, fills COMPREPLY for commands, options and names."""
    bash = shutil.which("bash")
    assert bash is not None
    script = f"""
        PATH={PROGRAM.parent}:$PATH
        eval "$(autoedge completion bash)"
        complete -p autoedge
        compopt() {{ :; }}  # only inside a real completion is there anything to set
        for line in "autoedge sh" "autoedge bundle dep" "autoedge soak --target " "autoedge select --dry"; do
            IFS=' ' read -ra COMP_WORDS <<< "$line"
            [[ $line == *' ' ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMPREPLY=()
            _autoedge_completion autoedge
            echo "${{COMPREPLY[*]}}"
        done
    """
    environment = {**os.environ, "AUTOEDGE_TARGETS": "targets.yaml"}
    command = [bash, "--norc", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=place, check=True)
    assert done.stderr == ""
    registered, *offered = done.stdout.splitlines()
    assert registered == "complete -o nosort -F _autoedge_completion autoedge"
    assert offered == ["show", "deploy", "local pi4", "--dry-run"]


@pytest.mark.parametrize(
    ("shell", "registers"),
    [
        ("bash", "complete -o nosort -F _autoedge_completion autoedge"),
        ("zsh", "compdef _autoedge_completion autoedge"),
        ("fish", 'complete --no-files --command autoedge --arguments "(_autoedge_completion)"'),
    ],
)
def test_scripts(capsys: pytest.CaptureFixture[str], shell: str, registers: str) -> None:
    """Each shell gets its script, which registers itself for the program; its own syntax check passes where it is."""
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert registers in script
    assert f"_AUTOEDGE_COMPLETE={shell}_complete" in script
    program = shutil.which(shell)
    if program is not None:
        done = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_another_shell(capsys: pytest.CaptureFixture[str]) -> None:
    """A shell that is not known is exit 2, with those that are."""
    assert run(["completion", "cmd"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
