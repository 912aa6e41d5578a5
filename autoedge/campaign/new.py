"""Write a campaign where there is none yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.campaign.campaign import CARD, write_campaign
from autoedge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from autoedge.campaign.card import Card


def check_free(folder: Path, *files: str) -> None:
    """Refuse a folder that holds a campaign already.

    Args:
        folder: Need not exist.
        files: Names of the files that would be written beside the card.

    Raises:
        DataError: It does.
    """
    there = [name for name in (CARD, *files) if (folder / name).exists()]
    if there:
        raise DataError(f"{folder}: holds {there[0]} already, and nothing is overwritten; name another folder")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is no folder; name one, it is made when missing")


def write_new_campaign(folder: Path, card: Card, frame: pd.DataFrame) -> None:
    """Write a campaign into a folder that holds none.

    Raises:
        DataError: It holds one, or the rows do not fit the card.
        OSError: It cannot be written.
    """
    check_free(folder, card.rows)
    write_campaign(folder, card, frame)
