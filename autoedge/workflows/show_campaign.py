"""``autoedge campaign show``: what a campaign holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.levels import as_word

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from autoedge.campaign.campaign import Campaign


def show_campaign(folder: Path) -> dict[str, Any]:
    """The card of a campaign, its targets, and what its columns range over.

    Returns:
        The document that the command prints as JSON. ``targets``: by name, rows and those with all objectives;
        ``knobs``: by name, type, number of levels, and the levels of a categorical or the range of an ordered one;
        ``features`` and ``objectives``: by name, range, known values, and sources where the rows name them.

    Raises:
        DataError: The folder is no campaign.
    """
    campaign = read_campaign(folder)
    card, frame = campaign.card, campaign.frame
    complete = np.isfinite(frame[list(card.objectives)].to_numpy(dtype=float)).all(axis=1)
    targets = {name: campaign.of(name).index for name in campaign.targets}
    return {
        "schema_version": 1,
        "folder": str(folder),
        "card": card.model_dump(),
        "rows": len(frame),
        "targets": {
            name: {"rows": len(rows), "complete": int(complete[frame.index.get_indexer(rows)].sum())}
            for name, rows in targets.items()
        },
        "knobs": {name: _knob(frame[name], knob.type) for name, knob in card.knobs.items()},
        "features": {name: {**role.model_dump(), **_range(frame[name])} for name, role in card.features.items()},
        "objectives": {
            name: {**role.model_dump(), **_range(frame[name]), "sources": _sources(campaign, name)}
            for name, role in card.objectives.items()
        },
    }


def _knob(column: pd.Series[Any], kind: str) -> dict[str, Any]:
    about: dict[str, Any] = {"type": kind, "levels": int(column.nunique(dropna=False))}
    if kind == "categorical":
        return about | {"values": sorted({as_word(level) for level in column.unique()})}
    return about | _range(column)


def _range(column: pd.Series[Any]) -> dict[str, Any]:
    known = column.dropna().to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
    return {"min": low, "max": high, "known": len(known)}


def _sources(campaign: Campaign, objective: str) -> dict[str, int]:
    """How many values were measured, derived or estimated, where the rows tell."""
    column = f"{objective}_source"
    if column not in campaign.frame:
        return {}
    return {str(name): int(count) for name, count in campaign.frame[column].value_counts().items()}
