"""For all tests: the conditions that a shell in the foreground gives."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, which is no property of the code.
settings.register_profile("autoedge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("autoedge")

# A shell starts what it puts into the background with interrupts ignored, and so would every command of the tests be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Measurements on one machine take turns, by a lock among its temporary files. Tests judge no figure of this machine, so
# that those of different workers need not wait for one another: each has temporary files of its own.
_place = tempfile.mkdtemp(prefix="autoedge-") if "PYTEST_XDIST_WORKER" in os.environ else None
if _place:
    os.environ["TMPDIR"] = tempfile.tempdir = _place

# Their tests start whole runs, and their files take minutes: they begin first, and short ones fill the end.
_LONG = {"docs", "examples", "workflows", "targets", "packaging", "documents"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many workers as cores, since many tests wait: for meters, devices, time limits."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order in which workers take them, see the Makefile."""
    items.sort(key=lambda item: _LONG.isdisjoint(Path(item.nodeid.partition("::")[0]).parts))


def pytest_unconfigure() -> None:
    """Take the worker's temporary files away."""
    if _place:
        shutil.rmtree(_place, ignore_errors=True)
