"""Files that a report is put together from: our style and scripts, and the plotting library."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

STYLE = ("report.css",)
SCRIPTS = ("echarts.common.min.js", "scales.js", "front.js", "charts.js", "page.js")
"""In the order in which they run; the first is vendored, see assets/VENDORED.md."""


def asset(name: str) -> str:
    """The text of a file of the package's ``assets``."""
    return (files("autoedge.report") / "assets" / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """The text's hash as a content security policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
