"""What docs/runtimes.md says of runtimes, precisions, knobs, bundles and the example plugin, held against the code."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.candidate import Configuration
from autoedge.catalog import catalog_folder
from autoedge.deploy.requirements import requirements
from autoedge.models import agreement, weight_only
from autoedge.models.formats import FORMATS
from autoedge.models.makers import CALIBRATED, MAKERS
from autoedge.registry import places
from autoedge.runtimes.onnx_session import CPU, NAMES
from autoedge.space.declaration import SpaceFile, read_space_file

if TYPE_CHECKING:
    from collections.abc import Callable

    Table = Callable[..., list[list[str]]]

ROOT = Path(__file__).parents[2]
PAGE = "runtimes.md"
OWN = {name: place for name, place in places("autoedge.runtimes").items() if place.startswith("autoedge.")}
SECTIONS = {"ONNX Runtime": "onnxruntime", "LiteRT": "litert", "OpenVINO": "openvino"}
CELLS = {"**verified**", "*expected*", "no"}


def _spaces() -> dict[str, SpaceFile]:
    files = [read_space_file(path) for path in sorted(catalog_folder("search_spaces").glob("*.yaml"))]
    return {file.runtime: file for file in files}


def _precisions(file: SpaceFile) -> list[str]:
    return next([str(level) for level in rule.levels] for rule in file.knobs if rule.name == "precision")


def _code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _class(runtime: str) -> Any:
    module, _, name = OWN[runtime].partition(":")
    return getattr(import_module(module), name)


@pytest.fixture(scope="module")
def text(docs: Path) -> str:
    """The page on one line."""
    return " ".join((docs / PAGE).read_text(encoding="utf-8").split())


def test_runtimes_agree(table: Table) -> None:
    """The first table has every runtime with the files, packages, extra, space and precisions that it has."""
    rows = {_code(row[0])[0]: row for row in table(PAGE, "runtime", "reads")}
    spaces = _spaces()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert rows.keys() == OWN.keys() == spaces.keys()
    for runtime, (_, reads, packages, extra, space, precisions) in rows.items():
        assert _code(reads) == list(spaces[runtime].formats)
        assert set(_code(reads)) <= FORMATS.keys()
        needed = (_class(runtime).packages[0], *_class(runtime).needs)
        assert set(needed) <= set(_code(packages)) <= {*_class(runtime).packages, *needed}
        assert {_code(extra)[0] if _code(extra) else ""} == {FORMATS[suffix].extra for suffix in _first(reads)}
        assert extra == "none" or _code(extra)[0] in extras
        assert (_code(space), _code(precisions)) == ([spaces[runtime].name], _precisions(spaces[runtime]))


def _first(reads: str) -> list[str]:
    """The format that a runtime is there for; others of it may need more, or less."""
    return [".xml"] if ".xml" in reads else _code(reads)[:1]


def test_shipped_spaces_agree(table: Table) -> None:
    """The table of shipped spaces in spaces.md has each file with its formats and the knobs that not every one has."""
    rows = {_code(row[0])[0]: row for row in table("spaces.md", "space", "for")}
    assert rows.keys() == {file.name for file in _spaces().values()}
    for file in _spaces().values():
        _, formats, knobs = rows[file.name]
        assert _code(formats) == list(file.formats)
        own = {rule.name for rule in file.knobs} - {"precision", "batch", "threads"}
        assert knobs == "below" or set(_code(knobs)) == own


def test_platforms_agree(table: Table) -> None:
    """A precision is in the table exactly where its runtime has it, and nothing but x86-64 Linux is called verified."""
    rows = table(PAGE, "runtime", "platform")
    names = _headings(PAGE, "platform")
    seen: dict[str, set[str]] = {}
    for runtime, platform, *cells in rows:
        assert set(cells) <= CELLS
        assert "**verified**" not in cells or platform.startswith("Linux x86-64")
        here = {name for name, cell in zip(names, cells, strict=True) if cell != "no"}
        assert here
        seen.setdefault(_code(runtime)[0], set()).update(here)
    assert seen == {runtime: set(_precisions(file)) for runtime, file in _spaces().items()}
    providers = [name for row in rows if "provider" in row[0] for name in _code(row[0])[1:]]
    assert set(providers) == NAMES.keys() - {CPU}


def _headings(page: str, second: str) -> list[str]:
    """The further headings of the table whose second one is this."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    (heading,) = [line for line in lines if line.startswith("| runtime |") and f"| {second} |" in line]
    return _code(heading)


