"""A campaign folder: ``campaign.json`` and its rows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import ValidationError

from autoedge.campaign.card import Card
from autoedge.campaign.reading import read_rows
from autoedge.errors import DataError
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CARD = "campaign.json"
MOST_CARD_BYTES = 2**20
LARGEST = 1e100  # so that differences and squares stay finite


@dataclass(frozen=True)
class Campaign:
    """Results with their card.

    Attributes:
        card: What the columns mean.
        frame: One row a result; columns of numbers or text that the card does not name are kept.
    """

    card: Card
    frame: pd.DataFrame

    @property
    def targets(self) -> list[str]:
        """Names of the devices, sorted; the campaign's own name where no column tells them apart."""
        if self.card.target is None:
            return [self.card.name]
        return sorted(str(name) for name in self.frame[self.card.target].unique())

    def of(self, target: str) -> pd.DataFrame:
        """The rows of one device.

        Raises:
            DataError: There is no such device.
        """
        if target not in self.targets:
            raise DataError(f"campaign {self.card.name}: no target {target!r}; it has {', '.join(self.targets)}")
        if self.card.target is None:
            return self.frame
        return self.frame[self.frame[self.card.target].astype(str) == target]


def read_campaign(folder: Path) -> Campaign:
    """Read a campaign.

    Numbers of knobs, features and objectives are checked; a row without a number for some objective stays, and means
    that it could not be measured.

    Raises:
        DataError: The folder is no campaign, or its columns are not what the card says.
    """
    path = folder / CARD
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: a card is a file")
        if path.stat().st_size > MOST_CARD_BYTES:
            raise DataError(f"{path}: a card has at most {MOST_CARD_BYTES:,} bytes; is this another file?")
        card = Card.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{folder}: is no campaign ({CARD}: {error.strerror}); name a folder that holds one") from error
    except ValidationError as error:
        raise DataError(f"{path}: {_first(error)}") from error
    frame = _rows(folder / card.rows, card)
    _check(card, frame, folder / card.rows)
    return Campaign(card, frame)


def write_campaign(folder: Path, card: Card, frame: pd.DataFrame) -> None:
    """Write a campaign, the card last: a folder with a card is whole.

    Raises:
        DataError: The rows do not fit the card.
        OSError: It cannot be written.
    """
    _check(card, frame, folder / card.rows)
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    if card.rows.endswith(".csv"):
        frame.to_csv(buffer, index=False)
    else:
        frame.to_parquet(buffer, index=False)
    write_whole(folder / card.rows, buffer.getvalue())
    write_whole(folder / CARD, card.model_dump_json(indent=1) + "\n")


def _rows(path: Path, card: Card) -> pd.DataFrame:
    if path.is_symlink() or not path.is_file():
        raise DataError(f"{path}: the card names these rows, but they are not there")
    texts = [name for name, knob in card.knobs.items() if knob.type == "categorical"]
    read = read_rows(path, [*texts, *([card.target] if card.target else [])])
    odd = [column for column in _columns(card) if column in read.left_out]
    if odd:
        raise DataError(f"{path}: columns hold numbers, truth values or text, but {', '.join(odd)} something else")
    return read.frame


def _columns(card: Card) -> list[str]:
    return [*card.knobs, *card.features, *card.objectives, *([card.target] if card.target else [])]


def _check(card: Card, frame: pd.DataFrame, path: Path) -> None:
    missing = [column for column in _columns(card) if column not in frame]
    if missing:
        raise DataError(f"{path}: the card names columns that the rows lack: {', '.join(missing)}")
    if frame.empty:
        raise DataError(f"{path}: a campaign has at least one row, but got none")
    for column in [column for column in _columns(card) if frame[column].dtype == object]:
        level = next((level for level in frame[column] if not pd.api.types.is_scalar(level)), None)
        if level is not None:
            raise DataError(f"{path}: column {column} holds numbers, truth values or text, but got {str(level)[:80]!r}")
    if card.target and frame[card.target].isna().any():
        raise DataError(f"{path}: column {card.target} names the target of every row, but some have none")
    ordered = [name for name, knob in card.knobs.items() if knob.type != "categorical"]
    for column in (*ordered, *card.features, *card.objectives):
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise DataError(f"{path}: column {column} holds numbers, but got {_example(frame[column])!r}")
        _check_numbers(card, column, frame[column].to_numpy(dtype=float), path)


def _check_numbers(card: Card, column: str, numbers: NDArray[np.float64], path: Path) -> None:
    if (np.abs(numbers[np.isfinite(numbers)]) > LARGEST).any():
        raise DataError(f"{path}: column {column} holds numbers up to {LARGEST:g}, but some are beyond")
    if column in card.knobs:
        if not np.isfinite(numbers).all():
            raise DataError(f"{path}: knob {column} is a number in every row, but some have none")
        if card.knobs[column].type == "int" and (numbers != np.round(numbers)).any():
            raise DataError(f"{path}: knob {column} is a whole number, but some are not; its type is float")
        return
    if column in card.features and np.isinf(numbers).any():
        raise DataError(f"{path}: feature {column} is a number or unknown, but some are infinite")
    if (card.features | card.objectives)[column].scale == "log" and (numbers <= 0).any():
        raise DataError(f"{path}: column {column} has a logarithmic scale, but some values are not positive")


def _example(column: pd.Series) -> object:
    numbers = pd.to_numeric(column, errors="coerce")
    return next(iter(column[numbers.isna() & column.notna()]), next(iter(column.dropna()), None))


def _first(error: ValidationError) -> str:
    parts = [f"{'.'.join(map(str, each['loc'])) or 'the card'}: {each['msg']}" for each in error.errors()[:5]]
    return "; ".join(parts)
