"""The documentation as a site: `make docs`, strict, so that no page and no link is lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from autoedge.metric import METRICS, TASK_METRICS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
_LINK = re.compile(r"\]\((?P<place>\.\./[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
REPOSITORY = "https://github.com/autoedge/autoedge/blob/main"

project = "AutoEdge"
copyright = "AutoEdge's authors"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "AutoEdge"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False


def link_outside(_: Sphinx, page: str, source: list[str]) -> None:
    """Turn links to files of the repository that are no pages into links to where the repository is shown.

    Files that are not there stay as they are, and a strict build fails for them.
    """
    folder = (HERE / page).parent

    def shown(found: re.Match[str]) -> str:
        file = (folder / found["place"]).resolve()
        if not file.is_file() or HERE in file.parents or HERE.parent not in file.parents:
            return found[0]
        return f"]({REPOSITORY}/{file.relative_to(HERE.parent)}{found['anchor'] or ''})"

    source[0] = _LINK.sub(shown, source[0])


def tell_what_needs_hardware(_: Sphinx, page: str, source: list[str]) -> None:  # noqa: ARG001 - Sphinx gives it
    """Give blocks of commands that no test can run a caption that says so."""
    told = "```{code-block} console\n:caption: Needs the device or server that it names\n\n"
    source[0] = source[0].replace("```console hardware\n", told)


def metrics_text() -> str:
    """The page of metrics, from the table that the code has."""
    tasks = {name: task for task, names in TASK_METRICS.items() for name in names}
    lines = [
        "# Metrics",
        "",
        "What can be limited, made better and reported; [measurement.md](measurement.md) says how figures are made. An",
        "intent takes the name and any unit of the right kind; files hold the key.",
        "",
        "| name | key | unit | better | task | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for metric in METRICS.values():
        cells = (
            f"`{metric.name}`",
            f"`{metric.key}`",
            metric.unit or "-",
            metric.direction,
            tasks.get(metric.name, "all"),
        )
        lines.append(f"| {' | '.join(cells)} | {metric.meaning} |")
    return "\n".join(lines) + "\n"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    (HERE / "metrics.md").write_text(metrics_text(), encoding="utf-8")
    app.connect("source-read", link_outside)
    app.connect("source-read", tell_what_needs_hardware)
