"""The serial link: every byte passes, a dead port is told, and advice is given where one cannot be opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import MeterError
from autoedge.meters.base import MeterLostError
from autoedge.meters.link import SerialLink
from autoedge.testing.wrong_devices import EchoingDevice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def read_all(link: SerialLink, size: int) -> bytes:
    """So many bytes, or what came before two silent seconds."""
    got = b""
    while len(got) < size and (data := link.read(2.0)):
        got += data
    return got


def test_no_flow_control_eats_bytes() -> None:
    """All 256 byte values come back, also 0x11 and 0x13, which software flow control would swallow."""
    with EchoingDevice() as instrument:
        link = SerialLink(instrument.path, 9600)
        link.write(bytes(range(256)))
        got = read_all(link, 256)
        link.close()
    assert {0x11, 0x13} <= set(got)
    assert got == bytes(range(256))


def test_draining() -> None:
    """What has arrived is thrown away and counted; what comes later is not."""
    with EchoingDevice() as instrument:
        link = SerialLink(instrument.path, 9600)
        link.write(b"stale")
        assert link.drain(0.3) == 5
        link.write(b"fresh")
        assert read_all(link, 5) == b"fresh"
        link.close()


@pytest.mark.parametrize("use", [lambda link: link.read(1.0), lambda link: link.write(b"?"), lambda link: link.drain()])
def test_a_dead_port_is_told(use: Callable[[SerialLink], object]) -> None:
    """Reading, writing and draining a port whose device was unplugged is a MeterLostError; closing it is safe."""
    with EchoingDevice() as instrument:
        link = SerialLink(instrument.path, 9600)
        instrument.hang_up()
        with pytest.raises(MeterLostError, match="gone"):
            use(link)
        link.close()
        link.close()


def test_a_port_that_is_used_is_told() -> None:
    """A port that another program holds is not shared."""
    with EchoingDevice() as instrument:
        link = SerialLink(instrument.path, 9600)
        with pytest.raises(MeterError, match="another program uses it"):
            SerialLink(instrument.path, 9600)
        link.close()


def test_what_is_no_port_is_told(tmp_path: Path) -> None:
    """A path that is missing or no serial port is told by name, and leaves nothing open."""
    with pytest.raises(MeterError, match="there is no such device"):
        SerialLink(str(tmp_path / "missing"), 9600)
    plain = tmp_path / "plain"
    plain.touch()
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough
    with pytest.raises(MeterError, match="plain"):
        SerialLink(str(plain), 9600)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names are enough
