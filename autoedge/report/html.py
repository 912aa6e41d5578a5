"""report.html: one file with everything in it, which opens without a network and runs nothing but its own scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.assets import SCRIPTS, STYLE, asset, digest
from autoedge.report.html_dropouts import dropouts_section
from autoedge.report.html_front import front_section
from autoedge.report.html_head import header, navigation
from autoedge.report.html_history import history_section, traces_section
from autoedge.report.html_learned import knobs_section, surrogate_section
from autoedge.report.html_operation import operation_section
from autoedge.report.html_surroundings import surroundings_section
from autoedge.report.html_verdict import chosen_section, verdict_section
from autoedge.report.markup import Markup, data_script, element, joined
from autoedge.report.plot_data import plot_data
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECTIONS = (
    front_section,
    verdict_section,
    chosen_section,
    operation_section,
    knobs_section,
    history_section,
    traces_section,
    surrogate_section,
    surroundings_section,
    dropouts_section,
)


def html_report(document: Mapping[str, Any]) -> str:
    """The report as a page.

    Text from outside is escaped wherever it stands, and the page's policy allows no script or style but those that it
    was written with, by their hashes: what slipped through would still not run.

    Args:
        document: As :func:`autoedge.workflows.report_document.report_document` gathers it.
    """
    styles = [asset(name) for name in STYLE]
    scripts = [asset(name) for name in SCRIPTS]
    verdict = document["verdict"]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy(scripts, styles)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"AutoEdge {document['surroundings']['autoedge']}"),
        element("title", f"{printable(verdict['name'], 64)}: {verdict['outcome']} (AutoEdge report)"),
        [Markup(f"<style>{text}</style>") for text in styles],
    )
    sections = [made for section in _SECTIONS if (made := section(document)) is not None]
    body = element(
        "body",
        element("a", "Skip to the verdict", href="#verdict", class_="skip"),
        header(document),
        navigation(sections),
        element("main", [made.section for made in sections]),
        _footer(document),
        data_script("report-data", plot_data(document)),
        [Markup(f"<script>{text}</script>") for text in scripts],
    )
    return joined(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n"))


def policy(scripts: list[str], styles: list[str]) -> str:
    """The content security policy of a page with these scripts and styles: nothing else runs, nothing is fetched."""
    allowed = {
        "default-src": ["'none'"],
        "script-src": [digest(text) for text in scripts],
        "style-src": [digest(text) for text in styles],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in allowed.items())


def _footer(document: Mapping[str, Any]) -> Markup:
    return element(
        "footer",
        element(
            "p",
            f"Made by AutoEdge {document['surroundings']['autoedge']} from the stored run; ",
            element("code", "autoedge report RUN"),
            " makes it again. Figures hold for the devices, runtimes and protocol named above.",
        ),
        element("p", "Plots: Apache ECharts, Copyright The Apache Software Foundation, Apache License 2.0."),
    )
