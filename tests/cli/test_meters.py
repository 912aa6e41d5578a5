"""``autoedge meters``: what is listed, read and judged, on emulated instruments; and text that steers no terminal."""

from __future__ import annotations

import csv
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.meters.finder import Found
from autoedge.meters.replay import load
from autoedge.meters.spec import MeterSpec
from autoedge.meters.surroundings import SerialPort, Surroundings
from autoedge.meters.trace import Counts, Trace
from autoedge.targets.local import LocalTarget
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator
from autoedge.testing.emulators.scpi import ScpiEmulator
from autoedge.testing.emulators.um25c import Um25cEmulator
from autoedge.testing.faults import Faults
from autoedge.testing.profile import Constant, Ramp
from autoedge.workflows.meter_reading import reading_document, write_csv
from autoedge.workflows.meters import Kind, Listing, list_meters
from autoedge_cli.commands.meters import _prove_writable
from autoedge_cli.main import run
from autoedge_cli.render_live import LiveReading
from autoedge_cli.render_meters import render_listing, render_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    Paper = Callable[..., Console]
    Read = Callable[[Console], str]

CAP = "sys/class/powercap/intel-rapl:0"
WATTS = 0.03


@pytest.fixture(autouse=True)
def _own_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(tmp_path / "own" / "targets.yaml"))


@pytest.fixture
def fast() -> Iterator[Lpm01aEmulator]:
    """An instrument with a thousand values a second, and a load that does not change."""
    with Lpm01aEmulator(Constant(WATTS)) as instrument:
        yield instrument


@pytest.fixture
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meters are fit for half a second."""
    monkeypatch.setattr(MeterSpec, "shortest_window_s", property(lambda _: 0.5))


def _at(instrument: Any) -> list[str]:
    return ["lpm01a", "--port", instrument.path, "--option", "volts=3.0"]


def test_listing_this_machine(tmp_path: Path, paper: Paper, read: Read) -> None:
    """Sensors are tried, instruments on serial ports are named with what to do, and every kind has a line."""
    folder = tmp_path / CAP
    folder.mkdir(parents=True)
    for name, content in (("name", "package-0"), ("energy_uj", "5"), ("max_energy_range_uj", "262143328850")):
        (folder / name).write_text(content)
    port = SerialPort("/dev/ttyACM7", 0x1915, 0xC00A, "PPK2", "1-1:1.1", "X")
    listing = list_meters(around=Surroundings(tmp_path, lambda: [port]))
    by_name = {one.name: one for one in listing.here}
    assert by_name["rapl"].scope == "package"
    assert by_name["ppk2"].spec is None
    assert {"um25c", "rapl", "nvml"} <= {kind.name for kind in listing.kinds}
    console = paper(400)  # one option is this test's folder, whatever its length
    render_listing(console, listing)
    shown = read(console)
    assert "/dev/ttyACM7" in shown
    assert "choose it to try it" in shown
    assert "um25c" in shown
    assert json.loads(json.dumps(listing.plain()))["here"]


def test_listing_of_a_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """This machine as a target is this machine; a target that nobody declared is exit 2."""
    assert run(["meters", "list", "--target", "local", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["target"] is None
    assert document["there"] == []
    file = tmp_path / "targets.yaml"
    file.write_text("version: 1\ntargets: {}\n")
    assert run(["meters", "list", "--target", "nobody", "--targets", str(file)]) == 2
    assert "nobody" in capsys.readouterr().err


def test_what_is_missing_is_said(paper: Paper, read: Read) -> None:
    """A kind names the extra that it needs, and why its driver cannot be loaded; a device's text is made harmless."""
    found = Found("evil\x1b[2J", {"port": "\x07"}, reason="say \x1b]0;x")
    kinds = [
        Kind("nvml", on_device=True, extra="nvidia", problem=""),
        Kind("mine", on_device=False, extra="", problem="no x"),
    ]
    console = paper(120)
    render_listing(console, Listing("pi\x1b", (), (found,), kinds))
    shown = read(console)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "pip install 'autoedge[nvidia]'" in shown
    assert "no x" in shown


