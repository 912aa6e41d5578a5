"""Everything in the pages that can be executed, read or followed."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from autoedge.campaign.card import Card
from autoedge.errors import IntentError
from autoedge.intent.load import load_intent
from autoedge.space.declaration import read_space_file

MINIMAL = {"version": "1", "name": "test", "task": "{type: classification}", "models": "[models/small.onnx]"}
COMPLETE = {
    "data": "{evaluation: data/eval.npz}",
    "objectives": "[accuracy, size, latency_p50]",
}
FOREIGN = {"pip", "mkdir", "cp", "rm"}  # commands of others, which are not checked here
ROOT = Path(__file__).parents[2]


def test_yaml_is_read(place: Path, yaml_block: Any) -> None:
    """Every YAML block is an intent that loads, a part of one, or a search space file."""
    keys = YAML(typ="safe", pure=True).load(yaml_block.text).keys()
    file = place / "file.yaml"
    if "knobs" in keys:
        file.write_text(yaml_block.text)
        assert read_space_file(file).knobs
        return
    missing = {} if MINIMAL.keys() <= keys else {k: v for k, v in (MINIMAL | COMPLETE).items() if k not in keys}
    file.write_text("".join(f"{key}: {value}\n" for key, value in missing.items()) + yaml_block.text)
    load_intent(file)


def test_wrong_intents_are_answered_as_shown(place: Path, blocks: list[Any]) -> None:
    """An intent that is shown as wrong gives exactly the messages that the next block shows."""
    pairs = [(one, after) for one, after in pairwise(blocks) if one.info == "yaml wrong"]
    assert pairs
    for wrong, answer in pairs:
        (place / "intent.yaml").write_text(wrong.text)
        with pytest.raises(IntentError) as caught:
            load_intent(place / "intent.yaml")
        assert str(caught.value).replace(f"{place}/", "").splitlines() == answer.text.splitlines()


@pytest.mark.usefixtures("place")
def test_command_lines_parse(console_block: Any) -> None:
    """Every command line names a command that is there, with options that it takes, whether or not it can be run."""
    for line in console_block.text.replace("\\\n", " ").splitlines():
        program, *arguments = shlex.split(line, comments=True)
        if console_block.info != "console elsewhere":
            assert program == "autoedge" or program in FOREIGN, line
        if program == "autoedge":
            _parse(arguments)


def _parse(arguments: list[str]) -> None:
    from autoedge_cli.main import cli

    command: click.Command | None = cli
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), arguments.pop(0))
    assert command is not None
    assert not command.make_context(command.name, arguments).args


def test_python_runs(
    place: Path, page: str, blocks: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python blocks of a page run one after the other, without a warning, and print what the page shows."""
    monkeypatch.syspath_prepend(str(place))  # where files that the page shows lie
    namespace: dict[str, Any] = {"__name__": "page"}
    own = [block for block in blocks if block.page == page and not block.file.startswith("examples/")]
    for block, after in zip_longest(own, own[1:]):
        if block.file:
            (place / block.file).write_text(block.text)
        if block.info == "python":
            exec(compile("\n" * block.line + block.text, page, "exec"), namespace)  # noqa: S102 - our own pages
            printed = capsys.readouterr().out
            assert after is None or after.info != "text output" or printed == after.text


def test_files_are_shown_as_they_are(file_block: Any) -> None:
    """A file of the examples stands on a page as it is; of intents and the like a part may do."""
    content = (ROOT / file_block.file).read_text(encoding="utf-8")
    assert file_block.text in content
    assert not file_block.file.endswith(".py") or file_block.text == content


def test_links_lead_somewhere(docs: Path, page: str) -> None:
    """Every link leads to a file of the repository, and to a heading where it names one."""
    source = docs.parent / page if page == "README.md" else docs / page
    for target in re.findall(r"\]\(([^)\s]+)\)", source.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = source.parent / path if path else source
        assert file.is_file(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, target


def test_blocks_are_of_known_kinds(blocks: list[Any]) -> None:
    """No block escapes these tests by another name; plain text is for formulas and answers."""
    of_the_site = {"{eval-rst}"}
    commands = {"console", "console hardware", "console elsewhere", "console tested"}
    data = {"yaml", "yaml wrong", "yaml ci", "json", "toml"}
    known = {"python", "python run", "text", "text output", *data, *commands, *of_the_site}
    assert {block.info for block in blocks} == known


def test_files_for_ci_services_are_read(blocks: list[Any]) -> None:
    """Every block for a CI service is YAML."""
    found = [YAML(typ="safe", pure=True).load(block.text) for block in blocks if block.info == "yaml ci"]
    assert found
    assert all(isinstance(document, list | dict) for document in found)


def test_json_is_read(blocks: list[Any]) -> None:
    """Every JSON block can be parsed, and the card of a campaign is one."""
    documents = [json.loads(block.text) for block in blocks if block.info == "json"]
    cards = [document for document in documents if "knobs" in document]
    assert [Card.model_validate(card).name for card in cards] == ["boards"]
