"""A whole selection over this machine, a device over SSH, and the same device made smaller."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.store.store import Store
from autoedge_cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

INTENT = """\
version: 1
name: three
task: {{type: classification}}
models: [{model}]
data: {{evaluation: {samples}}}
targets: [{targets}]
constraints: [memory_peak <= 4000 MiB]
objectives: [latency_p50, memory_peak]
budget: {{measurements: {budget}}}
protocol:
  {{preset: quick, warmup_calls: 2, warmup_seconds: 1 ms, latency_calls: 64, latency_seconds: 1 ms, processes: 1}}
"""


@pytest.fixture
def place(loopback: Any, linear: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an intent over three targets, the file that declares two of them, and a cache of its own."""
    monkeypatch.setenv("AUTOEDGE_CACHE", str(tmp_path / "cache"))
    one = loopback.declared()
    common = f"address: ssh://device, python: {one.python}, folder: {tmp_path / 'device'}, ssh: {json.dumps(one.ssh)}"
    wrap = f"[taskset, -c, {min(os.sched_getaffinity(0))}, prlimit, --as=6442450944]"
    (tmp_path / "targets.yaml").write_text(
        f"version: 1\ntargets:\n  board: {{{common}}}\n  small: {{{common}, wrap: {wrap}}}\n"
        "  away: {address: ssh://device, ssh: [-F, /dev/null, -o, HostName=127.0.0.1, -o, Port=1]}\n"
    )
    for name, targets, budget in (
        ("intent", "local, board, small", 48),
        ("away", "away, board", 20),
        ("none", "away", 9),
    ):
        text = INTENT.format(model=linear, samples=samples, targets=targets, budget=budget)
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def _select(place: Path, intent: str) -> int:
    file, out = str(place / f"{intent}.yaml"), str(place / f"run-{intent}")
    return run(["select", "--intent", file, "--targets", str(place / "targets.yaml"), "--out", out])


def test_three_targets_on_one_machine(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One selection gives one front over three targets and a bundle; on one machine no two ever measured at once."""
    assert _select(place, "intent") == 0
    capsys.readouterr()
    verdict = json.loads((place / "run-intent" / "verdict.json").read_text())
    assert set(verdict["best_by_target"]) == {"local", "board", "small"}
    assert (place / "run-intent" / "bundle").is_dir()
    store = Store(place / "run-intent" / "study.db")
    try:
        rows = [row for row in store.measurements() if row.duration_s]
    finally:
        store.close()
    assert {row.target for row in rows} == {"local", "board", "small"}
    assert len({row.fingerprint for row in rows if row.target != "small"}) == 1
    assert len({row.fingerprint for row in rows}) == 2
    times = sorted((row.started, row.started + row.duration_s) for row in rows)
    for (_, ended), (began, _) in pairwise(times):
        assert ended <= began + 0.002  # clocks are read in milliseconds' distance


def test_one_of_two_cannot_be_reached(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run goes on with the target that is left, and says why the other one is not there."""
    assert _select(place, "away") == 0
    assert "target 'away' refuses the connection" in capsys.readouterr().err


def test_none_can_be_reached(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a target there is nothing to measure on: exit 3, with the reason."""
    assert _select(place, "none") == 3
    assert "refuses the connection" in capsys.readouterr().err


def test_a_gate_on_the_device(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bundle chosen on a device is checked there, over SSH, against itself: every process ran on that device."""
    text = (place / "away.yaml").read_text().replace("targets: [away, board]", "targets: [board]")
    (place / "board.yaml").write_text(text.replace("measurements: 20", "measurements: 40"))
    assert _select(place, "board") == 0
    bundle, targets = str(place / "run-board" / "bundle"), str(place / "targets.yaml")
    given = ["--bundle", bundle, "--intent", str(place / "board.yaml"), "--against", str(place / "run-board")]
    capsys.readouterr()
    code = run(["check", *given, "--targets", targets, "--json", str(place / "check.json")])
    assert code in (0, 4)
    assert "board" in capsys.readouterr().out
    document = json.loads((place / "check.json").read_text())
    assert document["outcome"] in ("met", "undecided")
    assert document["target"]["name"] == "board"
    assert document["processes"]["new"] == document["processes"]["base"] == document["rounds"]
    assert all(about["same_device"] for about in document["bundles"].values())
    limits = {one["constraint"]: one["outcome"] for one in document["constraints"]}
    assert limits == {"memory_peak <= 4000 MiB": "met"}
