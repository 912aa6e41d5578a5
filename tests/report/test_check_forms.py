"""A gate's result as JUnit XML and Markdown, whatever a device or a user called things."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from autoedge.report.check_junit import junit_xml
from autoedge.report.check_markdown import check_markdown
from autoedge.report.check_text import headline, lines_of

HOSTILE = "<img src=x onerror=alert(1)> | `x` [a](javascript:b) @team \x1b[31m\x00 ]]> &amp; ~~y~~ # 1\n- z"


def read(xml: bytes) -> ET.Element:
    """The tree of our own file."""
    return ET.fromstring(xml)  # noqa: S314 - written a moment ago


def figure(value: float, source: str = "measured") -> dict[str, Any]:
    """A figure as a document holds it."""
    return {"value": value, "low": value * 0.9, "high": value * 1.1, "source": source, "estimator": "t", "n": 6}


def decision(constraint: str, metric: str, outcome: str, **more: Any) -> dict[str, Any]:
    """A limit held against a figure."""
    usual = {"relative": "absolute", "limit": 1.0, "figure": figure(0.5), "slack": 0.1, "note": ""}
    return {"constraint": constraint, "metric": metric, "outcome": outcome, **usual, **more}


def change(metric: str, outcome: str, **more: Any) -> dict[str, Any]:
    """A metric held against the base."""
    usual = {"worse": 0.101, "low": 0.05, "high": None, "pairs": 10, "base": figure(1), "now": figure(1.1), "note": ""}
    return {"metric": metric, "outcome": outcome, **usual, **more}


@pytest.fixture
def document() -> dict[str, Any]:
    """One of every kind, with hostile words wherever words come from outside."""
    return {
        "schema_version": 1,
        "name": "small",
        "outcome": "regressed",
        "rounds": 10,
        "seconds": 12.34,
        "seed": 7,
        "advice": "more rounds | may decide it",
        "limit": 0.02,
        "protocol": {"id": "quick-1-abc"},
        "target": {"name": "pi4", "cpu": HOSTILE},
        "constraints": [
            decision("accuracy >= 50 %", "accuracy", "met"),
            decision("energy <= 5 mJ", "energy_mj", "undecided", figure=figure(5, "estimated"), note=HOSTILE),
            decision("latency_p50 <= 50 % of baseline", "latency_p50_ms", "not met", relative="ratio"),
        ],
        "changes": [
            change("latency_p50_ms", "regressed"),
            change("memory_peak_mib", "held", worse=-0.001, low=-0.01, high=0.003),
            change("energy_mj", "not judged", worse=None, low=None, pairs=0, note="is an estimate"),
            change("size_mib", "held", worse=0.0, low=0.0, high=0.0, pairs=0),
        ],
        "fails": False,
        "processes": {"new": 10, "base": 8},
        "failed": [{"arm": "base", "reason": HOSTILE, "count": 2}],
    }


def test_lines_say_what_was_decided(document: dict[str, Any]) -> None:
    """Limits come first; each line has its figure with interval and, of an estimate, its mark."""
    lines = lines_of(document)
    assert [line.outcome for line in lines] == [
        *("met", "undecided", "not met", "regressed", "held", "not judged", "held"),
    ]
    assert lines[0].figure == "50 % [45, 55]"
    assert lines[1].figure == "~5 mJ [4.5, 5.5]"
    assert lines[2].figure == "50 % of baseline [45, 55]"
    assert lines[3].figure == "10.1 % worse, at least +5 % in 10 pairs"
    assert lines[4].figure == "0.1 % better [-1, +0.3] in 10 pairs"
    assert lines[6].figure == "the same"
    early = change("latency_p50_ms", "held", worse=3e-16, low=None, high=0.016)
    assert lines_of({**document, "changes": [early]})[-1].figure == "the same, at most +1.6 % in 10 pairs"
    assert [line.name for line in lines if line.failed] == ["latency_p50 <= 50 % of baseline", "latency_p50"]
    assert headline(document).startswith("regressed: worse: latency_p50 <= 50 % of baseline, latency_p50 (on pi4")


def test_failing_processes_are_told(document: dict[str, Any]) -> None:
    """A bundle that fails more often than the base has a line for it, in every form."""
    failing = {**document, "fails": True, "failed": [{"arm": "new", "reason": "out of memory", "count": 2}]}
    line = lines_of(failing)[-1]
    assert (line.outcome, line.figure, line.note) == ("undecided", "10 valid", "2 x out of memory")
    assert read(junit_xml(failing)).get("errors") == "2"
    assert "processes run through" in check_markdown(failing)


def test_junit(document: dict[str, Any]) -> None:
    """The XML is well formed and counts what failed, what is undecided, and what was skipped."""
    suites = read(junit_xml(document))
    suite = suites.find("testsuite")
    assert suite is not None
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "7", "failures": "2", "errors": "1", "skipped": "1"}
    assert suites.get("failures") == "2"
    cases = {case.get("name"): [part.tag for part in case] for case in suite.iter("testcase")}
    assert cases["energy <= 5 mJ"] == ["error"]
    assert cases["energy"] == ["skipped"]
    error = suite.find("testcase/error")
    assert error is not None
    assert "\\x1b[31m\\x00" in (error.get("message") or "")


@given(st.text())
def test_any_words_fit_into_xml(text: str) -> None:
    """Whatever a note holds, the file can be read, and tells it but for what XML cannot hold."""
    base = {
        "outcome": "undecided",
        "rounds": 1,
        "seconds": 1.0,
        "seed": 0,
        "advice": "",
        "limit": 0.02,
        "changes": [],
        "fails": False,
    }
    lines = [decision(text or "x", "accuracy", "undecided", note=text)]
    made = junit_xml({**base, "protocol": {"id": text}, "target": {"name": text}, "constraints": lines})
    assert len(list(read(made).iter("testcase"))) == 1


def test_markdown(document: dict[str, Any]) -> None:
    """Rendered, the page has its two tables, and nothing of what came from outside is markup."""
    text = check_markdown(document)
    assert "more rounds &#124; may decide it" in text
    assert "\x1b" not in text
    assert "\x00" not in text
    html = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"]).render(text)
    assert html.count("<table>") == 2
    assert html.count("<tr>") == 2 + 3 + 4
    assert not re.findall(r"<(?!/?(?:h3|p|table|thead|tbody|tr|th|td|ul|li)\b)", html)
    assert "@" not in text
    assert "regressed" in text.splitlines()[2]
