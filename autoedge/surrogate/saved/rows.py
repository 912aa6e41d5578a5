"""Rows of campaigns as a saved surrogate learns from them: what is known of a candidate, and what was measured."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from autoedge.campaign.levels import as_word, as_words
from autoedge.errors import SurrogateError
from autoedge.measurement import Source
from autoedge.space.columns import INACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.campaign import Campaign

    Array = NDArray[np.float64]
    Words = NDArray[np.object_]

TARGET = "@target"
"""The input that names the device where nothing else tells it apart; no column of a campaign may be called so."""
MODEL = "model"
DEVICE = "device_"
"""How features of the device begin; all others are the model's."""
DATE = "date"
LONGEST_LEVEL = 500
PROCESSOR = "device_cpu"
VERSION = "runtime_version"
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_CANDIDATE = re.compile(r"([0-9a-f]{10})@.+")
_POINT_ZERO = re.compile(r"(-?\d+)\.0+")


@dataclass(frozen=True)
class Rows:
    """Results of any number of campaigns, column by column; every array has shape (n,).

    Attributes:
        inputs: By knob or known feature: numbers, NaN where a campaign does not know them, or text, None likewise.
        metrics: In the unit of the campaign; NaN where it was not measured, or only estimated.
        targets: Where it was measured.
        groups: The model, or what stands for it.
        identities: Hash of the configuration, continued by one of configuration and device.
        logarithmic: Which inputs are compared by their ratios.
        newest: Date of the newest row, empty where rows have none.
    """

    inputs: Mapping[str, NDArray[Any]]
    metrics: Mapping[str, Array]
    targets: Words
    groups: Words
    identities: Words
    logarithmic: frozenset[str] = frozenset()
    newest: str = ""

    def __len__(self) -> int:
        return len(self.identities)

    def take(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """Some of the rows, by a mask or by their numbers."""
        inputs, metrics = ({k: v[kept] for k, v in part.items()} for part in (self.inputs, self.metrics))
        targets, groups, identities = self.targets[kept], self.groups[kept], self.identities[kept]
        return Rows(inputs, metrics, targets, groups, identities, self.logarithmic, self.newest)

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Which rows no surrogate is ever trained on: shape (n,); see ``held_out``."""
        return np.array([held_out(identity) for identity in self.identities], dtype=bool)

    @property
    def digest(self) -> str:
        """SHA-256 over what was measured of which candidate, whatever the order of the rows."""
        names = sorted(self.metrics)
        values = np.column_stack([self.metrics[name] for name in names]).tolist()
        lines = (f"{identity} {row}" for identity, row in zip(self.identities, values, strict=True))
        return hashlib.sha256("\n".join([str(names), *sorted(lines)]).encode()).hexdigest()


def held_out(identity: str) -> bool:
    """Whether a row belongs to the eighth of all rows that surrogates are judged on and never learn from.

    It depends on the configuration alone, so that a row is on the same side on every device, in every campaign and at
    every training, and a champion never saw what its challenger is judged on.
    """
    return int(identity[:2], 16) < 256 // 8


def rows_of(campaign: Campaign) -> Rows:
    """The rows of a campaign, each with a value for at least one metric that was really measured.

    Metrics are the card's objectives, and further columns that have their ``_source`` beside them.

    Raises:
        SurrogateError: None is left.
    """
    card, frame = campaign.card, campaign.frame
    numeric = [str(name) for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    names = [*card.objectives, *(name for name in numeric if f"{name}_source" in frame)]
    metrics = {name: _measured(frame, name) for name in dict.fromkeys(names)}
    words = [name for name, knob in card.knobs.items() if knob.type == "categorical"]
    inputs: dict[str, NDArray[Any]] = {
        name: _shortened(frame[name]) if name in words else frame[name].to_numpy(dtype=float)
        for name in (*card.knobs, *card.features)
    }
    targets = _shortened(frame[card.target]) if card.target else np.full(len(frame), card.name, dtype=object)
    if PROCESSOR in frame:  # a target called local is another device on every desk
        targets = targets + np.array(
            [f" ({cpu})" if isinstance(cpu, str) and cpu else "" for cpu in frame[PROCESSOR]], dtype=object
        )
    knobs = {name: inputs[name].tolist() for name in card.knobs}
    identities = _identities(frame, targets, knobs)
    telling = [MODEL] if MODEL in words else words or list(knobs)
    groups = [json.dumps(row, ensure_ascii=False) for row in zip(*(knobs[name] for name in telling), strict=True)]
    if MODEL in words:
        inputs[MODEL] = known_models(inputs[MODEL], {name: inputs[name] for name in card.features})
    if not any(name.startswith(DEVICE) for name in card.features):
        inputs[TARGET] = targets
    ratios = {name for name in card.knobs if name not in words and (inputs[name] > 0).all()}
    ratios |= {name for name, feature in card.features.items() if feature.scale == "log"}
    every = Rows(
        inputs,
        metrics,
        targets,
        np.array(groups, dtype=object),
        identities,
        frozenset(ratios),
        max((day[:10] for day in frame[DATE] if isinstance(day, str)), default="") if DATE in frame else "",
    )
    kept = np.asarray(np.isfinite(np.column_stack(list(metrics.values()))).any(axis=1))
    if not kept.any():
        raise SurrogateError(f"campaign {card.name}: no metric was measured in any row; there is nothing to learn")
    return every.take(kept)


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows in an order that does not depend on that of ``parts``; what is there twice counts once.

    A column that holds numbers in one part and text in another is text; ratios count where they do in all parts.
    """
    every = stacked(parts)
    columns = {"identity": every.identities, **{f"of {key}": values for key, values in every.metrics.items()}}
    table = pd.DataFrame(columns)
    twice = np.asarray(table.duplicated(keep=False))
    told = [every.targets, *every.inputs.values()]
    order = [json.dumps([str(column[row]) for column in told]) if more else "" for row, more in enumerate(twice)]
    table = table.assign(order=order).sort_values([*columns, "order"], kind="stable")
    return every.take(table.drop_duplicates([*columns]).index.to_numpy())


def stacked(parts: Sequence[Rows]) -> Rows:
    """All rows as they come, with the columns of all parts."""
    names = sorted({name for part in parts for name in part.inputs})
    texts = {name for part in parts for name in part.inputs if part.inputs[name].dtype == object}
    linear = {name for part in parts for name in part.inputs if name not in part.logarithmic}
    keys = sorted({name for part in parts for name in part.metrics})
    return Rows(
        {name: np.concatenate([_input(part, name, text=name in texts) for part in parts]) for name in names},
        {key: np.concatenate([part.metrics.get(key, np.full(len(part), np.nan)) for part in parts]) for key in keys},
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.identities for part in parts]),
        frozenset(names) - texts - linear,
        max(part.newest for part in parts),
    )


