"""A campaign folder: ``campaign.json`` and its rows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import ValidationError

from autoedge.campaign.card import Card
from autoedge.errors import DataError
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CARD = "campaign.json"
MOST_CARD_BYTES = 2**20
MOST_ROWS_BYTES = 2**30
MOST_CELLS = 200_000_000  # a small damaged or hostile file can unpack to any size
LARGEST = 1e100  # so that differences and squares stay finite
_UNKNOWN = ("", "NA", "N/A", "nan", "NaN", "null", "None")


@dataclass(frozen=True)
class Campaign:
    """Results with their card.

    Attributes:
        card: What the columns mean.
        frame: One row a result; columns that the card does not name are kept.
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
    part = folder / f"{card.rows}.part"
    part.write_bytes(buffer.getvalue())
    part.replace(folder / card.rows)
    write_whole(folder / CARD, card.model_dump_json(indent=1) + "\n")


def _rows(path: Path, card: Card) -> pd.DataFrame:
    if path.is_symlink() or not path.is_file():
        raise DataError(f"{path}: the card names these rows, but they are not there")
    if path.stat().st_size > MOST_ROWS_BYTES:
        raise DataError(f"{path}: rows have at most {MOST_ROWS_BYTES:,} bytes")
    try:
        return _read_csv(path, card) if path.suffix == ".csv" else _read_parquet(path)
    except DataError:
        raise
    except Exception as error:  # pandas and pyarrow raise many kinds on damaged files
        raise DataError(f"{path}: the rows cannot be read ({' '.join(str(error).split())[:200]})") from error


def _read_csv(path: Path, card: Card) -> pd.DataFrame:
    """Choices and targets are text as it stands, ``None`` and ``01`` too; elsewhere such words mean unknown."""
    texts = [name for name, knob in card.knobs.items() if knob.type == "categorical"]
    texts += [card.target] if card.target else []
    header = pd.read_csv(path, nrows=0).columns
    unknown = {name: [""] if name in texts else list(_UNKNOWN) for name in header}
    return pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=unknown)


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow.parquet import read_metadata

    about = read_metadata(path)
    if about.num_rows * about.num_columns > MOST_CELLS:
        raise DataError(f"{path}: rows times columns are at most {MOST_CELLS:,}, but got {about.num_rows:,} rows")
    return pd.read_parquet(path)


def _check(card: Card, frame: pd.DataFrame, path: Path) -> None:
    wanted = [*card.knobs, *card.features, *card.objectives, *([card.target] if card.target else [])]
    missing = [column for column in wanted if column not in frame]
    if missing:
        raise DataError(f"{path}: the card names columns that the rows lack: {', '.join(missing)}")
    if frame.empty:
        raise DataError(f"{path}: a campaign has at least one row, but got none")
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
