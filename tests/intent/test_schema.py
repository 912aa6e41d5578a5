"""The JSON Schema for editors."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from autoedge.intent.schema import json_schema
from autoedge.metric import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYS = {
    "version", "name", "task", "models", "data", "inputs", "targets", "baseline", "constraints", "objectives", "prefer",
    "workload", "battery", "carbon", "fleet", "budget", "search", "outputs", "lossy", "limits", "protocol", "trust",
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
    described = {"#/$defs/" + name for name, part in schema["$defs"].items() if part.get("description")}
    bare = [
        key for key, said in properties(schema) if not said.get("description") and said.get("$ref") not in described
    ]
    assert bare == []


def test_metrics_complete(schema: dict[str, Any]) -> None:
    """An editor offers all metrics as objectives."""
    options = schema["properties"]["objectives"]["anyOf"]
    assert next(option["items"]["enum"] for option in options if "items" in option) == sorted(METRICS)


def test_references_resolve(schema: dict[str, Any]) -> None:
    """Every reference leads to a definition, and each definition is used."""
    text = json.dumps(schema)
    assert all(text.count(f'"#/$defs/{name}"') >= 1 for name in schema["$defs"])
    assert text.count('"$ref"') >= len(schema["$defs"])


def accepts(value: Any, rule: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a value is valid under the keywords of JSON Schema that the schema uses."""
    types = {"string": str, "number": int | float, "integer": int, "boolean": bool, "object": dict, "array": list}
    checks: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda name: accepts(value, root["$defs"][name.removeprefix("#/$defs/")], root),
        "anyOf": lambda rules: any(accepts(value, one, root) for one in rules),
        "oneOf": lambda rules: sum(accepts(value, one, root) for one in rules) == 1,
        "type": lambda name: (
            value is None
            if name == "null"
            else isinstance(value, types[name]) and (name == "boolean" or not isinstance(value, bool))
        ),
        "const": lambda constant: bool(value == constant),
        "enum": lambda choices: value in choices,
        "pattern": lambda pattern: re.search(pattern, value) is not None,
        "minLength": lambda least: len(value) >= least,
        "maxLength": lambda most: len(value) <= most,
        "minItems": lambda least: len(value) >= least,
        "maxItems": lambda most: len(value) <= most,
        "minProperties": lambda least: len(value) >= least,
        "minimum": lambda least: value >= least,
        "exclusiveMinimum": lambda bound: value > bound,
        "maximum": lambda most: value <= most,
        "exclusiveMaximum": lambda bound: value < bound,
        "items": lambda inner: all(accepts(item, inner, root) for item in value),
        "required": lambda keys: all(key in value for key in keys),
        "properties": lambda inner: all(accepts(item, inner[key], root) for key, item in value.items() if key in inner),
        "additionalProperties": lambda inner: all(
            inner is not False and accepts(item, inner, root)
            for key, item in value.items()
            if key not in rule.get("properties", {})
        ),
    }
    notes = {"$schema", "$defs", "title", "description", "default"}
    kinds = ("type", *(key for key in rule if key not in {"type", *notes}))  # nothing else applies to a wrong type
    return all(checks[key](rule[key]) for key in kinds if key in rule)


def test_examples_are_valid(schema: dict[str, Any], full: str, minimal: str) -> None:
    """What the loader reads is valid for an editor too."""
    more = "prefer: {lexicographic: [size]}\nprotocol: {preset: quick, latency_seconds: 1 s}\nlossy: allow\n"
    for text in (full, minimal, minimal + more):
        assert accepts(YAML(typ="safe", pure=True).load(text), schema, schema)


@pytest.mark.parametrize(
    "change",
    [
        {"bugdet": {}}, {"version": 2}, {"name": "A b"}, {"models": []}, {"models": [5]}, {"constraints": [5]},
        {"prefer": "knie"}, {"prefer": {"size": 0}}, {"budget": {"measurements": 0}}, {"objectives": ["speed"]},
        {"search": {"strategy": "best"}}, {"search": {"knobs": {"batch": []}}}, {"trust": "yes"}, {"lossy": True},
    ],
)  # fmt: skip
def test_mistakes_are_marked(schema: dict[str, Any], minimal: str, change: dict[str, Any]) -> None:
    """What the loader refuses for its shape an editor marks too."""
    assert not accepts({**YAML(typ="safe", pure=True).load(minimal), **change}, schema, schema)
