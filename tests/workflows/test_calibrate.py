"""``autoedge power calibrate`` and ``compare``: on simulated devices, and with real loads under an emulated meter."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from autoedge.bench.loads import FEWEST, IDLE, Load, LoadPower, calibration_loads, load_seconds
from autoedge.bench.power_models import calibrated, models_folder, read_calibration
from autoedge.device import Device
from autoedge.errors import IntentError, MeterError
from autoedge.meters.spec import MeterSpec
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator
from autoedge.testing.following import Following
from autoedge.testing.simulated_device import Character, SimulatedDevice
from autoedge.workflows import calibrate as calibrating
from autoedge.workflows import compare_power as comparing
from autoedge.workflows.calibrate import calibrate
from autoedge.workflows.compare_power import compare_target
from autoedge.workflows.events import Note, StageBegan
from autoedge.workflows.loading import load_stand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SPEC = MeterSpec("um25c", "board-input", 0.5, 0.5, 0.001, 0.0015, 0.004)
DEVICE = Device("0" * 16, "aarch64", "Cortex-A76", 4, 4, 8000, "Linux 6.6", "3.11.2")


class Metered(NamedTuple):
    """What a stand says of its meter."""

    spec: MeterSpec


class SimulatedStand:
    """A stand whose device is made up; it breaks off after so many loads, and refuses some loads the first time.

    Args:
        breaks_after: Loads until it is interrupted.
        spec: The meter.
        refused: Loads that the meter is not fit for the first time.
    """

    device = DEVICE
    idle_power_w = None

    def __init__(
        self, breaks_after: int | None = None, spec: MeterSpec = SPEC, refused: tuple[Load, ...] = (), seed: int = 2
    ) -> None:
        self.metering = Metered(spec)
        dice = np.random.default_rng(seed)
        character = Character.drawn(dice)
        self._device = SimulatedDevice(Character(**{**vars(character), "cores": DEVICE.cores}), spec, dice)
        self._breaks_after = breaks_after
        self._refused = list(refused)
        self.ran: list[Load] = []

    def measured(self, load: Load) -> LoadPower:
        """Run one."""
        if len(self.ran) == self._breaks_after:
            raise KeyboardInterrupt
        self.ran.append(load)
        if load in self._refused:
            self._refused.remove(load)
            return LoadPower(load, 0.5, 1.0, 0.0, 0.0, "the load is not steady")
        return self._device.measured(load).load


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[SimulatedStand], SimulatedStand]:
    """Puts a simulated stand in the place of targets and meters; models go to a folder of this test."""
    monkeypatch.setenv("AUTOEDGE_POWER_MODELS", str(tmp_path / "power"))

    def put(stand: SimulatedStand) -> SimulatedStand:
        @contextmanager
        def opened(*_: Any) -> Iterator[SimulatedStand]:
            yield stand

        for module in (calibrating, comparing):
            monkeypatch.setattr(module, "load_stand", opened)
        return stand

    return put


def test_a_calibration_is_measured_fitted_and_kept(use: Callable[[SimulatedStand], SimulatedStand]) -> None:
    """All loads are run once, the model is stored under the device's fingerprint, and the document tells both."""
    stand, events = use(SimulatedStand()), list[Any]()
    document = calibrate("pi", on_event=events.append)
    assert stand.ran == calibration_loads(DEVICE.cores)
    model = calibrated(DEVICE)
    assert model is not None
    assert document["model"]["id"] == model.model_id
    assert document["file"] == str(models_folder() / f"{DEVICE.fingerprint}.json")
    assert document["meter"]["name"] == "um25c"
    for row in document["loads"]:
        if not row["refused"]:
            assert abs(row["fitted_w"] - row["power_w"]) <= row["stated_error_w"]
    assert json.loads(json.dumps(document)) == document
    told = [event.detail for event in events if isinstance(event, StageBegan) and event.stage == "power"]
    assert told[0].startswith(f"1 of 23: {stand.ran[0]}; about ")


def test_an_interrupted_calibration_goes_on(use: Callable[[SimulatedStand], SimulatedStand]) -> None:
    """Every load that was measured before a stop is kept; the next call runs the others alone."""
    first = use(SimulatedStand(breaks_after=7))
    with pytest.raises(KeyboardInterrupt):
        calibrate("pi")
    assert calibrated(DEVICE) is None
    second, events = use(SimulatedStand()), list[Any]()
    document = calibrate("pi", on_event=events.append)
    assert first.ran + second.ran == calibration_loads(DEVICE.cores)
    assert Note("7 loads were measured before the last stop") in events
    assert len(document["loads"]) == 23
    assert read_calibration(DEVICE.fingerprint, finished=False) is None


