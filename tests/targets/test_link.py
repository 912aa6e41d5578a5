"""The host's end of the protocol against agents that misbehave; each is a few lines of shell or Python."""

from __future__ import annotations

import errno
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoedge.agent.frames import WAITING, pack
from autoedge.errors import TargetError
from autoedge.targets import deadline
from autoedge.targets.deadline import Allowed
from autoedge.targets.link import AgentLink, LostTargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., AgentLink]


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


def test_whatever_it_started_ends_with_it(start: Start) -> None:
    """An agent that does not end by itself is killed with its children, which would else hold its output open."""
    link = start(
        "import subprocess, time; subprocess.Popen(['sleep', '600']); print('ready', flush=True); time.sleep(600)"
    )
    while not link._output.noise:
        time.sleep(0.01)
    closing = threading.Thread(target=link.close, daemon=True)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()


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


PHASE = pack({"phase": "x"})


def _dripping(what: bytes, every_s: float = 0.05) -> str:
    return f"import os, select\nwhile not select.select([0], [], [], {every_s})[0]: os.write(1, {what!r})"


@pytest.mark.parametrize("what", [PHASE, PHASE * 100, b".", b"\n", b"AE1 2000000 0\n"[:1]])
def test_talking_is_no_answer(start: Start, what: bytes) -> None:
    """An agent that keeps talking and never answers is given up as soon as a silent one."""
    link = start(_dripping(what))
    began = time.monotonic()
    with pytest.raises(LostTargetError, match="no answer within 1 s"):
        link.answer(patience_s=1.0)
    assert time.monotonic() - began < 20


def test_an_answer_that_drips(start: Start) -> None:
    """An answer that never comes to its end is given up too, unless a long one was allowed and it comes fast enough."""
    link = start(f"import os; os.write(1, b'AE1 4000000 0\\n')\n{_dripping(bytes(10))}")
    with pytest.raises(LostTargetError, match="no answer within 1 s"):
        link.answer(patience_s=1.0)
    slow = start(f"import os; os.write(1, b'AE1 4000000 0\\n')\n{_dripping(bytes(10))}")
    with pytest.raises(LostTargetError, match="no answer within 1 s"):
        slow.answer(patience_s=1.0, allowed=Allowed(1.0, transfer_s=60.0))


def test_a_long_answer_on_a_slow_line(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives fast enough is waited for, though the whole takes longer than an answer may."""
    frame = pack({"done": 1}, {"a": np.zeros(2**17, np.uint8)})
    code = (
        "import os, sys, time\nframe = sys.stdin.buffer.read()\n"
        "for start in range(0, len(frame), 2**14): os.write(1, frame[start:start + 2**14]); time.sleep(0.3)"
    )
    monkeypatch.setattr(deadline, "SLOWEST", 2**12)
    link = start(code)
    link.write(frame)
    link._input.close()
    assert link.answer(patience_s=1.5, allowed=Allowed(1.5, transfer_s=60.0)).body["done"] == 1


def test_a_job_has_an_end(start: Start) -> None:
    """A job that tells its phases for ever is given up after its time; waiting for the turn at first is none of it."""
    turn = f"import os, time\nfor _ in range(20): os.write(1, {pack({'phase': WAITING})!r}); time.sleep(0.1)\n"
    link = start(turn + _dripping(PHASE + pack({"phase": WAITING})))
    began = time.monotonic()
    phases: list[str] = []
    with pytest.raises(LostTargetError, match="no answer within 1 s"):
        link.answer(patience_s=20.0, allowed=Allowed(1.0, turn_s=60.0), on_phase=phases.append)
    assert 2.0 < time.monotonic() - began < 20
    assert phases[0] == WAITING
    assert "x" in phases


def test_a_reader_that_sips_is_given_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending ends too when the agent takes a little now and then, slower than any line is."""
    monkeypatch.setattr(deadline, "SLOWEST", 2**21)
    link = start("import os, time\nwhile os.read(0, 2**12): time.sleep(0.3)", patience_s=1.0)
    with pytest.raises(LostTargetError, match="takes what it is sent too slowly"):
        link.write(bytes(2**22))


@pytest.mark.parametrize("form", ['{"dtype": "<f8", "shape": [Infinity]}', '{"dtype": "(1,", "shape": [1]}'])
def test_a_frame_that_lies_is_told_at_once(start: Start, form: str) -> None:
    """Whatever a frame holds, whoever waits for it hears of it, and not only when the patience is over."""
    text = f'{{"arrays": {{"x": {form}}}}}'.encode()
    link = start(_say(b"AE1 %d 0\n%b" % (len(text), text)) + "sys.stdin.read()")
    began = time.monotonic()
    with pytest.raises(LostTargetError, match="not the protocol"):
        link.answer(patience_s=60)
    assert time.monotonic() - began < 20


def test_the_end_is_always_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even what nobody thought of ends the wait."""

    def fail(_: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("autoedge.targets.link.read_frame", fail)
    with pytest.raises(LostTargetError, match="surprise"):
        start("import sys; sys.stdin.read()").answer(patience_s=60)
