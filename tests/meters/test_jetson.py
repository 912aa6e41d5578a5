"""Rails of Jetson modules on old and new kernels, in trees of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import MeterError
from autoedge.meters.jetson import Jetson, rails, total
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Plant = Callable[[dict[str, Any]], Path]

DRIVERS = "sys/bus/i2c/drivers"


def _old(place: str, *labels: str) -> dict[str, object]:
    files: dict[str, object] = {}
    for number, label in enumerate(labels):
        folder = f"{DRIVERS}/ina3221x/{place}/iio:device0"
        files[f"{folder}/rail_name_{number}"] = label
        files[f"{folder}/in_voltage{number}_input"] = 5000
        files[f"{folder}/in_current{number}_input"] = 100 * (number + 1)
        files[f"{folder}/in_power{number}_input"] = 500 * (number + 1)
    return files


def _new(place: str, *labels: str) -> dict[str, object]:
    folder = f"{DRIVERS}/ina3221/{place}"
    files: dict[str, object] = {f"{folder}/name": "ina3221", f"{folder}/in7_label": "sum of shunt voltages"}
    files.update({f"{folder}/in7_input": 4000, f"{folder}/curr4_input": 900})
    for number, label in enumerate(labels, 1):
        files[f"{folder}/in{number}_label"] = label
        files[f"{folder}/in{number}_input"] = 5000
        files[f"{folder}/curr{number}_input"] = 100 * number
        files[f"{folder}/in{number}_enable"] = 1
    return files


@pytest.mark.parametrize(
    ("labels", "watts"),
    [
        (("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"), 0.5),
        (("POM_5V_CPU", "POM_5V_GPU", "POM_5V_IN"), 1.5),
        (("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"), 0.5),
        (("GPU", "CPU", "SOC"), 3.0),
    ],
)
@pytest.mark.parametrize("place", ["6-0040", "deeper/6-0040"])
def test_old_kernels(plant: Plant, labels: tuple[str, ...], watts: float, place: str) -> None:
    """The rail that feeds the module is found by its label, whatever its number and however deep it lies."""
    with Jetson(root=str(plant(_old(place, *labels)))) as meter:
        assert meter._values()["power_w"] == pytest.approx(watts)
        assert meter.spec.scope == "soc-rails"


@pytest.mark.parametrize("place", ["1-0040/hwmon/hwmon4", "i2c-1/1-0040/hwmon/hwmon4"])
def test_new_kernels(plant: Plant, place: str) -> None:
    """The same under hwmon; the sum of shunt voltages is no rail."""
    root = plant(_new(place, "VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"))
    assert [rail.label for rail in rails(root)] == ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]
    with Jetson(root=str(root)) as meter:
        assert meter._values() == {"power_w": pytest.approx(0.5), "volts": 5.0, "amps": 0.1}


def test_rails_add_up_without_a_feeding_one(plant: Plant) -> None:
    """On a module with two monitors and no rail that feeds it, all but the unconnected are summed."""
    root = plant(
        {
            **_new("1-0040/hwmon/hwmon3", "VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
            **_new("1-0041/hwmon/hwmon4", "NC", "VDDQ_VDD2_1V8AO", "NC"),
        }
    )
    with Jetson(root=str(root)) as meter:
        assert meter._values()["power_w"] == pytest.approx(0.5 + 1.0 + 1.5 + 1.0)
        assert meter.spec.model == "INA3221, VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0 + VDDQ_VDD2_1V8AO"


def test_rails_that_are_off_are_left_out(plant: Plant) -> None:
    """A channel that is switched off would give no data."""
    folder = f"{DRIVERS}/ina3221/1-0040/hwmon/hwmon3"
    root = plant({**_new("1-0040/hwmon/hwmon3", "A", "B"), f"{folder}/in2_enable": 0})
    assert [rail.label for rail in total(rails(root))] == ["A"]


def test_one_rail_alone(plant: Plant) -> None:
    """A rail can be asked for by its label; another one is answered with those that there are."""
    root = plant(_old("7-0040", "VDD_IN", "GPU", "CPU"))
    with Jetson(rail="CPU", root=str(root)) as meter:
        assert meter._values()["power_w"] == pytest.approx(1.5)
    with pytest.raises(MeterError, match="no rail is called 'TPU'; there is: VDD_IN, GPU, CPU"):
        Jetson(rail="TPU", root=str(root)).__enter__()


def test_links_do_not_count_twice(plant: Plant) -> None:
    """A device that is reached by two ways is one device."""
    root = plant(_new("1-0040/hwmon/hwmon3", "GPU", "CPU"))
    (root / DRIVERS / "ina3221/bus").mkdir()
    (root / DRIVERS / "ina3221/bus/1-0040").symlink_to(root / DRIVERS / "ina3221/1-0040")
    assert [rail.label for rail in rails(root)] == ["GPU", "CPU"]


def test_found_only_on_a_jetson(plant: Plant, tmp_path: Path) -> None:
    """What is found opens; elsewhere nothing is found, and opening says why."""
    assert Jetson.find(Surroundings(tmp_path)) == []
    with pytest.raises(MeterError, match="this is no Jetson"):
        Jetson(root=str(tmp_path)).__enter__()
    (options,) = Jetson.find(Surroundings(plant(_old("6-0040", "POM_5V_IN"))))
    with Jetson(**options) as meter:
        trace = meter.read(0.4)
    assert not trace.lost
    assert trace.power_w == pytest.approx(0.5)
