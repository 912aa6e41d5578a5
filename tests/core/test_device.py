"""The fingerprint changes exactly when measurements stop being comparable."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from autoedge.device import Device

DEVICE = Device("m" * 16, "aarch64", "Cortex-A76", 4, 4, 8192, "Linux 6.6", "3.11.7", {"onnxruntime": "1.20.0"})


@pytest.mark.parametrize(
    "changed",
    [
        {"machine": "other"},
        {"arch": "x86_64"},
        {"cpu": "Cortex-A72"},
        {"cores": 3},
        {"memory_mib": 4096},
        {"os": "Linux 6.7"},
        {"wrap": "nice -n 5"},
    ],
)
def test_another_machine_has_another_fingerprint(changed: dict[str, Any]) -> None:
    """Machine, processor, cores, memory, system and the command in front of the agent are part of it."""
    assert replace(DEVICE, **changed).fingerprint != DEVICE.fingerprint


def test_runtimes_are_no_part_of_it() -> None:
    """A row stores the version of its own runtime, so that another runtime's update leaves it valid."""
    assert replace(DEVICE, runtimes={"onnxruntime": "2.0"}).fingerprint == DEVICE.fingerprint
    assert len(DEVICE.fingerprint) == 16
    assert int(DEVICE.fingerprint, 16) > 0


def test_a_device_survives_json() -> None:
    """What a run stores of its device is the same device again."""
    import json

    assert Device(**json.loads(json.dumps(asdict(DEVICE)))) == DEVICE
