"""Results of other targets to learn from, as a user names them: ``DIR`` or ``DIR:target,target``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoedge.campaign.campaign import Campaign, read_campaign
from autoedge.campaign.results import results_of
from autoedge.campaign.same import rows_among
from autoedge.campaign.table import Table
from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.campaign.card import Card
    from autoedge.campaign.results import Results

_MOST = 0.5


@dataclass(frozen=True)
class Recorded:
    """A target of a campaign that a user named.

    Attributes:
        origin: The campaign's name, with its folder where another one is named alike.
        campaign: Where its rows are.
        target: One of its targets.
        named: Whether the user said its name, and not only that of the campaign.
    """

    origin: str
    campaign: Campaign
    target: str
    named: bool

    @property
    def name(self) -> str:
        """``campaign:target``, unlike that of any other."""
        return f"{self.origin}:{self.target}"


@dataclass(frozen=True)
class History:
    """What may be learned before anything is measured.

    Attributes:
        results: One a target, named ``campaign:target``.
        notes: What was left out, and why.
    """

    results: tuple[Results, ...] = ()
    notes: tuple[str, ...] = ()


def recorded_in(words: Sequence[str]) -> list[Recorded]:
    """The targets that words such as ``campaigns/boards:pi4,pi5`` name, each once; ``DIR`` alone means all of them.

    Campaigns are told apart by their folders, not by their names.

    Raises:
        DataError: A folder is no campaign, or has no such target.
    """
    campaigns: dict[Path, tuple[Path, Campaign]] = {}
    named: dict[tuple[Path, str], bool] = {}
    for word in words:
        written, targets = _split(word)
        folder = written.resolve()
        if folder not in campaigns:
            campaigns[folder] = written, read_campaign(written)
        for target in _targets(campaigns[folder][1], targets):
            named[folder, target] = named.get((folder, target), False) or bool(targets)
    names = [campaign.card.name for _, campaign in campaigns.values()]
    found = []
    for (folder, target), said in named.items():
        written, campaign = campaigns[folder]
        alone = names.count(campaign.card.name) == 1
        origin = campaign.card.name if alone else f"{campaign.card.name} ({written})"
        found.append(Recorded(origin, campaign, target, said))
    return found


def read_history(words: Sequence[str], asked: Campaign | None = None, target: str | None = None) -> History:
    """Read the results that words such as ``campaigns/boards:pi4,pi5`` name; ``DIR`` alone means all its targets.

    Nothing is learned from the very results that are asked about, under whatever name: rows with the same levels and
    the same values are left out, and with them the target where they are most of it.

    Args:
        words: As the user wrote them; what several of them name counts once.
        asked: The campaign that is asked about: metrics that it names too are put on its scale.
        target: Of that campaign.

    Raises:
        DataError: A folder is no campaign, or has no such target.
    """
    mine = None if asked is None or target is None else results_of(Table(asked, target))
    results: list[Results] = []
    notes: list[str] = []
    for one in recorded_in(words):
        campaign = _on_scale_of(asked.card if asked else None, one.campaign)
        try:
            table = Table(campaign, one.target)
        except DataError as error:
            if one.named:
                raise
            notes.append(f"history {one.name} is left out: {error}")
            continue
        found = replace(results_of(table), name=one.name)
        known = np.zeros(len(found), dtype=bool) if mine is None else rows_among(mine, found)
        if mine is not None and known.sum() > _MOST * min(len(found), len(mine)):
            notes.append(f"history {one.name} is left out: it is what is asked about")
            continue
        if known.any():
            notes.append(f"history {one.name}: {known.sum()} rows are left out, since they are what is asked about")
        results.append(found.take(np.flatnonzero(~known)))
    return History(tuple(results), tuple(notes))


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
