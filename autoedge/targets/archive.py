"""The agent as one file that a device can run."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDERS = ("agent", "runtimes", "meters", "preprocessing")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class AgentArchive:
    """A zip file that Python runs.

    Attributes:
        data: Its bytes; the same from the same sources.
        sha256: Their hash.
    """

    data: bytes
    sha256: str


@cache
def agent_archive() -> AgentArchive:
    """The archive of the agent of this installation."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, source in sorted(_files()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, source)
    data = buffer.getvalue()
    return AgentArchive(data, hashlib.sha256(data).hexdigest())


def _files() -> Iterator[tuple[str, bytes]]:
    package = Path(__file__).parents[1]
    yield "__main__.py", (package / "agent" / "entry.py").read_bytes()
    yield "autoedge/__init__.py", b""
    yield "autoedge/errors.py", (package / "errors.py").read_bytes()
    for folder in _FOLDERS:
        for path in (package / folder).rglob("*.py"):
            yield f"autoedge/{path.relative_to(package).as_posix()}", path.read_bytes()
