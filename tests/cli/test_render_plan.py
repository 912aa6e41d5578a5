"""What a plan prints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from autoedge.workflows.plan import Plan
from autoedge_cli.render import render_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


@pytest.fixture
def plan() -> Plan:
    """Two models, one of which cannot be made smaller."""
    counts = [("logreg", "fp32", 36), ("resnet", "fp32", 100), ("resnet", "int8-static", 476)]
    return Plan(
        candidates=612,
        all_candidates=1088,
        targets=["local"],
        by_model=[
            {"model": model, "precision": precision, "runtime": "onnxruntime", "candidates": count}
            for model, precision, count in counts
        ],
        left_out=[{"model": "logreg", "what": "int8-static", "reason": "it has no convolution to make smaller"}],
        knobs={"model": ["logreg", "resnet"], "precision": ["fp32", "int8-static"], "spinning": ["none", "on", "off"]},
        baselines=9,
        measurements=60,
        reserve=18,
        call_ms={"local": {"resnet": 1.5}},
        expected_s=214.2,
        out_of_budget=False,
    )


@pytest.fixture
def printed(paper: Callable[..., Console], read: Callable[[Console], str]) -> Callable[..., str]:
    """``printed(plan, width)``: what a plan prints."""

    def text(plan: Plan, width: int = 80) -> str:
        sheet = paper(width)
        render_plan(sheet, plan)
        return read(sheet)

    return text


def test_counts(plan: Plan, printed: Callable[..., str]) -> None:
    """Candidates are counted by model and precision with totals, beside the time of one call."""
    flat = [" ".join(line.split()) for line in printed(plan).splitlines()]
    assert flat[0] == "Space 612 candidates of 1088, 476 screened out unmeasured on onnxruntime"
    assert "model fp32 int8-static all one call" in flat
    assert "logreg 36 \N{EN DASH} 36 \N{EN DASH}" in flat
    assert "resnet 100 476 576 1.50 ms" in flat
    assert "all 136 476 612" in flat


def test_several_runtimes(plan: Plan, printed: Callable[..., str]) -> None:
    """A model on two runtimes has two rows."""
    other = {"model": "resnet", "precision": "fp32", "runtime": "openvino", "candidates": 50}
    flat = [" ".join(line.split()) for line in printed(replace(plan, by_model=[*plan.by_model, other])).splitlines()]
    assert "model runtime fp32 int8-static all one call" in flat
    assert "resnet openvino 50 \N{EN DASH} 50 1.50 ms" in flat


def test_several_targets(plan: Plan, printed: Callable[..., str]) -> None:
    """A model on two targets has two rows, each with its own time of a call; what a target lacks is said of it."""
    rows = [{**row, "target": target} for row in plan.by_model for target in ("local", "pi4")]
    left = [{"model": "", "what": "onnxruntime", "reason": "it is not installed", "target": "jetson"}]
    calls = {"local": {"resnet": 1.5}, "pi4": {"resnet": 20.0}}
    knobs = {**plan.knobs, "target": ["local", "pi4"]}
    wider = replace(plan, by_model=rows, targets=["local", "pi4"], call_ms=calls, left_out=left, knobs=knobs)
    flat = [" ".join(line.split()) for line in printed(wider, 100).splitlines()]
    assert flat[0] == "Space 612 candidates of 1088, 476 screened out unmeasured on onnxruntime, 2 targets"
    assert "model target fp32 int8-static all one call" in flat
    assert "resnet local 100 476 576 1.50 ms" in flat
    assert "resnet pi4 100 476 576 20.0 ms" in flat
    assert "jetson: no onnxruntime (it is not installed)" in flat
    assert not [line for line in flat if line.startswith("target ")]


def test_a_knob_that_no_candidate_has(plan: Plan, printed: Callable[..., str]) -> None:
    """A knob that the intent's limits leave nowhere in force has no line."""
    lines = printed(replace(plan, knobs={**plan.knobs, "spinning": ["none"]})).splitlines()
    assert [line for line in lines if "precision" in line]
    assert not [line for line in lines if "spinning" in line]


def test_knobs_and_left_out(plan: Plan, printed: Callable[..., str]) -> None:
    """Knobs are listed with their levels, and what is left out with its reason."""
    flat = [" ".join(line.split()) for line in printed(plan).splitlines()]
    assert "spinning on off" in flat
    assert "logreg: no int8-static (it has no convolution to make smaller)" in flat


def test_measuring(plan: Plan, printed: Callable[..., str]) -> None:
    """The budget is told apart, with the time it takes."""
    text = printed(plan)
    assert "60 measurements: 9 for baselines, 33 to search, 18 kept to confirm" in text
    assert "about 3 min 34 s in all" in text
    assert "warning" not in text


def test_warnings(plan: Plan, printed: Callable[..., str]) -> None:
    """A budget that leaves nothing to search, or a time budget that ends it, is said before anything is measured."""
    assert "give more than 27 measurements" in printed(replace(plan, measurements=20))
    assert "the time budget ends it earlier" in printed(replace(plan, out_of_budget=True))
    assert "expected time unknown" in printed(replace(plan, expected_s=None))


def test_hostile_names(plan: Plan, printed: Callable[..., str]) -> None:
    """Names from outside are shown as text, and the table still fits."""
    nasty = "[red]\x1b[31m\u202e" + "x" * 100
    rows = [{**row, "model": nasty} for row in plan.by_model]
    text = printed(replace(plan, by_model=rows, knobs={"precision": [nasty]}))
    assert "[red]\\x1b" in text
    assert "\x1b" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80
