"""Documents as a finished run writes them, and a console whose output can be read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from autoedge.report.front import front_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    Document = dict[str, Any]
    Finished = tuple[Document, pd.DataFrame]


def _value(value: float, share: float = 0.02, source: str = "measured") -> Document:
    low, high = value * (1 - share), value * (1 + share)
    return {"value": value, "low": low, "high": high, "source": source, "estimator": "median", "n": 6}


def _fraction(value: float) -> Document:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "source": "measured", "estimator": "", "n": 540}


def _metrics(latency: float, memory: float, accuracy: float) -> Document:
    return {
        "latency_p95_ms": _value(latency),
        "memory_peak_mib": _value(memory, 0.004),
        "accuracy": _fraction(accuracy),
        "throughput_ips": _value(1000 / latency),
        "energy_mj": _value(latency * 9, 0.5, "estimated"),
        "size_mib": _value(0.021, 0.0),
    }


def _decision(text: str, metric: str, limit: float, figure: Document | None, **other: Any) -> Document:
    plain = {"relative": "absolute", "outcome": "met", "slack": 0.36, "note": ""}
    return {"constraint": text, "metric": metric, "limit": limit, "figure": figure, **plain, **other}


def _standing(name: str, model: str, recipe: Document, knobs: Document, metrics: Document, **other: Any) -> Document:
    configuration = {"model": model, "recipe": recipe, "runtime": "onnxruntime", "knobs": knobs}
    plain = {"phase": "confirm", "n_processes": 6, "feasible": True, "front": True, "outcome": "met", "flags": []}
    about = {"candidate_id": f"{name}@local", "target": "local", "configuration": configuration, "metrics": metrics}
    return {**about, "decisions": [], **plain, **other}


@pytest.fixture
def standings() -> list[Document]:
    """The chosen candidate, the reference off the front, and others: confirmed, or seen by the search alone."""
    static = {"precision": "int8-static", "calibration": "minmax", "granularity": "channel"}
    spinning = {"batch": 1, "threads": 2, "graph_level": "all", "spinning": "on"}
    decisions = [
        _decision("accuracy >= 0.95", "accuracy", 0.95, _fraction(0.968), slack=0.019),
        _decision("latency_p95 <= 50 % of baseline", "latency_p95_ms", 0.5, _value(0.32), relative="ratio"),
        _decision("accuracy drop <= 1 %", "accuracy", 0.01, _fraction(0.0035), relative="drop", slack=0.0065),
        _decision("energy <= 5 mJ", "energy_mj", 5, _value(0.47, 0.5, "estimated"), note="decided on an estimate"),
    ]
    off = {"front": False, "feasible": False, "outcome": "not met"}
    found = {"phase": "search", "n_processes": 1}
    return [
        _standing("3fa4c01b22", "separable", static, spinning, _metrics(0.052, 41.2, 0.968), decisions=decisions),
        _standing("9d02f1aa73", "resnet", {"precision": "fp32"}, spinning, _metrics(0.163, 52.0, 0.9715), **off),
        _standing("77bd0c11fe", "tiny", {"precision": "fp16"}, spinning | {"batch": 4}, _metrics(0.0676, 44.2, 0.96)),
        _standing("0a1b2c3d4e", "mlp", {"precision": "fp32"}, {"batch": 16}, _metrics(0.0273, 61.0, 0.951), **found),
    ]


def _verdict(standings: list[Document], outcome: str) -> Document:
    chosen, reference, runner, *_ = standings
    return {
        "schema_version": 1,
        "name": "digits",
        "outcome": outcome,
        "rule": "the knee of the front: nearest to the best of latency_p95, memory_peak, accuracy at once",
        "objectives": ["latency_p95_ms", "memory_peak_mib", "accuracy"],
        "protocol": "quick-1-9f31ab22",
        "chosen": chosen,
        "reference": reference,
        "gains": {},
        "best_by_target": {"local": chosen["candidate_id"]},
        "runners_up": [{**runner, "lost_by": "latency_p95 +30.0 %, accuracy -0.80 points"}],
        "relaxations": [],
        "failed": [{"reason": "it was stopped: its memory grew to 412 MiB", "count": 3, "candidates": ["a", "b"]}],
        "left_out": [
            {"model": model, "what": what, "reason": "it has no convolution to make smaller"}
            for model in ("trees", "logreg")
            for what in ("fp16", "int8-static")
        ],
        "used": {
            "measurements": 58,
            "budget": 60,
            "seconds": 312.4,
            "variant_seconds": 41.2,
            "candidates_in_space": 812,
            "explored": 31,
        },
    }


@pytest.fixture
def finish(standings: list[Document]) -> Callable[..., Finished]:
    """``finish(outcome, rows)``: the verdict and the front of a run."""

    def make(outcome: str = "met", rows: list[Document] | None = None) -> Finished:
        shown = standings if rows is None else rows
        return _verdict(standings, outcome), front_table(shown, "3fa4c01b22@local", "9d02f1aa73@local")

    return make


@pytest.fixture
def decision() -> Callable[..., Document]:
    """``decision(text, metric, limit, figure, **other)``: one constraint held against a candidate."""
    return _decision


@pytest.fixture
def value() -> Callable[..., Document]:
    """``value(value, share, source)``: a figure with its interval."""
    return _value


@pytest.fixture
def paper() -> Callable[..., Console]:
    """``paper(width, terminal)``: a console whose file holds what was printed."""

    def make(width: int = 100, *, terminal: bool = False, **other: Any) -> Console:
        plain: dict[str, Any] = {"file": io.StringIO(), "width": width, "force_terminal": terminal}
        return Console(**{**plain, "color_system": "truecolor" if terminal else None, **other})

    return make


@pytest.fixture
def read() -> Callable[[Console], str]:
    """``read(console)``: all that was printed on it."""

    def text(console: Console) -> str:
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    return text
