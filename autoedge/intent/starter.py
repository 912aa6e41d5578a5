"""A first intent to edit, commented, for given files."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from autoedge.errors import IntentError
from autoedge.intent.problem import shown
from autoedge.intent.resolved import name_from
from autoedge.intent.tree import scalar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SAFE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_./-]*")

_HEAD = """\
# What the deployment must achieve. AutoEdge measures until it finds a configuration that does:
#   autoedge select --intent THIS_FILE
# Completion in editors: autoedge schema intent > intent.schema.json, then as the first line here
#   # yaml-language-server: $schema=intent.schema.json
version: 1
name: {name}
task: {{type: classification}}

# Paths are relative to this file. Every model is tried; {{path: ..., name: ...}} gives one a name of its own.
models:
"""

_LIMITS = """\

# The reference, as given: relative limits and every gain are told against it.
baseline: {baseline}

# targets: [local, pi4, ssh://pi@host]   # where to measure; `autoedge targets add` gives a device its name

# What must be kept: METRIC <= LIMIT or METRIC >= LIMIT. "of baseline" and "drop" compare with the reference.
constraints:
"""

_REST = """\
  # - latency_p95 <= 20 ms
  # - memory_peak <= 64 MiB
  # - {{metric: energy, max: 5 mJ, source: measured}}   # an estimate does not count

# What is made better within the constraints.
objectives: [{objectives}]
prefer: knee                      # or weights {{latency_p95: 2, memory_peak: 1}}, or {{lexicographic: [latency_p95]}}

# workload: {{rate: 2 / s}}         # items that arrive
# battery: {{capacity: 2600 mAh, voltage: 3.7 V, usable: 80 %}}
# carbon: {{intensity: 380 g / kWh, embodied: 12 kg, lifetime: 5 years}}   # for the report, as is the fleet
# fleet: {{devices: 500, battery_replacement_cost: 4.50 EUR, electricity_price: 0.32 EUR / kWh}}

# Each measurement is one process; baselines, failures and the final confirmation count.
budget: {{measurements: 60, time: 30 min}}
# limits: {{time: 60 s, memory: 512 MiB}}   # of one measurement
protocol: standard                # or quick, strict
# search: {{strategy: surrogate, seed: 0, knobs: {{threads: [1, 2]}}}}
"""


def starter_intent(models: Sequence[Path], evaluation: Path | None, calibration: Path | None, relative_to: Path) -> str:
    """The text of a commented intent that reads without problems.

    Args:
        models: Model files; the first becomes the baseline.
        evaluation: Samples with labels.
        calibration: Samples without.
        relative_to: The folder that the intent will lie in.

    Raises:
        IntentError: There is no model, or a file name is no Unicode.
    """
    if not models:
        raise IntentError("an intent has at least one model, but got none; name a model file")
    names = _unique([name_from(path.stem) for path in models])
    head = _HEAD.format(name=_quoted(name_from(relative_to.resolve().name)))
    lines = [
        f"  - {_quoted(_relative(path, relative_to))}\n"
        if name == name_from(path.stem)
        else f"  - {{path: {_quoted(_relative(path, relative_to))}, name: {_quoted(name)}}}\n"
        for path, name in zip(models, names, strict=True)
    ]
    text = head + "".join(lines) + _data(evaluation, calibration, relative_to)
    text += _LIMITS.format(baseline=_quoted(names[0]))
    text += "  - accuracy drop <= 1 %           # percentage points\n" if evaluation else ""
    text += "  - latency_p95 <= 100 % of baseline\n"
    return text + _REST.format(objectives="latency_p95, memory_peak" + (", accuracy" if evaluation else ""))


def _data(evaluation: Path | None, calibration: Path | None, relative_to: Path) -> str:
    files = {"evaluation": evaluation, "calibration": calibration}
    lines = [f"  {key}: {_quoted(_relative(path, relative_to))}\n" for key, path in files.items() if path]
    lines += [f"  # {key}: {key}.npz\n" for key, path in files.items() if not path]
    what = "# npz files: x holds the samples (or one array for each input), y the labels."
    return f"\n{what}\ndata:\n{''.join(lines)}"


def _relative(path: Path, folder: Path) -> str:
    text = os.path.relpath(path.parent.resolve() / path.name, folder.resolve())
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise IntentError(f"a file that an intent names has a Unicode name, but got {shown(text)}; rename it")
    return text


def _unique(names: Sequence[str]) -> list[str]:
    taken: dict[str, None] = {}
    for name in names:
        number, unique = 2, name
        while unique in taken:
            unique = f"{name[:55]}-{number}"
            number += 1
        taken[unique] = None
    return list(taken)


def _quoted(text: str) -> str:
    """A YAML scalar that reads back as ``text``: plain where that is safe in a list and in braces too."""
    if _SAFE.fullmatch(text) and isinstance(scalar(text), str):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
