"""What replayed strategies start from: results of other targets, and what a saved surrogate says of the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autoedge.campaign.history import read_history
from autoedge.campaign.results import results_of
from autoedge.errors import SurrogateError
from autoedge.search.foretold import foretell
from autoedge.search.replaying import LEARNING
from autoedge.surrogate.saved.rows import rows_of
from autoedge.surrogate.saved.surrogate import load_surrogate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from autoedge.campaign.campaign import Campaign
    from autoedge.campaign.history import History
    from autoedge.campaign.table import Table
    from autoedge.surrogate.saved.surrogate import Surrogate


@dataclass(frozen=True)
class ReplayStart:
    """What is known before anything is measured.

    Attributes:
        history: Results of other targets.
        surrogate: The saved surrogate, where one was named.
        foretold: By objective that it knows, what it says of each candidate, on the scale of the card.
        notes: What was left out, or is of no use.
    """

    history: History
    surrogate: Surrogate | None = None
    foretold: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def about(self) -> dict[str, Any] | None:
        """The saved surrogate as the document of a replay tells of it."""
        if self.surrogate is None:
            return None
        card = self.surrogate.card
        return {
            "sha256": card.model_sha256,
            "rows": card.rows,
            "sources": [source.name for source in card.sources],
            "metrics": list(self.foretold),
        }

    def without(self, strategies: Sequence[str]) -> list[str]:
        """A note on strategies that cannot start from anything, where there is something."""
        cold = [name for name in strategies if name not in LEARNING]
        if not cold or not (self.history.results or self.foretold):
            return []
        what = " and ".join(
            [*(["history"] if self.history.results else []), *(["a surrogate"] if self.foretold else [])]
        )
        return [f"{what} is for strategies that can learn from it; without it: {', '.join(cold)}"]


def read_replay_start(campaign: Campaign, table: Table, words: Sequence[str], surrogate: Path | None) -> ReplayStart:
    """Read what a replay starts from.

    Args:
        campaign: What is replayed.
        table: Its target.
        words: ``DIR`` or ``DIR:target,...``: results of other targets.
        surrogate: Folder of a saved surrogate.

    Raises:
        DataError: A history cannot be meant.
        SurrogateError: The folder holds no sound surrogate.
    """
    history = read_history(words, campaign, table.name)
    notes = list(history.notes)
    saved = None if surrogate is None else load_surrogate(surrogate)
    foretold = {} if saved is None else _foretold(saved, campaign, table)
    if words and not history.results:
        notes.append("no history is left to learn from" + ("" if foretold else ": every strategy starts from nothing"))
    if saved is not None and not foretold:
        notes.append("the surrogate says nothing of the objectives: it is of no use here")
    notes += [] if saved is None else _trained_on(saved, campaign)
    return ReplayStart(history, saved, foretold, tuple(notes))


def _trained_on(surrogate: Surrogate, campaign: Campaign) -> list[str]:
    """A note where the surrogate learned these rows for sure, or may have."""
    try:
        digest = rows_of(campaign).digest
    except SurrogateError:
        digest = ""
    sources = surrogate.card.sources
    if same := [source.name for source in sources if source.sha256 == digest]:
        return [f"the surrogate was trained on these rows, as {same[0]}: it knows beforehand what is asked"]
    if campaign.card.name in {source.name for source in sources}:
        start = f"the surrogate was trained on a campaign of the same name, {campaign.card.name}"
        return [f"{start}: where it holds these rows, it knows beforehand what is asked"]
    return []


def _foretold(surrogate: Surrogate, campaign: Campaign, table: Table) -> dict[str, NDArray[np.float64]]:
    decadic = [name for name in table.objectives if campaign.card.objectives[name].scale == "log"]
    said = foretell(surrogate, results_of(table), decadic=decadic)
    return {name: said[name] for name in table.objectives if name in said}
