"""The child process: limits, crashes, noise, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import psutil
import pytest

from autoedge.errors import ModelError, StoreError
from autoedge.models import child
from autoedge.models.child import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUBJECT = Path("some.onnx")
ROOT = Path(child.__file__).parents[2]


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a worker module whose ``handle(job)`` has the body given, and returns its name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(body: str) -> str:
        source = (
            "from autoedge.errors import ModelError\nfrom autoedge.models.worker import serve\n\ndef handle(job):\n"
        )
        source += "".join(f"    {line}\n" for line in dedent(body).strip().splitlines()) + "\nserve(handle)\n"
        (tmp_path / "trial_worker.py").write_text(source, encoding="utf-8")
        return "trial_worker"

    return write


def run(module: str, limits: Limits | None = None, **job: object) -> object:
    """The job's answer within limits that no honest job here needs."""
    return child.run(module, job, subject=SUBJECT, role="converter", limits=limits or Limits(60, 1024))


@pytest.fixture
def no_child_left() -> Iterator[None]:
    """After the test this process has no children that it did not have before."""
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    yield
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before


@pytest.mark.usefixtures("no_child_left")
class TestAnswers:
    """How a job can end."""

    def test_result_survives_noise(self, worker: Callable[[str], str]) -> None:
        """What libraries print, on either stream and from C, never mixes with the answer."""
        module = worker("import os; print('noise' * 9999); os.write(1, b'{}'); os.write(2, b'x'); return job['a'] + 1")
        assert run(module, a=41) == 42

    def test_large_answer(self, worker: Callable[[str], str]) -> None:
        """An answer larger than a pipe holds arrives whole."""
        assert run(worker("return 'x' * 3_000_000")) == "x" * 3_000_000

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ("raise ModelError('its name is\\n\\x1b[31mred')", "some.onnx: its name is \\x1b[31mred"),
            ("raise ValueError('odd')", "some.onnx: a library failed at it: ValueError: odd"),
            ("import os; os._exit(3)", "some.onnx: the converter ended without an answer (exit code 3)"),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "most likely because memory ran out"),
            ("import ctypes; ctypes.string_at(0)", "some.onnx: the converter crashed on it (signal 11, SIGSEGV)"),
            ("import time; time.sleep(600)", "some.onnx: the converter took more than 0.5 s and was stopped"),
            ("return 'x' * 20_000_000", "answered with more than 16 MiB"),
            ("raise MemoryError", "some.onnx: it needs more memory than there is"),
        ],
    )
    def test_failures_are_one_clear_line(self, worker: Callable[[str], str], body: str, says: str) -> None:
        """A refusal, a bug, a crash, a kill and a hang each become one line that names the file."""
        limits = Limits(0.5, 1024) if "sleep" in body else None
        with pytest.raises(ModelError) as caught:
            run(worker(body), limits)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_memory_limit_is_on_resident_memory(self, worker: Callable[[str], str]) -> None:
        """Memory that is touched counts; address space that is only reserved does not."""
        with pytest.raises(ModelError, match="needed more than 200 MiB of memory and was stopped"):
            run(worker("import time; kept = b'x' * 300 * 2**20; time.sleep(600)"), Limits(60, 200))
        reserved = "import mmap, time; kept = mmap.mmap(-1, 2**34); time.sleep(0.2); return 'fine'"
        assert run(worker(reserved), Limits(60, 200)) == "fine"

    def test_full_disk_is_not_the_models_fault(self, worker: Callable[[str], str]) -> None:
        """A full disk is reported as such, so that no variant is given up for it."""
        with pytest.raises(StoreError, match="No space left on device"):
            run(worker("import errno, os; raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), '/cache/x')"))

    def test_module_names_in_the_users_folder_do_not_matter(
        self, worker: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file called json.py where the user works is not imported by the child."""
        folder = tmp_path / "work"
        folder.mkdir()
        (folder / "json.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
        monkeypatch.chdir(folder)
        assert run(worker("return 'fine'")) == "fine"

    def test_interrupt_ends_the_child(self, worker: Callable[[str], str]) -> None:
        """Ctrl-C in the parent kills the child and goes on upwards."""
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            run(worker("import time; time.sleep(600)"))


def test_child_dies_with_a_killed_parent(worker: Callable[[str], str], tmp_path: Path) -> None:
    """A parent killed by SIGKILL leaves no child behind, though it could not clear up."""
    told = tmp_path / "pid"
    module = worker(
        """
        import os, pathlib, time
        pathlib.Path(job['told']).with_suffix('.part').write_text(str(os.getpid()))
        os.rename(pathlib.Path(job['told']).with_suffix('.part'), job['told'])
        while True:
            time.sleep(1)
        """
    )
    code = (
        "from pathlib import Path; from autoedge.models import child; "
        f"child.run({module!r}, {{'told': {str(told)!r}}}, subject=Path('x'), role='r', limits=child.DEFAULT)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{ROOT}"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as parent:
        try:
            while not told.exists():
                assert parent.poll() is None
                time.sleep(0.02)
        finally:
            parent.kill()
    pid = int(told.read_text(encoding="ascii"))
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_limits_are_positive() -> None:
    """Limits that nothing can keep are refused."""
    with pytest.raises(ValueError, match="above 0"):
        Limits(0, 10)
