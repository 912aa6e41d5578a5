"""The agent and its workers, as real processes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from autoedge.agent.turn import Turn
from autoedge.targets.link import LostTargetError
from autoedge.targets.local import LocalTarget

HERE = Path(__file__).parent


@pytest.fixture
def runtimes(runtimes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The good runtime and the bad ones of this folder."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    names = ("Crashing", "Killed", "Hanging", "Hungry", "Leaving", "Chatty", "Garbling", "Raising")
    return {**runtimes, **{name: f"bad_runtimes:{name}" for name in names}}


def test_a_job_gives_calls_memory_and_scores(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A finished job holds every call's duration, the memory figures, and one row of scores a sample in order."""
    target.send_files(files)
    reply = target.run(job, {})
    done = reply.body["done"]
    assert len(reply.arrays["latency_ns"]) == 20
    assert (reply.arrays["latency_ns"] > 0).all()
    assert reply.arrays["scores"].shape == (30, 3)
    assert done["memory_peak_mib"] >= done["memory_empty_mib"] > 1
    assert done["cold_start_ns"] >= done["load_ns"] > 0
    assert done["evaluated"] == "full"
    assert reply.body["key"] == {"candidate": "c"}


def test_scores_do_not_depend_on_the_batch(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """The last, shorter batch is filled up and cut again: scores are those of the samples, whatever the batch."""
    target.send_files(files)
    scores = [target.run({**job, "batch": batch}, {}).arrays["scores"] for batch in (1, 7, 64)]
    for other in scores[1:]:
        np.testing.assert_allclose(other, scores[0], atol=1e-5)


def test_a_probe_that_agrees_saves_the_evaluation(
    target: LocalTarget, job: dict[str, Any], files: dict[str, Path]
) -> None:
    """With the right expected scores only the probe runs; with others the whole set is evaluated."""
    target.send_files(files)
    scores = target.run(job, {}).arrays["scores"]
    same = target.run({**job, "evaluate": "probe"}, {"expected": scores[:10]})
    assert same.body["done"]["evaluated"] == "probe"
    assert len(same.arrays["scores"]) == 10
    other = target.run({**job, "evaluate": "probe"}, {"expected": scores[:10] + 1e-2})
    assert other.body["done"]["evaluated"] == "full"
    assert len(other.arrays["scores"]) == 30


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("Crashing", "crashed with signal 11 (SIGSEGV) during cold start"),
        ("Killed", "killed during cold start, most likely by the system because memory ran out"),
        ("Leaving", "exit code 7 during cold start; its last words: no licence found"),
        ("Garbling", "not the agent's protocol"),
        ("Raising", "LookupError: the accelerator is asleep"),
        ("Hanging", "longer than 1.5 s (limits.time) and was stopped during cold start"),
        ("Hungry", "used more than 300 MiB of resident memory (limits.memory)"),
    ],
)
def test_every_bad_end_has_a_reason(
    target: LocalTarget, job: dict[str, Any], files: dict[str, Path], runtime: str, said: str
) -> None:
    """A candidate that ends badly gives a reason that people understand, and the next candidate runs."""
    target.send_files(files)
    limits = {"time_s": 1.5 if runtime == "Hanging" else 30.0, "memory_mib": 300.0}
    reply = target.run({**job, "runtime": runtime, "limits": limits}, {})
    assert said in reply.body["failed"]
    assert "done" in target.run(job, {}).body


def test_noise_on_standard_output_harms_nothing(
    target: LocalTarget, job: dict[str, Any], files: dict[str, Path]
) -> None:
    """What libraries print, even what looks like frames, never reaches the protocol."""
    target.send_files(files)
    assert "done" in target.run({**job, "runtime": "Chatty"}, {}).body


def test_replies_wait_until_acknowledged(
    tmp_path: Path, runtimes: dict[str, str], job: dict[str, Any], files: dict[str, Path]
) -> None:
    """A reply that nobody acknowledged is offered to the next host, whole, and only until it is acknowledged."""
    folders = {"blobs": tmp_path / "blobs", "jobs": tmp_path / "jobs"}
    with LocalTarget(runtimes, **folders) as first:
        first.send_files(files)
        reply = first.run(job, {})
    with LocalTarget(runtimes, **folders) as second:
        (kept,) = list(second.unclaimed())
        assert kept.body == reply.body
        np.testing.assert_array_equal(kept.arrays["latency_ns"], reply.arrays["latency_ns"])
        second.acknowledge(kept.body["job"])
        assert list(second.unclaimed()) == []
    log = [json.loads(line) for line in (tmp_path / "jobs" / "finished.jsonl").read_text().splitlines()]
    assert [entry["ended"] for entry in log] == ["done"]


def test_cancel_stops_the_worker_at_once(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A cancelled job ends without a result, leaves no process, and the agent goes on."""
    target.send_files(files)
    timer = threading.Timer(1.0, target.cancel)
    timer.start()
    reply = target.run({**job, "runtime": "Hanging"}, {})
    timer.join()
    assert reply.body["cancelled"] is True
    assert "done" in target.run(job, {}).body


def test_a_late_cancel_confuses_nobody(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A cancel that comes after the job's end has no answer of its own."""
    target.send_files(files)
    target.run(job, {})
    target.cancel()
    assert "done" in target.run(job, {}).body


def test_the_agent_takes_its_worker_along(
    tmp_path: Path, runtimes: dict[str, str], job: dict[str, Any], files: dict[str, Path]
) -> None:
    """Killing the agent kills the worker that it watches; the host is told and can start anew."""
    target = LocalTarget(runtimes, blobs=tmp_path / "b", jobs=tmp_path / "j")
    with target:
        target.send_files(files)
        agent = psutil.Process(target._link._process.pid)  # type: ignore[union-attr]
        found: list[psutil.Process] = []

        def kill() -> None:
            while not (children := agent.children(recursive=True)):
                time.sleep(0.01)
            found.extend(children)
            time.sleep(0.5)
            os.kill(agent.pid, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(LostTargetError, match="agent ended with exit code -9"):
            target.run({**job, "runtime": "Hanging"}, {})
        thread.join()
        _, alive = psutil.wait_procs(found, timeout=5)
        assert found
        assert not alive
        target.send_files(files)
        assert "done" in target.run(job, {}).body


def test_a_missing_runtime_is_not_offered(tmp_path: Path) -> None:
    """The probe names the runtimes that are installed, with their versions, and the machine's facts."""
    with LocalTarget(
        {"onnxruntime": "autoedge.runtimes.onnxruntime:OnnxRuntime"}, blobs=tmp_path, jobs=tmp_path
    ) as one:
        assert one.device is not None
        assert set(one.device.runtimes) == {"onnxruntime"}
        assert one.device.cores == len(os.sched_getaffinity(0))
        assert len(one.device.fingerprint) == 16


def test_a_damaged_file_is_never_used(target: LocalTarget, files: dict[str, Path], tmp_path: Path) -> None:
    """A blob whose bytes are not what its name says is sent again."""
    target.send_files(files)
    sha256 = next(iter(files))
    (tmp_path / "blobs" / sha256).write_bytes(b"damaged")
    target._sent.clear()
    target.send_files(files)
    assert (tmp_path / "blobs" / sha256).read_bytes() == files[sha256].read_bytes()


def test_measurements_take_turns(tmp_path: Path) -> None:
    """Two measurements on one machine never hold the turn at once, and the turn falls with its holder."""
    one, other = Turn(tmp_path / "turn"), Turn(tmp_path / "turn")
    assert one.take()
    assert not other.take()
    one.leave()
    assert other.take()
    other.leave()
