"""What docs/targets.md says, against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autoedge.targets import deadline, environment, file, link, reasons
from autoedge.targets.declared import read_targets

PACKAGE = Path(file.__file__).parents[1]
PAGE = Path(__file__).parents[2] / "docs" / "targets.md"


@pytest.fixture(scope="module")
def page() -> str:
    """The page."""
    return PAGE.read_text(encoding="utf-8")


def test_the_example_is_read(page: str, tmp_path: Path) -> None:
    """The targets file that is shown is one."""
    (example,) = re.findall(r"```text\n(version: 1\n.*?)```", page, re.DOTALL)
    path = tmp_path / "targets.yaml"
    path.write_text(example)
    targets = read_targets(path)
    assert list(targets) == ["pi4", "pi4-one-core", "pi4-in-a-container", "local"]
    assert [one.name for one in targets.values() if one.host in targets] == ["pi4-in-a-container"]
    assert targets["pi4"].python == environment.environment_python(targets["pi4"])


def test_keys_agree(page: str) -> None:
    """The table has every key of a target, and no other."""
    (table,) = re.findall(r"\| key \| value \| default \|\n\|---.*?\n(.*?)\n\n", page, re.DOTALL)
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(file._KEYS)


def test_what_is_said_is_said(page: str) -> None:
    """Every message of the table of troubles stands in the code."""
    (table,) = re.findall(r"\| what is said \| what to do \|\n\|---.*?\n(.*)", page, re.DOTALL)
    sources = [Path(module.__file__ or "") for module in (reasons, link, deadline)]
    sources += [PACKAGE / "agent" / name for name in ("bootstrap.py", "entry.py", "environment.py")]
    code = " ".join(path.read_text(encoding="utf-8") for path in sources)
    code = re.sub(r'"\s*f?"', "", code)  # long texts are written in pieces
    for row in table.strip().splitlines():
        said = row.split("|")[1].strip()
        pieces = [piece for piece in re.split(r"NAME|\d+ s|numpy and no psutil", said) if piece.strip(" ,")]
        assert all(piece.strip(" ,") in code for piece in pieces), said