def test_what_an_interrupted_calibration_is_good_for(use: Callable[[SimulatedStand], SimulatedStand]) -> None:
    """With another meter, a day later, damaged, or when asked to, a calibration begins anew."""
    for spoil in ("meter", "age", "damage", "fresh"):
        use(SimulatedStand(breaks_after=3))
        with pytest.raises(KeyboardInterrupt):
            calibrate("pi", fresh=True)
        path = models_folder() / f"{DEVICE.fingerprint}.unfinished.json"
        form = json.loads(path.read_text())
        if spoil == "age":
            path.write_text(json.dumps({**form, "started": form["started"] - 90_000}))
        if spoil == "damage":
            path.write_text("{")
        other = MeterSpec("tc66", "board-input", 0.1, 0.5, 0.0001, 0.0015, 0.001)
        stand = use(SimulatedStand(breaks_after=4, spec=other if spoil == "meter" else SPEC))
        with pytest.raises(KeyboardInterrupt):
            calibrate("pi", fresh=spoil == "fresh")
        assert stand.ran == calibration_loads(DEVICE.cores)[:4], spoil


def test_what_the_meter_was_not_fit_for_gets_a_second_chance(use: Callable[[SimulatedStand], SimulatedStand]) -> None:
    """A refused load is told of and run once more at the end; the second figure counts."""
    poor = Load("copy", 4, 1.0)
    stand, events = use(SimulatedStand(refused=(poor,))), list[Any]()
    document = calibrate("pi", on_event=events.append)
    assert stand.ran == [*calibration_loads(DEVICE.cores), poor]
    assert Note(f"{poor}: the load is not steady", warning=True) in events
    assert len(document["loads"]) == 23
    assert not any(row["refused"] for row in document["loads"])


def test_time_is_kept_to(use: Callable[[SimulatedStand], SimulatedStand]) -> None:
    """With little time fewer loads are run; with too little none, and the message says how much it takes."""
    stand = use(SimulatedStand())
    minutes = (FEWEST + 0.5) * load_seconds(SPEC) / 60
    calibrate("pi", minutes=minutes)
    assert len(stand.ran) == FEWEST
    for given in ("2", "nan", "inf"):
        with pytest.raises(IntentError, match=rf"15 loads with um25c take \d+\.\d min, but got {given}"):
            calibrate("pi", minutes=float(given))


def test_compare_now(use: Callable[[SimulatedStand], SimulatedStand], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh loads are told by meter and estimate side by side; calibrated, they agree better than by generic watts."""
    monkeypatch.setattr(comparing.secrets, "randbits", lambda _: 7)
    use(SimulatedStand())
    generic = compare_target("pi", loads=6)
    calibrate("pi")
    use(SimulatedStand())  # the same device again
    fitted = compare_target("pi", loads=6)
    assert [document["models"]["pi"]["id"][:10] for document in (generic, fitted)] == ["", "calibrated"]
    assert len(fitted["pairs"]) == 6
    (before,), (after,) = generic["agreement"], fitted["agreement"]
    assert after["mape"] < before["mape"]
    assert after["bias_interval"][0] <= after["bias"] <= after["bias_interval"][1]
    assert after["covered"] >= 5
    assert fitted["meter"]["name"] == "um25c"
    for pair in fitted["pairs"]:
        assert pair["error"] == pytest.approx(pair["estimate"] / pair["meter"] - 1)


def test_a_meter_fit_for_nothing_is_told(use: Callable[[SimulatedStand], SimulatedStand]) -> None:
    """Where every load is refused there is nothing to compare, and no model comes of it."""

    class Unfit(SimulatedStand):
        def measured(self, load: Load) -> LoadPower:
            return LoadPower(load, 0.0, 1.0, 0.0, 0.0, "the load is too small")

    use(Unfit())
    with pytest.raises(MeterError, match="fit for none of the loads"):
        compare_target("pi", loads=2)
    with pytest.raises(MeterError, match=r"0 of 23 loads can be used \(the load is too small\)"):
        calibrate("pi")


def test_real_loads_under_an_emulated_meter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declare_in: Callable[..., Path]
) -> None:
    """Loads run in the agent while a meter on this machine watches: the power is that of the instrument's profile."""
    monkeypatch.setattr(MeterSpec, "shortest_window_s", property(lambda _: 0.8))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a turn of its own
    idle_w, core_w = 0.04, 0.015
    with Following(os.getpid(), idle_w, core_w) as power, Lpm01aEmulator(power, volts=3.0) as meter:
        declared = declare_in(tmp_path, board={"meter": {"type": "lpm01a", "port": meter.path, "volts": 3.0}})
        with load_stand("board", declared, None) as stand:
            cores = min(2, stand.device.cores)
            found = [stand.measured(load) for load in (IDLE, Load("matmul", cores, 1.0))]
    rest, work = found
    assert not work.refused
    assert idle_w < work.power_w < idle_w + core_w * (cores + 1)
    assert work.busy > 0.1
    assert rest.refused == "" or "other work" in rest.refused  # as on a machine that others use too
    assert rest.refused or rest.power_w < work.power_w


@pytest.mark.parametrize("meter", [{"type": "none"}, {"type": "estimate", "idle_w": 1.0, "max_w": 2.0}])
def test_without_a_meter(meter: dict[str, Any]) -> None:
    """A device without a power meter, or with an estimate in its place, is refused with what would do."""
    with pytest.raises(MeterError, match=r"has no power meter; name one with --meter.*um25c"):
        calibrate("local", meter=meter)
