"""Soaks by real workers: what is kept, what is looked at meanwhile, and how one ends before its time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from autoedge.agent.soaking import Tick, in_soak
from autoedge.bench.soak_series import SoakSeries
from autoedge.bench.sustained import Sustained, judge

if TYPE_CHECKING:
    from autoedge.agent.frames import Frame
    from autoedge.targets.local import LocalTarget

HERE = Path(__file__).parent
ZONE, COOLING = "sys/class/thermal/thermal_zone0", "sys/class/thermal/cooling_device0"
TREE = {
    f"{ZONE}/type": "cpu-thermal",
    f"{ZONE}/temp": 50_000,
    f"{ZONE}/trip_point_0_type": "passive",
    f"{ZONE}/trip_point_0_temp": 80_000,
    f"{COOLING}/type": "cpufreq-cpu0",
    f"{COOLING}/cur_state": 0,
    f"{COOLING}/max_state": 4,
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": 2_400_000,
}


@pytest.fixture
def sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of sensors that the agent looks at instead of the system's own."""
    root = tmp_path / "tree"
    for name, content in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")
    monkeypatch.setenv("AUTOEDGE_SENSORS_ROOT", str(root))
    return root


@pytest.fixture
def runtimes(
    runtimes: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sensors: Path
) -> dict[str, str]:
    """The good runtime and one that slows down; the machine's lock is this test's own."""
    del sensors  # set before the agent starts
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return {**runtimes, "Slowing": "bad_runtimes:Slowing"}


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """A matrix product that takes some tenths of a millisecond."""
    weights = np.random.default_rng(0).standard_normal((256, 512)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 256])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 512])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    path = tmp_path / "linear.onnx"
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def soak_job(job: dict[str, Any], protocol: dict[str, float]) -> dict[str, Any]:
    """A soak of five seconds on generated inputs."""
    plan = {"seconds": 5.0, "mark_s": 0.05, "look_s": 0.1, "keep": 1_000_000}
    short = {**protocol, "latency_calls": 1}
    return {**job, "data": None, "batch": 16, "evaluate": "no", "scores": None, "protocol": short, "soak": plan}


def _judged(reply: Frame) -> Sustained:
    assert "done" in reply.body, reply.body
    return judge(SoakSeries.of(reply), None, 1, None)


def test_every_call_is_kept_with_its_time(
    target: LocalTarget, soak_job: dict[str, Any], files: dict[str, Path]
) -> None:
    """A soak lasts as long as it should, keeps every duration and a time axis, and tells of itself meanwhile."""
    told: list[str] = []
    target.send_files(files)
    reply = target.run(soak_job, {}, told.append)
    series = SoakSeries.of(reply)
    assert len(series.durations_ns) == series.calls > 100
    assert 5.0 <= series.seconds < 8.0
    assert not series.told
    assert (np.diff(series.ends_s) >= 0).all()
    assert series.durations_ns.sum() / 1e9 <= series.seconds
    assert len(series.looks) > 5
    assert series.looks[0].zones == {"thermal_zone0": 50.0}
    assert series.looks[0].clock_khz == 2_400_000
    ticks = [tick for tick in map(Tick.read, told) if tick is not None]
    assert ticks[-1].seconds == 5
    assert ticks[-1].latency_ms is not None
    assert ticks[-1].temp_c == 50.0
    assert not _judged(reply).events


