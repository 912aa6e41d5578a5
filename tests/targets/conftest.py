"""A real ssh server on the loopback, with keys, port and configuration of its own, and jobs for the agent behind it."""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from autoedge.targets.declared import DeclaredTarget
from autoedge.targets.ssh import SshTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[..., SshTarget]

RUNTIMES = {"onnxruntime": "autoedge.runtimes.onnxruntime:OnnxRuntime"}
_START_S = 30.0


class Loopback:
    """An sshd for the current user; nothing outside its folder is read or changed.

    Args:
        folder: For keys, configuration, and what the device keeps.
        within: Command in front of the server.
        environment: More variables for the commands that it runs: ``A=1 B=2``.
    """

    def __init__(self, folder: Path, within: tuple[str, ...] = (), environment: str = "") -> None:
        self.folder = folder
        self._within = within
        self._environment = environment
        self.port = _free_port()
        self.device = folder / "device"
        (folder / "tmp").mkdir()
        for name in ("host", "user", "stranger", "noisy"):
            self._key(name)
        noise = r'command="printf \'Welcome\033[2J\n\nAE fine\'; exec sh -c \"$SSH_ORIGINAL_COMMAND\""'
        keys = (folder / "user.pub").read_text() + f"{noise} {(folder / 'noisy.pub').read_text()}"
        (folder / "authorized_keys").write_text(keys)
        self.known_hosts = folder / "known_hosts"
        kind, key, *_ = (folder / "host.pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        self.config = self.client_config("config")
        self._process: subprocess.Popen[bytes] | None = None

    def _key(self, name: str) -> None:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    def client_config(self, name: str, **changes: str | int) -> Path:
        """A configuration of ssh that knows the host ``device``."""
        options = {
            "HostName": "127.0.0.1",
            "Port": self.port,
            "User": getpass.getuser(),
            "IdentityFile": self.folder / "user",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            **changes,
        }
        path = self.folder / name
        path.write_text("Host device\n" + "".join(f"  {key} {value}\n" for key, value in options.items()))
        return path

    def start(self) -> None:
        """Serve until ``stop``."""
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.fail("these tests need sshd, and it is missing: apt-get install openssh-server", pytrace=False)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder / 'host'}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 100",
            f"SetEnv PATH={path} TMPDIR={self.folder / 'tmp'} {self._environment}",
        ]
        config = self.folder / "sshd_config"
        config.write_text("\n".join(lines) + "\n")
        self._process = subprocess.Popen(
            [*self._within, program, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, "sshd ended at once"
            assert time.monotonic() < deadline, "sshd does not listen"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server; connections that are open stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def declared(self, name: str = "device", **changes: Any) -> DeclaredTarget:
        """A target behind this server, run by the Python of the tests."""
        made = DeclaredTarget(
            name,
            "ssh://device",
            python=sys.executable,
            folder=str(self.device),
            ssh=("-F", str(self.config)),
        )
        return replace(made, **changes)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """A running server, one for all tests."""
    server = Loopback(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make(loopback: Loopback, tmp_path: Path) -> Iterator[Make]:
    """Makes targets behind the server, with a folder of this test's own on the device; closes them."""
    made = []

    def one(name: str = "device", patience_s: float | None = None, jobs: str = "jobs", **changes: Any) -> SshTarget:
        given = loopback.declared(name, **{"folder": str(tmp_path / "device"), **changes})
        made.append(SshTarget(given, RUNTIMES, jobs=tmp_path / jobs / name, patience_s=patience_s))
        return made[-1]

    yield one
    for target in made:
        target.close()


def _in_namespace(kinds: str, script: str, *arguments: object) -> tuple[str, ...]:
    """A command in front of another: the script mounts what it likes for that other one alone."""
    rights = "" if os.geteuid() == 0 else "r"
    made = ("unshare", f"-{rights}{kinds}", "sh", "-c", f'{script} && exec "$@"', *map(str, arguments))
    tried = subprocess.run([*made, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.fail(f"this test mounts something in a namespace of its own, but: {tried.stderr}", pytrace=False)
    return made


@pytest.fixture
def small_disk() -> Callable[[Path, str], tuple[str, ...]]:
    """Makes commands in front of another, for which a folder is a file system of its own of that size."""

    def command(folder: Path, size: str) -> tuple[str, ...]:
        folder.mkdir(parents=True, exist_ok=True)
        return _in_namespace("m", f'mount -t tmpfs -o size={size} tmpfs "$0"', folder)

    return command


@pytest.fixture
def another_machine(loopback: Loopback, tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """Makes commands in front of another, for which this is a machine with an id and temporary files of its own."""

    def command(name: str) -> tuple[str, ...]:
        identity = tmp_path / f"machine-id-{name}"
        identity.write_text(hashlib.sha256(name.encode()).hexdigest()[:32])
        mounts = 'mount --bind "$0" /etc/machine-id && mount -t tmpfs tmpfs "$1" && shift'
        return _in_namespace("mn", mounts, identity, loopback.folder / "tmp")

    return command


def sha256(path: Path) -> str:
    """A file's content hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """A model of three classes over four features, old enough for an old runtime."""
    weights = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    path = tmp_path / "linear.onnx"
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """Thirty samples of four features."""
    path = tmp_path / "samples.npz"
    generator = np.random.default_rng(1)
    np.savez(path, x=generator.standard_normal((30, 4)).astype(np.float32), y=np.zeros(30, np.int64))
    return path


@pytest.fixture
def files(linear: Path, samples: Path) -> dict[str, Path]:
    """Files by content hash."""
    return {sha256(path): path for path in (linear, samples)}


@pytest.fixture
def job(linear: Path, samples: Path) -> dict[str, Any]:
    """A complete job, as short as a measurement can be."""
    return {
        "runtime": "onnxruntime",
        "model": sha256(linear),
        "data": sha256(samples),
        "knobs": {"threads": 1},
        "batch": 4,
        "seed": 0,
        "scores": "scores",
        "evaluate": "full",
        "tolerance": 1e-4,
        "protocol": {
            "warmup_calls": 2,
            "warmup_seconds": 0.0,
            "warmup_cap_seconds": 0.2,
            "block_calls": 2,
            "block_seconds": 0.0,
            "block_tolerance": 10.0,
            "latency_calls": 20,
            "latency_seconds": 0.0,
            "cap_seconds": 30.0,
        },
        "limits": {"time_s": 60.0, "memory_mib": 2000.0},
        "key": {"candidate": "c"},
    }
