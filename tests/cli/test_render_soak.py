"""A soak in the terminal: while it runs, and what it came to."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autoedge.agent.soaking import Tick
from autoedge.candidate import Candidate, Configuration
from autoedge.measurement import Source
from autoedge.workflows.soak import SoakState
from autoedge_cli.progress_soak import SoakProgress, told
from autoedge_cli.render_soak import render_soak

CANDIDATE = Candidate(Configuration("tiny", {"precision": "fp32"}, "onnxruntime", {"batch": 1}), "pi")


def _value(value: float, source: str = "measured") -> dict[str, Any]:
    return {"value": value, "low": value * 0.99, "high": value * 1.01, "source": source, "estimator": "", "n": 9}


@pytest.fixture
def document() -> dict[str, Any]:
    """A soak that slowed down, with a hostile sensor."""
    time = [float(at) for at in range(0, 1800, 15)]
    return {
        "behaviour": "slowed down",
        "reasons": ["calls take 20% longer, from about 900 s on"],
        "interrupted": True,
        "candidate": {"candidate_id": "c@pi", "target": "pi", "configuration": CANDIDATE.configuration.canonical},
        "seconds": 1800.0,
        "calls": 12345,
        "initial_s": 60.0,
        "figures": {
            "latency_p50_ms": {"initial": _value(5.0), "sustained": _value(6.0), "ratio": _value(1.2, "derived")},
            "latency_p95_ms": {"initial": _value(5.5), "sustained": None, "ratio": None},
            "power_w": {"initial": None, "sustained": None, "ratio": None},
        },
        "trends": [{"zone": "z\x1b[31m", "first_c": 45.0, "last_c": 71.5, "rise_c": 2.25, "settled": False}],
        "notes": ["the meter \x1b[2J was slow"],
        "timeline": {
            "time_s": time,
            "latency_ms": [5.0 if at < 900 else 6.0 for at in time],
            "temp_c": [None if at < 100 else 45 + at / 70 for at in time],
            "power_w": [3.0] * len(time),
        },
    }


def _printed(document: dict[str, Any], width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, markup=False, emoji=False)
    render_soak(console, document, Path("soaks/x"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_a_soak_came_to(document: dict[str, Any]) -> None:
    """Word, reasons, both ends with intervals and ratio, temperatures, pictures and the folder are printed."""
    text = _printed(document)
    for part in (
        "slowed down: tiny",
        "on pi",
        "20% longer",
        "12345 calls in 30 min 00 s (interrupted)",
        "first 1 min 00 s",
        "1.200",
        "[1.188, 1.212]",
        "45.0 °C to 71.5 °C, still rising, +2.2 °C over the last third",
        "latency in ms (median of each block of time) over minutes",
        "temperature in °C (hottest zone) over minutes",
        "soaks/x",
    ):
        assert part in text, part
    assert "power_w" not in text
    assert "power in W" not in text  # flat: nothing to see


def test_an_estimate_says_so(document: dict[str, Any]) -> None:
    """Estimated power has the word over its picture and a mark at its figures, the ratio too; measured has neither."""
    document["figures"]["power_w"] = {
        "initial": _value(4.0, "estimated"),
        "sustained": _value(5.0, "estimated"),
        "ratio": _value(1.25, "estimated"),
    }
    document["timeline"]["power_w"] = [4.0 + at / 1800 for at in document["timeline"]["time_s"]]
    document["timeline"]["power_source"] = "estimated"
    text = _printed(document)
    assert "  estimated power in W over minutes" in text
    assert "~4.00" in text
    assert "~1.250" in text
    document["timeline"]["power_source"] = "measured"
    assert "  power in W over minutes" in _printed(document)


def test_a_device_cannot_steer_the_terminal(document: dict[str, Any]) -> None:
    """Control characters from sensors and meters are spelled out."""
    assert "\x1b" not in _printed(document)


def test_little_room_and_few_points(document: dict[str, Any]) -> None:
    """A narrow terminal gets no pictures, and neither does a soak without a timeline; both get the figures."""
    assert "over minutes" not in _printed(document, 45)
    document["timeline"] = {"time_s": [1.0], "latency_ms": [5.0]}
    text = _printed(document)
    assert "over" not in text.split("latency_p50")[1].replace("over the last", "")
    assert "slowed down" in text


def test_a_failed_soak() -> None:
    """A soak that failed has its reason and the folder, and no figures."""
    text = _printed(
        {
            "behaviour": "failed",
            "reasons": ["it crashed with signal 11 (SIGSEGV) during soak: 12 of 60 s"],
            "interrupted": False,
            "candidate": {"candidate_id": "c@pi", "target": "pi", "configuration": CANDIDATE.configuration.canonical},
        }
    )
    assert "failed: tiny" in text
    assert "SIGSEGV" in text


def test_progress_tells_how_far_it_is() -> None:
    """Time left, latency against the first minute, temperature and power are told, each where it is known."""
    state = SoakState(CANDIDATE, "soak: 60 of 1800 s", Tick(60.0, 1800.0, 6.0, 71.5, 3.25), 5.0)
    assert told(state) == "soak: 29 min 00 s left, 6.000 ms a call (+20.0% against the first minute), 71.5 °C, 3.250 W"
    assert told(replace(state, power_source=Source.ESTIMATED)).endswith(", ~3.250 W")
    assert told(SoakState(CANDIDATE, "soak: 0 of 60 s", Tick(0.0, 60.0), None)) == "soak: 1 min 00 s left"
    assert told(SoakState(CANDIDATE, "warm-up\x1b", None, None)) == "warm-up\\x1b"


def test_progress_in_a_file_is_a_few_lines() -> None:
    """Outside a terminal each phase is one line, not every tick; a stream that breaks is no reason to stop."""
    stream = io.StringIO()
    with SoakProgress(stream) as progress:
        for elapsed in range(5):
            progress(SoakState(CANDIDATE, f"soak: {elapsed} of 60 s", Tick(float(elapsed), 60.0), None))
    assert stream.getvalue().count("\n") == 1
    with SoakProgress(stream) as progress:
        stream.close()
        progress(SoakState(CANDIDATE, "warm-up", None, None))
