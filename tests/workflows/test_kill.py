"""A run killed at random moments and started again: nothing finished is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import psutil
import pytest

from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLS = 20
SEARCH = (
    "{space: onnxruntime-cpu, strategy: surrogate, seed: 0, "
    "knobs: {precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1]}}"
)
_DEATH_S = 5.0


@pytest.mark.timeout(900)
def test_killed_twenty_times(place: Path, write_intent: Callable[..., Path], environment: dict[str, str]) -> None:
    """Killed by SIGKILL at 20 random moments from start to bundle, the run ends as if nothing had happened.

    Every measurement in the agents' own log is in the store, no (candidate, phase, replicate) is logged as finished
    twice, and five seconds after each kill no process of the run lives.
    """
    intent = write_intent(budget="{measurements: 60}", search=SEARCH)
    run = place / "run"
    mark = f"kill-test-{os.getpid()}"
    environment = {**environment, "AUTOEDGE_TEST_MARK": mark}
    command = [sys.executable, "-m", "autoedge_cli.main", "select", "--intent", str(intent), "--out", str(run)]
    generator = random.Random(7)  # noqa: S311 - moments to kill at
    kills = finished = 0
    while kills < KILLS:
        process = subprocess.Popen(
            command, env=environment, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            _, text = process.communicate(timeout=generator.uniform(0.3, 6.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            _nothing_left(mark)
            continue
        assert process.returncode in (0, 4), text
        finished += 1
        # The run is complete: more budget gives the next kills something to hit.
        budget = 60 + 25 * finished
        intent = write_intent(
            budget=f"{{measurements: {budget}}}",
            search=SEARCH,
            prefer=f"{{latency_p50: {finished}, accuracy: 1}}",
        )
    last = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, check=False, timeout=300)
    assert last.returncode in (0, 4), last.stderr
    _nothing_lost(run)
    assert (run / "verdict.json").exists()
    assert (run / "bundle" / "bundle.json").exists()


def _nothing_left(mark: str) -> None:
    """Five seconds after a kill no process that the run started is alive."""
    deadline = time.monotonic() + _DEATH_S
    while time.monotonic() < deadline:
        alive = [process for process in psutil.process_iter() if _marked(process, mark)]
        if not alive:
            return
        time.sleep(0.05)
    assert not alive, [process.cmdline() for process in alive]


def _marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get("AUTOEDGE_TEST_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _nothing_lost(run: Path) -> None:
    lines = (run / "raw" / "agent-local" / "finished.jsonl").read_text().splitlines()
    logged = [json.loads(line)["key"] for line in lines]

    def name(key: dict[str, object]) -> tuple[str, str, str, object]:
        return (
            json.dumps(key["configuration"], sort_keys=True),
            str(key["phase"]),
            str(key["session"]),
            key["replicate"],
        )

    counts = Counter(name(key) for key in logged)
    assert not [key for key, count in counts.items() if count > 1]
    store = Store(run / "study.db")
    candidates = store.candidates()
    stored = Counter(
        name(
            {
                "configuration": candidates[row.candidate_id].configuration.canonical,
                "phase": row.phase,
                "session": row.session,
                "replicate": row.replicate,
            }
        )
        for row in store.measurements()
    )
    assert set(counts) <= set(stored)
    assert max(stored.values()) == 1
