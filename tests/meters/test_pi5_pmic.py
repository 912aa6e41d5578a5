"""The power chip of a Raspberry Pi 5, by what vcgencmd prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.pi5_pmic import INTERCEPT_W, RAILS, SLOPE, Pi5Pmic, rail_power
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.meters.base import Meter

    Plant = Callable[[dict[str, Any]], Path]

# Amperes and volts of each rail, in the order of RAILS; published listings of two boards, fully loaded and idle.
LOADED = (
    *((0.0, 3.799996), (0.06245952, 3.306322), (0.1610285, 1.798289), (0.00780744, 1.102929)),
    *((0.0, 0.6047613), (0.1756674, 1.104394), (0.3279125, 0.8025633), (10.87674, 0.8974594)),
    *((0.0003663, 3.304942), (0.00042735, 3.302194), (0.00579975, 0.7973619), (0.0136752, 5.07056)),
)
IDLE = (
    *((0.07709848, 3.690497), (0.04782057, 3.299826), (0.1151597, 1.796335), (0.00780744, 1.108058)),
    *((0.0, 0.6032961), (0.1766433, 1.101464), (0.3308403, 0.802197), (0.9465799, 0.7209762)),
    *((0.0014652, 3.304026), (0.00140415, 3.2967), (0.00494505, 0.7994132), (0.0169719, 5.11612)),
)


def listing(values: tuple[tuple[float, float], ...]) -> str:
    """As the tool prints it: currents, voltages, and two voltages without a current."""
    rails = list(zip(RAILS, values, strict=True))
    lines = [f"{rail:>10}_A current({n})={amps:.8f}A" for n, (rail, (amps, _)) in enumerate(rails)]
    lines += [f"{rail:>10}_V volt({n})={volts:.8f}V" for n, (rail, (_, volts)) in enumerate(rails, 8)]
    return "\n".join([*lines, "     EXT5V_V volt(24)=5.06788000V", "      BATT_V volt(25)=3.01110800V", ""])


@pytest.mark.parametrize(("values", "bare", "corrected"), [(LOADED, 10.800, 12.955), (IDLE, 1.9005, 2.764)])
def test_published_listings(values: tuple[tuple[float, float], ...], bare: float, corrected: float) -> None:
    """The published listings give the published sums, bare and corrected."""
    power = rail_power(listing(values))
    assert power == pytest.approx(bare, abs=6e-4)
    assert SLOPE * power + INTERCEPT_W == pytest.approx(corrected, abs=6e-4)


@given(st.text(), st.integers(0, 2000), st.integers(0, 50))
def test_damage_is_an_error_or_harmless(text: str, place: int, length: int) -> None:
    """A listing with a part replaced gives a finite number or a ValueError, never anything else."""
    whole = listing(IDLE)
    damaged = whole[:place] + text + whole[place + length :]
    try:
        power = rail_power(damaged)
    except ValueError:
        return
    assert isinstance(power, float)


def test_a_missing_rail_is_named() -> None:
    """A listing without one of the rails is refused by name."""
    with pytest.raises(ValueError, match="lacks VDD_CORE"):
        rail_power(re.sub(r"\s*VDD_CORE_A[^\n]*", "", listing(IDLE)))


def test_recorded_from_the_command(tmp_path: Path) -> None:
    """The command's output becomes corrected samples, and the correction may be changed."""
    path = tmp_path / "listing"
    path.write_text(listing(LOADED))
    with Pi5Pmic(command=["cat", str(path)]) as meter:
        assert meter.poll_period_s >= 0.2
        trace = meter.read(0.7)
    assert not trace.lost
    assert trace.power_w == pytest.approx(12.955, abs=6e-4)
    with Pi5Pmic(slope=1.0, intercept_w=0.0, command=["cat", str(path)]) as meter:
        assert meter._values()["power_w"] == pytest.approx(10.800, abs=6e-4)
        assert "1 x sum of 12 rails + 0 W" in meter.spec.model


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["autoedge-no-such-command"], "No such file or directory"),
        (["false"], "false failed: 1; is your user in the group video"),
        (["echo", "nothing"], "lacks 3V7_WL_SW"),
        (["sleep", "60"], "sleep gave no answer within 0.5 s"),
    ],
)
def test_a_command_that_fails_is_explained(command: list[str], reason: str) -> None:
    """Opening fails with what the command did."""
    with pytest.raises(MeterError, match=reason):
        Pi5Pmic(command=command).__enter__()


def test_lost_when_the_command_fails_later(tmp_path: Path, seconds_until_lost: Callable[[Meter], float]) -> None:
    """A command that stops giving rails is a lost meter, with every failure counted."""
    path = tmp_path / "listing"
    path.write_text(listing(IDLE))
    with Pi5Pmic(command=["cat", str(path)]) as meter:
        meter.start()
        path.write_text("error=1")
        seconds_until_lost(meter)
        trace = meter.stop()
    assert "lacks 3V7_WL_SW" in trace.lost
    assert trace.counts.checksum_errors > 1


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0\0", True),
        ("Raspberry Pi Compute Module 5 Rev 1.0\0", True),
        ("Raspberry Pi 500 Rev 1.0\0", True),
        ("Raspberry Pi 4 Model B Rev 1.5\0", False),
        ("Radxa ROCK 5B\0", False),
    ],
)
def test_found_on_a_pi_5(plant: Plant, model: str, found: bool) -> None:  # noqa: FBT001 - a table's column
    """The boards with the chip are told by their device tree."""
    root = plant({"proc/device-tree/model": model})
    assert Pi5Pmic.find(Surroundings(root)) == ([{"root": str(root)}] if found else [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slope": 0}, "'slope' is a number from 0.5 to 3"),
        ({"intercept_w": float("nan")}, "'intercept_w' is a number"),
        ({"command": "vcgencmd pmic_read_adc"}, "'command' is a list of words"),
        ({"command": []}, "'command' is a list of words"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    """A value that cannot be meant is refused with the rule."""
    with pytest.raises(MeterError, match=message):
        Pi5Pmic(**options)
