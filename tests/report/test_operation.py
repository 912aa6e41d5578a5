"""Battery, carbon and cost in a report: the figures, their formulas, and what is told instead of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from autoedge.report.html import html_report
from autoedge.report.markdown import markdown_report
from autoedge.report.operation import operation_lines, operation_words
from autoedge.report.operation_advice import missing, too_slow

if TYPE_CHECKING:
    from collections.abc import Callable

    Document = dict[str, Any]

TIMES = "\N{MULTIPLICATION SIGN}"


def test_each_figure_has_its_formula(document: Callable[..., Document]) -> None:
    """Titles, units, intervals and formulas are as a person would write them; estimates in formulas are marked."""
    lines = {line.title: line for line in operation_lines(document())}
    assert len(lines) == 12
    sci = lines["SCI per item"]
    assert sci.chosen == ("60.0 µg CO2eq", "[30.0, 90.0]")
    assert sci.reference == ("84.0 µg CO2eq", "[81.5, 86.5]")
    assert sci.estimates == (True, False)
    expected = "(E * I + M) / R = (~210 mJ * 380 g CO2eq / kWh + ~38.0 µg CO2eq) / 1 item"
    assert sci.formula.replace(TIMES, "*") == expected
    assert lines["battery life"].formula == "usable energy / P = 7.7 Wh / ~0.420 W"
    made = lines["carbon of making per item M"].formula.replace(TIMES, "*")
    assert made == "embodied / (lifetime * rate) = 12 kg CO2eq / (5 years * 2 / s)"
    batteries = lines["fleet: batteries, cost a year"].formula.replace(TIMES, "*")
    assert batteries == "empty batteries * cost of each = ~240000 * 4.5 EUR"
    assert operation_words(document()).startswith(
        "items arrive at 2 / s, usable battery 7.7 Wh, electricity I of 380 g"
    )


def test_the_power_shows_where_it_comes_from(document: Callable[..., Document]) -> None:
    """Measured at the rate it needs no sum; else idle and net energy add up to it."""
    made = document()
    metrics = made["verdict"]["chosen"]["metrics"]
    net = {**metrics["energy_mj"], "value": 60.0}
    metrics["energy_net_mj"] = net
    formula = operation_lines(made)[0].formula.replace(TIMES, "*")
    assert formula == "idle + rate * net energy per item = ~0.300 W + 2 / s * ~60.0 mJ"
    metrics["power_at_rate_w"] = metrics["energy_mj"]
    assert operation_lines(made)[0].formula == "measured while items arrived at the rate"
    del metrics["power_at_rate_w"], metrics["energy_net_mj"]
    assert operation_lines(made)[0].formula.replace(TIMES, "*") == "idle + rate * net energy per item"


def test_without_the_making_of_a_device(document: Callable[..., Document]) -> None:
    """Where the intent does not tell it, the formula says that M is not given instead of adding nothing."""
    made = document()
    told = made["operation"]
    told["carbon"] |= {"embodied_kg": None, "lifetime_years": None}
    del told["chosen"]["embodied_g"], told["reference"]["embodied_g"]
    formulas = {line.title: line.formula.replace(TIMES, "*") for line in operation_lines(made)}
    expected = "(E * I + M) / R, M not given = ~210 mJ * 380 g CO2eq / kWh / 1 item"
    assert formulas["SCI per item"] == expected
    assert formulas["fleet: carbon a year"] == "energy * I = ~1840 kWh * 380 g CO2eq / kWh"


@pytest.mark.parametrize("exponent", range(-12, 9))
def test_masses_have_a_unit_that_suits(document: Callable[..., Document], exponent: int) -> None:
    """From nanograms to tonnes a figure has few digits, and both candidates share the unit."""
    made = document()
    for side in ("chosen", "reference"):
        for end in ("value", "low", "high"):
            made["operation"][side]["sci_g"][end] = 4.0 * 10.0**exponent
    line = next(line for line in operation_lines(made) if line.title == "SCI per item")
    assert line.chosen == line.reference
    figure, unit, _ = line.chosen[0].split()
    size = {"ng": 1e-9, "µg": 1e-6, "mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6}[unit]
    assert float(figure) * size == pytest.approx(4.0 * 10.0**exponent)
    assert len(figure) <= 7 or exponent < -9


def test_where_nothing_can_be_told(document: Callable[..., Document]) -> None:
    """The page keeps its section with what to add, the text has it as a remark, and neither has an empty table."""
    made = document()
    empty = {"rate": None, "battery_wh": None, "carbon": None, "fleet": None, "chosen": {}, "reference": {}}
    sentence = missing(None, None, carbon=False, fleet=False, power=False)
    made["operation"] = {**empty, "notes": [], "missing": sentence}
    page, text = html_report(made), markdown_report(made)
    section = page.partition('<section id="operation"')[2].partition("</section>")[0]
    assert "add workload: {rate: 2 / s} to the intent" in section
    assert "<table" not in section
    assert "- What a device takes in use" in text
    assert "### Battery" not in text


@pytest.mark.parametrize(
    ("rate", "battery", "said", "begin"),
    [
        (None, 10.0, (True, True, False), ["What a device takes in use follows from its workload: add workload"]),
        (2.0, 10.0, (True, True, False), ["The figures of the chosen candidate do not tell its power"]),
        (2.0, None, (True, False, True), ["For battery life add battery: {capacity: 10 Wh}", "For energy and cost of"]),
        (2.0, 10.0, (False, True, True), ["For carbon add carbon: {intensity: 380 g / kWh}"]),
        (2.0, 10.0, (True, True, True), []),
    ],
)
def test_what_to_add(
    rate: float | None, battery: float | None, said: tuple[bool, bool, bool], begin: list[str]
) -> None:
    """One sentence for each thing that is missing; without a rate or a power, that one alone."""
    carbon, fleet, power = said
    told = missing(rate, battery, carbon=carbon, fleet=fleet, power=power)
    assert [sentence[: len(start)] for sentence, start in zip(told, begin, strict=True)] == begin


def test_who_cannot_keep_up(document: Callable[..., Document]) -> None:
    """A candidate that is slower than the workload is told of with both rates."""
    verdict = document()["verdict"]
    verdict["chosen"]["metrics"]["throughput_ips"] = {"value": 1.5}
    verdict["reference"]["metrics"]["throughput_ips"] = {"value": 2.5}
    (note,) = too_slow(verdict, 2.0)
    assert note.startswith("The chosen candidate works at 1.50 / s and cannot keep up with 2 / s")
    assert too_slow(verdict, None) == []


def test_the_reference_itself_stands_alone(document: Callable[..., Document]) -> None:
    """Where the reference was chosen there is one column of figures."""
    made = document()
    made["verdict"]["reference"] = made["verdict"]["chosen"]
    section = html_report(made).partition('<section id="operation"')[2].partition("</section>")[0]
    assert section.count('<th scope="col">') == 2


def test_a_hostile_currency_stays_text(hostile: Document) -> None:
    """Markup in a currency or a remark is shown as it is, in the page and in the text."""
    page, text = html_report(hostile), markdown_report(hostile)
    section = page.partition('<section id="operation"')[2].partition("</section>")[0]
    assert "<script" not in section
    assert "<img" not in section
    assert "EUR&lt;/scrip" in section
    assert "<script" not in text
