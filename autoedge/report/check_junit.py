"""A gate's result as JUnit XML, which every CI service shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET  # only written here, never read

from autoedge.report.check_text import headline, lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.report.check_text import Line

# What XML 1.0 allows; all else cannot be written in any form.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(document: Mapping[str, Any]) -> bytes:
    """A test suite with a case for each limit and each metric held against the base.

    Not met and regressed are failures, undecided is an error, what was not judged is skipped.

    Args:
        document: Of ``autoedge check``.
    """
    lines = lines_of(document)
    count = {
        "tests": len(lines),
        "failures": sum(line.failed for line in lines),
        "errors": sum(line.outcome == "undecided" for line in lines),
        "skipped": sum(line.outcome == "not judged" for line in lines),
    }
    facts = {"name": "autoedge check", **{name: str(number) for name, number in count.items()}}
    suites = ET.Element("testsuites", facts)
    suite = ET.SubElement(suites, "testsuite", {**facts, "time": f"{document['seconds']:.1f}"})
    properties = ET.SubElement(suite, "properties")
    known = {"outcome": document["outcome"], "target": document["target"]["name"], "seed": document["seed"]}
    for name, value in {**known, "protocol": document["protocol"]["id"], "limit": document["limit"]}.items():
        ET.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    for line in lines:
        _case(suite, line)
    ET.SubElement(suite, "system-out").text = _clean(headline(document))
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: ET.Element, line: Line) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": f"autoedge.{line.group}", "name": _clean(line.name)})
    text = _clean("; ".join(part for part in (line.figure, line.note) if part))
    if line.failed:
        ET.SubElement(case, "failure", {"type": line.outcome, "message": text})
    elif line.outcome == "undecided":
        ET.SubElement(case, "error", {"type": line.outcome, "message": text})
    elif line.outcome == "not judged":
        ET.SubElement(case, "skipped", {"message": text})
    elif text:
        ET.SubElement(case, "system-out").text = text


def _clean(value: object) -> str:
    return _NO_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))
