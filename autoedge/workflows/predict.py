"""``autoedge predict``: rank devices that the user does not have, from results recorded on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.campaign.campaign import Campaign
from autoedge.campaign.history import recorded_in
from autoedge.errors import DataError, IntentError, SpaceError, SurrogateError
from autoedge.intent.load import load_intent
from autoedge.measurement import Source
from autoedge.surrogate.saved.fitting import enough_of
from autoedge.surrogate.saved.rows import joined, rows_of
from autoedge.workflows.events import StageBegan, silent
from autoedge.workflows.prepare import prepare
from autoedge.workflows.ranking import lacking_in, ranked_devices, wish_of
from autoedge.workflows.spaces import space_files
from autoedge.workflows.unowned import unowned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoedge.campaign.history import Recorded
    from autoedge.intent.constraint import Constraint
    from autoedge.surrogate.saved.elsewhere import Expected
    from autoedge.surrogate.saved.rows import Rows
    from autoedge.workflows.events import Listener
    from autoedge.workflows.prepare import Prepared
    from autoedge.workflows.ranking import Wish
    from autoedge.workflows.unowned import Unowned

BEST = 3
"""Candidates named on each device."""


def predict(
    intent: Path, history: Sequence[str], *, top: int = 10, on_event: Listener = silent, trust: Iterable[Path] = ()
) -> dict[str, Any]:
    """Rank recorded devices by what the intent's candidates are expected to do there; nothing is measured.

    Every figure is an estimate with the band of its held-out error. There is no verdict.

    Args:
        intent: The intent file; its own targets do not matter.
        history: ``DIR`` or ``DIR:target,...``: campaigns with results of the devices.
        top: Devices ranked at most.
        on_event: Told what happens.
        trust: Files and folders whose code may be loaded.

    Returns:
        The document that the command prints as JSON, see docs/predict.md.

    Raises:
        IntentError: The intent cannot be meant, or nothing of it can be predicted.
        DataError: A campaign cannot be read.
        SurrogateError: No device's results have enough in common with the intent.
    """
    if not history:
        raise IntentError("name at least one campaign with --history DIR or --history DIR:target")
    if top < 1:
        raise IntentError(f"--top is at least 1, but got {top}")
    recorded = _recorded(history)
    on_event(StageBegan("prepare", "looking into models and data"))
    prepared = prepare(load_intent(intent, trust))
    wish = wish_of(prepared, {metric for _, rows in recorded.values() for metric in enough_of(rows)})
    found, not_ranked = _learned(recorded, prepared, wish, on_event)
    if not found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in not_ranked.items())
        raise SurrogateError(f"no device can be ranked: {reasons}")
    ranked = ranked_devices(found, wish, prepared)
    return {
        "schema_version": 1,
        "intent": prepared.intent.name,
        "estimated": True,
        "objectives": list(wish.objectives),
        "constraints": [limit.text for limit in wish.constraints],
        "ranking": [
            {"rank": place, **_about(*recorded[name]), **_told(found[name], order, wish)}
            for place, (name, order) in enumerate(ranked[:top], start=1)
        ],
        "devices": len(ranked),
        "not_ranked": [{"target": name, "reason": reason} for name, reason in not_ranked.items()],
        "not_predicted": [{"what": what, "reason": reason} for what, reason in wish.not_predicted],
    }


def _learned(
    recorded: Mapping[str, tuple[Recorded, Rows]], prepared: Prepared, wish: Wish, on_event: Listener
) -> tuple[dict[str, Unowned], dict[str, str]]:
    """What the results of each device say of the intent's candidates, or why they say too little."""
    files = space_files(prepared)
    found: dict[str, Unowned] = {}
    not_ranked: dict[str, str] = {}
    for name, (where, rows) in recorded.items():
        on_event(StageBegan("train", f"learning from {name}"))
        try:
            one = unowned(where.target, rows, prepared, files, wish.metrics)
        except (SurrogateError, SpaceError) as error:
            not_ranked[name] = str(error)
            continue
        lacking = lacking_in(one, wish)
        if lacking:
            not_ranked[name] = lacking
        else:
            found[name] = one
    return found, not_ranked


def _recorded(words: Sequence[str]) -> dict[str, tuple[Recorded, Rows]]:
    """By ``campaign:target``, the rows of each target meant."""
    found = {}
    for one in recorded_in(words):
        try:
            rows = rows_of(Campaign(one.campaign.card, one.campaign.of(one.target)))
        except SurrogateError as error:
            raise DataError(str(error)) from error
        found[one.name] = one, joined([rows])
    return found


def _about(where: Recorded, rows: Rows) -> dict[str, Any]:
    return {"target": where.target, "campaign": where.origin, "rows": len(rows), "newest": rows.newest}


def _told(one: Unowned, order: NDArray[np.intp], wish: Wish) -> dict[str, Any]:
    """One device of the ranking."""
    errors = {"model": one.learned.of_models, "configuration": one.learned.of_rows}
    return {
        "shared": one.learned.shared,
        "candidates": [_candidate(one, int(row), wish) for row in order[:BEST]],
        "candidates_in_all": len(one.candidates),
        "held_out": {
            key: {what: asdict(error) for what, found in errors.items() if (error := found.get(key)) is not None}
            for key in one.learned.metrics
        },
        "unknown_metrics": [key for key in wish.metrics if key not in one.expected],
        "notes": list(one.notes),
    }


def _candidate(one: Unowned, row: int, wish: Wish) -> dict[str, Any]:
    figures = {key: _figure(expected, row) for key, expected in one.expected.items()}
    return {
        "configuration": one.candidates[row].configuration.canonical,
        "figures": figures,
        "limits": {limit.text: _side(limit, figures.get(limit.metric.key)) for limit in wish.constraints},
    }


def _figure(expected: Expected, row: int) -> dict[str, Any]:
    numbers = {end: float(getattr(expected, end)[row]) for end in ("value", "low", "high")}
    told = {end: number if np.isfinite(number) else None for end, number in numbers.items()}
    return {**told, "source": str(Source.ESTIMATED)}


def _side(limit: Constraint, figure: Mapping[str, Any] | None) -> str:
    """Where the whole band lies: ``inside``, ``outside``, across the limit (``open``), or ``unknown``."""
    if figure is None or figure["value"] is None:
        return "unknown"
    inside = [
        end <= limit.limit if limit.sense == "max" else end >= limit.limit for end in (figure["low"], figure["high"])
    ]
    return "inside" if all(inside) else "open" if any(inside) else "outside"
