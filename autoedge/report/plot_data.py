"""What the report's scripts draw from, without what only the tables tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity, words
from autoedge.report.figures import estimated, metric_of, name_of, unit_of
from autoedge.report.text import printable
from autoedge.report.wording import how_measured, mark_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, Any]

_TEXT = 60  # a limit stands along its line


def plot_data(document: Document) -> dict[str, Any]:
    """Metrics, candidates, limits, history, predictions and traces of a report's document."""
    metrics = document["metrics"]
    return {
        "metrics": [_metric(key) for key in metrics],
        "axes": axes(document),
        "candidates": [_candidate(row, document) for row in document["candidates"]],
        "limits": [
            {
                "text": printable(one["constraint"], _TEXT),
                "metric": one["metric"],
                "value": one["value"],
                "refused": one["refused"],
            }
            for one in document["limits"]
            if one["value"] is not None and one["metric"] in metrics
        ],
        "history": document["history"],
        "predicted": [
            {"metric": one["metric"], "estimated": one["estimated"], "points": one["predicted"]}
            for one in document["learned"]["metrics"]
            if one["predicted"]
        ],
        "traces": [{"estimated": one["source"] == "estimated", "series": one["series"]} for one in document["traces"]],
    }


def axes(document: Document) -> list[str]:
    """The two metrics that the plot begins with: the first objectives, or what else is known."""
    shown = [key for key in document["verdict"]["objectives"] if key in document["metrics"]]
    found = list(dict.fromkeys([*shown, *document["metrics"]]))[:2]
    return found if len(found) == 2 else found * 2  # noqa: PLR2004 - a plot has two axes


def _metric(key: str) -> dict[str, Any]:
    metric = metric_of(key)
    fraction = metric is not None and metric.dimension == "fraction"
    return {
        "key": key,
        "name": name_of(key),
        "unit": unit_of(key),
        "factor": 100 if fraction else 1,
        "log": metric is not None and metric.dimension not in ("fraction", "number"),
        "better": "higher" if metric is not None and metric.direction == "maximize" else "lower",
    }


def _candidate(row: Mapping[str, Any], document: Document) -> dict[str, Any]:
    several = len(document["verdict"]["targets"]) > 1
    values = {
        key: [value["value"], value["low"], value["high"], int(estimated(value))]
        for key, value in row["metrics"].items()
    }
    return {
        "id": row["candidate_id"],
        "name": identity(row["candidate_id"]),
        "mark": mark_of(row),
        "words": words(row["configuration"]) + (f" on {printable(row['target'], 40)}" if several else ""),
        "measured": how_measured(row),
        "values": values,
    }
