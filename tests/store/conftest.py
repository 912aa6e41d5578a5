"""Measurements with every field filled, an empty store for each test, and small disks."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.candidate import Candidate, Configuration
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.candidate import Scalar

    Make = Callable[..., Measurement]


@pytest.fixture(scope="session")
def candidate() -> Candidate:
    """What the measurements below are of."""
    knobs: dict[str, Scalar] = {"batch": 4, "threads": 2, "arena": "off"}
    return Candidate(Configuration("digits", {"precision": "int8-dynamic"}, "onnxruntime", knobs), "local")


@pytest.fixture(scope="session")
def make(candidate: Candidate) -> Make:
    """A measurement of the candidate, with other fields where given."""

    def measurement(**changes: Any) -> Measurement:
        latency = Value(1.25, 1.2, 1.3, Source.MEASURED, "sorted percentile, block bootstrap", 662)
        energy = Value(8.0, 4.0, 12.0, Source.ESTIMATED, "software estimate", 1)
        fields: dict[str, Any] = {
            "candidate_id": candidate.candidate_id,
            "config_id": candidate.configuration.config_id,
            "target": candidate.target,
            "fingerprint": "f" * 16,
            "runtime_version": "1.2.3",
            "variant_hash": "a" * 64,
            "variant_key": "c" * 32,
            "data_hash": "b" * 64,
            "protocol_id": "quick-1-0badcafe",
            "session": "",
            "phase": Phase.SEARCH,
            "replicate": 0,
            "status": Status.OK,
            "flags": ("unsteady_warmup", "background_load"),
            "metrics": {"latency_p99_ms": latency, "energy_mj": energy},
            "started": 1.7e9,
            "duration_s": 2.5,
            "details": {"calls": 662, "cpu_s": 0.5, "nested": {"list": [1, None, "x"]}},
            "raw": "raw/0123.npz",
        }
        return Measurement(**{**fields, **changes})

    return measurement


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store of a test lies."""
    return tmp_path / "study.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An open store."""
    opened = Store(path)
    yield opened
    opened.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory with the options given; ``remount,ro`` changes the one that is there."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None or os.geteuid() != 0:
        pytest.skip("mounting a file system takes root and mount")

    def mounted(options: str) -> Path:
        command = [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(tmp_path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return tmp_path

    yield mounted
    subprocess.run([unmount, "--lazy", str(tmp_path)], check=False, capture_output=True)
