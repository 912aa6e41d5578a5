"""Real output of real commands, held against the schemas."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from autoedge_cli.schemas import SCHEMAS, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# MLflow's own: its tables use what SQLAlchemy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
GROUPS = ("run", "bundle", "campaign", "tables", "meters", "metered", "targets", "calibration", "compression")
ELSEWHERE = {"intent", "target-setup"}  # tests/intent; setting up takes a device, see tests/targets
OPEN = {"answers"}  # an output may have any name


def problems(name: str, document: Any) -> list[str]:
    """What a schema says against a document."""
    return [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema_of(name)).iter_errors(document)
    ]


def places(document: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every mapping of a document whose keys are described, with the name of its description."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        schema = root["$defs"][name]
    else:
        name = schema.get("title", "")
    for option in schema.get("anyOf", []):
        if Draft202012Validator({**option, "$defs": root.get("$defs", {})}).is_valid(document):
            yield from places(document, option, root)
    if isinstance(document, dict):
        known = schema.get("properties", {})
        if known and schema.get("additionalProperties") is False:
            yield document, name
        for key, value in document.items():
            rule = known.get(key, schema.get("additionalProperties"))
            if isinstance(rule, dict):
                yield from places(value, rule, root)
    elif isinstance(document, list) and isinstance(schema.get("items"), dict):
        for item in document:
            yield from places(item, schema["items"], root)


@pytest.mark.parametrize("group", GROUPS)
def test_valid(group: str, outputs: Any) -> None:
    """What commands print and write is as its schema says, with its version."""
    for name, documents in outputs.of(group).items():
        for document in documents:
            assert problems(name, document) == [], name
            assert document["schema_version"] == 1


@pytest.mark.parametrize("group", GROUPS)
def test_keys_are_exact(group: str, outputs: Any) -> None:
    """A key too many, or one too few of those that are required, is refused at every level."""
    for name, documents in outputs.of(group).items():
        if name not in OPEN:
            _check_keys(name, copy.deepcopy(documents[0]))


def _check_keys(name: str, document: dict[str, Any]) -> None:
    schema = schema_of(name)
    validator = Draft202012Validator(schema)
    tried = set()
    for mapping, title in list(places(document, schema, schema)):
        if title in tried:
            continue
        tried.add(title)
        mapping["unheard of"] = 0
        assert not validator.is_valid(document), f"{name}: {title}"
        del mapping["unheard of"]
        rule = schema if title == schema["title"] else schema["$defs"][title]
        for key in rule.get("required", []):
            rest = {other: value for other, value in mapping.items() if other != key}
            whole = dict(mapping)
            mapping.clear()
            mapping.update(rest)
            assert not validator.is_valid(document), f"{name}: {title} without {key}"
            mapping.update(whole)
    assert schema["title"] in tried


def test_nothing_is_forgotten(outputs: Any) -> None:
    """There is output for every schema, but for those that other tests look after."""
    assert {name for group in GROUPS for name in outputs.of(group)} | ELSEWHERE == set(SCHEMAS)


def test_outputs_of_a_bundle_are_arrays(outputs: Any) -> None:
    """Among the answers of a bundle anything may be named, but nothing else than an array."""
    document = outputs.of("bundle")["answers"][0]
    assert problems("answers", {**document, "embedding": [[0.5]]}) == []
    assert problems("answers", {**document, "embedding": 0.5})
    assert problems("answers", {key: value for key, value in document.items() if key != "schema_version"})
