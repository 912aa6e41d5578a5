"""The commands and tables around the power estimate, as far as they need no device."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from autoedge.meters.spec import MeterSpec
from autoedge.workflows import calibrate as calibrating
from autoedge.workflows import compare_power as comparing
from autoedge_cli.main import run
from autoedge_cli.render_calibration import render_calibration, render_comparison

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODEL = {"id": "x", "origin": "calibrated 2026-01-02 with um25c at board-input", "band": 0.17, "work_error": 0.3}
LOAD = {"name": "copy, 4 cores, 100 %", "busy": 1.0, "power_w": 8.5, "fitted_w": 8.0, "stated_error_w": 1.2}
CALIBRATION = {
    "file": "power/0.json",
    "model": {**MODEL, "idle_error_w": 0.05},
    "loads": [
        {**LOAD, "refused": ""},
        {**LOAD, "name": "idle", "fitted_w": None, "refused": "other work\x1b[2J keeps the processor 50 % busy"},
    ],
}
PAIR = {"name": "ab12@pi", "target": "pi", "quantity": "energy_mj", "processes": 2, "protocol": ""}
COMPARISON = {
    "models": {"pi": MODEL},
    "pairs": [
        {**PAIR, "meter": 42.0, "meter_error": 0.8, "estimate": 44.0, "estimate_error": 5.0, "error": 44 / 42 - 1}
    ],
    "agreement": [
        {
            "target": "pi",
            "protocol": "",
            "quantity": "energy_mj",
            "n": 2,
            "bias": 0.024,
            "bias_interval": [-0.3, 0.34],
            "mape": 0.05,
            "mape_interval": None,
            "covered": 1,
        }
    ],
}


def printed(render: Callable[[Console, Any], None], document: dict[str, Any]) -> str:
    """What a table comes to, on one line."""
    stream = io.StringIO()
    render(Console(file=stream, width=110, markup=False, highlight=False, emoji=False), document)
    return " ".join(stream.getvalue().split())


def test_a_calibration_is_told() -> None:
    """Each load stands with what was measured, fitted and stated; what was left out says why, harmlessly."""
    text = printed(render_calibration, CALIBRATION)
    assert "copy, 4 cores, 100 % 100% 8.500 ~8.000 -5.9 % +/- 15 %" in text
    assert "left out: idle: other work\\x1b[2J keeps the processor 50 % busy" in text
    assert "may be off by 17 % for work of a new kind" in text
    assert "what work adds may be off by 30 %, idle by 0.050 W" in text
    assert "\x1b" not in text


def test_a_comparison_is_told() -> None:
    """Meter and estimate stand side by side, the estimate marked, with bias, mean error, intervals and coverage."""
    text = printed(render_comparison, COMPARISON)
    assert "pi: estimate of calibrated 2026-01-02 with um25c at board-input, stated to be off by 17 % at worst" in text
    assert "ab12@pi 42.00 mJ 0.80 ~44.00 mJ 5.0 +4.8 %" in text
    assert "pi: bias +2.4 % [-30.0 %, +34.0 %], mean absolute error 5.0 %, 1 of 2 within the stated band" in text


def test_protocols_are_told_apart(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Cases of each protocol stand under its name and its meter, with their own agreement; a single one needs none."""
    meters = {"quick-1-a": {"name": "um25c", "scope": "board-input"}, "quick-1-b": {"name": "shelly", "scope": "wall"}}
    [pair], [found] = COMPARISON["pairs"], COMPARISON["agreement"]
    document = {
        **COMPARISON,
        "protocols": meters,
        "pairs": [{**pair, "protocol": protocol} for protocol in meters],
        "agreement": [{**found, "protocol": protocol} for protocol in meters],
    }
    monkeypatch.setattr(comparing, "compare_run", lambda _: document)
    assert run(["power", "compare", "--run", "runs/x"]) == 0
    shown = capsys.readouterr().out
    first, second = shown.split("Protocol quick-1-b")
    assert "Protocol quick-1-a  measured with um25c at board-input" in first
    assert second.startswith("  measured with shelly at wall")
    for part in (first, second):
        assert part.count("ab12@pi") == part.count("pi: bias +2.4 %") == 1
    monkeypatch.setattr(comparing, "compare_run", lambda _: comparing.by_protocol(document)["quick-1-a"])
    assert run(["power", "compare", "--run", "runs/x"]) == 0
    assert "Protocol" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["calibrate", "--port", "/dev/rfcomm0"], "--port and --option belong to --meter KIND"),
        (["calibrate", "--meter", "um25c", "--option", "port"], "written as key=value"),
        (["calibrate", "--minutes", "0"], "--minutes"),
        (["calibrate", "--target", "nobody"], "is not declared"),
        (["compare"], "either --run FOLDER or --target NAME"),
        (["compare", "--run", "runs/x", "--target", "pi"], "either --run FOLDER or --target NAME"),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong words end with exit code 2 and say what is meant."""
    assert run(["power", *arguments]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("minutes", ["nan", "-1", "0"])
def test_minutes_are_a_number(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No number, or none above 0, is refused before anything is looked for."""
    assert run(["power", "calibrate", "--minutes", minutes]) == 2
    assert "--minutes" in capsys.readouterr().err


