"""Looks by real workers: what a host is shown, and what becomes of its answers."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.agent.looks import EVALUATE, EVALUATION, FIRST_BLOCK, GO, STOP, WINDOW

if TYPE_CHECKING:
    from autoedge.agent.frames import Frame
    from autoedge.targets.local import LocalTarget

HERE = Path(__file__).parent


@pytest.fixture
def runtimes(runtimes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The good runtime one whose calls take their time, and one that cannot forget."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return {**runtimes, "Slow": "bad_runtimes:Slow", "Remembering": "bad_runtimes:Remembering"}


class Host:
    """Answers looks, and remembers them."""

    def __init__(self, **answers: str) -> None:
        self._answers = answers
        self.looks: list[Frame] = []

    def __call__(self, look: Frame) -> str:
        """The answer for a look of this name."""
        self.looks.append(look)
        return self._answers.get(look.body["name"].replace(" ", "_"), GO)

    @property
    def names(self) -> list[str]:
        """Of the looks, in order."""
        return [look.body["name"] for look in self.looks]


def test_a_job_shows_itself_in_three_stages(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A host that says go sees the first block, the window and the outputs, and gets the same reply as without."""
    target.send_files(files)
    host = Host()
    reply = target.run(job, {}, None, host)
    assert host.names == [FIRST_BLOCK, WINDOW, EVALUATION]
    first, window, outputs = host.looks
    assert len(first.arrays["calls_ns"]) == reply.body["done"]["first_block"]["calls"] >= 2
    np.testing.assert_array_equal(first.arrays["calls_ns"], reply.arrays["warmup_ns"][: len(first.arrays["calls_ns"])])
    np.testing.assert_array_equal(window.arrays["calls_ns"], reply.arrays["latency_ns"])
    np.testing.assert_array_equal(outputs.arrays["scores"], reply.arrays["scores"])
    assert first.body["cold_start_ns"] == reply.body["done"]["cold_start_ns"]
    assert 0 < first.body["memory_peak_mib"] <= window.body["memory_peak_mib"] == reply.body["done"]["memory_peak_mib"]


@pytest.mark.parametrize("look", [FIRST_BLOCK, WINDOW, EVALUATION])
def test_a_job_that_is_stopped_says_after_which_look(
    target: LocalTarget, job: dict[str, Any], files: dict[str, Path], look: str
) -> None:
    """After stop nothing more is done, nothing is kept for another host, and the target takes the next job."""
    target.send_files(files)
    host = Host(**{look.replace(" ", "_"): STOP})
    reply = target.run(job, {}, None, host)
    assert reply.body["stopped"] == look
    assert "done" not in reply.body
    assert not reply.arrays
    assert host.names[-1] == look
    assert list(target.unclaimed()) == []
    assert "done" in target.run(job, {}).body


def test_outputs_can_come_first(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A host that asks for the evaluation after the first block gets the same outputs, and the rest after them."""
    target.send_files(files)
    plain, host = target.run(job, {}), Host(first_block=EVALUATE)
    reply = target.run(job, {}, None, host)
    assert host.names == [FIRST_BLOCK, EVALUATION, WINDOW]
    np.testing.assert_array_equal(reply.arrays["scores"], plain.arrays["scores"])
    assert reply.body["done"]["evaluated"] == "full"
    assert len(reply.arrays["latency_ns"]) == 20
    expected = plain.arrays["scores"][:10]
    probed = target.run({**job, "evaluate": "probe"}, {"expected": expected}, None, Host(first_block=EVALUATE))
    assert probed.body["done"]["evaluated"] == "probe"


def test_memory_is_told_without_outputs_that_came_first(
    target: LocalTarget, job: dict[str, Any], files: dict[str, Path], tmp_path: Path
) -> None:
    """An evaluation before the window leaves the peak memory within 2 MiB of a run where it comes last."""
    data = tmp_path / "many.npz"
    np.savez(data, x=np.random.default_rng(2).standard_normal((60_000, 4)).astype(np.float32))
    name = hashlib.sha256(data.read_bytes()).hexdigest()
    target.send_files({**files, name: data})
    large = {**job, "data": name, "batch": 1}
    last = target.run(large, {}).body["done"]["memory_peak_mib"]
    first = target.run(large, {}, None, Host(first_block=EVALUATE)).body["done"]["memory_peak_mib"]
    assert abs(first - last) < 2.0


def test_outputs_come_last_where_the_peak_cannot_be_forgotten(
    target: LocalTarget, job: dict[str, Any], files: dict[str, Path]
) -> None:
    """There an early evaluation would be part of the peak memory, so whoever looks on, none is made."""
    target.send_files(files)
    host = Host(first_block=EVALUATE)
    reply = target.run({**job, "runtime": "Remembering"}, {}, None, host)
    assert host.names == [FIRST_BLOCK, WINDOW, EVALUATION]
    assert reply.body["done"]["evaluated"] == "full"


def test_outputs_are_shown_as_they_grow(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A long evaluation is shown in pieces that make up the whole, in the order of the samples."""
    target.send_files(files)
    host = Host()
    reply = target.run({**job, "runtime": "Slow", "batch": 1}, {}, None, host)
    pieces = [look.arrays["scores"] for look in host.looks if look.body["name"] == EVALUATION]
    assert len(pieces) > 2
    np.testing.assert_array_equal(np.concatenate(pieces), reply.arrays["scores"])


def test_nobody_looks_on_unasked(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """Without a host that looks on, or told to look by a job of an earlier release, a job runs through."""
    target.send_files(files)
    assert "done" in target.run({key: value for key, value in job.items() if key != "looks"}, {}).body


def test_a_slow_host_costs_no_warm_up(target: LocalTarget, job: dict[str, Any], files: dict[str, Path]) -> None:
    """Time in which a job waits for its host is no part of its warm-up, and nothing times out over it."""
    target.send_files(files)

    class Thinking(Host):
        def __call__(self, look: Frame) -> str:
            time.sleep(0.5)
            return super().__call__(look)

    protocol = {**job["protocol"], "warmup_calls": 50, "block_calls": 10}
    host = Thinking()
    done = target.run({**job, "protocol": protocol}, {}, None, host).body["done"]
    assert done["steady"]
    assert host.names == [FIRST_BLOCK, WINDOW, EVALUATION]
