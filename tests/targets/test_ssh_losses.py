"""A device that is lost over a job or a transfer costs that alone: the reason is told, the rest is still there."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from autoedge.errors import TargetError
from autoedge.targets.link import LostTargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoedge.targets.ssh import SshTarget

    Make = Callable[..., SshTarget]

_SOON_S = 60.0


class Wire:
    """A TCP connection through which ssh reaches its server, and which can be cut.

    Attributes:
        sent: Bytes that went towards the server.
        cut_at: The connection is cut once so many have.
    """

    def __init__(self, port: int) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._behind = port
        self._open: list[socket.socket] = []
        self.sent = 0
        self.cut_at: int | None = None
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                front, _ = self._server.accept()
                back = socket.create_connection(("127.0.0.1", self._behind))
                self._open += [front, back]
                for source, into, forth in ((front, back, True), (back, front, False)):
                    thread = threading.Thread(target=self._pump, args=(source, into, forth), daemon=True)
                    thread.start()
                    self._threads.append(thread)

    def _pump(self, source: socket.socket, into: socket.socket, forth: bool) -> None:  # noqa: FBT001
        with contextlib.suppress(OSError):
            while data := source.recv(2**14):
                into.sendall(data)
                if forth:
                    self.sent += len(data)
                    if self.cut_at is not None and self.sent >= self.cut_at:
                        self.cut_at = None
                        self.cut()
        for end in (source, into):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End every connection at once."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End for good."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for end in self._open:
            end.close()


@pytest.fixture
def wire(loopback: Any) -> Iterator[Wire]:
    """A way to the server that can be cut."""
    made = Wire(loopback.port)
    yield made
    made.close()


@pytest.fixture
def wired(loopback: Any, make: Make, wire: Wire, tmp_path: Path) -> Callable[[], SshTarget]:
    """Makes targets behind that way."""
    alias = f"[127.0.0.1]:{loopback.port}"
    config = loopback.client_config(f"wired-{tmp_path.name}", Port=wire.port, HostKeyAlias=alias)
    return lambda: make(ssh=("-F", str(config)))


def _agent(device: Path) -> psutil.Process:
    (lock,) = (device / "jobs").glob("*/agent.lock")
    return psutil.Process(int(lock.read_text()))


def _when_measuring(device: Path, do: Callable[[psutil.Process], object]) -> threading.Thread:
    """Do something to the agent, from another thread, once its worker measures."""

    def wait() -> None:
        deadline = time.monotonic() + _SOON_S
        while not (workers := _agent(device).children(recursive=True)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1.0)
        assert workers
        do(_agent(device))

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def _long(job: dict[str, Any]) -> dict[str, Any]:
    """A job that measures for minutes, until it is stopped."""
    return {**job, "protocol": {**job["protocol"], "latency_seconds": 300.0, "cap_seconds": 300.0}}


def _gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=_SOON_S)[1]


def test_killed_agent(make: Make, job: dict[str, Any], files: dict[str, Path], tmp_path: Path) -> None:
    """An agent that is killed takes its worker along; the host is told and can start a new one."""
    with make() as target:
        target.send_files(files)
        workers: list[psutil.Process] = []

        def kill(agent: psutil.Process) -> None:
            workers.extend(agent.children(recursive=True))
            agent.kill()

        thread = _when_measuring(tmp_path / "device", kill)
        with pytest.raises(LostTargetError, match="the agent was killed there, or the connection was cut"):
            target.run(_long(job), {})
        thread.join()
        assert workers
        assert _gone(workers)
        target.send_files(files)
        assert "done" in target.run(job, {}).body


def test_hanging_agent(make: Make, job: dict[str, Any], files: dict[str, Path], tmp_path: Path) -> None:
    """An agent that hangs is given up within the patience, however long its job may take; the next one ends it."""
    with make(patience_s=4.0) as target:
        target.send_files(files)
        hung: list[psutil.Process] = []

        def stop(agent: psutil.Process) -> None:
            hung.extend([agent, *agent.children(recursive=True)])
            agent.suspend()

        thread = _when_measuring(tmp_path / "device", stop)
        began = time.monotonic()
        with pytest.raises(LostTargetError, match="no answer within"):
            target.run({**_long(job), "limits": {"time_s": 3600.0, "memory_mib": 2000.0}}, {})
        assert time.monotonic() - began < _SOON_S
        thread.join()
        assert hung[0].status() == psutil.STATUS_STOPPED
    with make() as target:
        assert _gone(hung)
        target.send_files(files)
        assert "done" in target.run(job, {}).body


def test_hanging_agent_takes_no_file(make: Make, tmp_path: Path) -> None:
    """Sending to an agent that hangs ends within the patience too, however large the file."""
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2**23))
    target = make(patience_s=3.0)
    target.probe()
    agent = _agent(tmp_path / "device")
    agent.suspend()
    try:
        with pytest.raises(LostTargetError, match=r"no answer within|takes nothing for"):
            target._ask({"do": "put"}, {"data": np.fromfile(large, np.uint8)})
    finally:
        agent.kill()


def test_connection_cut_during_a_transfer(
    wired: Callable[[], SshTarget], wire: Wire, tmp_path: Path, linear: Path
) -> None:
    """A file whose transfer was cut is resumed where it was, not sent anew."""
    del linear
    size = 8 * 2**20
    large = tmp_path / "large"
    large.write_bytes(os.urandom(size))
    name = _sha256(large)
    target = wired()
    target.probe()
    wire.cut_at = wire.sent + size // 2
    with pytest.raises(LostTargetError, match=r"closed the connection|connection was cut"):
        target.send_files({name: large})
    before = wire.sent
    deadline = time.monotonic() + _SOON_S
    while time.monotonic() < deadline and _part(tmp_path, name) < size // 4:
        time.sleep(0.05)
    target.send_files({name: large})
    assert (tmp_path / "device" / "blobs" / name).read_bytes() == large.read_bytes()
    assert wire.sent - before < 0.8 * size


def _part(folder: Path, name: str) -> int:
    part = folder / "device" / "blobs" / f"{name}.part"
    return part.stat().st_size if part.exists() else 0


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_connection_cut_during_a_measurement(
    wired: Callable[[], SshTarget], wire: Wire, job: dict[str, Any], files: dict[str, Path], tmp_path: Path
) -> None:
    """A cut ends the agent and its worker there; the measurement before, not yet acknowledged, is still there."""
    target = wired()
    target.send_files(files)
    first = target.run(job, {})
    ended: list[psutil.Process] = []

    def cut(agent: psutil.Process) -> None:
        ended.extend([agent, *agent.children(recursive=True)])
        wire.cut()

    thread = _when_measuring(tmp_path / "device", cut)
    with pytest.raises(LostTargetError):
        target.run(_long(job), {})
    thread.join()
    assert len(ended) > 1
    assert _gone(ended)
    (kept,) = target.unclaimed()
    assert kept.body["job"] == first.body["job"]
    np.testing.assert_array_equal(kept.arrays["latency_ns"], first.arrays["latency_ns"])


def test_full_disk(make: Make, small_disk: Any, job: dict[str, Any], files: dict[str, Path], tmp_path: Path) -> None:
    """A device out of disk has failed as a target, not this machine; its agent lives on, as does what it finished."""
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2**22))
    with make(wrap=small_disk(tmp_path / "device" / "blobs", "1m")) as target:
        target.send_files(files)
        done = target.run(job, {})
        with pytest.raises(TargetError, match=r"target 'device': its disk is full .* No space left on device"):
            target.send_files({_sha256(large): large})
        (kept,) = target.unclaimed()
        assert kept.body == done.body


def test_no_room_for_the_agent(make: Make, small_disk: Any, loopback: Any, tmp_path: Path) -> None:
    """A device without room for the agent itself says so too."""
    (tmp_path / "server").mkdir()
    server = type(loopback)(tmp_path / "server", small_disk(tmp_path / "device", "16k"))
    server.start()
    try:
        with pytest.raises(TargetError, match=r"its disk is full .* No space left on device"):
            make(ssh=("-F", str(server.config))).probe()
    finally:
        server.stop()


def test_missing_runtime(make: Make, job: dict[str, Any], files: dict[str, Path], tmp_path: Path) -> None:
    """A runtime that is not on the device is not offered by it, and a job for it fails with the reason."""
    venv.create(tmp_path / "plain", with_pip=False)
    (site,) = (tmp_path / "plain").glob("lib/python*/site-packages")
    for package in (np, psutil):
        folder = Path(str(package.__file__)).parent
        for part in folder.parent.glob(f"{folder.name}*"):  # its libraries lie beside it
            (site / part.name).symlink_to(part)
    with make(python=str(tmp_path / "plain" / "bin" / "python")) as target:
        assert target.device is not None
        assert target.device.runtimes == {}
        target.send_files(files)
        assert "No module named 'onnxruntime'" in target.run(job, {}).body["failed"]


def test_clock_that_steps_by_an_hour(make: Make, job: dict[str, Any], files: dict[str, Path], tmp_path: Path) -> None:
    """A device whose wall clock jumps by an hour in the middle of a job measures what it would have measured."""
    library = _faketime()
    shift = tmp_path / "shift"
    shift.write_text("+0")
    settings = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(shift),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(tmp_path / "site"),
    }
    (tmp_path / "site").mkdir()
    # Since 3.11 Python sleeps until a moment of the monotonic clock, which libfaketime takes for one of its own.
    sleep = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(sleep)
    wrap = ("env", *(f"{name}={value}" for name, value in settings.items()))
    job["protocol"].update(latency_seconds=3.0)
    with make(wrap=wrap) as target:
        before = target.clock_offset()
        target.send_files(files)
        thread = _when_measuring(tmp_path / "device", lambda _: shift.write_text("+3600"))
        began, wall = time.monotonic(), time.time()
        reply = target.run(job, {})
        took = time.monotonic() - began
        thread.join()
        done = reply.body["done"]
        assert 3.0 <= done["window_ns"] / 1e9 <= took
        assert reply.arrays["latency_ns"].max() < took * 1e9
        assert reply.body["duration_s"] <= took
        after = target.clock_offset()
        assert abs(after.offset_s - before.offset_s) <= before.bound_s + after.bound_s + 0.01
        again = target.run(job, {})
        assert again.body["started"] - wall > 3000  # it had really stepped


def _faketime() -> str:
    program = shutil.which("faketime")
    assert program is not None, "this test needs libfaketime: apt-get install faketime"
    shown = subprocess.run(
        [program, "-f", "+0", "sh", "-c", 'echo "$LD_PRELOAD"'], capture_output=True, text=True, check=True
    )
    return shown.stdout.strip()


def test_closing_ends_an_attempt_to_connect(loopback: Any, make: Make) -> None:
    """Whoever waits for a connection to a server that says nothing is woken when the target is closed."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = loopback.client_config("silent", Port=silent.getsockname()[1])
        target = make(ssh=("-F", str(config), "-o", "ConnectTimeout=300"))
        timer = threading.Timer(1.0, target.close)
        timer.start()
        began = time.monotonic()
        with pytest.raises(LostTargetError):
            target.probe()
        assert time.monotonic() - began < 30
        timer.join()
