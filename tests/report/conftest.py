"""Report documents as a run's end gathers them, with plain names or with hostile ones; and a browser."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    Document = dict[str, Any]

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "' onmouseover='x' \"><svg/onload=alert(1)>",
    '=HYPERLINK("http://x","y")',
    "[click](javascript:alert(1)) | `cell` **bold** @here #1 https://x.example www.x.example",
    "\x1b[31mred\x1b[0m \u202e\u2028\r\n<!-- ]]>",
)


def _value(value: float, share: float = 0.02, source: str = "measured", word: str = "") -> Document:
    low, high = sorted((value * (1 - share), value * (1 + share)))
    return {"value": value, "low": low, "high": high, "source": source, "estimator": f"median{word}", "n": 6}


def _metrics(latency: float, memory: float, accuracy: float, word: str) -> Document:
    return {
        "latency_p95_ms": _value(latency, 0.08, word=word),
        "memory_peak_mib": _value(memory, 0.004),
        "accuracy": _value(accuracy, 0.01),
        "energy_mj": _value(latency * 9, 0.5, "estimated", word),
        "size_mib": _value(0.021, 0.0),
    }


def _row(name: str, figures: tuple[float, float, float], word: str, **other: Any) -> Document:
    knobs = {"batch": 1, "threads": 2, f"knob{word}": f"level{word}"}
    plain = {
        "candidate_id": f"{name}@local{word}",
        "target": f"local{word}",
        "configuration": {
            "model": f"{other.pop('model', 'tiny')}{word}",
            "recipe": {"precision": f"int8{word}"},
            "runtime": f"onnxruntime{word}",
            "knobs": knobs | other.pop("knobs", {}),
        },
        "phase": "confirm",
        "n_processes": 6,
        "feasible": True,
        "front": True,
        "outcome": "met",
        "flags": [f"background_load{word}"],
        "metrics": _metrics(*figures, word),
        "power": None,
        "decisions": [],
        "chosen": False,
        "reference": False,
    }
    return plain | other


def _decisions(word: str) -> list[Document]:
    plain = {"relative": "absolute", "outcome": "met", "slack": 0.36, "note": ""}
    return [
        plain | {"constraint": f"accuracy >= 0.95{word}", "metric": "accuracy", "limit": 0.95, "slack": 0.019,
                 "figure": _value(0.968, 0.01)},
        plain | {"constraint": f"latency_p95 <= 50 % of baseline{word}", "metric": "latency_p95_ms", "limit": 0.5,
                 "relative": "ratio", "figure": _value(0.32)},
        plain | {"constraint": f"energy <= 5 mJ{word}", "metric": "energy_mj", "limit": 5.0,
                 "figure": _value(0.47, 0.5, "estimated"), "note": f"decided on an estimate{word}"},
        plain | {"constraint": f"memory_peak <= 4096 MiB{word}", "metric": "memory_peak_mib", "limit": 4096.0,
                 "figure": None, "outcome": "undecided", "slack": None, "note": f"memory_peak was not measured{word}"},
    ]  # fmt: skip


def _verdict(rows: list[Document], outcome: str, word: str) -> Document:
    chosen, reference, runner = rows[:3]
    return {
        "schema_version": 1,
        "name": f"digits{word}",
        "outcome": outcome,
        "rule": f"the knee of the front{word}",
        "objectives": ["latency_p95_ms", "accuracy", "energy_mj"],
        "protocol": f"quick-1-9f31ab22{word}",
        "targets": [
            {"name": f"local{word}", "arch": "x86_64", "cpu": f"EPYC{word}", "cores": 2, "memory_mib": 2048,
             "os": f"Linux{word}", "fingerprint": "f" * 16, "protocol": f"quick-1-9f31ab22{word}", "best": chosen,
             "lost": f"gone{word}"},
            {"name": "pi", "arch": "aarch64", "cpu": "", "cores": 4, "memory_mib": 1024, "os": "Linux",
             "fingerprint": "e" * 16, "protocol": f"quick-1-9f31ab22{word}", "lost": "", "best": None},
        ],
        "chosen": chosen,
        "reference": reference,
        "gains": {},
        "best_by_target": {},
        "runners_up": [{**runner, "lost_by": f"latency_p95 +30.0 %{word}"}],
        "relaxations": [] if outcome == "met" else [
            {"constraint": f"accuracy >= 0.95{word}", "limit": 0.94, "unit": "", "relative": "absolute",
             "candidate_id": runner["candidate_id"]},
        ],
        "failed": [{"reason": f"it was stopped{word}", "count": 3, "candidates": [f"a{word}", "b"]}],
        "quality_lost": [{"model": f"tiny{word}", "recipe": {}, "runtime": f"r{word}", "candidates": [f"c{word}"]}],
        "left_out": [{"model": f"trees{word}", "what": f"fp16{word}", "reason": f"no convolution{word}", "target": ""}],
        "started_from": {"surrogate": {"name": f"mine{word}", "metrics": ["latency_p95_ms"]}, "history": []},
        "used": {"measurements": 58, "budget": 60, "seconds": 312.4, "variant_seconds": 41.2,
                 "candidates_in_space": 812, "explored": 31, "stopped": 1},
    }  # fmt: skip


def _learned(rows: list[Document], word: str) -> Document:
    change = {"knob": f"threads{word}", "before": 1, "after": f"2{word}", "pairs": 3, "median": -0.4, "low": -0.5,
              "high": -0.1, "foretold": -0.3}  # fmt: skip
    told = []
    for key, log in (("latency_p95_ms", True), ("accuracy", False), ("energy_mj", True)):
        values = [row["metrics"][key] for row in rows]
        points = [
            {"candidate_id": row["candidate_id"], "measured": value["value"], "predicted": value["value"] * 1.05,
             "low": value["value"] * 0.8, "high": value["value"] * 1.3}
            for row, value in zip(rows, values, strict=True)
        ]  # fmt: skip
        told.append(
            {"metric": key, "log": log, "estimated": key == "energy_mj", "rows": len(rows), "explained": 0.42,
             "errors": {"mape": 0.05, "median_ape": 0.05, "within_10pct": 1.0, "rank": None}, "inside": 1.0,
             "knobs": [{"knob": f"threads{word}", "share": 0.81}, {"knob": f"batch{word}", "share": 0.0}],
             "changes": [change], "predicted": points}
        )  # fmt: skip
    return {"rows": len(rows), "knobs": ["threads"], "note": f"a remark{word}", "metrics": told}


def _history(rows: list[Document]) -> Document:
    shares = [0.0, 0.3, 0.3, 0.92, 1.0, 1.0, 1.0]
    phases = ["baseline", "search", "search", "search", "search", "confirm", "confirm"]
    points = [
        {
            "n": n + 1,
            "share": share,
            "candidate_id": rows[n % len(rows)]["candidate_id"],
            "phase": phase,
            "status": "ok",
        }
        for n, (share, phase) in enumerate(zip(shares, phases, strict=True))
    ]
    stretches = [("baseline", 1, 1), ("search", 2, 5), ("confirm", 6, 7)]
    return {
        "points": points,
        "phases": [{"phase": name, "first": first, "last": last} for name, first, last in stretches],
        "reached": {"90": 4, "99": 5},
        "objectives": ["latency_p95_ms", "accuracy", "energy_mj"],
    }


def _traces(rows: list[Document], word: str) -> list[Document]:
    seconds = [i / 2 for i in range(40)]
    power = {"name": f"power{word}", "unit": "W", "x": seconds, "y": [2 + i % 3 for i in range(39)] + [None]}
    heat = {"name": "temperature", "unit": "°C", "x": seconds, "y": [40 + i / 4 for i in range(40)]}
    return [
        {"title": f"Power{word}", "candidate_id": rows[0]["candidate_id"], "source": "estimated", "series": [power]},
        {"title": "Soak", "candidate_id": rows[0]["candidate_id"], "source": "measured", "series": [power, heat]},
    ]


def _surroundings(verdict: Document, word: str) -> Document:
    meter = {"name": f"um25c{word}", "scope": "board-input", "model": f"serial{word}", "gain": 0.01, "offset_w": 0.001,
             "accuracy_from": f"data sheet{word}"}  # fmt: skip
    known = [{**one, "wrap": f"taskset{word}", "runtimes": [f"onnxruntime 1.0{word}"], "meter": None,
              "calibrated": None} for one in verdict["targets"]]  # fmt: skip
    known[0]["meter"] = meter
    return {
        "autoedge": "0.1.0",
        "first": "2026-01-01",
        "last": "2026-01-02",
        "targets": known,
        "protocols": {verdict["protocol"]: {f"processes{word}": f"1{word}"}},
        "valid": 51,
        "flags": {f"background_load{word}": 7},
    }


def _operation(word: str) -> Document:
    """Estimated for the chosen one, measured for the reference."""
    figures = {
        "mean_power_w": 0.42, "energy_per_item_mj": 210.0, "battery_life_h": 18.3, "operational_g": 2.2e-5,
        "embodied_g": 3.8e-5, "sci_g": 6.0e-5, "fleet_energy_kwh": 1841.0, "fleet_carbon_kg": 1899.0,
        "fleet_batteries": 239500.0, "fleet_battery_cost": 1077750.0, "fleet_electricity_cost": 589.0,
        "fleet_cost": 1078339.0,
    }  # fmt: skip
    return {
        "rate": 2.0,
        "battery_wh": 7.7,
        "carbon": {"intensity_g_per_kwh": 380.0, "embodied_kg": 12.0, "lifetime_years": 5.0},
        "fleet": {
            "devices": 500,
            "battery_replacement_cost": 4.5,
            "electricity_price": 0.32,
            "currency": f"EUR{word}",
        },
        "chosen": {key: _value(value, 0.5, "estimated", word) for key, value in figures.items()},
        "reference": {key: _value(value * 1.4, 0.03, "derived", word) for key, value in figures.items()},
        "notes": [f"The reference candidate cannot keep up{word}"],
        "missing": [f"For carbon add carbon{word}"],
    }


@pytest.fixture
def document() -> Callable[..., Document]:
    """``document(outcome, word)``: what a report tells; ``word`` stands in every text that comes from outside."""

    def make(outcome: str = "met", word: str = "") -> Document:
        off = {"front": False, "feasible": False, "outcome": "not met"}
        found = {"phase": "search", "n_processes": 1}
        rows = [
            _row("3fa4c01b22", (0.052, 41.2, 0.968), word, chosen=True, decisions=_decisions(word), outcome=outcome),
            _row("9d02f1aa73", (0.163, 52.0, 0.9715), word, model="resnet", reference=True, **off),
            _row("77bd0c11fe", (0.0676, 44.2, 0.96), word, knobs={"batch": 4}),
            _row("0a1b2c3d4e", (0.0273, 61.0, 0.951), word, knobs={"threads": 1}, **found),
            _row("5555aaaa66", (0.09, 47.0, 0.957), word, front=False, **found),
            _row("6666bbbb77", (0.31, 49.0, 0.91), word, **found | off),
        ]
        verdict = _verdict(rows, outcome, word)
        reference = rows[1]["metrics"]["latency_p95_ms"]["value"]
        places = {"accuracy": 0.95, "latency_p95_ms": 0.5 * reference, "energy_mj": 5.0, "memory_peak_mib": 4096.0}
        limits = [
            {"constraint": one["constraint"], "metric": one["metric"], "relative": one["relative"],
             "value": places[one["metric"]], "estimated": False,
             "refused": "below" if ">=" in one["constraint"] else "above"}
            for one in rows[0]["decisions"]
        ]  # fmt: skip
        return {
            "schema_version": 1,
            "verdict": verdict,
            "candidates": rows,
            "metrics": ["latency_p95_ms", "accuracy", "energy_mj", "memory_peak_mib", "size_mib"],
            "limits": limits,
            "advice": [f"`accuracy`: give more samples{word}"] if outcome != "met" else [],
            "operation": _operation(word),
            "history": _history(rows),
            "learned": _learned(rows, word),
            "traces": _traces(rows, word),
            "surroundings": _surroundings(verdict, word),
            "stopped": [{"reason": f"surely dominated{word}", "count": 1, "candidates": [f"d{word}"]}],
        }

    return make


@pytest.fixture
def hostile(document: Callable[..., Document]) -> Document:
    """A document in which every text from outside is every attack at once."""
    return document("not met", " ".join(HOSTILE))


def _chromium() -> str:
    names = (os.environ.get("AUTOEDGE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("these tests need a browser, and it is missing: apt-get install chromium", pytrace=False)
    return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium without a head, with a fresh profile and home."""
    from playwright.sync_api import sync_playwright

    home: Path = tmp_path_factory.mktemp("browser")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    with sync_playwright() as playwright:
        # The sandbox wants rights that containers lack; what is opened here is ours.
        opened = playwright.chromium.launch(
            executable_path=_chromium(),
            args=["--no-sandbox", "--disable-gpu"],
            env={**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)},
        )
        yield opened
        opened.close()
