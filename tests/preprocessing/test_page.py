"""What docs/preprocessing.md says of keys, defaults and limits, held against the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from ruamel.yaml import YAML

from autoedge.agent import feed
from autoedge.intent.inputs import IMAGE_KEYS, TOKEN_KEYS, InputSpec
from autoedge.preprocessing import decoding, image_archive, npz
from autoedge.preprocessing.resizing import PLAIN_RULES, RULES

PAGE = (Path(__file__).parents[2] / "docs" / "preprocessing.md").read_text(encoding="utf-8")
DEFAULTS = {field.name: field.default for field in fields(InputSpec)}
FROM_ELSEWHERE = ("the data's own", "from the model's", "none")


def rows() -> dict[str, tuple[str, str]]:
    """Default and meaning of each key in the two tables."""
    found = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return {key: (default, meaning) for key, default, meaning in found}


def test_every_key_is_listed_with_its_default() -> None:
    """The tables have exactly the keys of the section, in order, and the defaults of the code."""
    assert tuple(rows()) == (*IMAGE_KEYS, *TOKEN_KEYS)
    for key, (default, _) in rows().items():
        if default.startswith(FROM_ELSEWHERE):
            assert DEFAULTS[key] in (None, ())
        else:
            assert YAML(typ="safe", pure=True).load(default.strip("`")) == DEFAULTS[key]


def test_rules_and_limits() -> None:
    """Resize rules and numbers in the text are those of the code."""
    assert tuple(re.findall(r"`(\w+)`", rows()["resize"][1])) == RULES
    assert tuple(re.findall(r"`(\w+)`", rows()["antialias"][1]))[1:] == PLAIN_RULES
    assert decoding.MAX_PIXELS == 2**26
    assert "2^26 pixels" in PAGE
    assert image_archive.MOST == 1_000_000
    assert f"more than a million images or {npz.MAX_BYTES // 2**30} GiB" in PAGE
    assert f"up to {feed._TIMED} items" in PAGE
