"""Power of boards that are known by name."""

from __future__ import annotations

import pytest

from autoedge.bench.board_power import BAND, board_power
from autoedge.bench.usage import Usage


@pytest.mark.parametrize(
    ("cpu", "board", "idle", "load"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 4", 2.15, 5.7),
        ("Raspberry Pi 400 Rev 1.0", "Raspberry Pi 400", 2.7, 5.2),
        ("Raspberry Pi 5 Model B Rev 1.0", "Raspberry Pi 5", 2.8, 9.7),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "Raspberry Pi 3 Model B Plus", 2.5, 5.35),
        ("Raspberry Pi 3 Model B Rev 1.2", "Raspberry Pi 3 Model B", 1.4, 3.7),
        ("Raspberry Pi Compute Module 5 Rev 1.0", "Raspberry Pi Compute Module 5", 2.4, 8.5),
        ("Radxa ROCK 5B", "Rock 5B", 3.6, 17.0),
        ("Radxa ROCK 5 Model B", "Rock 5B", 3.6, 17.0),
        ("Raspberry Pi 3 Model B+", "Raspberry Pi 3 Model B Plus", 2.5, 5.35),
        ("Raspberry Pi Compute Module 5 Lite Rev 1.0", "Raspberry Pi Compute Module 5", 2.4, 8.5),
        ("Orange Pi 5", "Orange Pi 5", 1.0, 10.0),
        ("Arduino UnoQ", "Arduino Uno Q", 0.5, 1.9),
    ],
)
def test_boards_are_known(cpu: str, board: str, idle: float, load: float) -> None:
    """A board's text gives its constants: idle with nothing to do, all-core power when all is busy, +/- 30 %."""
    found = board_power(cpu, None)
    assert found is not None
    assert found.board == board
    at_rest, at_work = (found.gross(Usage(1.0, 4 * share, share, share)) for share in (0.0, 1.0))
    assert (at_rest.value, at_work.value) == pytest.approx((idle, load))
    assert at_work.error == pytest.approx(BAND * load)
    assert found.net(Usage(1.0, 1.0, 0.5, 0.25)).value == pytest.approx((load - idle) / 4)
    assert board in found.model_id


@pytest.mark.parametrize(
    "cpu",
    [
        "AMD EPYC",
        "Raspberry Pi 40",
        "Cortex-A72 part 0xd08",
        "",
        "Orange Pi 5 Plus",
        "Orange Pi 5 Max",
        "Orange Pi 5B",
        "Radxa ROCK 5B+",
    ],
)
def test_others_are_not(cpu: str) -> None:
    """A text that names no board of the table gives nothing; neither does a larger sister of one."""
    assert board_power(cpu, None) is None


def test_a_stated_idle_power_counts() -> None:
    """The user's idle power replaces the table's; what work adds stays."""
    found = board_power("Raspberry Pi 5 Model B Rev 1.0", 2.0)
    assert found is not None
    assert found.gross(Usage(1.0, 4.0, 1.0, 1.0)).value == pytest.approx(2.0 + 9.7 - 2.8)
