"""Results of other targets to learn from, as a user names them: ``DIR`` or ``DIR:target,target``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoedge.campaign.campaign import Campaign, read_campaign
from autoedge.campaign.results import results_of
from autoedge.campaign.table import Table
from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.campaign.card import Card
    from autoedge.campaign.results import Results


@dataclass(frozen=True)
class History:
    """What may be learned before anything is measured.

    Attributes:
        results: One a target, named ``campaign:target``.
        notes: What was left out, and why.
    """

    results: tuple[Results, ...] = ()
    notes: tuple[str, ...] = ()


def read_history(words: Sequence[str], card: Card | None = None, target: str | None = None) -> History:
    """Read the results that words such as ``campaigns/boards:pi4,pi5`` name; ``DIR`` alone means all its targets.

    The target that is asked about is left out, so that nothing is learned from its own results.

    Args:
        words: As the user wrote them; what several of them name counts once.
        card: Of the campaign that is asked about: metrics that it names too are put on its scale.
        target: Of that campaign.

    Raises:
        DataError: A folder is no campaign, or has no such target.
    """
    campaigns: dict[Path, Campaign] = {}
    results: dict[str, Results] = {}
    notes: list[str] = []
    for word in words:
        folder, named = _split(word)
        campaign = campaigns.get(folder)
        if campaign is None:
            campaign = campaigns[folder] = _on_scale_of(card, read_campaign(folder))
        for name in _targets(campaign, named):
            key = f"{campaign.card.name}:{name}"
            if card is not None and campaign.card.name == card.name and name == target:
                notes.append(f"history {key} is left out: it is what is asked about")
                continue
            try:
                table = Table(campaign, name)
            except DataError as error:
                if named:
                    raise
                notes.append(f"history {key} is left out: {error}")
                continue
            results[key] = replace(results_of(table), name=key)
    return History(tuple(results.values()), tuple(dict.fromkeys(notes)))


def named_targets(word: str) -> tuple[Campaign, list[str]]:
    """The campaign that a word such as ``campaigns/boards:pi4,pi5`` names, and the targets meant.

    Raises:
        DataError: The folder is no campaign, or has no such target.
    """
    folder, named = _split(word)
    campaign = read_campaign(folder)
    return campaign, _targets(campaign, named)


def _split(word: str) -> tuple[Path, str]:
    """The folder, and what is said of targets; a folder's name may hold a colon."""
    head, colon, tail = word.rpartition(":")
    if not colon or Path(word).is_dir():
        return Path(word), ""
    if not tail or not head:
        raise DataError(f"a history is DIR or DIR:target,target, but got {word!r}")
    return Path(head), tail


def _targets(campaign: Campaign, named: str) -> list[str]:
    """The targets meant; a target's name may hold a comma."""
    if not named:
        return campaign.targets
    names = [named] if named in campaign.targets else list(dict.fromkeys(named.split(",")))
    for name in names:
        campaign.of(name)
    return names


def _on_scale_of(card: Card | None, campaign: Campaign) -> Campaign:
    """The campaign with the other card's scales where both name a metric, so that values mean the same."""
    if card is None:
        return campaign
    objectives = dict(campaign.card.objectives)
    for name, column in objectives.items():
        scale = card.objectives[name].scale if name in card.objectives else column.scale
        if scale == "log" and not np.all(campaign.frame[name].dropna() > 0):
            raise DataError(
                f"campaign {campaign.card.name}: {name} has a logarithmic scale in campaign {card.name}, "
                "but some values are not positive here; leave this history out"
            )
        objectives[name] = column.model_copy(update={"scale": scale})
    return Campaign(campaign.card.model_copy(update={"objectives": objectives}), campaign.frame)
