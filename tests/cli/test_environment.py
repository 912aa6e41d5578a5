"""Options from the environment: AUTOEDGE_, the command, the option."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.core import ParameterSource

from autoedge_cli.main import cli, run

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = {
    "AUTOEDGE_CACHE", "AUTOEDGE_DEPLOYED", "AUTOEDGE_KEY_PASSPHRASE", "AUTOEDGE_POWER_MODELS", "AUTOEDGE_SENSORS_ROOT",
    "AUTOEDGE_TARGETS", "AUTOEDGE_TRUSTED",
}  # fmt: skip
SOURCES = Path(__file__).parents[2]


def leaves(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that it is called by."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(leaves(cli))
OPTIONS = [
    (words, one.name)
    for words, command in COMMANDS.items()
    for one in command.params
    if isinstance(one, click.Option) and one.expose_value
]


@pytest.fixture(autouse=True)
def none_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set has no part in these tests."""
    for name in [name for name in os.environ if name.startswith("AUTOEDGE_")]:
        monkeypatch.delenv(name)


def sample(option: click.Parameter, place: Path) -> str:
    """A value that the option or argument takes, other than its default."""
    kind = option.type
    if isinstance(option, click.Option) and option.is_flag:
        return "no" if option.default is True else "yes"
    if isinstance(kind, click.Choice):
        return str(next(one for one in kind.choices if one != option.default))
    if isinstance(kind, click.Path):
        return str(place if not kind.file_okay else place / "file")
    if isinstance(kind, click.IntRange | click.FloatRange) or kind in (click.INT, click.FLOAT):
        return "7"
    return "word"


def given(option: click.Option, value: str) -> list[str]:
    """The same on the command line."""
    if not option.is_flag:
        return [option.opts[-1], value]
    return [(option.secondary_opts if value == "no" else option.opts)[-1]]


def others(command: click.Command, option: click.Option, place: Path) -> list[str]:
    """What the command asks for beside this option."""
    words: list[str] = []
    for one in command.params:
        if one.required and one is not option:
            value = sample(one, place)
            words += given(one, value) if isinstance(one, click.Option) else [value]
    return words


