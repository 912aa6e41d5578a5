"""Make an environment for the agent on a device, with the device's own Python and pip.

Like ``bootstrap``, this file is sent over the connection and run by whatever ``python3`` the device has: it keeps to
Python 3.6 and to the standard library. It reads one JSON line, tells each step as a ``phase`` frame, and answers with
what was installed, or with why not.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

_OLDEST = (3, 9)
_TAIL = 12
_VERSION = "import sys; print(sys.version_info[0], sys.version_info[1])"
_VERSIONS = (
    "import json, sys; from importlib.metadata import version; "
    "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
)


class RefusedError(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main() -> None:
    """Read what is wanted, make it, and say what came of it."""
    request = json.loads(sys.stdin.buffer.raw.readline().decode())  # type: ignore[union-attr]
    sys.stdout.buffer.write(b"\n")  # ends whatever the login shell has printed
    try:
        _say({"versions": _make(Path.home() / Path(request["folder"]).expanduser() / "env", request)})
    except RefusedError as error:
        _say({"error": str(error)})
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        _say({"error": (error.strerror or str(error)) + place, "errno": error.errno})


def _make(folder: Path, request: Any) -> Any:
    base, python = _interpreter(request["python"]), str(folder / "bin" / "python")
    folder.parent.mkdir(0o700, parents=True, exist_ok=True)
    if not _works(python):
        _say({"phase": f"making an environment in {folder}"})
        code, tail = _run([base, "-m", "venv", "--clear", str(folder)])
        if code:
            advice = "on Debian, Ubuntu and Raspberry Pi OS: sudo apt install python3-venv"
            raise RefusedError(f"{base} -m venv does not work there; {advice}; it said: {' '.join(tail)}")
    packages = request["packages"]
    _say({"phase": f"installing {', '.join(packages)}"})
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    code, tail = _run([*pip, "--prefer-binary", "--upgrade", *packages])
    if code:
        raise RefusedError(f"pip could not install {', '.join(packages)} there; it said: {' '.join(tail)}")
    return json.loads(subprocess.check_output([python, "-c", _VERSIONS, *packages], stdin=subprocess.DEVNULL).decode())


def _interpreter(name: str) -> str:
    """The path of the interpreter that the environment is made from."""
    path = str(Path.home() / Path(name).expanduser()) if "/" in name else shutil.which(name)
    if not path or not os.access(path, os.X_OK):
        raise RefusedError(f"the interpreter, {name}, is not there")
    version = subprocess.check_output([path, "-c", _VERSION], stdin=subprocess.DEVNULL).decode().split()
    if tuple(int(part) for part in version) < _OLDEST:
        found = ".".join(version)
        raise RefusedError(f"the agent takes Python 3.9 or later, but {path} is {found}; name another with --python")
    return path


def _works(python: str) -> bool:
    """Whether there is an environment already, with its pip."""
    if not os.access(python, os.X_OK):
        return False
    nothing = subprocess.DEVNULL
    return subprocess.call([python, "-m", "pip", "--version"], stdin=nothing, stdout=nothing, stderr=nothing) == 0


def _run(command: Any) -> Any:
    """Run a command and tell its lines; its exit code and the last of them."""
    tail = []  # type: ignore[var-annotated]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for line in process.stdout or ():
            text = line.decode("utf-8", "replace").strip()
            if text:
                tail = [*tail, text][-_TAIL:]
                _say({"phase": text})
        return process.wait(), tail
    finally:
        process.kill()  # when nobody listens any more


def _say(body: Any) -> None:
    text = json.dumps(dict(body, arrays={})).encode()
    sys.stdout.buffer.write(b"AE1 %d 0\n%b" % (len(text), text))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