def _trace(place: Path, windows: list[dict[str, Any]], **spec: Any) -> list[str]:
    """Arguments that integrate 30 s at 5 W, as a meter with that spec recorded it."""
    table, stated, meter = place / "trace.csv", place / "windows.json", place / "meter.json"
    table.write_text("time_s,power_w\n" + "".join(f"{t / 100},5.0\n" for t in range(3001)))
    stated.write_text(json.dumps(windows))
    meter.write_text(json.dumps({"meter": MeterSpec("bench", **{**LIMITS, **spec}).to_json()}))
    return ["power", "integrate", "--trace", str(table), "--windows", str(stated), "--meter", str(meter)]


LIMITS = {
    "scope": "board-input",
    "update_period_s": 0.01,
    "settling_s": 0.0,
    "resolution_w": 0.001,
    "gain": 0.01,
    "offset_w": 0.0,
}
GOOD, SHORT = {"start_s": 0, "end_s": 15, "inferences": 100}, {"start_s": 1, "end_s": 2, "inferences": 1}


def test_an_integrated_estimate_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The energy of an estimate has the word above its table, beside its median and in its JSON; a meter's has not."""
    document = tmp_path / "energy.json"
    assert run([*_trace(tmp_path, [GOOD], scope="estimate"), "--json", str(document)]) == 0
    shown = capsys.readouterr().out
    assert shown.index("estimated, not measured") < shown.index("energy mJ")
    assert "median 750.00 mJ per inference, estimated" in shown
    assert json.loads(document.read_text())["source"] == "estimated"
    assert run([*_trace(tmp_path, [GOOD]), "--json", str(document)]) == 0
    assert "estimated" not in capsys.readouterr().out
    assert json.loads(document.read_text())["source"] == "measured"


def test_a_median_says_which_windows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A median that leaves out refused windows says so, and so does one that has only those."""
    assert run(_trace(tmp_path, [GOOD, SHORT])) == 0
    assert "median 750.00 mJ per inference, over the 1 of 2 windows that were fit (" in capsys.readouterr().out
    assert run(_trace(tmp_path, [SHORT, SHORT])) == 0
    shown = capsys.readouterr().out
    assert "median 5000.0 mJ per inference, over all: none of 2 windows was fit" in shown
    assert run(_trace(tmp_path, [GOOD])) == 0
    assert "per inference\n" in capsys.readouterr().out


def test_errors_that_nobody_stated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A meter without limits of its errors, or none at all, is told beside the figures; one with limits is not."""
    untold = "accuracy not stated; the meter's own errors are not in the uncertainty"
    assert run(_trace(tmp_path, [GOOD], gain=0.0)) == 0
    assert untold in capsys.readouterr().out
    assert run(_trace(tmp_path, [GOOD])[:-2]) == 0
    assert f"{untold} (--meter)" in capsys.readouterr().out
    assert run(_trace(tmp_path, [GOOD])) == 0
    assert untold not in capsys.readouterr().out


def test_options_reach_the_workflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind, port and options of the meter become what targets.yaml would hold; JSON replaces the table."""
    asked: dict[str, Any] = {}

    def calibrate(target: str, **options: Any) -> dict[str, Any]:
        asked.update(options, target=target)
        return CALIBRATION

    monkeypatch.setattr(calibrating, "calibrate", calibrate)
    meter = ["--meter", "lpm01a", "--port", "/dev/ttyACM0", "--option", "volts=3.3"]
    assert run(["power", "calibrate", "--target", "pi", *meter, "--minutes", "6", "--fresh", "--json"]) == 0
    assert asked["meter"] == {"type": "lpm01a", "port": "/dev/ttyACM0", "volts": 3.3}
    assert (asked["target"], asked["minutes"], asked["fresh"]) == ("pi", 6.0, True)
    assert capsys.readouterr().out.startswith("{")


def test_compare_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    """A file gets the document, standard output the table."""
    monkeypatch.setattr(comparing, "compare_run", lambda _: COMPARISON)
    file = tmp_path / "compared.json"
    assert run(["power", "compare", "--run", str(tmp_path), "--json", str(file)]) == 0
    assert "mean absolute error" in capsys.readouterr().out
    assert "ab12@pi" in file.read_text()
