"""Every command of the pages is run as it stands there, or its block says why not.

A ``console`` block is run in a copy of the prepared folder, page by page, in the order of the page. A block is marked
where it cannot be: ``console hardware`` needs a device, an instrument or a server; ``console elsewhere`` holds commands
of other tools, or that install something; ``console tested`` is run by another test, which a comment before it names.
``python run`` is Python that takes the same folder.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]
    Shorten = Callable[..., None]

ROOT = Path(__file__).parents[3]
MARKS = ("console", "console hardware", "console elsewhere", "console tested")
SHELL = {"mkdir", "cp", "rm"}
SHORTENED = {"--minutes": "0.05", "--seeds": "1", "--budget": "10", "--train-samples": "50"}
"""Values that a test has no time for."""
EXAMPLE_ID = "3f2a"
"""Stands in the pages for the beginning of a candidate's id."""
# What a noisy machine may make of the very same run: a latency that is left open or missed. 70 and 130 are never right.
NOISY = {"select": (0, 4), "check": (0, 4), "soak": (0, 1, 4), "bundle verify": (0, 1, 4)}
_EXIT = re.compile(r"# exit code (\d+)\b")


@pytest.fixture
def copy(stand: Path, tmp_path: Path) -> Path:
    """A copy of the prepared folder, of the name that the pages' runs have."""
    return Path(shutil.copytree(stand, tmp_path / "doorbell", symlinks=True))


@pytest.mark.timeout(600)
def test_the_commands_of_a_page_run(
    runnable_page: str, blocks: list[Any], copy: Path, run: Run, *, reference: Callable[[Path], str], shorten: Shorten
) -> None:
    """Each command ends with the exit code that its line tells, else with 0."""
    _forget_what_the_page_makes(runnable_page, copy)
    example_id = reference(copy)[:6]
    for block in blocks:
        if block.page != runnable_page:
            continue
        if block.file and not block.file.startswith("examples/"):
            (copy / block.file).write_text(block.text)
            if block.info == "yaml":
                shorten(copy / block.file)
        if block.info == "python run":
            done = run([sys.executable, "-W", "error", "-c", block.text], copy)
            assert done.returncode == 0, (block.page, block.line, done.stderr)
        for line in block.text.replace("\\\n", " ").splitlines() if block.info == "console" else ():
            words = _words(line, copy, example_id)
            begins = words[:2] == ["autoedge", "init"]
            if begins:
                (copy / "intent.yaml").unlink()  # it overwrites nothing
                shutil.rmtree(copy / "runs" / "doorbell")
            done = run(words, copy)
            told = (f"{block.page}:{block.line}", line, done.returncode, done.stdout, done.stderr)
            assert done.returncode in _allowed(line, words), told
            if begins:  # and its limits are for the reader to set
                shorten(copy / "intent.yaml", begun=True)


def _words(line: str, folder: Path, example_id: str) -> list[str]:
    """The command of a line, its home and the id of the example filled in, and shortened where it takes long."""
    words = [
        example_id if word == EXAMPLE_ID else word.replace("~", str(folder))
        for word in shlex.split(line, comments=True)
    ]
    assert words[0] == "autoedge" or words[0] in SHELL, line
    before = ["", *words]
    return [SHORTENED.get(option, word) for option, word in zip(before, words, strict=False)]


def _allowed(line: str, words: list[str]) -> tuple[int, ...]:
    told = _EXIT.search(line)
    command = " ".join(words[1:3]) if words[1] == "bundle" else words[1]
    return (int(told[1]),) if told else NOISY.get(command, (0,))


def _forget_what_the_page_makes(page: str, folder: Path) -> None:
    """A page that trains the surrogate begins without one."""
    if page == "retrain.md":
        shutil.rmtree(folder / "surrogate_models" / "mine")


def test_marks_are_known(console_block: Any) -> None:
    """A block of commands is run, or bears one of three marks; only one that another test runs names such a test."""
    assert console_block.info in MARKS
    assert bool(console_block.tests) == (console_block.info == "console tested")


def test_named_tests_are_there(console_block: Any) -> None:
    """A test that is said to run a block is there."""
    for name in console_block.tests:
        file, _, function = name.partition("::")
        assert re.search(rf"^def {re.escape(function)}\(", (ROOT / file).read_text(), re.MULTILINE), name


def test_most_blocks_are_run(blocks: list[Any], record_property: Callable[[str, object], None]) -> None:
    """Marks stay the exception; `python -m pytest -rA -k most_blocks` tells how many there are of each."""
    counts = Counter(block.info for block in blocks if block.info.startswith("console"))
    for mark in MARKS:
        record_property(mark, counts[mark])
        print(f"{mark}: {counts[mark]}")  # noqa: T201 - pytest -rA shows it
    assert counts["console"] + counts["console tested"] > sum(counts.values()) / 2
