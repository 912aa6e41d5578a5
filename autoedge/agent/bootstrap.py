"""What comes first on a device: take the agent if it is not there yet, then become it.

This file is sent over the connection and run by whatever ``python3`` the device has, without anything of autoedge: it
keeps to Python 3.6 and to the standard library. It reads exactly its own bytes from standard input, one JSON line
and, where wanted, the agent's archive; all that follows is for the agent. It answers in frames of the agent's protocol.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

_CHUNK = 2**16


def main() -> None:
    """Read what is wanted, then become the agent; says why where that fails."""
    request = json.loads(sys.stdin.buffer.raw.readline().decode())  # type: ignore[union-attr]
    sys.stdout.buffer.write(b"\n")  # ends whatever the login shell has printed
    try:
        command = _prepare(request)
        _say({"starting": True})
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        _say({"error": (error.strerror or str(error)) + place, "errno": error.errno})
    except ValueError as error:
        _say({"error": str(error)})


def _prepare(request: Any) -> Any:
    """The command to become; everything that it needs is there, and the working folder holds no Python files."""
    folder = _from_home(request["folder"])
    agents, blobs, jobs = folder / "agents", folder / "blobs", folder / "jobs" / request["jobs"]
    for path in (folder, agents, blobs, jobs):
        path.mkdir(0o700, parents=True, exist_ok=True)
    archive = agents / (request["sha256"] + ".pyz")
    wanted = not archive.is_file() or _sha256(archive) != request["sha256"]
    _say({"wanted": wanted})
    if wanted:
        _take(archive, request["size"], request["sha256"])
    command = [_found(request["python"], "the interpreter"), str(archive), "--alone"]
    if request["wrap"]:
        command = [_found(request["wrap"][0], "the command of wrap"), *request["wrap"][1:], *command]
    os.chdir(str(jobs))
    return [*command, "--blobs", str(blobs), "--jobs", str(jobs)]


def _take(archive: Path, size: int, sha256: str) -> None:
    """Store the archive that comes next."""
    part = archive.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            while size:
                data = os.read(0, min(size, _CHUNK))
                if not data:
                    raise ValueError("the connection ended while the agent was being sent")
                size -= len(data)
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if _sha256(part) != sha256:
            raise ValueError("the agent arrived damaged")
        part.replace(archive)
    finally:
        if part.exists():
            part.unlink()


def _found(program: str, what: str) -> str:
    """The path of a program; one with a slash in its name is relative to the home folder."""
    path = str(_from_home(program)) if "/" in program else shutil.which(program)
    if not path or not os.access(path, os.X_OK):
        raise ValueError(f"{what}, {program}, is not there")
    return path


def _from_home(path: str) -> Path:
    return Path.home() / Path(path).expanduser()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _say(body: Any) -> None:
    text = json.dumps(dict(body, arrays={})).encode()
    sys.stdout.buffer.write(b"AE1 %d 0\n%b" % (len(text), text))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
