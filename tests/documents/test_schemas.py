"""The JSON Schemas: what they are, that the files in docs are made from the code, and how they are had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from jsonschema import Draft202012Validator

from autoedge_cli.main import cli, run
from autoedge_cli.schemas import SCHEMAS, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
OPEN = {"answers", "bundle"}  # outputs have any name; decisions of a bundle have further keys for people


def mappings(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every mapping with described keys."""
    yield from (part for part in (schema, *schema.get("$defs", {}).values()) if "properties" in part)


@pytest.mark.parametrize("name", SCHEMAS)
def test_sound(name: str) -> None:
    """Each is a draft 2020-12 schema with a version, a title, a description, and no room for unknown keys."""
    schema = json.loads(json.dumps(schema_of(name)))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert schema["description"]
    version = "version" if name == "intent" else "schema_version"
    assert version in schema["required"]
    assert all(part["additionalProperties"] is False or name in OPEN for part in mappings(schema))


@pytest.mark.parametrize("name", SCHEMAS)
def test_files_are_made_from_the_code(name: str) -> None:
    """The file in docs is what the command prints: autoedge schema NAME --out docs/schemas/NAME.json."""
    file = DOCS / "schemas" / f"{name}.json"
    assert file.read_text(encoding="utf-8") == json.dumps(schema_of(name), indent=1) + "\n"


def test_no_file_is_left_over() -> None:
    """Every file in docs/schemas is a schema that the command knows."""
    assert {file.stem for file in (DOCS / "schemas").iterdir()} == set(SCHEMAS)


def test_the_page_names_all() -> None:
    """docs/json.md links every schema and names every command that takes --json."""
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    assert [name for name in SCHEMAS if f"(schemas/{name}.json)" not in page] == []
    takers = []

    def look(command: click.Command, words: str) -> None:
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), name)
                assert inner is not None
                look(inner, f"{words} {name}".strip())
        elif any("--json" in one.opts for one in command.params):
            takers.append(words)

    look(cli, "")
    assert len(takers) > 20
    assert [words for words in takers if f"`{words}" not in page] == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A schema is printed or written to a file; --list tells each name with what it is."""
    assert run(["schema", "verdict"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(schema_of("verdict")))
    assert run(["schema", "front", "--out", str(tmp_path / "front.json")]) == 0
    assert json.loads((tmp_path / "front.json").read_text())["title"] == "front"
    assert run(["schema", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(SCHEMAS)
    assert all(len(line.split(maxsplit=1)[1]) > 10 for line in listed)


@pytest.mark.parametrize("words", [[], ["verdict", "--list"], ["verdicts"]])
def test_what_cannot_be_meant(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a name nor --list, both, or an unknown name is exit 2."""
    assert run(["schema", *words]) == 2
    assert "Error" in capsys.readouterr().err
