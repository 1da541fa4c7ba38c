"""The database: declarative base, types and sessions. A leaf that knows no table."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Executable,
    MetaData,
    Row,
    Select,
    bindparam,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

UNAVAILABLE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
"""What is raised where the database does not go along: locked for long, full, gone or closed."""
BUSY_TIMEOUT_MS = 15_000
"""A page must be answered within half a minute, whatever it waits for."""
POOL_TIMEOUT_SECONDS = 10
LOOK_EVERY_MS = 2
# A server that does not answer at all is given up: while connecting, and in the middle.
_POSTGRESQL_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
POSTGRESQL_SETTINGS = (
    # A process that is frozen in a transaction would hold up all others for ever; no mail or page
    # takes so long.
    "SET idle_in_transaction_session_timeout = '10min'",
    f"SET lock_timeout = '{BUSY_TIMEOUT_MS}ms'",
    # To compile a search of many branches takes a hundred times as long as to run it.
    "SET jit = off",
)

Arguments = ParamSpec("Arguments")
Statement = TypeVar("Statement", bound=Executable)
Columns = TypeVarTuple("Columns")
Value = TypeVar("Value")


class UTCDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC datetime on both databases; SQLite itself keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Turn an aware datetime into UTC; a naive one is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a datetime without time zone cannot be stored"
            raise ValueError(message)
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self, value: dt.datetime | None, dialect: Dialect
    ) -> dt.datetime | None:
        """Give back an aware UTC datetime."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return value.replace(tzinfo=dt.UTC)
        return value.astimezone(dt.UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {dt.datetime: UTCDateTime()}  # noqa: RUF012 - read by SQLAlchemy


class Database:
    """One engine and the two kinds of transaction: reading and writing."""

    def __init__(
        self, url: str, *, before_commit: Callable[[Session], None] | None = None, **options: Any
    ) -> None:
        """Open `url`; `before_commit` runs as the last step of each writing transaction.

        Errors tell the statement but not its values, because logs must hold no secrets.
        """
        self._before_commit = before_commit
        parsed = make_url(url)
        if parsed.database:
            options.setdefault("pool_timeout", POOL_TIMEOUT_SECONDS)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(
                parsed,
                connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
                hide_parameters=True,
                **options,
            )
            event.listen(self.engine, "do_connect", _keep_private)
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = create_engine(
                parsed,
                connect_args=_POSTGRESQL_PATIENCE if parsed.host else {},
                pool_pre_ping=True,
                hide_parameters=True,
                **options,
            )
            event.listen(self.engine, "connect", _configure_postgresql)
        # Shares the pool; only the option that _begin_sqlite reads differs.
        self._writing_engine: Engine = self.engine.execution_options(writes=True)

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self.engine.dialect.name

    def open(self, *, write: bool) -> Session:
        """Return a session that the caller ends with `commit` or `rollback` and `close`."""
        return Session(self._writing_engine if write else self.engine, expire_on_commit=False)

    def commit(self, session: Session) -> None:
        """Commit, after the pending audit events have been written as the last statement."""
        if self._before_commit is not None:
            session.flush()
            self._before_commit(session)
        session.commit()

    @contextmanager
    def session(self, *, write: bool) -> Iterator[Session]:
        """Give a session; commit it at the end if `write`, else roll back; always close."""
        session = self.open(write=write)
        try:
            yield session
            if write:
                self.commit(session)
        finally:
            session.close()

    def optimize(self) -> None:
        """Let SQLite count what its tables hold, which PostgreSQL does by itself.

        Without the figures it chooses wrong indexes among many tasks.
        """
        if self.dialect == "sqlite":
            with self._writing_engine.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        self.dispose()  # What was connected before keeps its old figures.

    def dispose(self) -> None:
        """Close all pooled connections (before a fork, at the end of a test)."""
        self.engine.dispose()


def prepared(
    build: Callable[Arguments, Statement],
) -> Callable[Arguments, tuple[Statement, dict[str, Any]]]:
    """Keep the statement that `build` makes: to put it together costs more than to ask it.

    Positional arguments are its shape, and it is made once for each of them. Arguments by keyword
    are its values: `build` gets a bound parameter in place of each, so that None finds nothing.
    What is returned goes into `columns(session, *…)`, `objects(session, *…)` or
    `first(session, *…)`.
    """

    @lru_cache
    def statement(shape: tuple[Any, ...], names: tuple[str, ...]) -> Statement:
        parameters: Any = {name: bindparam(name) for name in names}
        return build(*shape, **parameters)

    @wraps(build)
    def with_values(
        *shape: Arguments.args, **values: Arguments.kwargs
    ) -> tuple[Statement, dict[str, Any]]:
        return statement(shape, tuple(values)), values

    return with_values


def columns(
    session: Session, statement: Select[*Columns], values: dict[str, Any]
) -> Sequence[Row[*Columns]]:
    """Return all rows of a statement for columns, without what the session does for objects.

    That takes half as long. What waits to be flushed is not seen.
    """
    return session.connection().execute(statement, values).all()


def objects(session: Session, statement: Select[Value], values: dict[str, Any]) -> Sequence[Value]:
    """Return all objects of a prepared statement."""
    return session.scalars(statement, values).all()


def first(session: Session, statement: Select[Value], values: dict[str, Any]) -> Value | None:
    """Return the first object of a prepared statement, or None."""
    return session.scalar(statement, values)


def see_one_moment(session: Session) -> None:
    """Let a transaction, at its very beginning, see the database as of one moment to its end.

    On SQLite each transaction does.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def _keep_private(
    _dialect: Dialect, _record: Any, arguments: list[str], _options: dict[str, Any]
) -> None:
    # SQLite gives its log files the mode that it finds on the database.
    path = Path(arguments[0])
    if not path.exists():
        path.touch(mode=0o600)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions of its own: _begin_sqlite does.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _configure_postgresql(connection: Any, _record: object) -> None:
    for setting in POSTGRESQL_SETTINGS:
        connection.execute(setting)
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        _begin_writing(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    """Begin as the only writer, as soon as the one before has ended.

    A read that turns into a write fails at once on SQLite, whatever the busy timeout. Its own way
    of waiting looks less and less often, at last ten times a second, and whoever comes later
    overtakes.
    """
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout=0")
    try:
        ends_at = time.monotonic() + BUSY_TIMEOUT_MS / 1000
        while time.monotonic() < ends_at:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                    break
                time.sleep(LOOK_EVERY_MS / 1000)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Raises the error that callers know.
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
