"""Files that are no intent at all: hostile, sloppy or broken YAML."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import IntentError
from autoedge.intent.load import load_intent
from autoedge.intent.tree import scalar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Find = Callable[[str | bytes], list[str]]

LAUGHS = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)

UNREADABLE: list[tuple[str | bytes, str]] = [
    ("", "1: an intent is a mapping such as version: 1, but got nothing"),
    ("# only a comment\n", "1: an intent is a mapping such as version: 1, but got nothing"),
    ("- a\n- b\n", "1: an intent is a mapping such as version: 1, but got ["),
    ("hello", "1: an intent is a mapping such as version: 1, but got hello"),
    ("a: 1\n---\nb: 1\n", "2: an intent is one YAML document, but a second one begins here"),
    ("version: 1\n\tname: x\n", "2: this is no YAML: "),
    ("version: 1\nname: [a\n", "3: this is no YAML: "),
    ("version: 1\nprefer: lexicographic: [size]\n", "2: this is no YAML: mapping values are not allowed"),
    ("a: \x00\n", "1: this is no YAML: character #x0000 is not allowed"),
    ('a: 1\nb: "\\UFFFFFFFF"\n', ""),
    ('a: 1\nb: "\\ud800"\n', "2: text is Unicode, but got half a character in \\ud800"),
    (LAUGHS, "1: anchors and aliases are not supported, but got a; write it out"),
    ("a: &a [*a]\n", "1: anchors and aliases are not supported, but got a; write it out"),
    ("a: *b\n", "1: anchors and aliases are not supported, but got b; write it out"),
    ("a: !!python/object/apply:os.system [ls]\n", "1: tags are not supported, but got tag:yaml.org,2002:python/object"),
    ("a: !!str 1\n", "1: tags are not supported"),
    ("a: !own 1\n", "1: tags are not supported"),
    ("? [a]\n: 1\n", "1: a key is plain text, but got a list or a mapping"),
    ("a: " + "[" * 100_000, "1: an intent nests at most 20 levels deep, but this goes deeper"),
    ("- " * 100_000, "1: an intent nests at most 20 levels deep, but this goes deeper"),
    ("a:\n" + "- 1\n" * 20_001, "19999: an intent has at most 20000 values, but this file has more"),
    (b"a: 1\nb: \xff\n", "2: an intent is UTF-8 text, but got byte 0xff"),
    ("version: 1\n".encode("utf-16"), "1: an intent is UTF-8 text, but got byte 0xff"),
    (b"a: " + b"x" * (1 << 20), "1: an intent has at most 1 MiB, but this file is larger"),
]


@pytest.mark.parametrize(("text", "expected"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_unreadable(problems: Find, text: str | bytes, expected: str) -> None:
    """What is no YAML mapping of harmless values is one problem with its line, however it is built."""
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(f"intent.yaml:{expected}")
    assert len(found[0]) < 300


def test_tabs_are_named(problems: Find) -> None:
    """A tab in the indentation is called one."""
    assert "indent with spaces, not tabs" in problems("task:\n\ttype: classification\n")[0]


def test_pipe(folder: Path) -> None:
    """A pipe or a device is refused before it is opened."""
    fifo = folder / "pipe.yaml"
    os.mkfifo(fifo)
    with pytest.raises(IntentError, match="an intent is a regular file"):
        load_intent(fifo)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("FALSE", False), ("yes", "yes"), ("12", 12),
        ("-7", -7), ("007", 7), ("0o17", 15), ("0xff", 255), ("1_000", "1_000"), ("1.5", 1.5), ("1e3", 1000.0),
        (".5", 0.5), ("-.inf", float("-inf")), ("1e999", float("inf")), ("9" * 30, 1e30), ("9" * 5000, float("inf")),
        ("2024-01-01", "2024-01-01"), ("12:30", "12:30"), ("1.2.3", "1.2.3"), ("\u0661", "\u0661"),
    ],
)  # fmt: skip
def test_core_schema(text: str, value: object) -> None:
    """Plain scalars mean what YAML 1.2's core schema says, at any length."""
    read = scalar(text)
    assert read == value
    assert type(read) is type(value)
