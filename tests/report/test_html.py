"""The page as text: everything in it, nothing fetched, nothing run but what it was written with."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.report.html import html_report

if TYPE_CHECKING:
    from collections.abc import Callable

    Document = dict[str, Any]


class Page(HTMLParser):
    """Elements in order, text by element, and what scripts and styles hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self.text: list[str] = []
        self._within = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        self._within = tag if tag in self.inline and ("type", "application/json") not in attrs else ""

    def handle_endtag(self, tag: str) -> None:
        """Scripts and styles hold no elements."""
        del tag
        self._within = ""

    def handle_data(self, data: str) -> None:
        """Keep text apart from what is run."""
        if self._within:
            self.inline[self._within].append(data)
        else:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        """All text, white space as one."""
        return " ".join(" ".join(self.text).split())


def test_the_policy_names_every_script_and_style(document: Callable[..., Document]) -> None:
    """Nothing is allowed but the inline scripts and styles, by hash; the policy stands in front of all of them."""
    page = Page(html_report(document()))
    (policy,) = [one["content"] or "" for one in page.all("meta") if "http-equiv" in one]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.inline[kind]]
        assert rules[f"{kind}-src"].split() == [f"'sha256-{digest}'" for digest in digests]
    order = [tag for tag, attributes in page.elements if tag in ("script", "style") or "http-equiv" in attributes]
    assert order[0] == "meta"


def test_nothing_is_fetched_and_nothing_is_styled_in_place(document: Callable[..., Document]) -> None:
    """No element names a file, an address, a handler or a style of its own; links stay in the page."""
    page = Page(html_report(document()))
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "style", "action", "data"} & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in page.inline["style"][0]
    assert "url(" not in page.inline["style"][0]


def test_hostile_text_adds_no_element(document: Callable[..., Document], hostile: Document) -> None:
    """Names, reasons and what devices say change the text of the page and nothing else: the elements are the same."""
    plain, other = Page(html_report(document("not met"))), Page(html_report(hostile))
    assert Counter(tag for tag, _ in plain.elements) == Counter(tag for tag, _ in other.elements)
    names = [sorted(attributes) for _, attributes in plain.elements]
    assert names == [sorted(attributes) for _, attributes in other.elements]


def test_no_control_character_reaches_the_file(hostile: Document) -> None:
    """Terminal codes, bidirectional marks and line separators are spelled out everywhere in what is ours."""
    text = html_report(hostile)
    ours = text[: text.index("<script>")]
    assert not [one for one in ours.replace("\n", "") if not one.isprintable()]
    assert "\\x1b[31m" in ours


def test_the_page_can_be_taken_apart_again(document: Callable[..., Document]) -> None:
    """What the scripts draw from is the document's: every candidate with every figure, estimates marked as such."""
    made = document()
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', html_report(made))
    assert found
    data = json.loads(found.group(1))
    assert [one["id"] for one in data["candidates"]] == [one["candidate_id"] for one in made["candidates"]]
    assert [one["mark"] for one in data["candidates"]] == [
        "chosen", "reference", "front", "front", "dominated", "refused",
    ]  # fmt: skip
    first = data["candidates"][0]["values"]
    assert first["energy_mj"][3] == 1
    assert first["latency_p95_ms"][3] == 0
    assert data["axes"] == ["latency_p95_ms", "accuracy"]


@pytest.mark.parametrize("outcome", ["met", "not met", "undecided"])
def test_each_outcome_is_told_in_words(document: Callable[..., Document], outcome: str) -> None:
    """The heading, title and verdict say the outcome; what would change it is told unless it is met."""
    page = Page(html_report(document(outcome)))
    assert f"digits: {outcome} (AutoEdge report)" in page.words
    opens = {"not met": "What would open the space", "undecided": "What would decide it"}
    assert (opens.get(outcome, "What would") in page.words) is (outcome != "met")
    assert ("relax accuracy >= 0.95 to 94.0 %" in page.words.replace("  ", " ")) is (outcome != "met")


def test_estimates_never_look_like_measurements(document: Callable[..., Document]) -> None:
    """Every estimated figure of the page is in italics behind its mark, and a footnote says what that means."""
    text = html_report(document())
    tables = text[text.index("<main") : text.index("</main>")]
    for shown in ("0.468", "1.47"):  # energies of the chosen candidate and the reference
        places = [found.start() for found in re.finditer(rf">~?{re.escape(shown)}( mJ)?<", tables)]
        assert places
        assert all(tables[:place].endswith('<i class="estimate"') for place in places)
        assert f">{shown}<" not in tables
    assert "estimated, not measured" in tables


def test_what_is_not_there_is_said_or_left_out(document: Callable[..., Document]) -> None:
    """Without traces, results to learn from, limits or a volume the page says so, and invents nothing."""
    made = document()
    made["traces"], made["stopped"], made["limits"] = [], [], []
    made["learned"] = {"rows": 1, "knobs": [], "metrics": [], "note": "no knob varied among the measured candidates"}
    made["history"]["points"] = [{**one, "share": None} for one in made["history"]["points"]]
    made["verdict"] |= {"failed": [], "left_out": [], "quality_lost": [], "runners_up": [], "started_from": None}
    made["verdict"]["chosen"]["decisions"] = []
    made["surroundings"] |= {"flags": {}}
    page = Page(html_report(made))
    for told in (
        "there is nothing to draw",
        "No knob varied among the measured candidates.",
        "there is no volume to follow",
        "The intent sets no limit.",
        "Nothing failed, and nothing was left out.",
        "No runner-up was confirmed.",
    ):
        assert told in page.words
    assert "Surrogate card" not in page.words


def test_without_scripts_there_is_a_picture_and_all_tables(document: Callable[..., Document]) -> None:
    """The page holds a still plot for browsers that run no scripts, and every candidate stands in the table."""
    made = document()
    text = html_report(made)
    still = text[text.index("<noscript>") : text.index("</noscript>")]
    assert still.count('class="mark ') >= len(made["candidates"])
    rows = [one for one in Page(text).all("tr") if "data-row" in one]
    assert [one["class"] for one in rows] == ["chosen", "reference", "front", "front", "dominated", "refused"]


def test_the_vendored_library_is_the_one_that_is_named() -> None:
    """The plotting library is the file that VENDORED.md names, by its hash, with licence and notice beside it."""
    folder = files("autoedge.report") / "assets"
    told = (folder / "VENDORED.md").read_text(encoding="utf-8")
    found = hashlib.sha256((folder / "echarts.common.min.js").read_bytes()).hexdigest()
    assert f"`{found}`" in told
    for name in ("echarts.LICENSE", "echarts.NOTICE", "echarts.LICENSE-d3"):
        assert name in told
        assert (folder / name).read_text(encoding="utf-8")
