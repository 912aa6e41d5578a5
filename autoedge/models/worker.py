"""The child's side of ``child``: one job in, one answer out, and the end."""

from __future__ import annotations

import errno
import faulthandler
import json
import os
import resource
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autoedge.agent.orphan import die_with_parent
from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}
_LONGEST = 600


def serve(handle: Callable[[Mapping[str, Any]], Any]) -> None:
    """Do the job that this process was started for, give one answer, end.

    Args:
        handle: Takes the job and returns JSON values; a ``ModelError`` it raises is the answer too.
    """
    job, answers = begun()
    with answers:
        answers.write(json.dumps(_answer(handle, job)).encode())
    os._exit(0)  # no destructor of a library gets the chance to crash after the answer


def begun() -> tuple[dict[str, Any], IO[bytes]]:
    """The job that the first line of standard input holds, and where answers go: the first argument's descriptor.

    What the model's libraries print goes nowhere near the answers. The process dies with its parent, be it by the
    kernel's signal or because standard input closes, and offers itself first when memory runs out.
    """
    reply, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _volunteer_for_the_oom_killer()
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    return job, os.fdopen(reply, "wb")


def plain(text: str) -> str:
    """One printable line: names inside a model may hold anything."""
    line = " ".join(text.split())
    line = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)
    return line if len(line) <= _LONGEST else line[:_LONGEST] + " ..."


def _answer(handle: Callable[[Mapping[str, Any]], Any], job: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"result": handle(job)}
    except ModelError as error:
        return {"refused": plain(str(error))}
    except MemoryError:
        return {"refused": "it needs more memory than there is"}
    except OSError as error:
        traceback.print_exc()
        key = "storage" if error.errno in _STORAGE else "refused"
        return {key: plain(f"{error.strerror or error} ({error.filename})" if error.filename else str(error))}
    except Exception as error:  # noqa: BLE001 - the libraries raise anything on a broken model
        traceback.print_exc()
        return {"refused": plain(f"a library failed at it: {type(error).__name__}: {error}")}


def _end_with_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(1)


def _volunteer_for_the_oom_killer() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError:
        return  # not Linux, or not allowed: the kernel then chooses by itself
