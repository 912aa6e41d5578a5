"""Start the agent: ``python -m autoedge.agent --blobs DIR --jobs DIR``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from autoedge.agent.alone import be_alone
from autoedge.agent.serve import Agent


def main() -> None:
    """Serve on standard input and output until the input closes."""
    parser = argparse.ArgumentParser(prog="autoedge.agent")
    parser.add_argument("--blobs", type=Path, required=True)
    parser.add_argument("--jobs", type=Path, required=True)
    parser.add_argument("--alone", action="store_true", help="end an earlier agent that works in the same jobs folder")
    options = parser.parse_args()
    if options.alone:
        be_alone(options.jobs)
    # Answers get a descriptor of their own; a stray print goes where errors go.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Agent(sys.stdin.buffer, answers, blobs=options.blobs, jobs=options.jobs).serve()


if __name__ == "__main__":
    main()