def test_reading_a_meter(fast: Lpm01aEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mean and range are shown, and the recording can be replayed and integrated."""
    table, document = tmp_path / "power.csv", tmp_path / "power.json"
    arguments = ["--seconds", "1", "--csv", str(table), "--json", str(document)]
    assert run(["meters", "read", *_at(fast), *arguments]) == 0
    shown = capsys.readouterr().out
    assert "X-NUCLEO-LPM01A" in shown
    assert "0.03000 W" in shown
    form = json.loads(document.read_text())
    assert form["summary"]["mean_w"] == pytest.approx(WATTS, rel=1e-3)
    assert form["summary"]["uncertainty_w"] > 0
    assert form["counts"]["samples"] == form["summary"]["values"]
    block = load(table)
    assert block.time_s[0] == 0
    assert float(np.mean(block.power_w)) == pytest.approx(WATTS, rel=1e-3)
    with table.open(newline="") as file:
        assert next(csv.reader(file))[:2] == ["time_s", "power_w"]
    assert run(["power", "integrate", "--trace", str(table), "--json"]) == 0


def test_values_beyond_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    """A meter that answers nothing but overload is told so, and not that it was read too briefly."""
    with ScpiEmulator(Constant(300.0)) as instrument:
        assert run(["meters", "read", "scpi", "--port", instrument.path, "--seconds", "1"]) == 3
    told = capsys.readouterr().err
    assert "0 values came, which are too few; incidents: " in told
    assert "values beyond its range" in told
    assert "longer" not in told


def test_times_that_are_equal_come_back(tmp_path: Path) -> None:
    """What is written of values that arrived together is read and integrated again."""
    table = tmp_path / "power.csv"
    write_csv(Trace(np.repeat(np.arange(20.0), 2), np.arange(40.0)), table)
    assert load(table).power_w.tolist() == list(range(40))
    assert run(["power", "integrate", "--trace", str(table), "--json"]) == 0


def test_a_replay_without_stated_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A replayed recording that nobody stated an accuracy for says so beside its figures."""
    table = tmp_path / "power.csv"
    write_csv(Trace(np.arange(200) / 100, np.full(200, 5.0)), table)
    assert run(["meters", "read", "replay", "-o", f"file={table}", "--seconds", "0.5"]) == 0
    assert "not stated; the meter's own errors are not in the uncertainty" in capsys.readouterr().out


def test_an_estimate_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """The mean of the estimate bears the mark of estimates."""
    assert run(["meters", "read", "estimate", "-o", "idle_w=1", "-o", "max_w=5", "--seconds", "1.5"]) == 0
    assert re.search(r"mean +~\d", capsys.readouterr().out)


@pytest.mark.parametrize("option", ["--csv", "--json"])
@pytest.mark.parametrize("verb", ["read", "check"])
def test_a_file_that_cannot_be_written(
    verb: str, option: str, fast: Lpm01aEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is found out before the recording begins; nothing was asked of the meter, and nothing is left behind."""
    if (verb, option) == ("check", "--csv"):
        return
    assert run(["meters", verb, *_at(fast), option, "/nonexistent/x"]) == 5
    assert "/nonexistent/x: No such file or directory" in capsys.readouterr().err
    assert "start" not in fast.commands


def test_a_file_that_is_asked_for_is_not_touched_early(tmp_path: Path) -> None:
    """A meter that is not there leaves neither a new file nor an old one changed."""
    old, new = tmp_path / "old.csv", tmp_path / "new.json"
    old.write_text("mine")
    assert run(["meters", "read", "um25c", "--port", "/dev/nowhere", "--csv", str(old), "--json", str(new)]) == 3
    assert old.read_text() == "mine"
    assert not new.exists()


def test_proving_leaves_no_trace(tmp_path: Path) -> None:
    """A link to a file that is not there stays one, and a pipe is not opened, which would wait for its reader."""
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / "later.csv")
    os.mkfifo(pipe)
    _prove_writable(link, str(pipe), "-", None)
    assert link.is_symlink()
    assert not link.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_disk_that_fills_up(fast: Lpm01aEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures are shown and the other file is written where one cannot be; it ends with 5."""
    document = tmp_path / "power.json"
    arguments = ["--seconds", "0.5", "--csv", "/dev/full", "--json", str(document)]
    assert run(["meters", "read", *_at(fast), *arguments]) == 5
    told = capsys.readouterr()
    assert "0.03000 W" in told.out
    assert "the disk is full" in told.err
    assert json.loads(document.read_text())["summary"]
    assert run(["meters", "read", *_at(fast), "--seconds", "0.5", "--json", "/dev/full"]) == 5
    assert "0.03000 W" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "x"])
