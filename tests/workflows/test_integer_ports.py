"""A model that takes and gives integers is fed and judged in real numbers, from the intent to its bundle."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tflite_models import integer_net

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Autoedge = Callable[..., subprocess.CompletedProcess[str]]


def test_integers_with_a_scale_from_intent_to_bundle(
    place: Path, write_intent: Callable[..., Path], autoedge: Autoedge
) -> None:
    """Float samples are quantised, scores are told in real numbers, and the bundle's own program says the same."""
    (place / "integer.tflite").write_bytes(integer_net().data())
    generator = np.random.default_rng(0)
    x = generator.uniform(0.1, 3, (80, 16)).astype(np.float32)
    np.savez(place / "eval.npz", x=x, y=x.argmax(axis=1))
    intent = write_intent(
        models="[integer.tflite]",
        constraints="[accuracy >= 80 %]",
        objectives="[latency_p50, size]",
        data="{evaluation: eval.npz}",
        budget="{measurements: 12}",
        search="{strategy: random, seed: 0, knobs: {threads: [1], batch: [1], precision: [int8]}}",
    )
    done = autoedge("select", "--intent", intent, "--json", place / "verdict.json")
    assert done.returncode in (0, 4), done.stderr
    chosen = json.loads((place / "verdict.json").read_text())["chosen"]
    share = chosen["metrics"]["accuracy"]["value"]
    assert share > 0.9  # ties of rounding to steps of 0.05 aside, the highest stays the highest
    bundle = place / "runs" / "small" / "bundle"
    command = [sys.executable, str(bundle / "run.py"), "--input", "eval.npz", "--output", "answers.npz"]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    with np.load(place / "answers.npz") as answers:
        assert (answers["classes"] == x.argmax(axis=1)).mean() == pytest.approx(share)
        assert np.abs(answers["scores"] - x).max() <= 0.026  # half a step