@pytest.mark.parametrize(("words", "name"), OPTIONS, ids=["_".join((*words, str(name))) for words, name in OPTIONS])
def test_every_option_has_a_variable(
    words: tuple[str, ...], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option of each command takes from its variable what it takes from the command line, and help tells it."""
    (tmp_path / "file").touch()
    command = COMMANDS[words]
    option = next(one for one in command.params if one.name == name)
    assert isinstance(option, click.Option)
    value, rest = sample(option, tmp_path), others(command, option, tmp_path)
    typed = command.make_context("typed", [*rest, *given(option, value)])
    variable = f"AUTOEDGE_{'_'.join(words)}_{max(option.opts, key=len)[2:]}".replace("-", "_").upper()
    monkeypatch.setenv(variable, value)
    taken = command.make_context("taken", list(rest))
    assert taken.params == typed.params
    assert taken.get_parameter_source(name) is ParameterSource.ENVIRONMENT
    assert variable in "".join(command.get_help(taken).split())


def test_names_do_not_meet() -> None:
    """No option's variable is another's, or one that AutoEdge reads for something else."""
    named = [str(option.envvar) for command in COMMANDS.values() for option in command.params if option.envvar]
    assert len(set(named)) == len(named) == len(OPTIONS)
    assert not OWN & set(named)


def test_the_other_variables_are_known() -> None:
    """Every variable that the code names is an option's, or one of those that docs/shell.md tells of."""
    import re

    folders = (SOURCES / "autoedge", SOURCES / "cli")
    text = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    named = {str(option.envvar) for command in COMMANDS.values() for option in command.params if option.envvar}
    assert set(re.findall(r"\bAUTOEDGE_[A-Z0-9_]+", text)) - named == OWN
    page = (SOURCES / "docs" / "shell.md").read_text(encoding="utf-8")
    of_tests = {"AUTOEDGE_SENSORS_ROOT"}
    assert [name for name in OWN - of_tests if f"| `{name}` |" not in page] == []


def test_the_command_line_is_stronger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed counts, whatever the variable says; an empty variable is none."""
    soak = COMMANDS["soak",]
    monkeypatch.setenv("AUTOEDGE_SOAK_MINUTES", "7")
    assert soak.make_context("soak", ["--minutes", "3"]).params["minutes"] == 3
    monkeypatch.setenv("AUTOEDGE_SOAK_MINUTES", "")
    assert soak.make_context("soak", []).params["minutes"] == 30
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(tmp_path / "shared.yaml"))
    monkeypatch.setenv("AUTOEDGE_SOAK_TARGETS", str(tmp_path / "own.yaml"))
    assert soak.make_context("soak", []).params["targets"] == tmp_path / "own.yaml"


def test_several_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that may be repeated: words between spaces, paths as in PATH."""
    monkeypatch.setenv("AUTOEDGE_CAMPAIGN_IMPORT_KNOB", "batch threads:int")
    monkeypatch.setenv("AUTOEDGE_SELECT_TRUST", os.pathsep.join(["one folder", "two"]))
    monkeypatch.setenv("AUTOEDGE_SELECT_INTENT", "intent.yaml")
    imported = COMMANDS["campaign", "import"].make_context("import", ["rows.csv", "folder"])
    assert imported.params["knobs"] == ("batch", "threads:int")
    assert COMMANDS["select",].make_context("select", []).params["trust"] == (Path("one folder"), Path("two"))


def test_a_real_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that nothing is typed for does what its variables say, --json among them."""
    monkeypatch.setenv("AUTOEDGE_TARGETS_ADD_TARGETS", str(tmp_path / "devices.yaml"))
    monkeypatch.setenv("AUTOEDGE_TARGETS_ADD_IDLE_POWER", "2.7 W")
    monkeypatch.setenv("AUTOEDGE_TARGETS_LIST_TARGETS", str(tmp_path / "devices.yaml"))
    monkeypatch.setenv("AUTOEDGE_TARGETS_LIST_JSON", "-")
    assert run(["targets", "add", "pi4", "ssh://pi@shelf"]) == 0
    capsys.readouterr()
    assert run(["targets", "list"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["idle_power_w"] for one in document["targets"]] == [None, 2.7]
    monkeypatch.setenv("AUTOEDGE_TARGETS_LIST_JSON", str(tmp_path / "list.json"))
    assert run(["targets", "list"]) == 0
    assert json.loads((tmp_path / "list.json").read_text()) == document
    assert "ssh://pi@shelf" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AUTOEDGE_SOAK_MINUTES", "long", ["soak"]),
        ("AUTOEDGE_BUNDLE_DEPLOY_STATUS", "maybe", ["bundle", "deploy", "b", "--target", "local"]),
        ("AUTOEDGE_SURROGATE_EVALUATE_CHOICE", "best", ["surrogate", "evaluate"]),
        ("AUTOEDGE_SELECT_INTENT", "nothing.yaml", ["select"]),
        ("AUTOEDGE_METERS_CHECK_WINDOW", "3 apples", ["meters", "check", "estimate"]),
        ("AUTOEDGE_CAMPAIGN_EXPORT_DEVICE", "local", ["campaign", "export", "run", "folder"]),
    ],
)
def test_wrong_values(
    *,
    variable: str,
    value: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A value that cannot be meant is exit 2, and the message names the variable: whoever set it may have forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, value)
    assert run(words) == 2
    assert f"set in the environment: {variable}" in capsys.readouterr().err


def test_nothing_is_said_of_other_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no variable is set, or one of another command, errors say nothing of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOEDGE_SOAK_MINUTES", "long")
    for words in (["select", "--intent", "nothing.yaml"], ["selct"], ["bundle"], []):
        given: Any = run(words)
        assert given in (0, 2)
        assert "environment" not in capsys.readouterr().err
