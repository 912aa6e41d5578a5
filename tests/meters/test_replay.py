"""Recorded traces, read and played."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.replay import Replay, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.meters.base import Meter

TIME = np.arange(200) * 0.01 + 5.0
POWER = np.where(np.arange(200) < 100, 2.0, 4.0)
ENERGY = np.cumsum(POWER) * 0.01


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[[str], Path]:
    """Two seconds at 100 Hz with a step in the middle, in a file of that ending."""

    def write(ending: str) -> Path:
        path = tmp_path / f"trace.{ending}"
        if ending == "npz":
            with path.open("wb") as file:
                np.savez(file, time_s=TIME, power_w=POWER, energy_j=ENERGY)
        elif ending == "csv":
            rows = [
                f"{t!r}, {e!r}, {p!r}, x"
                for t, e, p in zip(TIME.tolist(), ENERGY.tolist(), POWER.tolist(), strict=True)
            ]
            path.write_text("\n".join(["time_s, energy_j, power_w, note", *rows, ""]), encoding="utf-8")
        else:
            columns = {"time_s": TIME, "power_w": POWER, "energy_j": ENERGY}
            path.write_text(json.dumps({name: list(values) for name, values in columns.items()}), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("ending", ["npz", "csv", "json"])
def test_every_form_reads_the_same(recorded: Callable[[str], Path], ending: str) -> None:
    """The three forms give the recorded columns, whatever else is in the file."""
    block = load(recorded(ending))
    assert block.time_s == pytest.approx(TIME)
    assert block.power_w == pytest.approx(POWER)
    assert block.energy_j == pytest.approx(ENERGY)


def test_played_at_its_own_pace(recorded: Callable[[str], Path]) -> None:
    """Samples keep the distances that they were recorded with, on the clock of now."""
    with Replay(file=str(recorded("npz"))) as meter:
        assert meter.spec.update_period_s == pytest.approx(0.01)
        trace = meter.read(1.0)
    assert not trace.lost
    assert np.diff(trace.time_s) == pytest.approx(0.01, abs=1e-6)
    count = trace.counts.samples
    assert count > 10
    assert trace.power_w == pytest.approx(POWER[:count])
    assert trace.energy_j == pytest.approx(ENERGY[:count])


def test_played_faster(recorded: Callable[[str], Path], seconds_until_lost: Callable[[Meter], float]) -> None:
    """Ten times as fast, the whole trace comes with a tenth of the time and of the energy; then the meter is lost."""
    with Replay(file=str(recorded("csv")), speed=10) as meter:
        meter.start()
        seconds_until_lost(meter)
        trace = meter.stop()
    assert "trace.csv ended after 0.199 s" in trace.lost
    assert trace.power_w == pytest.approx(POWER)
    assert trace.time_s[-1] - trace.time_s[0] == pytest.approx(0.199)
    assert trace.energy_j[-1] - trace.energy_j[0] == pytest.approx((ENERGY[-1] - ENERGY[0]) / 10)


def test_each_recording_begins_at_the_beginning(recorded: Callable[[str], Path]) -> None:
    """A second recording plays the same again."""
    with Replay(file=str(recorded("json"))) as meter:
        first, second = meter.read(0.3), meter.read(0.3)
    assert first.power_w[0] == second.power_w[0] == 2.0
    assert second.time_s[0] > first.time_s[-1]


def test_repeated_without_end(recorded: Callable[[str], Path]) -> None:
    """With repeat it goes on; its times keep growing, and the counter, which would jump back, is left out."""
    with Replay(file=str(recorded("npz")), speed=20, repeat=True) as meter:
        trace = meter.read(0.6)
    assert not trace.lost
    assert trace.counts.samples > 210
    assert (np.diff(trace.time_s) > 0).all()
    assert trace.energy_j.size == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "time_s,watts\n1,2\n", "has no column 'power_w'"),
        ("t.csv", "", "has no column 'time_s'"),
        ("t.csv", "time_s,power_w\n1,2\n1,2\n", "all samples have the same time_s"),
        ("t.csv", "time_s,power_w\n1,2\n3,2\n2,2\n", "row 3: time_s goes backwards"),
        ("t.csv", "time_s,power_w\n1,2\n", "two samples at least, but this one has 1"),
        ("t.csv", "time_s,power_w\n1,2\n2,x\n", "row 2: 'power_w' is a number"),
        ("t.csv", "time_s,power_w\n1,2\n2\n", "line 3 has 1 cell"),
        ("t.csv", "time_s,power_w\n1,2\nnan,3\n", "row 2: 'time_s' is a number within .*, but got nan"),
        ("t.csv", "time_s,power_w\n1,2\n2,1e308\n", "row 2: 'power_w' is a number within .*, but got 1e.308"),
        ("t.json", "[1, 2]", "an object of lists"),
        ("t.json", '{"time_s": [1, 2]}', "'power_w' is missing"),
        ("t.json", '{"time_s": [1, 2], "power_w": [1, 1' + "0" * 400 + "]}", "no trace can be read"),
        ("t.json", '{"time_s": [1, 2], "power_w": [1]}', "one length"),
        ("t.json", "[" * 100_000, "no trace can be read"),
        ("t.npz", "PK nothing", "no trace can be read"),
        ("t.parquet", "PAR1", "the ending .npz, .csv, .json"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    """A file that is no trace is refused with its name and the reason."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(MeterError, match=f"{name}: .*{message}"):
        Replay(file=str(path)).__enter__()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.sampled_from(["npz", "csv", "json"]))
