"""The JSON Schema for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.intent.schema import json_schema
from autoedge.metric import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {
    "version", "name", "task", "models", "data", "targets", "baseline", "constraints", "objectives", "prefer", "workload",
    "battery", "budget", "search", "outputs", "lossy", "limits", "protocol", "trust",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema as an editor sees it."""
    return json.loads(json.dumps(json_schema()))  # type: ignore[no-any-return]


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of every mapping, with what is said of it."""
    for part in (schema, *schema["$defs"].values()):
        yield from part["properties"].items()


def test_dialect_and_keys(schema: dict[str, Any]) -> None:
    """It is a draft 2020-12 schema with exactly the format's keys, four of them required."""
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == KEYS
    assert set(schema["required"]) == {"version", "name", "task", "models"}


def test_unknown_keys_are_wrong(schema: dict[str, Any]) -> None:
    """An editor marks unknown keys at every level."""
    assert all(part["additionalProperties"] is False for part in (schema, *schema["$defs"].values()))


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    """An editor can say something about every key."""
    assert [key for key, property_ in properties(schema) if not property_.get("description")] == []


def test_metrics_complete(schema: dict[str, Any]) -> None:
    """An editor offers all metrics as objectives."""
    options = schema["properties"]["objectives"]["anyOf"]
    assert next(option["items"]["enum"] for option in options if "items" in option) == sorted(METRICS)


def test_references_resolve(schema: dict[str, Any]) -> None:
    """Every reference leads to a definition, and each definition is used."""
    text = json.dumps(schema)
    assert all(text.count(f'"#/$defs/{name}"') >= 1 for name in schema["$defs"])
    assert text.count('"$ref"') >= len(schema["$defs"])


def test_examples_are_valid(schema: dict[str, Any], full: str, minimal: str) -> None:
    """The examples that the loader reads are valid under the schema too, and a misspelt one is not."""
    jsonschema = pytest.importorskip("jsonschema")
    from ruamel.yaml import YAML

    validator = jsonschema.Draft202012Validator(schema)
    for text in (full, minimal):
        document = YAML(typ="safe", pure=True).load(text)
        assert list(validator.iter_errors(document)) == []
        assert list(validator.iter_errors({**document, "bugdet": {}})) != []
