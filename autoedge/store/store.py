"""The measurement store: the truth about what was measured, in SQLite by default, in PostgreSQL by URL."""

from __future__ import annotations

import math
import re
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

from autoedge.candidate import Candidate, Configuration
from autoedge.errors import StoreError
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BUSY_S = 30


class Store:
    """Measurements of one run, or of many; every call is durable when it returns.

    Args:
        url: SQLAlchemy URL, or the path of an SQLite file, which is made when missing.
        existing: Whether it must be a store already: for reading, nothing is made.

    Raises:
        StoreError: It cannot be opened, is damaged, or was written by a newer AutoEdge.
    """

    def __init__(self, url: str | Path, *, existing: bool = False) -> None:
        self.url = _sqlite_url(url) if isinstance(url, Path) else url
        self._where = re.sub(r"(//[^:/@]*):[^@]*@", r"\1:***@", str(url))  # messages never show a password
        with self._told():
            self._engine = self._made()
            if self.url.startswith("sqlite"):
                sa.event.listen(self._engine, "connect", _careful)
            if existing:
                self._require()
            if self.url.startswith("sqlite"):
                self._check()
            self._migrate()

    def _made(self) -> sa.Engine:
        try:
            return sa.create_engine(self.url, connect_args=_connect_args(self.url))
        except ImportError as error:
            raise StoreError(f"{self._where}: {error}; install the driver of this kind of database") from error

    def _require(self) -> None:
        """Refuse what is no store yet; a file that is missing is not made."""
        file = self._engine.url.database if self.url.startswith("sqlite") else None
        missing = file is not None and not Path(file).is_file()
        if missing or not sa.inspect(self._engine).has_table("autoedge_version"):
            raise StoreError(f"{self._where}: is no store of measurements; name a run folder, its study.db or a URL")

    def _check(self) -> None:
        with self._engine.connect() as connection:
            verdict = connection.execute(sa.text("PRAGMA quick_check(1)")).scalar()
        if verdict != "ok":
            raise StoreError(f"{self._where}: the database is damaged ({' '.join(str(verdict).split())}); {_RESCUE}")

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        scripts = ScriptDirectory.from_config(config)
        known, newest = {script.revision for script in scripts.walk_revisions()}, scripts.get_current_head()
        with self._engine.begin() as connection:
            if sa.inspect(connection).has_table("autoedge_version"):
                have = connection.execute(sa.text("SELECT version_num FROM autoedge_version")).scalar()
                if have == newest:
                    return
                if have is not None and have > (newest or ""):
                    raise StoreError(f"{self._where}: was written by a newer AutoEdge (schema {have}); update AutoEdge")
                if have is not None and have not in known:
                    raise StoreError(f"{self._where}: has the schema {have!r}, which never was; {_RESCUE}")
            if connection.dialect.name == "sqlite":  # which would make each table in a transaction of its own
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the database's errors into messages that say what to do."""
        try:
            yield
        except OperationalError as error:
            cause = str(error.orig)
            advice = "free some space and run the same command again" if "full" in cause else _RESCUE
            if "locked" in cause:
                advice = "another process is writing to it; wait for it to end"
            if "readonly" in cause or "unable to open" in cause:
                advice = "make the folder writable, or name another with --out"
            raise StoreError(f"{self._where}: {cause}; {advice}") from error
        except DatabaseError as error:
            raise StoreError(f"{self._where}: {error.orig}; {_RESCUE}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self._where}: {error}") from error
        except UnicodeDecodeError as error:  # SQLite quotes the damaged text in its message
            raise StoreError(f"{self._where}: the database is damaged; {_RESCUE}") from error

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        """A connection for reading; what was never written so is damage."""
        with self._told(), self._engine.connect() as connection:
            try:
                yield connection
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise StoreError(f"{self._where}: holds a row that makes no sense ({error}); {_RESCUE}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    # -- facts about the run ------------------------------------------------------------------------------------

    def fact(self, key: str) -> Any:
        """A stored fact about the run, None when there is none."""
        with self._reading() as connection:
            return connection.execute(sa.select(schema.RUN.c.value).where(schema.RUN.c.key == key)).scalar()

    def set_fact(self, key: str, value: Any) -> None:
        """Store a fact about the run (any JSON value), replacing an earlier one."""
        with self._told(), self._engine.begin() as connection:
            connection.execute(sa.delete(schema.RUN).where(schema.RUN.c.key == key))
            connection.execute(sa.insert(schema.RUN).values(key=key, value=value))

    # -- sessions -----------------------------------------------------------------------------------------------

    def sessions(self) -> list[tuple[str, bool]]:
        """All sessions, the newest first, and whether each is finished."""
        query = sa.select(schema.SESSION).order_by(schema.SESSION.c.started.desc())
        with self._reading() as connection:
            return [(row.session, row.finished is not None) for row in connection.execute(query)]

    def begin_session(self) -> str:
        """A new session of confirm rounds."""
        session = uuid.uuid4().hex[:12]
        with self._told(), self._engine.begin() as connection:
            last = connection.execute(sa.select(sa.func.max(schema.SESSION.c.started))).scalar() or 0.0
            started = max(time.time(), math.nextafter(last, math.inf))  # the newest, even if the clock was set back
            connection.execute(sa.insert(schema.SESSION).values(session=session, started=started))
        return session

    def finish_session(self, session: str) -> None:
        """Its decisions are taken."""
        update = sa.update(schema.SESSION).where(schema.SESSION.c.session == session).values(finished=time.time())
        with self._told(), self._engine.begin() as connection:
            connection.execute(update)

    # -- measurements -------------------------------------------------------------------------------------------

    def add(self, measurement: Measurement, candidate: Candidate) -> bool:
        """Store one measurement with its values in one transaction.

        One that was stopped before its end gives way to a later one of the same identity.

        Returns:
            False when this very measurement (identity and replicate) is already stored: nothing is counted twice.
        """
        row = {name: getattr(measurement, name) for name in schema.MEASUREMENT.columns.keys() if name != "id"}  # noqa: SIM118
        row.update(flags=list(measurement.flags), details=dict(measurement.details))
        row["reason"] = measurement.reason.encode("utf-8", "replace").decode()  # a device may send half a character
        form = {"target": candidate.target, "configuration": candidate.configuration.canonical}
        with self._told(), self._engine.begin() as connection:
            _insert_new(connection, schema.CANDIDATE, {"candidate_id": candidate.candidate_id, **form})
            table = schema.MEASUREMENT
            same = [table.c[name] == row[name] for name in schema.IDENTITY]
            again = [table.c.status == Status.STOPPED, table.c.started != row["started"]]
            connection.execute(sa.delete(table).where(*same, *again))
            number = _insert_new(connection, table, row)
            if number is None:
                return False
            values = [
                {"measurement": number, "metric": key, **{name: getattr(value, name) for name in _VALUE_FIELDS}}
                for key, value in measurement.metrics.items()
            ]
            if values:
                connection.execute(sa.insert(schema.VALUE), values)
        return True

    def measurements(self) -> list[Measurement]:
        """All measurements in the order in which they were stored."""
        with self._reading() as connection:
            # Rows first: a row that is there has all its figures, also when another process goes on adding.
            query = sa.select(schema.MEASUREMENT).order_by(schema.MEASUREMENT.c.id)
            rows = connection.execute(query).mappings().all()
            values: dict[int, dict[str, Value]] = {}
            for row in connection.execute(sa.select(schema.VALUE)):
                figure = Value(row.value, row.low, row.high, Source(row.source), row.estimator, row.n)
                values.setdefault(row.measurement, {})[row.metric] = figure
            return [_measurement(row, values.get(row["id"], {})) for row in rows]

    def candidates(self) -> dict[str, Candidate]:
        """All candidates that were ever measured, by id."""
        with self._reading() as connection:
            return {
                row.candidate_id: Candidate(Configuration.from_canonical(row.configuration), row.target)
                for row in connection.execute(sa.select(schema.CANDIDATE))
            }

    # -- outputs on evaluation data -----------------------------------------------------------------------------

    def scores_file(self, key: str) -> str | None:
        """File (relative to the run folder) with the outputs stored under ``key``."""
        with self._reading() as connection:
            return connection.execute(sa.select(schema.SCORES.c.file).where(schema.SCORES.c.key == key)).scalar()

    def set_scores_file(self, key: str, file: str) -> None:
        """Remember where outputs lie."""
        with self._told(), self._engine.begin() as connection:
            connection.execute(sa.delete(schema.SCORES).where(schema.SCORES.c.key == key))
            connection.execute(sa.insert(schema.SCORES).values(key=key, file=file))


_VALUE_FIELDS = ("value", "low", "high", "source", "estimator", "n")
_RESCUE = (
    "keep a copy of the file, then delete it to start the run anew, or rescue its rows with "
    "`sqlite3 study.db .recover | sqlite3 rescued.db`"
)


def _sqlite_url(path: Path) -> str:
    return sa.URL.create("sqlite", database=str(path.absolute())).render_as_string()


def _insert_new(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> Any:
    """Insert a row unless it is there already, also when another process inserts it meanwhile.

    Returns:
        Its primary key, None when it was there.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    done = connection.execute(insert(table).values(row).on_conflict_do_nothing())
    return done.inserted_primary_key[0] if done.rowcount and done.inserted_primary_key else None


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": _BUSY_S} if url.startswith("sqlite") else {}


def _careful(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _measurement(row: Any, values: dict[str, Value]) -> Measurement:
    fields = {name: row[name] for name in schema.MEASUREMENT.columns.keys() if name != "id"}  # noqa: SIM118
    fields.update(phase=Phase(row["phase"]), status=Status(row["status"]), flags=tuple(row["flags"]), metrics=values)
    return Measurement(**fields)
