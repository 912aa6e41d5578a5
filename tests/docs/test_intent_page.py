"""What docs/intent.md and docs/spaces.md say of keys, metrics, units, data and knobs, held against the code."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from autoedge.catalog import catalog_folder
from autoedge.device import Device
from autoedge.errors import DataError
from autoedge.intent.fit import missing_for
from autoedge.intent.schema import json_schema
from autoedge.intent.units import _SPELLINGS, quantity
from autoedge.metric import METRICS
from autoedge.preprocessing.fit import fitted_shape
from autoedge.search.sampler import SurrogateSampler
from autoedge.search.strategies import STRATEGIES
from autoedge.space.columns import MOST
from autoedge.space.declaration import _FILE_KEYS, _KNOB_KEYS, read_space_file
from autoedge.space.facts import ModelFacts
from autoedge.space.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Table = Callable[..., list[list[str]]]


def _code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _properties(node: dict[str, Any], definitions: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Keys of a JSON schema with their default and whether they are required: ``models[].path``."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    for alternative in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _properties(alternative, definitions, path)
    if "items" in node:
        yield from _properties(node["items"], definitions, f"{path}[]")
    for name, inner in node.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        yield place, inner.get("default"), name in node.get("required", ())
        yield from _properties(inner, definitions, place)


def test_every_key_is_listed_with_its_default(table: Table) -> None:
    """The table of keys has exactly the keys of the format, and plain defaults are those of the format."""
    schema = json_schema()
    known = {path: (default, required) for path, default, required in _properties(schema, schema["$defs"])}
    listed = {_code(key)[0]: default for key, _, default, _ in table("intent.md", "key", "type and unit")}
    assert listed.keys() == known.keys()
    for key, (default, required) in known.items():
        told = listed[key]
        assert (told == "required") == required, key
        if default is not None and not isinstance(default, dict):
            assert _plain(told.strip("`")) == default, key


def test_metrics_agree(table: Table) -> None:
    """The table of metrics has each metric in the order of the code, with its key, unit, direction and meaning."""
    better = {"minimize": "lower", "maximize": "higher"}
    expected = [[f"`{m.name}`", f"`{m.key}`", m.unit, better[m.direction], m.meaning] for m in METRICS.values()]
    assert table("intent.md", "metric", "stored as") == expected


def test_needs_of_metrics(docs: Path) -> None:
    """What the page says that metrics need is what the intent asks for."""
    text = (docs / "intent.md").read_text(encoding="utf-8")
    for metric in METRICS.values():
        missing = missing_for(metric, lambda *_: False)
        assert missing is None or re.search(rf"`{metric.name}`.* needs? ", text), metric.name


def test_units_agree(table: Table) -> None:
    """Every unit of the table is read, and every ASCII unit without a slash is in the table."""
    rows = {row[0]: _code(row[1]) for row in table("intent.md", "dimension", "units")}
    assert rows.keys() == _SPELLINGS.keys()
    for dimension, spellings in _SPELLINGS.items():
        for unit in rows[dimension]:
            assert quantity(f"1 {unit}", dimension) >= 0
        assert {one for one in spellings if one.isascii() and "/" not in one} <= set(rows[dimension])


def test_fitting_agrees(table: Table) -> None:
    """Samples are fitted, or refused, as the table says."""
    for have, want, fed in table("intent.md", "one sample in the data"):
        shapes = [ast.literal_eval(_code(cell)[0]) for cell in (have, want)]
        if fed.startswith("error"):
            with pytest.raises(DataError):
                fitted_shape(*shapes)
        else:
            assert fitted_shape(*shapes) == ast.literal_eval(_code(fed)[0])


def test_exit_codes_agree(table: Table) -> None:
    """The table has every exit code of the command line and no other."""
    from autoedge.workflows.select import EXIT_CODES
    from autoedge_cli import main
    from autoedge_cli.commands import bundle

    own = {value for name, value in vars(main).items() if name.startswith("EXIT_")}
    expected = own | set(EXIT_CODES.values()) | set(bundle._EXIT_CODES.values())
    assert {int(row[0]) for row in table("intent.md", "exit code")} == expected


def test_strategies_agree(table: Table) -> None:
    """The key search.strategy lists every strategy."""
    rows = {row[0]: row[3] for row in table("intent.md", "key", "type and unit")}
    assert set(STRATEGIES) == set(_code(rows["`search.strategy`"]))


def test_shipped_space_agrees(table: Table) -> None:
    """The table of the shipped space has its knobs, levels and defaults, and its size on two cores is as told."""
    file = read_space_file(catalog_folder("search_spaces") / "onnxruntime-cpu.yaml")
    rows = {_code(row[0])[0]: row for row in table("spaces.md", "knob", "levels")}
    assert list(rows) == [rule.name for rule in file.knobs]
    for rule in file.knobs:
        _, levels, default, when, _ = rows[rule.name]
        if isinstance(rule.levels, tuple):
            assert _code(levels) == [str(level) for level in rule.levels]
        if not rule.recipe and rule.name != "threads":
            assert _code(default) == [str(rule.default)]
        assert set(_code(when)) >= rule.when.keys()
        assert (when == "always") == (not rule.when)


def test_every_shipped_space_is_listed(table: Table) -> None:
    """The table of shipped spaces has each file, the models that it reads, and the knobs that are its own."""
    shared = {"precision", "batch", "threads"}
    files = {path.stem: read_space_file(path) for path in sorted(catalog_folder("search_spaces").glob("*.yaml"))}
    rows = {_code(row[0])[0]: row for row in table("spaces.md", "space", "for")}
    assert list(rows) == list(files)
    for name, (_, models, knobs) in rows.items():
        assert set(_code(models)) == set(files[name].formats)
        if knobs != "below":
            assert set(_code(knobs)) == {rule.name for rule in files[name].knobs} - shared


def test_size_of_the_shipped_space(docs: Path) -> None:
    """The numbers of candidates that the page names are right."""
    file = read_space_file(catalog_folder("search_spaces") / "onnxruntime-cpu.yaml")
    device = Device("m", "x86_64", "cpu", 2, 2, 1024, "Linux", "3.11", {"onnxruntime": "1"})
    space = Space([file], [ModelFacts("model")], {"local": device}, {})
    text = (docs / "spaces.md").read_text(encoding="utf-8")
    assert f"{len(space):,} candidates" in text
    assert f"more than {MOST:,} candidates" in text


def test_keys_of_a_space_file_agree(table: Table) -> None:
    """Both tables of the search space format have exactly the keys that are read."""
    assert {_code(row[0])[0] for row in table("spaces.md", "key", "type")} == _FILE_KEYS
    assert {_code(row[0])[0] for row in table("spaces.md", "key of a knob", "type")} == _KNOB_KEYS


def test_arguments_of_the_sampler_agree(table: Table) -> None:
    """The table of arguments has those of SurrogateSampler with their defaults."""
    signature = inspect.signature(SurrogateSampler)
    expected = {name: repr(parameter.default) for name, parameter in signature.parameters.items()}
    assert {_code(row[0])[0]: _code(row[1])[0] for row in table("optuna.md", "argument", "default")} == expected
