"""The page in a real browser: it opens without a complaint, answers mouse and keyboard, and serves everybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_playwright_python
import pytest

from autoedge.report.html import html_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    Document = dict[str, Any]
    Opens = Callable[..., "Opened"]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = (1280, 900), (390, 844)
POINT = """(name) => {
  const { chart } = AutoEdge.front;
  for (const [at, series] of chart.getOption().series.entries()) {
    const found = series.type === "scatter" && series.data.find((one) => one.name === name);
    if (found) return chart.convertToPixel({ seriesIndex: at }, found.value);
  }
  return null;
}"""


class Opened:
    """A page with all that it said while it was open."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def place(self, name: str) -> list[float] | None:
        """Where a candidate's point is in the plot; None where it is not drawn."""
        place: list[float] | None = self.page.evaluate(POINT, name)
        return place

    def point(self, name: str) -> tuple[float, float]:
        """Where a candidate's point is on the screen, which is scrolled to it."""
        plot = self.page.locator("#front-plot")
        plot.scroll_into_view_if_needed()
        box, place = plot.bounding_box(), self.place(name)
        assert box is not None
        assert place is not None
        return box["x"] + place[0], box["y"] + place[1]

    def violations(self) -> list[str]:
        """What axe-core finds that is serious or critical."""
        # Through the debugger, since the page's own policy would not let it in.
        session = self.page.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": f"{AXE};0"})
        found = self.page.evaluate("async () => (await axe.run()).violations")
        return [f"{one['id']}: {one['help']}" for one in found if one["impact"] in ("serious", "critical")]


