"""The first file of the agent's archive: says what the interpreter lacks, or starts the agent.

It may be read by an interpreter that is too old for the rest: it keeps to Python 3.6 and to the standard library.
"""

import json
import sys
from importlib.util import find_spec

OLDEST = (3, 9)
NEEDED = ("numpy", "psutil")


def main() -> None:
    """Start the agent, or refuse in a frame of its protocol."""
    lacking = [name for name in NEEDED if find_spec(name) is None]
    if sys.version_info < OLDEST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        refuse(f"the agent takes Python 3.9 or later, but {sys.executable} is {version}")
    elif lacking:
        refuse(f"{sys.executable} has no {' and no '.join(lacking)}")
    else:
        from autoedge.agent.__main__ import main as serve

        serve()


def refuse(reason: str) -> None:
    """Answer whatever will be asked with why not."""
    text = json.dumps({"error": reason, "setup": True, "arrays": {}}).encode()
    sys.stdout.buffer.write(b"AE1 %d 0\n%b" % (len(text), text))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