def test_versions_are_of_packages_that_count(table: Table) -> None:
    """Versions are told of each package that holds a runtime, and of the tools that make variants elsewhere."""
    told = [_code(row[0])[0] for row in table(PAGE, "package")]
    known = {package for runtime in OWN for package in _class(runtime).packages}
    tools = {package for maker in MAKERS.values() for package in maker.packages}
    assert {_class(runtime).packages[0] for runtime in OWN} <= set(told) <= known | tools


def test_precisions_agree(table: Table) -> None:
    """A cell of the table of precisions is filled where there is such a variant, with the options of its recipe."""
    rows = {_code(row[0])[0]: row[1:] for row in table(PAGE, "precision", *SECTIONS)}
    makers = {runtime: maker.recipes for (_, runtime), maker in MAKERS.items()}
    assert {*rows, "int8-edgetpu"} == {precision for recipes in makers.values() for precision in recipes}
    for precision, cells in rows.items():
        for runtime, cell in zip(SECTIONS.values(), cells, strict=True):
            assert bool(cell) == (precision in makers[runtime])
            levels = {level for levels in makers[runtime].get(precision, {}).values() for level in levels}
            assert not cell.startswith("ranges") or set(_code(cell)) == levels


def test_knobs_agree(docs: Path) -> None:
    """Each section of a runtime names its knobs, all but batch and those that make the file, in their order."""
    page = (docs / PAGE).read_text(encoding="utf-8")
    for title, runtime in SECTIONS.items():
        (told,) = re.findall(rf"^## {title}\n\nKnobs: (.*?)\.?(?:\n\n|\.\n| \(\[)", page, re.MULTILINE | re.DOTALL)
        knobs = [rule.name for rule in _spaces()[runtime].knobs if not rule.recipe and rule.name != "batch"]
        assert sorted(_code(told)) == sorted(knobs)


@pytest.mark.parametrize("runtime", OWN)
def test_requirements_agree(runtime: str, table: Table) -> None:
    """The table of bundles names what requirements.txt really holds, beside numpy."""
    rows = {_code(row[0])[0]: _code(row[1]) for row in table(PAGE, "winner")}
    assert rows.keys() == OWN.keys()
    lines = requirements(Configuration("m", {"precision": "fp32"}, runtime, {"batch": 1}), "V").split()
    assert [line for line in lines if not line.startswith("numpy")] == rows[runtime][: len(lines) - 1]
    others = {"onnxruntime": [{"provider": "openvino"}, {"provider": "cuda"}]}.get(runtime, [])
    told = [requirements(Configuration("m", {}, runtime, knobs), "V").split()[0] for knobs in others]
    if runtime == "litert":
        told = requirements(Configuration("m", {}, runtime, {}), "2.14.0").split()
    assert rows[runtime][len(lines) - 1 :] == told


def test_numbers_in_the_text(text: str) -> None:
    """Constants that sentences name are those of the code."""
    assert f"less than {agreement.LEAST_SAME:.0%} same answers".replace("%", " %") in text
    assert f"more than {agreement.MOST_APART:.0%} of the samples off by more than 1e-3".replace("%", " %", 1) in text
    assert agreement.TOLERANCE == 1e-3
    assert f"blocks of {weight_only.BLOCK} rows" in text
    assert " and ".join(f"`{name}`" for name in sorted(CALIBRATED, reverse=True)) + " need `data.calibration`" in text