def test_no_more_than_asked_for_is_kept(target: LocalTarget, soak_job: dict[str, Any], files: dict[str, Path]) -> None:
    """Where more calls fit into the time than durations may be kept, evenly spread ones are; all calls are counted."""
    target.send_files(files)
    plan = {**soak_job["soak"], "seconds": 1.0, "keep": 100}
    series = SoakSeries.of(target.run({**soak_job, "soak": plan}, {}))
    assert series.every > 1
    assert len(series.durations_ns) == -(-series.calls // series.every) < 1000


def test_a_candidate_that_slows_down_is_seen(
    target: LocalTarget, soak_job: dict[str, Any], files: dict[str, Path]
) -> None:
    """A runtime whose calls take a fifth longer from midway on is seen to be slower by about that."""
    target.send_files(files)
    plan = {**soak_job["soak"], "seconds": 8.0}
    found = _judged(
        target.run({**soak_job, "runtime": "Slowing", "knobs": {"threads": 1, "slower_after": 4.5}, "soak": plan}, {})
    )
    assert found.slowdown.found
    assert 0.1 < found.slowdown.share < 0.4
    # What else a shared machine does at that moment may leave open whose doing it is, but never calls it steady.
    assert found.behaviour in {"slowed down", "not settled"}


@pytest.mark.parametrize("attempt", range(3))
def test_a_flat_soak_is_not_called_slower(
    target: LocalTarget, soak_job: dict[str, Any], files: dict[str, Path], attempt: int
) -> None:
    """A real soak of a model that does not change is neither throttled nor slower."""
    del attempt
    target.send_files(files)
    found = _judged(target.run(soak_job, {}))
    assert found.behaviour not in {"slowed down", "throttled"}, found


@pytest.mark.parametrize(
    ("file", "content", "kind"), [("temp", 85_000, "trip"), ("../cooling_device0/cur_state", 2, "cooling")]
)
def test_heat_is_seen(  # noqa: PLR0917 - fixtures
    target: LocalTarget,
    soak_job: dict[str, Any],
    files: dict[str, Path],
    sensors: Path,
    file: str,
    content: int,
    kind: str,
) -> None:
    """A zone that trips, or a cooling device that sets in, is called throttling, with its moment."""

    def heat_up(phase: str) -> None:
        tick = Tick.read(phase)
        if tick is not None and tick.elapsed_s >= 2:
            (sensors / ZONE / file).write_text(f"{content}\n")

    target.send_files(files)
    reply = target.run(soak_job, {}, heat_up)
    found = _judged(reply)
    assert found.behaviour == "throttled"
    assert [event.kind for event in found.events] == [kind]
    assert found.events[0].time_s > 1
    assert (kind == "cooling") == ("throttled" in reply.body["conditions"]["changes"])


def test_enough_ends_a_soak_with_what_it_has(
    target: LocalTarget, soak_job: dict[str, Any], files: dict[str, Path]
) -> None:
    """Told that it is enough, a soak of an hour ends at once with what it measured; told again, nothing happens."""
    target.send_files(files)
    begun = threading.Event()

    def noticed(phase: str) -> None:
        tick = Tick.read(phase)
        if tick is not None and tick.elapsed_s >= 1:
            begun.set()

    def stop() -> None:
        begun.wait(60)
        for _ in range(3):
            target.enough()
            time.sleep(0.05)

    helping = threading.Thread(target=stop)
    helping.start()
    long = {
        **soak_job,
        "soak": {**soak_job["soak"], "seconds": 3600.0},
        "limits": {"time_s": 4000.0, "memory_mib": 2e3},
    }
    series = SoakSeries.of(target.run(long, {}, noticed))
    helping.join()
    assert series.told
    assert 1 <= series.seconds < 60
    assert "done" in target.run({**soak_job, "soak": None}, {}).body


def test_enough_before_the_soak_cancels(target: LocalTarget, soak_job: dict[str, Any], files: dict[str, Path]) -> None:
    """Told that it is enough before the soak has begun, the job is cancelled: there is nothing to keep."""
    target.send_files(files)
    reply = target.run(soak_job, {}, lambda phase: target.enough() if not in_soak(phase) else None)
    assert "cancelled" in reply.body
    assert "done" in target.run({**soak_job, "soak": None}, {}).body


@pytest.mark.parametrize(
    ("tick", "text"),
    [
        (Tick(0.0, 60.0), "soak: 0 of 60 s"),
        (Tick(12.0, 60.0, 3.21), "soak: 12 of 60 s, 3.21 ms"),
        (Tick(12.0, 60.0, 0.0125, 54.2), "soak: 12 of 60 s, 0.0125 ms, 54.2 C"),
        (Tick(12.0, 1800.0, 1.5e6, -3.5, 3.25), "soak: 12 of 1800 s, 1.5e+06 ms, -3.5 C, 3.25 W"),
        (Tick(12.0, 60.0, 3.0, None, 3.25), "soak: 12 of 60 s, 3 ms, 3.25 W"),
    ],
)
def test_ticks_are_read_as_written(tick: Tick, text: str) -> None:
    """The phase of a soak says how far it is, and reads back as it was written."""
    assert tick.phase == text
    assert Tick.read(text) == tick


@pytest.mark.parametrize(
    "text", ["soak", "latency", "soak: x of 60 s", "soak: 1 of 60 s, 1.2.3 ms", "soak: 1 of 60 s\n"]
)
def test_other_phases_are_no_ticks(text: str) -> None:
    """What does not say how far a soak is, is no tick."""
    assert Tick.read(text) is None
