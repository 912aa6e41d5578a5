"""A folder with everything that an intent may name, and ways to read intents in it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import IntentError
from autoedge.intent.load import load_intent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.intent.resolved import Intent

FULL = """\
version: 1
name: doorbell
task: {type: classification}
models:
  - models/small.onnx
  - {path: models/large.onnx, name: large}
data: {evaluation: data/eval.npz, calibration: data/calib.npz}
targets: [{name: local, idle_power: 0.4 W}]
baseline: small
constraints:
  - accuracy >= 0.95
  - latency_p95 <= 20 ms
  - memory_peak <= 64 MiB
  - accuracy drop <= 1 %
  - latency_p50 <= 50 % of baseline
  - {metric: energy, max: 5 mJ, source: measured}
objectives: [energy, latency_p95, accuracy]
prefer: {energy: 2, latency_p95: 1}
workload: {rate: 2 / s}
battery: {capacity: 2600 mAh, voltage: 3.7 V, usable: 0.8}
budget: {measurements: 60, time: 10 min}
search: {space: default, strategy: surrogate, seed: 0, knobs: {batch: [1, 4], threads: 2}}
"""

MINIMAL = """\
version: 1
name: least
task: {type: classification}
models: [models/small.onnx]
"""


@pytest.fixture(scope="module")
def full() -> str:
    """An intent that uses every part of the format's example."""
    return FULL


@pytest.fixture(scope="module")
def minimal() -> str:
    """The least that an intent says."""
    return MINIMAL


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the named files lie; their content does not matter here."""
    root = tmp_path_factory.mktemp("intent").resolve()
    data = ("data/eval.npz", "data/calib.npz", "data/boxes.json")
    for name in ("models/small.onnx", "models/large.onnx", *data, "spaces/own.yaml"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return root


@pytest.fixture(scope="module")
def load(folder: Path) -> Callable[[str | bytes], Intent]:
    """Reads an intent from its text."""

    def read(text: str | bytes) -> Intent:
        path = folder / "intent.yaml"
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return load_intent(path)

    return read


@pytest.fixture(scope="module")
def problems(load: Callable[[str | bytes], Intent], folder: Path) -> Callable[[str | bytes], list[str]]:
    """Reads an intent that is wrong, and gives its problems without the folder's name."""

    def read(text: str | bytes) -> list[str]:
        with pytest.raises(IntentError) as caught:
            load(text)
        return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]

    return read
