"""What docs/estimate.md says of constants, loads and limits, against the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoedge.agent.load import KERNELS
from autoedge.bench import board_power, energy_estimate, loads, power_fit
from autoedge.bench.energy_estimate import PowerModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Table = Callable[..., list[list[str]]]


@pytest.fixture(scope="module")
def text(docs: Path) -> str:
    """The page on one line."""
    return " ".join((docs / "estimate.md").read_text(encoding="utf-8").split())


def test_generic_constants_agree(table: Table) -> None:
    """The generic power models are those of the code."""
    rows = table("estimate.md", "architecture", "idle W")
    assert {row[0].strip("`") for row in rows} == {*energy_estimate._GENERIC, "others"}
    for name, idle, core in rows:
        assert PowerModel.generic(name.strip("`"), None) == PowerModel(float(idle), float(core))


def test_boards_agree(table: Table) -> None:
    """The table of boards is that of the code."""
    rows = table("estimate.md", "board", "idle W")
    assert {name: (float(idle), float(load)) for name, idle, load in rows} == board_power._BOARDS


def test_bands_agree(table: Table) -> None:
    """The bands of board and generic constants are those of the code."""
    _, board, generic = (row[2] for row in table("estimate.md", "from", "used when", "band"))
    assert board == f"± {100 * board_power.BAND:.0f} %"
    assert generic == f"± {100 * energy_estimate.BAND:.0f} %"


def test_numbers_in_the_text(text: str) -> None:
    """Numbers that sentences name are those of the code."""
    everything = loads.calibration_loads(4)
    assert f"{len(everything)} synthetic loads" in text
    assert "five idle stretches, and six kinds of work" in text
    assert (sum(load.idle for load in everything), len(KERNELS)) == (5, 6)
    assert f"down to {loads.FEWEST}." in text
    assert f"more than {100 * loads._QUIET:.0f} % of the processor time" in text
    assert f"Beyond {power_fit._SLACK:g} times the busiest load" in text
    assert power_fit._HALF_AWAKE == 1 / 4
