"""``autoedge campaign export``: the results of a run, or of any measurement store, as a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.campaign.campaign import Campaign
from autoedge.campaign.card import Card, FeatureColumn, KnobColumn
from autoedge.campaign.new import check_free, write_new_campaign
from autoedge.errors import DataError, StoreError
from autoedge.intent.resolved import name_from
from autoedge.store.store import Store
from autoedge.workflows.campaign_columns import TARGET, knob_type, objectives_of, rows_of
from autoedge.workflows.folder import RunFolder
from autoedge.workflows.stored_results import stored_results

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

ROWS = "rows.parquet"
_USUAL = ("latency_p50_ms", "memory_peak_mib", "accuracy")


@dataclass(frozen=True)
class Exported:
    """A store's results as a campaign.

    Attributes:
        campaign: One row a result: ``device``, knobs, features, and for each metric its value, ``_lo``, ``_hi`` and
            ``_source``; how and when it was measured.
        notes: What a reader should know: what was left out, and why.
    """

    campaign: Campaign
    notes: tuple[str, ...]


def export_campaign(
    where: str,
    folder: Path,
    *,
    protocols: Collection[str] = (),
    objectives: Collection[str] = (),
    estimates: bool = True,
    names: Mapping[str, str] | None = None,
    description: str = "",
    licence: str = "",
) -> dict[str, Any]:
    """Write the results of a run or store as a campaign folder.

    Args:
        where: A run folder, a store's file, or a URL.
        folder: Where to; its name is the campaign's, and it may not hold one yet.
        protocols: As in ``campaign_of``.
        objectives: As in ``campaign_of``.
        estimates: As in ``campaign_of``.
        names: As in ``campaign_of``.
        description: What was measured, in a sentence or two; by default the number of results, models and devices.
        licence: Of the rows.

    Returns:
        The document that the command prints as JSON: the folder, the card and the notes.

    Raises:
        StoreError: There is no store.
        DataError: There is no result, results of several protocols, or a campaign in the folder already.
    """
    check_free(folder, ROWS)
    name = name_from(folder.resolve().name)
    exported = campaign_of(
        where, name=name, protocols=protocols, objectives=objectives, estimates=estimates, names=names
    )
    campaign = exported.campaign
    told = {key: text for key, text in {"description": description, "licence": licence}.items() if text}
    card = Card.model_validate(campaign.card.model_dump() | told)
    write_new_campaign(folder, card, campaign.frame)
    return {
        "schema_version": 1,
        "folder": str(folder),
        "rows": len(campaign.frame),
        "targets": campaign.targets,
        "protocols": sorted(campaign.frame["protocol_id"].unique()),
        "card": card.model_dump(),
        "notes": list(exported.notes),
    }


def campaign_of(
    where: str,
    *,
    name: str = "export",
    protocols: Collection[str] = (),
    objectives: Collection[str] = (),
    estimates: bool = True,
    names: Mapping[str, str] | None = None,
) -> Exported:
    """The results of a run or store as a campaign, also while another process adds to it.

    Values and intervals are those of ``front.csv``: from the confirm rounds that decided last where a candidate was in
    them, else from baselines and search. Failed and invalid measurements, and those that ended early, have no part.

    Args:
        where: A run folder, a store's file, or a URL.
        name: Of the campaign.
        protocols: Ids (or how they begin) to take; by default all, which must then be alike.
        objectives: Metrics that are the card's objectives; by default those of the run's intent that are not estimated,
            or else latency, memory and accuracy. The other metrics stay in the rows.
        estimates: Whether estimated figures are kept; they are labelled in any case.
        names: By target, what its device is called in the campaign: ``local`` says little elsewhere.

    Raises:
        StoreError: There is no store.
        DataError: There is no result, results of several protocols, no such objective or no such target.
    """
    store = opened_store(where)
    try:
        results, notes = stored_results(store, protocols, where=where)
        features = store.fact("models") or {}
        usual = store.fact("objectives") or _USUAL
    finally:
        store.close()
    frame, knobs, known = rows_of(results, features, estimates=estimates)
    frame[TARGET] = _renamed(frame[TARGET], names or {})
    columns, of_objectives = objectives_of(frame, objectives, usual)
    notes += of_objectives
    if all(one.startswith("device_") for one in known):
        notes.append("the store holds no features of the models; `autoedge select` with the run's intent adds them")
    devices = ", ".join(frame[TARGET].unique())
    card = Card(
        schema_version=1,
        name=name,
        description=f"{len(frame)} results of {frame['model'].nunique()} models on {devices}",
        source=_source(frame),
        rows=ROWS,
        target=TARGET,
        knobs={knob: KnobColumn(type=knob_type(frame[knob])) for knob in knobs},
        features={feature: FeatureColumn() for feature in known},
        objectives=columns,
    )
    return Exported(Campaign(card, frame), tuple(notes))


def opened_store(where: str) -> Store:
    """The store of a run folder, of a file, or behind a URL; for reading, so nothing is made.

    Raises:
        StoreError: There is none.
    """
    if "://" in where:
        return Store(where, existing=True)
    path = Path(where)
    database = RunFolder(path).database if path.is_dir() else path
    if not database.is_file():
        raise StoreError(f"{where}: holds no measurements; name a run folder, its study.db or the URL of a store")
    return Store(database, existing=True)


def _renamed(targets: pd.Series[str], names: Mapping[str, str]) -> pd.Series[str]:
    unknown = sorted(set(names) - set(targets))
    if unknown:
        raise DataError(f"--device: there is no target {', '.join(unknown)}; there are {', '.join(targets.unique())}")
    renamed = targets.map(lambda name: names.get(name, name))
    if renamed.nunique() < targets.nunique():
        raise DataError("--device: two targets get one name; give each its own")
    return renamed


def _source(frame: pd.DataFrame) -> str:
    first, last = frame["date"].min(), frame["date"].max()
    on = sorted({cpu for cpu in frame["device_cpu"] if cpu})
    return (
        f"measured with AutoEdge {version('autoedge')}"
        f"{' on ' + ', '.join(on) if on else ''}, {first if first == last else f'{first} to {last}'}"
    )