def test_damage_never_surprises(recorded: Callable[[str], Path], junk: bytes, place: int, ending: str) -> None:
    """A damaged file is read or refused with a MeterError."""
    path = recorded(ending)
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + junk + whole[place + len(junk) // 2 :])
    try:
        block = load(path)
    except MeterError:
        return
    assert len(block.time_s) >= 2


def test_equal_times_are_played(tmp_path: Path) -> None:
    """Samples that arrived together have one time; they are played, and repeated without a time that falls."""
    path = tmp_path / "t.csv"
    path.write_text("time_s,power_w\n5,1\n5,2\n5.01,3\n5.02,4\n5.02,5\n")
    with Replay(file=str(path), repeat=True) as meter:
        assert meter.spec.update_period_s == pytest.approx(0.01)
        trace = meter.read(0.3)
    assert trace.power_w[:6].tolist() == [1, 2, 3, 4, 5, 1]
    assert (np.diff(trace.time_s) >= 0).all()
    assert trace.time_s[5] - trace.time_s[4] == pytest.approx(0.01)


@pytest.mark.parametrize(("last", "speed"), [(1e12, 1e-3), (1e-8, 1e6)])
def test_any_span_has_a_period(tmp_path: Path, last: float, speed: float) -> None:
    """Times as far apart or as close as a file can hold them still give a meter with a sane period."""
    path = tmp_path / "t.csv"
    path.write_text(f"time_s,power_w\n0,1\n{last!r},2\n")
    with Replay(file=str(path), speed=speed) as meter:
        assert 0 < meter.spec.update_period_s < 1e13


def test_accuracy_that_nobody_stated(recorded: Callable[[str], Path]) -> None:
    """Without a gain or offset the spec says that the meter's own errors are not known, and with one who stated it."""
    file = str(recorded("csv"))
    with Replay(file=file) as meter:
        assert meter.spec.accuracy_from == "not stated; the meter's own errors are not in the uncertainty"
    with Replay(file=file, offset_w=0.001) as meter:
        assert meter.spec.accuracy_from == "as stated for the recording"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path without a file is told when it is opened."""
    with pytest.raises(MeterError, match="No such file"):
        Replay(file=str(tmp_path / "none.csv")).__enter__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file": 3}, "'file' is a text"),
        ({"file": "t.csv", "speed": 0}, "'speed' is a number"),
        ({"file": "t.csv", "repeat": 1}, "'repeat' is true or false"),
        ({"file": "t.csv", "gain": 2}, "'gain' is a number from 0 to 1"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    """A value that cannot be meant is refused with the rule."""
    with pytest.raises(MeterError, match=message):
        Replay(**options)
