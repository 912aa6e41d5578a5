"""The page of the gate says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from autoedge.bench.looks import ERROR
from autoedge.decide.regression import FALSE_ALARM, OVERLOOKED, PRACTICAL
from autoedge.workflows.check import EXIT_CODES, LOOKS
from autoedge_cli.commands.check import command

if TYPE_CHECKING:
    from collections.abc import Callable

    Table = Callable[..., list[list[str]]]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def said() -> str:
    """The page on one line."""
    return " ".join((ROOT / "docs" / "check.md").read_text(encoding="utf-8").split())


def test_options_agree(table: Table) -> None:
    """Every option of the command is explained, and no other."""
    told = [row[0].strip("`") for row in table("check.md", "option", "meaning")]
    assert told == [option.opts[0] for option in command.params]


def test_exit_codes_agree(table: Table) -> None:
    """Every outcome has the exit code that the page says."""
    rows = table("check.md", "exit code", "outcome", "meaning")
    told = {row[1].strip("`"): int(row[0]) for row in rows if row[1]}
    assert told == EXIT_CODES


def test_numbers_agree(said: str) -> None:
    """Looks and errors in the text are those of the code."""
    first, *middle, last = map(str, LOOKS)
    assert f"After {', '.join([first, *middle])} and {last} rounds" in said
    assert f"the {100 * ERROR:g} % error shared" in said
    assert f"chance of at most {100 * FALSE_ALARM:g} %" in said
    assert f"one of at most {100 * OVERLOOKED:g} %" in said
    assert f"beyond the limit of {100 * PRACTICAL:g} %" in said
    assert f"in percent: {100 * PRACTICAL:g} unless" in said


def test_the_action_as_the_page_uses_it() -> None:
    """Inputs and outputs that the page names are those of the Action."""
    action = YAML(typ="safe", pure=True).load((ROOT / "action.yml").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    steps = YAML(typ="safe", pure=True).load(re.findall(r"```yaml ci\n(- uses.*?)```", text, re.DOTALL)[0])
    assert set(steps[-1]["with"]) | {"extras", "target"} <= set(action["inputs"])
    assert set(action["outputs"]) == {"outcome", "exit-code"}
    assert {name for name, each in action["inputs"].items() if each.get("required")} <= set(steps[-1]["with"])
