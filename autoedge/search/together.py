"""What Optuna writes one by one, written as one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from optuna.storages import RDBStorage
from sqlalchemy.orm import scoped_session, sessionmaker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.storages import BaseStorage


@contextmanager
def together(storage: BaseStorage) -> Iterator[None]:
    """Keep all writes to a database until the context ends, then commit them; none of them if it ends by an error.

    Optuna commits each parameter of a trial by itself, and each commit waits for the disk: with a dozen knobs longer
    than a proposal takes. Nothing else may use the storage meanwhile. Other kinds of storage are left as they are.

    Raises:
        SQLAlchemyError: The database could not be written.
    """
    if not isinstance(storage, RDBStorage):
        yield
        return
    own = storage.scoped_session
    with storage.engine.connect() as connection, connection.begin():
        # SQLAlchemy's way to join sessions into a transaction of their caller, who alone commits.
        maker = sessionmaker(bind=connection, join_transaction_mode="rollback_only")
        storage.scoped_session = scoped_session(maker)
        try:
            yield
        finally:
            storage.scoped_session = own