def known_models(names: Iterable[Any], features: Mapping[str, Any]) -> Words:
    """Models by name together with their features, since one name may mean two models on two desks.

    Args:
        names: One a row.
        features: By name, one number a row; those of the device are left out.
    """
    mine = sorted(name for name in features if not name.startswith(DEVICE))
    columns = [np.asarray(features[name], dtype=float) for name in mine]
    told = [
        " ".join([str(model), *(f"{name}={value:.4g}" for name, value in zip(mine, row, strict=True))])
        for model, *row in zip(names, *columns, strict=True)
    ]
    # Beyond what a level may hold, a hash stands for all of it.
    return np.array([text if len(text) <= LONGEST_LEVEL else _hash(text) for text in told], dtype=object)


def plain(levels: Iterable[Any]) -> list[str | None]:
    """Levels as they count in comparing configurations: ``1.0`` in a text is 1, and what does not apply is None."""
    said: dict[Any, str | None] = {}
    return [said[level] if level in said else said.setdefault(level, _plain(as_word(level))) for level in levels]


def _plain(word: str) -> str | None:
    number = _POINT_ZERO.fullmatch(word)
    return None if word == INACTIVE else number[1] if number else word


def _shortened(column: Iterable[Any]) -> Words:
    return np.array([word[:LONGEST_LEVEL] for word in as_words(column)], dtype=object)


def _measured(frame: pd.DataFrame, metric: str) -> Array:
    values = frame[metric].to_numpy(dtype=float, na_value=np.nan)
    source = f"{metric}_source"
    estimated = (frame[source] == str(Source.ESTIMATED)).to_numpy(dtype=bool) if source in frame else False
    return np.where(np.isfinite(values) & ~np.asarray(estimated), values, np.nan)


def _identities(frame: pd.DataFrame, targets: Words, knobs: Mapping[str, Sequence[Any]]) -> Words:
    """What tells rows apart, whatever their columns are called: shape (n,).

    Rows of our own campaigns have the id of their configuration and the fingerprint of their device. Else the levels
    that apply and the name of the target count; versions of the runtime never do.
    """
    names = sorted(name for name in knobs if name != VERSION)
    levels = zip(*(plain(knobs[name]) for name in names), strict=True) if names else [()] * len(targets)
    ids, prints = (frame.get(name, targets).astype(str) for name in ("candidate_id", "fingerprint"))
    identities = []
    for row, id_, fingerprint, target in zip(levels, ids, prints, targets, strict=True):
        ours = _CANDIDATE.fullmatch(id_)
        known = {name: level for name, level in zip(names, row, strict=True) if level is not None}
        configuration = ours[1] if ours else known
        device = fingerprint if _FINGERPRINT.fullmatch(fingerprint) else target
        identities.append(_hash(configuration)[:4] + _hash([device, configuration])[:12])
    return np.array(identities, dtype=object)


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _input(part: Rows, name: str, *, text: bool) -> NDArray[Any]:
    if name not in part.inputs:
        return np.full(len(part), None, dtype=object) if text else np.full(len(part), np.nan)
    column = part.inputs[name]
    return as_words(column) if text and column.dtype != object else column
