"""Runtimes that depend on the machine, each in its own way; loaded by agents through their place in this file."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.runtimes.base import Runtime
from autoedge.runtimes.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.runtimes.base import Session

FOUND = {"device": {"CPU": "", "GPU": "no driver"}}


class Offering(OnnxRuntime):
    """Says what it found, after its libraries have printed something."""

    def offers(self) -> Any:
        """What works."""
        sys.stdout.write("welcome to the driver")
        return FOUND


class Placing(Offering):
    """Its sessions tell where operators went."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """One of three was left over."""
        session = super().load(path, knobs, shapes)
        session.placement = lambda: {"gpu": 2, "cpu": 1}
        return session


class Indifferent(OnnxRuntime):
    """Has all its levels everywhere."""

    offers = Runtime.offers


class Crashing(OnnxRuntime):
    """Its driver takes the process along."""

    def offers(self) -> Any:
        """Crash."""
        return ctypes.string_at(0)


class Nonsense(OnnxRuntime):
    """Says something else."""

    def offers(self) -> Any:
        """No mapping."""
        return ["GPU"]


class Hanging(OnnxRuntime):
    """Never says anything, and neither does the process that it starts."""

    def offers(self) -> Any:
        """Hang, with a child."""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        Path("grandchild").write_text(str(child.pid), encoding="ascii")
        time.sleep(3600)
