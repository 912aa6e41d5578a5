"""The environment and meter card: what the figures hold for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity, words
from autoedge.report.figures import ESTIMATE, number, percent, plural
from autoedge.report.html_section import section
from autoedge.report.markup import Markup, element, table
from autoedge.report.text import printable
from autoedge.report.wording import how_measured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.report.html_section import Section

    Document = Mapping[str, Any]

_TEXT = 400


def surroundings_section(document: Document) -> Section:
    """Devices, runtimes, meters, protocol, and what disturbed the measurements."""
    about = document["surroundings"]
    targets = [_target(one, document) for one in about["targets"]]
    flags = [[printable(name, 40), f"{count} of {about['valid']}"] for name, count in about["flags"].items()]
    return section(
        "surroundings",
        "Environment",
        "Environment and meter",
        targets,
        _best_by_target(document),
        element("h3", "What disturbed it"),
        table(["flag", "valid processes that bear it"], flags, label="Flags")
        if flags
        else element("p", f"None of {plural(about['valid'], 'valid process', 'valid processes')} bears a flag."),
        [_protocol(name, parameters) for name, parameters in about["protocols"].items()],
    )


def _target(one: Mapping[str, Any], document: Document) -> Markup:
    facts = {
        "device": f"{one['cpu'] or one['arch']}, {plural(int(one['cores']), 'core')}, {one['memory_mib']} MiB",
        "system": f"{one['os']}, {one['arch']}",
        "fingerprint": one["fingerprint"],
        "runtimes": ", ".join(one["runtimes"]),
        "in front of the agent": one["wrap"],
        "lost": one["lost"],
        "power": _power(one, document),
    }
    shown = [[element("dt", name), element("dd", printable(told, _TEXT))] for name, told in facts.items() if told]
    return element("div", element("h3", f"Target {printable(one['name'], 64)}"), element("dl", shown, class_="facts"))


def _power(one: Mapping[str, Any], document: Document) -> str:
    """The meter, or what its figures are estimated with."""
    meter, fitted = one["meter"], one["calibrated"]
    if meter:
        errors = f"gain {percent(meter['gain'])} %, offset {number(meter['offset_w'])} W ({meter['accuracy_from']})"
        model = f", {meter['model']}" if meter["model"] else ""
        kind = "estimated by" if meter["scope"] == "estimate" else "measured by"
        return f"{kind} {meter['name']} at {meter['scope']}{model}; {errors}"
    if fitted:
        return f"{ESTIMATE} estimated, calibrated {fitted.get('date', '')} with {fitted.get('meter', 'a meter')}"
    mine = [row for row in document["candidates"] if row["target"] == one["name"]]
    hows = {
        value["estimator"] for row in mine for value in row["metrics"].values() if str(value["source"]) == "estimated"
    }
    told = ", ".join(sorted(map(str, hows)))
    return f"no meter; {ESTIMATE} estimated: {told}" if told else "no meter"


def _best_by_target(document: Document) -> Markup | None:
    targets = document["verdict"]["targets"]
    if len(targets) < 2:  # noqa: PLR2004 - one target has no best beside the chosen
        return None
    rows = []
    for one in targets:
        best = one["best"]
        told = ["nothing measured", "", ""]
        if best is not None:
            told = [
                identity(best["candidate_id"]),
                words(best["configuration"]),
                f"{best['outcome']}, {how_measured(best)}",
            ]
        rows.append([printable(one["name"], 40), *told])
    return table(["target", "best candidate", "configuration", "outcome"], rows, label="Best of each target")


def _protocol(name: str, parameters: Mapping[str, Any]) -> Markup:
    rows = [[printable(key, 60), printable(value, 120)] for key, value in sorted(parameters.items())]
    summary = element("summary", f"Protocol {printable(name, 80)}: {plural(len(rows), 'parameter')}")
    return element("details", summary, table(["parameter", "value"], rows, label=f"Protocol {printable(name, 80)}"))
