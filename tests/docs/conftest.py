"""The pages under docs: their fenced blocks and tables, and a folder with the files that their snippets name."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markdown_it.token import Token

DOCS = Path(__file__).parents[2] / "docs"
FILES = (
    "models/small.onnx",
    "models/large.onnx",
    "data/eval.npz",
    "data/calib.npz",
    "data/boxes.json",
    "spaces/small-batches.yaml",
    "model.onnx",
    "eval.npz",
    "calib.npz",
)


@dataclass(frozen=True)
class Block:
    """A fenced block: the page's name, its line, what stands behind the fence, its text."""

    page: str
    line: int
    info: str
    text: str


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def _blocks() -> Iterator[Block]:
    for page in sorted(DOCS.glob("*.md")):
        for token in _tokens(page):
            if token.type == "fence":
                yield Block(page.name, token.map[0] + 1 if token.map else 0, token.info, token.content)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that take ``yaml_block`` or ``console_block`` run for each of them, those with ``page`` for each page."""
    for language in ("yaml", "console"):
        if f"{language}_block" in metafunc.fixturenames:
            found = [block for block in _blocks() if block.info == language]
            metafunc.parametrize(f"{language}_block", found, ids=[f"{one.page}:{one.line}" for one in found])
    if "page" in metafunc.fixturenames:
        names = sorted(page.name for page in DOCS.glob("*.md"))
        metafunc.parametrize("page", names)


@pytest.fixture(scope="session")
def blocks() -> list[Block]:
    """All fenced blocks, in the order of pages and lines."""
    return list(_blocks())


@pytest.fixture(scope="session")
def docs() -> Path:
    """The folder of the pages."""
    return DOCS


@pytest.fixture(scope="session")
def table() -> Callable[..., list[list[str]]]:
    """The rows of the only table of a page whose first columns have these headings; cells as they are written."""

    def read(page: str, *headings: str) -> list[list[str]]:
        found = [rows for rows in _tables(DOCS / page) if tuple(rows[0][: len(headings)]) == headings]
        assert len(found) == 1, f"{page} has {len(found)} tables that begin with {headings}"
        return found[0][1:]

    return read


def _tables(page: Path) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for before, token in pairwise(_tokens(page)):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif before.type in ("th_open", "td_open") and token.type == "inline":
            rows[-1].append(token.content)
        elif token.type == "table_close":
            yield rows


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that snippets run in, with the files that they name; what these hold does not matter here."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path
