"""Stands in front of an agent, as ``wrap``, and changes what it answers: ``hostile.py CODE COMMAND...``.

CODE is run for every frame of the agent: ``do`` names the command that was sent last; ``body`` and ``arrays``, which it
may change or replace, are what goes on to the host. With ``write`` it sends a frame more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial

from autoedge.agent.frames import read_frame, write_frame

code = compile(sys.argv[1], "hostile", "exec")
agent = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
asked = [""]


def _forward() -> None:
    for frame in iter(lambda: read_frame(sys.stdin.buffer), None):
        asked[0] = frame.body.get("do", asked[0])
        write_frame(agent.stdin, frame.body, frame.arrays)
    agent.stdin.close()


threading.Thread(target=_forward, daemon=True).start()
for answer in iter(lambda: read_frame(agent.stdout), None):
    scope = {"do": asked[0], "body": answer.body, "arrays": dict(answer.arrays)}
    known = {"nan": float("nan"), "write": partial(write_frame, sys.stdout.buffer)}
    exec(code, known, scope)  # noqa: S102 - of a test
    write_frame(sys.stdout.buffer, scope["body"], scope["arrays"])
os._exit(0)
