"""The pages under docs: their fenced blocks and tables, and a folder with the files that their snippets name."""

from __future__ import annotations

import re
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
README = "README.md"
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
    """A fenced block of a page.

    Attributes:
        page: The page below docs, or the README of the project.
        line: Where it begins.
        info: What stands behind the fence, without ``file=``.
        file: The file that it shows, by ``file=NAME``: one below examples, or one that a reader writes.
        tests: Tests that the comments right before it name: ``<!-- tested: tests/FILE.py::NAME -->``.
        text: What it holds.
    """

    page: str
    line: int
    info: str
    file: str
    tests: tuple[str, ...]
    text: str


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def _pages() -> dict[str, Path]:
    """Path of each page by its name."""
    pages = {str(path.relative_to(DOCS)): path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts}
    return {README: DOCS.parent / README, **pages}


def _blocks() -> Iterator[Block]:
    for name, page in _pages().items():
        tests: list[str] = []
        for token in _tokens(page):
            if token.type == "html_block":
                tests += re.findall(r"<!-- tested: (\S+) -->", token.content)
                continue
            if token.type == "fence":
                words = token.info.split()
                (file,) = [word.removeprefix("file=") for word in words if word.startswith("file=")] or [""]
                info = " ".join(word for word in words if not word.startswith("file="))
                yield Block(name, token.map[0] + 1 if token.map else 0, info, file, tuple(tests), token.content)
            tests = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that take a block run for each of its kind, those with ``page`` for each page."""
    kinds = {
        # Options of a meter's page are no intent: tests/meters reads them.
        "yaml_block": lambda one: one.info == "yaml" and not one.page.startswith("meters/"),
        "console_block": lambda one: one.info.split()[:1] == ["console"],
        "file_block": lambda one: one.file.startswith("examples/"),
    }
    for name, wanted in kinds.items():
        if name in metafunc.fixturenames:
            found = [block for block in _blocks() if wanted(block)]
            metafunc.parametrize(name, found, ids=[f"{one.page}:{one.line}" for one in found])
    if "runnable_page" in metafunc.fixturenames:
        metafunc.parametrize("runnable_page", sorted({block.page for block in _blocks() if block.info == "console"}))
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", _pages())


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
