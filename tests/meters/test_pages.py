"""The pages of the meters, against the code."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from autoedge.meters.finder import opened
from autoedge.registry import places

DOCS = Path(__file__).parents[2] / "docs/meters"
PLACES = places("autoedge.meters")


def _page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PLACES)
def test_options_agree(name: str) -> None:
    """The table of options has every option of the meter, in its order, and says which are needed."""
    module, _, attribute = PLACES[name].partition(":")
    parameters = inspect.signature(getattr(import_module(module), attribute)).parameters
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", _page(name).partition("| option |")[2], re.MULTILINE)
    assert [option for option, _ in rows] == list(parameters)
    assert {option for option, default in rows if default == "needed"} == {
        option for option, parameter in parameters.items() if parameter.default is parameter.empty
    }


@pytest.mark.parametrize("name", PLACES)
def test_the_example_is_a_meter(name: str) -> None:
    """The example for targets.yaml is of this meter, with options that it takes."""
    (block,) = re.findall(r"```yaml\n(.*?)```", _page(name), re.DOTALL)
    options = YAML(typ="safe", pure=True).load(block)["meter"]
    assert options.pop("type") == name
    opened(PLACES[name], options)


@pytest.mark.parametrize("name", PLACES)
def test_every_page_says_what_it_must(name: str) -> None:
    """Scope, permissions, limits, accuracy and what was run stand on every page, and its links lead to pages."""
    page = _page(name)
    for words in (
        "| scope |",
        "accuracy",
        "| status |",
        "ermissions",
        "## Limits",
    ):
        assert words in page
    assert all((DOCS / link).is_file() for link in re.findall(r"\]\(([^)#]+)\)", page))
