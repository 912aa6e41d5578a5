"""Runtimes that misbehave, each in one way; loaded by workers through their place in this file."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.agent import machine
from autoedge.runtimes.base import Session
from autoedge.runtimes.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from collections.abc import Mapping


class Crashing(OnnxRuntime):
    """Reads address zero while loading."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Crash."""
        ctypes.string_at(0)
        return super().load(path, knobs)


class Killed(OnnxRuntime):
    """Is killed from outside, as the kernel does when memory runs out."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Die by SIGKILL."""
        os.kill(os.getpid(), signal.SIGKILL)
        return super().load(path, knobs)


class Hanging(OnnxRuntime):
    """Never comes back from loading."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Hang."""
        time.sleep(3600)
        return super().load(path, knobs)


class Remembering(OnnxRuntime):
    """Runs where no process may forget its peak memory, as in many containers."""

    def prepare(self) -> None:
        """Take the permission away."""
        machine.forget_peak_memory.__defaults__ = (Path(os.devnull),)
        super().prepare()


class Hungry(OnnxRuntime):
    """Takes more and more resident memory."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Take memory until stopped."""
        taken = []
        while True:
            taken.append(bytearray(os.urandom(2**20)) * 16)
            time.sleep(0.005)


class Leaving(OnnxRuntime):
    """Ends the process."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Leave with a last word."""
        print("no licence found", file=sys.stderr)  # noqa: T201
        sys.stderr.flush()
        os._exit(7)


class Chatty(OnnxRuntime):
    """Prints to standard output and error while it works well."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Print, then load."""
        os.write(1, b"AE1 5 0\ngarbage\n" * 100)
        os.write(2, b"\xff\xfe noise\n")
        return super().load(path, knobs)


class Garbling(OnnxRuntime):
    """Writes garbage onto every descriptor that it finds, the reply channel among them."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Write garbage everywhere."""
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b"this is no frame\n")
            except OSError:
                continue
        return super().load(path, knobs)


class Raising(OnnxRuntime):
    """Raises an error of its own kind."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Raise."""
        raise LookupError("the accelerator is asleep")


class Slowing(OnnxRuntime):
    """Takes a fifth longer over every call from a while after loading on: the knob ``slower_after``, in s."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Load, and slow down later."""
        known = dict(knobs)
        after = float(known.pop("slower_after"))
        return _Slowing(super().load(path, known), time.perf_counter() + after)


class _Slowing(Session):
    def __init__(self, session: Session, since: float) -> None:
        self._session, self._since = session, since
        self.inputs, self.outputs = session.inputs, session.outputs

    def bind(self, outputs: Any) -> Any:
        """The model, with a busy wait behind each call in time."""
        call, clock, since = self._session.bind(outputs), time.perf_counter, self._since

        def slower(batch: Any) -> Any:
            begun = clock()
            answer = call(batch)
            now = clock()
            until = now + 0.2 * (now - begun) if now > since else now
            while now < until:
                now = clock()
            return answer

        return slower


class Slow(OnnxRuntime):
    """Takes 30 ms over every call."""

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Any = None) -> Session:
        """Load."""
        return _Slow(super().load(path, knobs))


class _Slow(Session):
    def __init__(self, session: Session) -> None:
        self._session = session
        self.inputs, self.outputs = session.inputs, session.outputs

    def bind(self, outputs: Any) -> Any:
        """The model, with a rest before each call."""
        call = self._session.bind(outputs)

        def slow(batch: Any) -> Any:
            time.sleep(0.03)
            return call(batch)

        return slow