def test_seconds_are_a_number(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A time that is none is refused before the meter is opened."""
    assert run(["meters", "read", "um25c", "--port", "/dev/nowhere", "--seconds", seconds]) == 2
    assert "--seconds" in capsys.readouterr().err


def test_a_changing_power_has_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """A rise of the load can be seen in the terminal."""
    now = time.perf_counter()
    with Lpm01aEmulator(Ramp(0.02, 0.05, now, now + 100)) as instrument:
        assert run(["meters", "read", *_at(instrument), "--seconds", "1"]) == 0
    shown = capsys.readouterr().out
    assert "power in W over seconds" in shown
    assert "┤" in shown


def test_the_meter_of_a_target(fast: Lpm01aEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A target's declared meter is read without naming it again; for one in a device the target is asked."""
    file = tmp_path / "targets.yaml"
    entry = {"type": "lpm01a", "port": fast.path, "volts": 3.0, "align": "clock"}
    far = {"address": "ssh://pi@127.0.0.1:1", "meter": {"type": "hwmon"}}
    none = {"meter": "none"}
    targets = {"local": {"meter": entry}, "far": far, "bare": none}
    file.write_text(json.dumps({"version": 1, "targets": targets}))
    options = ["--targets", str(file), "--json"]
    assert run(["meters", "read", "--target", "local", "--seconds", "0.3", *options]) == 0
    assert json.loads(capsys.readouterr().out)["meter"]["name"] == "lpm01a"
    assert run(["meters", "read", "--target", "far", *options]) == 3
    assert "target 'far'" in capsys.readouterr().err
    assert run(["meters", "check", "--target", "bare", *options]) == 2
    assert "target 'bare' declares none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "which meter? name a meter"),
        (["um26c"], 2, "did you mean um25c?"),
        (["um25c"], 3, "its options are: port"),
        (["um25c", "--port", "/dev/nowhere"], 3, "there is no such device"),
        (["um25c", "--option", "port"], 2, "an option is written as key=value"),
        (["estimate", "-o", "idle_w=1", "-o", "max_w=x"], 3, "'max_w' is a number"),
        (["um25c", "--port", "x", "--target", "nobody"], 2, "nobody"),
    ],
)
@pytest.mark.parametrize("verb", ["read", "check"])
def test_bad_input(verb: str, arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be meant is exit 2, a meter that is not there exit 3, each with the reason."""
    assert run(["meters", verb, *arguments]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("window", ["10", "0 s", "5 W", "2 days"])
def test_a_window_is_a_time(window: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A window without a unit, of no length or beyond a day is refused before the meter is opened."""
    assert run(["meters", "check", "um25c", "--port", "/dev/nowhere", "--window", window]) == 2
    assert "--window" in capsys.readouterr().err


@pytest.mark.usefixtures("short_windows")
def test_a_fit_meter(fast: Lpm01aEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A meter that is fit for the window ends with 0, and everything that was found is told."""
    document = tmp_path / "check.json"
    assert run(["meters", "check", *_at(fast), "--window", "1 s", "--json", str(document)]) == 0
    shown = capsys.readouterr().out
    for word in ("1000 published", "new values", "gaps", "noise", "drift", "told apart from", "fit for this window"):
        assert word in shown
    form = json.loads(document.read_text())
    assert form["fit"] is True
    assert form["pace"]["values_hz"] == pytest.approx(1000, rel=0.1)
    assert form["window"]["energy_j"] == pytest.approx(WATTS, rel=1e-3)
    assert form["window"]["uncertainty_j"] / form["window"]["energy_j"] == pytest.approx(0.0237, abs=1e-3)
    assert 0 < form["least_difference_w"] < WATTS / 100


def test_a_meter_that_is_not_fit(fast: Lpm01aEmulator, capsys: pytest.CaptureFixture[str]) -> None:
    """A window that is too short for the meter ends with 4 and says how long one would do."""
    assert run(["meters", "check", *_at(fast), "--window", "500 ms"]) == 4
    shown = capsys.readouterr().out
    assert "not fit for this window: the window is too short" in shown
    assert "10 s" in shown


@pytest.mark.usefixtures("short_windows")
def test_faults_on_the_wire_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Answers that come damaged are told as incidents."""
    with Um25cEmulator(Constant(3.0), faults=Faults(every=3, truncated=True), seed=4) as instrument:
        run(["meters", "check", "um25c", "--port", instrument.path, "--window", "4 s"])
    shown = capsys.readouterr().out
    assert "questions asked again" in shown
    assert "missing values" in shown


@pytest.mark.parametrize("verb", ["read", "check"])
def test_a_meter_that_is_lost(
    verb: str, fast: Lpm01aEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 3 and the reason; what came before is shown and kept where it was asked for."""
    table = tmp_path / "power.csv"

    def unplug() -> None:
        while "start" not in fast.commands:
            time.sleep(0.05)
        time.sleep(0.7)
        fast.hang_up()

    pull = threading.Thread(target=unplug)
    pull.start()
    keep = ["--seconds", "20", "--csv", str(table)] if verb == "read" else ["--window", "20 s"]
    assert run(["meters", verb, *_at(fast), *keep]) == 3
    pull.join()
    told = capsys.readouterr()
    assert "meter lpm01a was lost after" in told.err
    if verb == "read":
        assert "0.03000 W" in told.out
        assert len(load(table).time_s) > 100


def test_the_live_line() -> None:
    """Now, mean, least and largest of what was seen; a pipe gets nothing."""
    live = LiveReading("bench", 10)
    assert "no value yet" in str(live.picture())
    for passed, watts in ((1.0, 2.0), (2.0, 4.0), (3.0, float("nan"))):
        live(passed, watts)
    assert str(live.picture()) == "bench  3 s of 10 s  now - W  mean 3.000 W  min 2.000 W  max 4.000 W"


def test_a_meters_own_text_is_made_harmless(paper: Paper, read: Read) -> None:
    """Model and source of accuracy come from an instrument and cannot steer the terminal."""
    spec = MeterSpec("bench", "wall", 0.1, 0.0, 0.001, 0.01, 0.0, model="\x1b[31mred", accuracy_from="\u202eback")
    power = np.linspace(1, 2, 40)
    trace = Trace(0.1 * np.arange(40), power, spec=spec, counts=Counts(samples=40, missing=2))
    console = paper(100)
    render_reading(console, trace, reading_document(trace))
    shown = read(console)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "2 missing values" in shown


def test_the_sensors_of_another_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the agent of a target finds is listed apart from this machine's instruments; nonsense is left out."""
    good = {"name": "rapl", "options": {}, "scope": "package", "spec": None, "reason": "root alone may read it"}
    monkeypatch.setattr("autoedge.targets.base.Target.meters", lambda *_: [good, {"name": 3}, {"spec": "x"}])
    monkeypatch.setattr("autoedge.workflows.meters.open_target", _here)
    file = tmp_path / "targets.yaml"
    file.write_text(json.dumps({"version": 1, "targets": {"pi": {"address": "ssh://pi@127.0.0.1:1"}}}))
    listing = list_meters("pi", file, Surroundings(tmp_path, list))
    assert listing.target == "pi"
    assert listing.there == [Found("rapl", {}, reason="root alone may read it")]
    assert not {one.name for one in listing.here} & {"rapl", "estimate"}


def _here(_: Any, runtimes: Any, *, blobs: Path, jobs: Path) -> LocalTarget:
    return LocalTarget(runtimes, blobs=blobs, jobs=jobs)
