"""The host's end of the protocol against agents that misbehave; each is a few lines of shell or Python."""

from __future__ import annotations

import errno
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from autoedge.agent.frames import pack
from autoedge.errors import TargetError
from autoedge.targets.described import device_from
from autoedge.targets.link import AgentLink, LostTargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., AgentLink]

GOOD = {
    "machine": "0123456789abcdef",
    "arch": "aarch64",
    "cpu": "Cortex-A76",
    "cores": 4,
    "physical_cores": 4,
    "memory_mib": 8000,
    "os": "Linux 6.6",
    "python": "3.11.2",
    "runtimes": {"onnxruntime": "1.20.0"},
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an agent that runs some Python; closes it."""
    links = []

    def one(code: str, patience_s: float = 20.0) -> AgentLink:
        links.append(AgentLink([sys.executable, "-c", code], tmp_path, "pi4", patience_s=patience_s))
        return links[-1]

    yield one
    for link in links:
        link.close()


def _say(*frames: bytes) -> str:
    return f"import sys; sys.stdout.buffer.write({b''.join(frames)!r}); sys.stdout.buffer.flush();"


def test_an_agent_that_reads_nothing_is_given_up(start: Start) -> None:
    """Sending more than fits into the pipe ends within the patience when the agent takes nothing."""
    link = start("import time; time.sleep(600)", patience_s=1.0)
    began = time.monotonic()
    with pytest.raises(LostTargetError, match="takes nothing for 1 s"):
        link.write(bytes(2**22))
    assert time.monotonic() - began < 60


def test_a_slow_reader_is_waited_for(start: Start) -> None:
    """An agent that takes what it is sent in small bites is not given up, however long the whole takes."""
    slow = "import os, time\nwhile os.read(0, 2**16): time.sleep(0.02)\n"
    link = start(f"{slow}{_say(pack({'done': 1}))}", patience_s=5.0)
    link.write(bytes(2**21))
    link._input.close()
    assert link.answer(patience_s=60).body["done"] == 1


def test_what_it_refused_counts_more_than_its_end(start: Start) -> None:
    """An agent that answers with an error and ends while it is being written to is heard."""
    link = start(_say(pack({"error": "no room", "errno": errno.ENOSPC})), patience_s=20.0)
    link._process.wait()
    with pytest.raises(OSError, match="no room") as caught:
        link.write(bytes(2**22))
    assert caught.value.errno == errno.ENOSPC


def test_texts_of_a_device_steer_no_terminal(start: Start) -> None:
    """Control characters in errors, phases and last words are spelled out."""
    link = start(_say(pack({"phase": "a\x1b[2Jb"}), pack({"error": "c\x1b]0;x\x07d"})))
    phases: list[str] = []
    with pytest.raises(TargetError, match=r"c\\x1b\]0;x\\x07d"):
        link.answer(patience_s=20, on_phase=phases.append)
    assert phases == ["a\\x1b[2Jb"]
    dying = start("import sys; sys.exit('bye\\x1b[2J')")
    with pytest.raises(LostTargetError, match=r"exit code 1; its last words: bye\\x1b\[2J"):
        dying.answer(patience_s=20)


def test_noise_alone_is_told_as_last_words(start: Start) -> None:
    """A shell that prints something else and ends, such as one that allows no login, is quoted."""
    link = start("import sys; print('This account is currently not available.'); sys.exit(1)")
    with pytest.raises(LostTargetError, match=r"its last words: This account is currently not available\."):
        link.answer(patience_s=20)


def test_close_ends_a_wait_in_another_thread(start: Start) -> None:
    """Closing a link wakes whoever waits for its answer."""
    link = start("import sys; sys.stdin.read()")
    timer = threading.Timer(0.5, link.close)
    timer.start()
    with pytest.raises(LostTargetError):
        link.answer(patience_s=60)
    timer.join()


def test_a_described_device() -> None:
    """A sound description becomes a device; a runtime that was not asked for is not believed."""
    device = device_from({**GOOD, "runtimes": {"onnxruntime": "1", "other": "2"}}, {"onnxruntime": "x"})
    assert device.runtimes == {"onnxruntime": "1"}
    assert device_from({**GOOD, "cpu": "a\x1bb"}, {}).cpu == "a\\x1bb"


@pytest.mark.parametrize(
    "wrong",
    [{"cores": "4"}, {"cores": 0}, {"cores": True}, {"machine": "../../etc"}, {"arch": None}, {"runtimes": 3}],
)
def test_a_device_that_describes_itself_wrongly(wrong: dict[str, object]) -> None:
    """Values of another kind are refused, so that nothing behind has to expect them."""
    with pytest.raises(ValueError, match=r"lacks|machine"):
        device_from({**GOOD, **wrong}, {"onnxruntime": "x"})


def test_a_device_that_describes_nothing() -> None:
    """A missing member is named."""
    with pytest.raises(ValueError, match="lacks 'machine'"):
        device_from({}, {})
