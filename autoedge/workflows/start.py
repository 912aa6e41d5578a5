"""What a run's search starts from: a saved surrogate, the shipped one by default, and campaigns of other targets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.campaign.history import recorded_in
from autoedge.catalog import catalog_folder
from autoedge.errors import AutoEdgeError, DataError, SurrogateError
from autoedge.intent.paths import NO_SURROGATE, SHIPPED_SURROGATE
from autoedge.metric import QUALITY, by_key
from autoedge.search.foretold import foretell
from autoedge.search.replaying import LEARNING, informed
from autoedge.surrogate.saved.surrogate import load_surrogate
from autoedge.workflows.space_results import space_results
from autoedge.workflows.start_history import in_terms_of, measured_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.history import Recorded
    from autoedge.campaign.results import Results
    from autoedge.intent.resolved import Intent
    from autoedge.metric import Metric
    from autoedge.search.strategies import Maker
    from autoedge.surrogate.saved.surrogate import Surrogate
    from autoedge.workflows.run import Run

    Foretold = Mapping[str, NDArray[np.float64]]

MOST_CANDIDATES = 200_000  # of more, describing all of them would take minutes and gigabytes
LEAST = 0.1  # share of the candidates of which a surrogate must say something for a metric to count


@dataclass(frozen=True)
class Sources:
    """What an intent names, read and checked.

    Attributes:
        name: ``default``, or the folder of the surrogate.
        surrogate: None where there is none, or the strategy cannot start from one.
        history: Targets of campaigns, each once.
        unused: Why what the intent names is not used; empty where it is.
    """

    name: str = NO_SURROGATE
    surrogate: Surrogate | None = None
    history: tuple[Recorded, ...] = ()
    unused: str = ""


@dataclass(frozen=True)
class Start:
    """What a search over one space starts from.

    Attributes:
        strategy: The strategy's name, or what makes its sampler.
        told: For people, in one line; empty where the search starts from nothing and nothing was named.
        document: For ``verdict.json``.
        digest: Of all that proposals depend on; empty where the search starts from nothing.
    """

    strategy: str | Maker
    told: str = ""
    document: Mapping[str, Any] = field(default_factory=lambda: {"surrogate": None, "history": []})
    digest: str = ""


def read_sources(intent: Intent) -> Sources:
    """Read what an intent starts from, before anything is measured.

    The shipped surrogate is optional: an installation without one starts from nothing.

    Raises:
        SurrogateError: The surrogate is damaged, or there is none in the folder that was named.
        DataError: A history is no campaign, or has no such target.
    """
    search = intent.search
    asked = search.surrogate not in {NO_SURROGATE, SHIPPED_SURROGATE} or search.history
    if search.strategy not in LEARNING:
        unused = f"strategy {search.strategy} starts from nothing: search.surrogate and search.history are not used"
        return Sources(unused=unused if asked else "")
    try:
        history = recorded_in(search.history)
    except DataError as error:
        raise DataError(f"search.history: {error}") from error
    folder = _folder_of(search.surrogate)
    try:
        surrogate = None if folder is None else load_surrogate(folder)
    except SurrogateError as error:
        raise SurrogateError(f"search.surrogate: {error}") from error
    return Sources(
        NO_SURROGATE if surrogate is None else search.surrogate,
        surrogate,
        tuple(history),
    )


def _folder_of(name: str) -> Path | None:
    if name == NO_SURROGATE:
        return None
    if name != SHIPPED_SURROGATE:
        return Path(name)
    try:
        folder = catalog_folder("surrogate_models") / "default"
    except AutoEdgeError:
        return None
    return folder if folder.is_dir() else None


def start_of(run: Run, sources: Sources) -> Start:
    """What the search of a run starts from."""
    strategy = run.intent.search.strategy
    if len(run.space) > MOST_CANDIDATES and (sources.surrogate is not None or sources.history):
        told = f"the search starts from nothing: what is known counts up to {MOST_CANDIDATES:,} candidates"
        return Start(strategy, told)
    metrics = run.intent.objectives
    # Quality belongs to a model and its data, and nobody trained on the user's data what is shipped.
    asked = [one for one in metrics if one.name not in QUALITY or sources.name != SHIPPED_SURROGATE]
    foretold = {} if sources.surrogate is None else _foretold(run, sources.surrogate, asked)
    history = _history(run, sources, metrics)
    document = {"surrogate": _about(sources, foretold), "history": _named(history)}
    told = _told(sources, foretold, document)
    if not foretold and not history:
        return Start(strategy, told, document)
    return Start(informed(strategy, history, foretold), told, document, _digest(history, foretold))


def _foretold(run: Run, surrogate: Surrogate, metrics: Sequence[Metric]) -> dict[str, NDArray[np.float64]]:
    """By objective that the surrogate knows, what it says of each candidate, in the metric's unit."""
    found = {metric.key: np.full(len(run.space), np.nan) for metric in metrics}
    for name, site in run.sites.items():
        rows = run.space.rows_on(name)
        if rows.any():
            said = foretell(surrogate, space_results(run.space, name, site.device))
            for key in found.keys() & said.keys():
                found[key][rows] = said[key]
    return {key: column for key, column in found.items() if np.isfinite(column).mean() >= LEAST}


def _history(run: Run, sources: Sources, metrics: Sequence[Metric]) -> list[Results]:
    measured = [one for recorded in sources.history for one in measured_in(recorded, metrics)]
    told = [in_terms_of(run.space, one) for one in measured]
    return [one for one in told if one is not None]


def _about(sources: Sources, foretold: Foretold) -> dict[str, Any] | None:
    if sources.surrogate is None:
        return None
    card = sources.surrogate.card
    return {"name": sources.name, "sha256": card.model_sha256, "rows": card.rows, "metrics": list(foretold)}


def _named(history: Sequence[Results]) -> list[dict[str, Any]]:
    """By target, how many rows there are of each metric."""
    rows: dict[str, dict[str, int]] = {}
    for one in history:
        rows.setdefault(one.name, {}).update({metric: len(one) for metric in one.values})
    return [{"name": name, "rows": counts} for name, counts in rows.items()]


def _told(sources: Sources, foretold: Foretold, document: Mapping[str, Any]) -> str:
    """One line; a shipped surrogate that knows nothing of this search is not worth one."""
    if sources.unused:
        return sources.unused
    parts = []
    if sources.surrogate is not None and (foretold or sources.name != SHIPPED_SURROGATE):
        name = "the shipped surrogate" if sources.name == SHIPPED_SURROGATE else f"surrogate {sources.name}"
        parts.append(f"{name} ({_spelt(foretold)})")
    known = [f"{each['name']} ({_spelt(each['rows'])})" for each in document["history"]]
    if sources.history:
        parts.append(f"history {', '.join(known)}" if known else "no history: it knows nothing of this search")
    return f"the search starts from {' and '.join(parts)}" if parts else ""


def _spelt(keys: Mapping[str, Any]) -> str:
    return ", ".join(by_key(key).name for key in keys) or "knows none of the objectives"


def _digest(history: Sequence[Results], foretold: Foretold) -> str:
    """SHA-256 over all numbers and names that a proposal depends on."""
    found = hashlib.sha256()
    for one in history:
        found.update(one.name.encode())
        for part in (one.knobs, one.features, one.values):
            for name, column in part.items():
                found.update(f"{name}={column.tolist()}".encode())
    for name, column in foretold.items():
        found.update(name.encode() + np.ascontiguousarray(column, dtype="<f8").tobytes())
    return found.hexdigest()
