"""A run's store, looked at while the run may be going on."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autoedge.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

_BUSY_S = 10


class WatchedStore(Store):
    """A store that is only looked at: SQLite opens its file read-only.

    Args:
        file: The store's.

    Raises:
        StoreError: It is no store, or damaged.
    """

    def __init__(self, file: Path) -> None:
        self._uri = f"{file.absolute().as_uri()}?mode=ro"
        super().__init__(file, existing=True)

    def _made(self) -> sa.Engine:
        return sa.create_engine("sqlite://", creator=self._connect, poolclass=sa.NullPool)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._uri, uri=True, timeout=_BUSY_S)