@pytest.fixture
def opens(browser: Browser, tmp_path: Path) -> Iterator[Opens]:
    """``opens(document, size, scripts)``: the page of a document from a file, with the network off."""
    contexts = []

    def open_(document: Document, size: tuple[int, int] = DESKTOP, *, scripts: bool = True) -> Opened:
        path = tmp_path / "report.html"
        path.write_text(html_report(document), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, offline=True, java_script_enabled=scripts
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.goto(path.as_uri())
        if scripts:
            opened.page.wait_for_selector("html[data-ready]")
        return opened

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_opens_without_a_complaint(opens: Opens, document: Callable[..., Document], size: tuple[int, int]) -> None:
    """No console message, no error, nothing refused by the policy, nothing fetched; the page never scrolls sideways."""
    opened = opens(document(), size)
    assert opened.said == []
    assert len(opened.asked) == 1
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    drawn = opened.page.locator(".plot svg")
    assert drawn.count() == opened.page.locator(".plot").count() == 6


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_use_it(opens: Opens, document: Callable[..., Document], size: tuple[int, int]) -> None:
    """axe-core finds nothing serious or critical, before and after a candidate was picked."""
    opened = opens(document("not met"), size)
    assert opened.violations() == []
    opened.page.locator("#candidates button").nth(2).click()
    assert opened.violations() == []


def test_axes_are_switched(opens: Opens, document: Callable[..., Document]) -> None:
    """Choosing another metric moves the points and names the axis; an estimated one says so."""
    opened = opens(document())
    before = opened.place("77bd0c11fe@local")
    opened.page.select_option("#axis-x", "memory_peak_mib")
    assert opened.place("77bd0c11fe@local") != before
    opened.page.select_option("#axis-x", "energy_mj")
    assert "~ energy (mJ), estimated" in (opened.page.locator("#front-plot").text_content() or "")
    opened.page.select_option("#axis-y", "energy_mj")
    opened.page.select_option("#axis-x", "size_mib")  # one value for all
    assert opened.said == []


def test_hover_shows_the_configuration(opens: Opens, document: Callable[..., Document]) -> None:
    """Over a point stand its id, how it stands, its configuration and both figures; beside it, nothing."""
    opened = opens(document())
    hover = opened.page.locator("#front-hover")
    assert hover.is_hidden()
    opened.page.mouse.move(*opened.point("3fa4c01b22@local"))
    told = hover.inner_text()
    for part in ("3fa4c01b22: chosen", "tiny int8", "threads=2", "latency_p95 0.0520 ms", "confirmed in 6"):
        assert part in told
    x, y = opened.point("3fa4c01b22@local")
    opened.page.mouse.move(x, y - 120)
    assert hover.is_hidden()


def test_a_click_shows_the_row_and_a_row_its_point(opens: Opens, document: Callable[..., Document]) -> None:
    """Point and row are picked together, whichever was clicked."""
    opened = opens(document())
    opened.page.mouse.click(*opened.point("0a1b2c3d4e@local"))
    picked = opened.page.locator("tr.picked-row")
    assert picked.get_attribute("data-row") == "3"
    assert "0a1b2c3d4e" in opened.page.locator("#front-chosen").inner_text()
    opened.page.locator("tr[data-row='5'] td").nth(1).click()
    assert picked.get_attribute("data-row") == "5"
    ring = opened.page.evaluate("AutoEdge.front.chart.getOption().series.find((one) => one.id === 'picked').data")
    assert len(ring) == 1


def test_the_keyboard_is_enough(opens: Opens, document: Callable[..., Document]) -> None:
    """Tab reaches the axes, the legend and every candidate; Enter picks it, and the screen reader's line follows."""
    opened = opens(document())
    reached, picked = set(), ""
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        focus = opened.page.evaluate(
            "(({ id, value, textContent }) => [id, value, textContent])(document.activeElement)"
        )
        reached |= {focus[0], focus[1]}
        if focus[2] == "77bd0c11fe":
            opened.page.keyboard.press("Enter")
            picked = opened.page.locator("#front-chosen").inner_text()
            break
    assert {"axis-x", "axis-y", "refused", "dominated"} <= reached
    assert picked.startswith("77bd0c11fe:")
    assert opened.page.locator("tr.picked-row button").get_attribute("aria-pressed") == "true"


def test_the_legend_hides_and_shows(opens: Opens, document: Callable[..., Document]) -> None:
    """A mark that is unchecked leaves the plot, and the axes close up."""
    opened = opens(document())
    before = opened.place("3fa4c01b22@local")
    opened.page.uncheck("input[value=refused]")
    assert opened.place("6666bbbb77@local") is None
    assert opened.place("3fa4c01b22@local") != before
    opened.page.check("input[value=refused]")
    assert opened.place("3fa4c01b22@local") == before


def test_limits_are_shaded_where_they_lie(opens: Opens, document: Callable[..., Document]) -> None:
    """A limit on a shown metric is a line with its words and a shade; one far away is named below the picture."""
    opened = opens(document())
    plot, below = opened.page.locator("#front-plot"), opened.page.locator("#front-outside")
    assert "accuracy >= 0.95" in (plot.text_content() or "")
    assert "latency_p95 <= 50 % of baseline" in (plot.text_content() or "")
    opened.page.select_option("#axis-x", "memory_peak_mib")
    assert "memory_peak <= 4096 MiB" in below.inner_text()


def test_hostile_text_does_nothing(opens: Opens, hostile: Document) -> None:
    """Names, reasons and device output with markup run nothing, fetch nothing and add nothing, also when picked."""
    opened = opens(hostile)
    name = hostile["candidates"][2]["candidate_id"]
    opened.page.locator("#candidates button").nth(2).click()
    opened.page.evaluate("(name) => AutoEdge.front.pick(name, true)", name)
    opened.page.mouse.move(*opened.point(name))
    assert "<script>" in opened.page.locator("#front-hover").inner_text()
    assert opened.page.title() != "owned"
    assert opened.page.locator("img").count() == 0
    assert opened.said == []
    assert len(opened.asked) == 1


def test_without_scripts_it_is_still_a_report(opens: Opens, document: Callable[..., Document]) -> None:
    """With scripts off the still picture, the verdict and every candidate are there, and no empty plot."""
    opened = opens(document(), scripts=False)
    assert opened.page.locator("svg.still").is_visible()
    assert opened.page.locator("#front-plot").is_hidden()
    assert opened.page.locator("#candidates tbody tr").count() == 6
    assert opened.said == []


def test_it_prints(opens: Opens, document: Callable[..., Document], tmp_path: Path) -> None:
    """Printing draws every plot for paper, and the screen gets its own width back."""
    opened = opens(document())
    before = opened.page.locator("#front-plot svg").get_attribute("width")
    paper = opened.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert paper.startswith(b"%PDF")
    assert opened.page.locator("#front-plot svg").get_attribute("width") == before
    assert opened.said == []
