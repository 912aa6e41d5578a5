"""Nothing that a file can hold ends in anything but an intent or an IntentError."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from autoedge.errors import IntentError
from autoedge.intent.load import load_intent
from autoedge.intent.schema import json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
SNIPPETS = st.sampled_from(
    ["local", "knee", "small", "models/small.onnx", "..", "/", "accuracy", "accuracy >= 90 %", "battery_life >= 1 h",
     "size drop <= 1", "5 ms", "10 Wh", "1e308 Ah", "1e308 V", "1e-320 / s", "\0", "~", "a" * 300,
     "spaces/own.yaml", "allow"]
)  # fmt: skip
JSON_SCHEMA = json_schema()
KEYS = st.sampled_from(
    sorted({*JSON_SCHEMA["properties"], *(key for part in JSON_SCHEMA["$defs"].values() for key in part["properties"])})
)
VALUES = st.recursive(
    SCALARS | SNIPPETS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def read(folder: Path, content: str | bytes) -> None:
    """Reads an intent; only an IntentError with printable, placed problems may come out."""
    path = folder / "fuzz.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    problems: tuple[str, ...] = (f"{path}: none",)
    try:
        load_intent(path)
    except IntentError as error:
        problems = error.problems
    assert problems
    assert all(problem.startswith(f"{path}:") and problem.isprintable() for problem in problems)


def dumped(value: object) -> str:
    """Any value as YAML."""
    import io

    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(value, text)
    return text.getvalue()


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree with each of its keys."""
    for key, inner in list(
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from places(inner)


@SETTINGS
@given(content=st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes(folder: Path, content: str | bytes) -> None:
    """Arbitrary bytes and text."""
    read(folder, content)


@SETTINGS
@given(content=st.text(st.sampled_from("version: 1\n-[]{},&*!|>'\"%@`#?~\t \\x0"), max_size=80))
def test_any_syntax(folder: Path, content: str) -> None:
    """YAML's own characters in any order."""
    read(folder, content)


@SETTINGS
@given(document=st.dictionaries(KEYS, VALUES, max_size=8) | VALUES)
def test_any_structure(folder: Path, document: object) -> None:
    """Known keys with values of any kind."""
    read(folder, dumped(document))


@SETTINGS
@given(data=st.data())
def test_mutated_structure(folder: Path, full: str, data: st.DataObject) -> None:
    """A valid intent in which a few values are replaced, removed or renamed."""
    document = YAML(typ="safe", pure=True).load(full)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(document))))
        if data.draw(st.booleans()):
            container[key] = data.draw(VALUES)
        elif isinstance(container, dict):
            value = container.pop(key)
            if data.draw(st.booleans()):
                container[data.draw(KEYS | st.text(max_size=5))] = value
        else:
            del container[key]
    read(folder, dumped(document))


@SETTINGS
@given(data=st.data())
def test_mutated_text(folder: Path, full: str, data: st.DataObject) -> None:
    """A valid intent with a stretch of its text replaced."""
    start = data.draw(st.integers(0, len(full)))
    end = data.draw(st.integers(start, min(len(full), start + 20)))
    read(folder, full[:start] + data.draw(st.text(max_size=6) | SNIPPETS) + full[end:])
