"""Power monitors under hwmon, in trees of files."""

from __future__ import annotations

import errno
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import MeterError
from autoedge.meters import hwmon
from autoedge.meters.hwmon import Hwmon, channels
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.meters.base import Meter

    Plant = Callable[[dict[str, Any]], Path]

HWMON = "sys/class/hwmon"


def _chip(number: int, name: str, **files: object) -> dict[str, object]:
    return {f"{HWMON}/hwmon{number}/name": name, **{f"{HWMON}/hwmon{number}/{file}": v for file, v in files.items()}}


INA226 = {"in0_input": 5, "in1_input": 5040, "curr1_input": 503, "power1_input": 2525000, "shunt_resistor": 2000}
_FIRST = {"in1_label": "VDD_IN", "in1_input": 19000, "curr1_input": 400, "shunt1_resistor": 5000, "in1_enable": 1}
_SECOND = {"in2_label": "VDD_SOC", "in2_input": 5000, "curr2_input": 200, "shunt2_resistor": 10000, "in2_enable": 1}
_THIRD = {"in3_label": "NC", "in3_input": 0, "curr3_input": 0, "in3_enable": 0}
_SUMS = {"in4_input": 2000, "in7_input": 3000, "in7_label": "sum of shunt voltages", "curr4_input": 600}
INA3221 = {**_FIRST, **_SECOND, **_THIRD, **_SUMS}
POWERZ = {"in0_input": 5083, "in0_label": "VBUS", "in1_input": 66, "curr1_input": -905, "curr1_label": "IBUS"}


def test_power_file_is_taken(plant: Plant) -> None:
    """A chip that reckons its power is believed; voltage and current go with it."""
    root = plant(_chip(3, "ina226", **INA226))
    with Hwmon(root=str(root)) as meter:
        assert meter._values() == {"power_w": 2.525, "volts": 5.04, "amps": 0.503}


def test_power_is_volts_times_amps_without_a_file(plant: Plant) -> None:
    """Where a chip has no power file, V x I of the channel that was asked for."""
    root = plant(_chip(0, "ina3221", **INA3221))
    for channel in ("VDD_SOC", 2, "2"):
        with Hwmon(channel=channel, root=str(root)) as meter:
            assert meter._values()["power_w"] == pytest.approx(1.0)
            assert "VDD_SOC, shunt 10000 uOhm" in meter.spec.model


def test_km003c_current_has_a_sign(plant: Plant) -> None:
    """A KM003C is read at VBUS and IBUS, and its direction does not make power negative."""
    root = plant(_chip(1, "powerz", **POWERZ))
    with Hwmon(root=str(root)) as meter:
        values = meter._values()
    assert values["power_w"] == pytest.approx(5.083 * 0.905)
    assert values["amps"] == pytest.approx(-0.905)


def test_channels_that_are_off_do_not_count(plant: Plant) -> None:
    """Switched-off channels, other chips and the sum of shunt voltages are not listed."""
    root = plant({**_chip(0, "ina3221", **INA3221), **_chip(1, "coretemp", temp1_input=40000)})
    assert [channel.label for channel in channels(root)] == ["VDD_IN", "VDD_SOC"]


def test_shunt_and_voltage_decide_the_accuracy(plant: Plant) -> None:
    """The offset scales with the chip's offset over the shunt: 10 uV over 2 mOhm at 5.04 V is 25 mW."""
    root = plant({**_chip(0, "ina226", **INA226, update_interval=36)})
    with Hwmon(root=str(root)) as meter:
        assert meter.spec.offset_w == pytest.approx(10e-6 / 2e-3 * 5.04)
        assert meter.spec.resolution_w == 0.025
        assert meter.spec.update_period_s == 0.036
        assert "shunt 2000 uOhm" in meter.spec.model
        assert "UNCONFIRMED" in meter.spec.accuracy_from


def test_several_channels_must_be_chosen_from(plant: Plant) -> None:
    """Where several could be meant, opening lists them, and what is found is that."""
    root = plant({**_chip(0, "ina3221", **INA3221), **_chip(1, "ina226", **INA226)})
    (options,) = Hwmon.find(Surroundings(root))
    with (
        pytest.raises(MeterError, match=r"3 channels could be meant.*'chip' and 'channel'.*channel VDD_IN.*ina226@"),
        Hwmon(**options),
    ):
        pass


def test_equal_chips_are_told_apart_by_their_device(plant: Plant) -> None:
    """Two chips of one name have the names of their devices, which stay across boots."""
    root = plant({**_chip(0, "ina219", **INA226), **_chip(1, "ina219", **{**INA226, "power1_input": 7})})
    for number, device in ((0, "1-0040"), (1, "1-0041")):
        (root / "sys/devices" / device).mkdir(parents=True)
        (root / HWMON / f"hwmon{number}/device").symlink_to(root / "sys/devices" / device)
    with Hwmon(chip="ina219@1-0041", root=str(root)) as meter:
        assert meter._values()["power_w"] == 7e-6


def test_the_only_channel_and_a_km003c_are_found(plant: Plant) -> None:
    """A single channel is found, and a KM003C beside other chips."""
    root = plant(_chip(0, "ina219", **INA226))
    (options,) = Hwmon.find(Surroundings(root))
    assert options["chip"] == "ina219@hwmon0"
    root = plant({**_chip(1, "ina3221", **INA3221), **_chip(2, "powerz", **POWERZ)})
    (options,) = Hwmon.find(Surroundings(root))
    with Hwmon(**options) as meter:
        assert "KM003C" in meter.spec.model


def test_nothing_there_says_what_would_be(tmp_path: Path) -> None:
    """Without a chip nothing is found, and opening names the drivers that would make one appear."""
    assert Hwmon.find(Surroundings(tmp_path)) == []
    with pytest.raises(MeterError, match=r"there is: none at all.*ina2xx, ina3221, powerz"), Hwmon(root=str(tmp_path)):
        pass


def test_a_channel_without_data_is_explained(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENODATA means that the channel is off, and the message says how to switch it on."""
    root = plant(_chip(0, "ina226", **INA226))

    def no_data(path: Path) -> int:
        raise OSError(errno.ENODATA, "No data available", str(path))

    monkeypatch.setattr(hwmon, "read_int", no_data)
    with pytest.raises(MeterError, match=r"switched off: as root, write 1 to its \*_enable"), Hwmon(root=str(root)):
        pass


def test_a_passing_fault_is_counted(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy bus costs a sample, not the meter."""
    root, asked = plant(_chip(0, "ina226", **INA226)), []

    def now_and_then(path: Path) -> int:
        asked.append(path)
        if len(asked) % 10 == 9:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return int(path.read_text())

    monkeypatch.setattr(hwmon, "read_int", now_and_then)
    with Hwmon(root=str(root)) as meter:
        trace = meter.read(1.0)
    assert not trace.lost
    assert trace.counts.missing > 0
    assert trace.counts.samples > trace.counts.missing


def test_unplugged_while_recording(plant: Plant, seconds_until_lost: Callable[[Meter], float]) -> None:
    """A chip that disappears is a lost meter."""
    root = plant(_chip(1, "powerz", **POWERZ))
    with Hwmon(root=str(root)) as meter:
        meter.start()
        shutil.rmtree(root)
        seconds_until_lost(meter)
        assert "the sensor is gone" in meter.stop().lost


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scope": "moon"}, "'scope' is one of wall, board-input"),
        ({"chip": 7}, "'chip' is a text"),
        ({"channel": True}, "'channel' is a number or a label"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    """A value that cannot be meant is refused with the rule."""
    with pytest.raises(MeterError, match=message):
        Hwmon(**options)
