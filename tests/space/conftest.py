"""Devices, and search space files written from plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from autoedge.device import Device
from autoedge.space.declaration import SpaceFile, read_space_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def device() -> Callable[..., Device]:
    """A device with as many cores as given, half of them physical unless given."""

    def with_cores(cores: int, physical: int | None = None) -> Device:
        physical = max(1, cores // 2) if physical is None else physical
        return Device("m", "x86_64", "A CPU", cores, physical, 4096, "Linux 6", "3.11.7", {"onnxruntime": "1.2.3"})

    return with_cores


@pytest.fixture(scope="session")
def shipped() -> SpaceFile:
    """The space that ships for ONNX Runtime on a processor."""
    from autoedge.catalog import catalog_folder

    return read_space_file(catalog_folder("search_spaces") / "onnxruntime-cpu.yaml")


@pytest.fixture(scope="session")
def declare(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SpaceFile]:
    """Writes a search space file of the knobs given (as YAML is written: plain data) and reads it."""
    import json

    path: Path = tmp_path_factory.mktemp("spaces") / "own.yaml"

    def read(knobs: Any, **changes: Any) -> SpaceFile:
        data = {"version": 1, "name": "own", "runtime": "onnxruntime", "formats": [".onnx"], "knobs": knobs}
        path.write_text(json.dumps({**data, **changes}).replace("Infinity", ".inf"), encoding="utf-8")
        return read_space_file(path)

    return read
