"""Trees of kernel files, and waiting for a meter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from autoedge.meters.base import Meter


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Mapping[str, object]], Path]:
    """Writes files of a tree, by their path below its root, and gives the root."""

    def write(files: Mapping[str, object]) -> Path:
        root = tmp_path / "root"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n", encoding="utf-8")
        return root

    return write


@pytest.fixture
def seconds_until_lost() -> Callable[[Meter], float]:
    """How long a recording meter takes to notice that it is lost; 30 s at most."""

    def wait(meter: Meter) -> float:
        began = time.monotonic()
        while not meter.lost and time.monotonic() - began < 30:
            time.sleep(0.02)
        return time.monotonic() - began

    return wait
