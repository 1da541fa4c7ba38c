"""What the database keeps to itself, and what it refuses to two who write at once."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from tests import factories as make
from tests.databases import migrate
from tests.factories import NOW
from tracker import db
from tracker.db import Database, columns, first, prepared
from tracker.domain.errors import DomainError, InvalidError, TooManyAttemptsError
from tracker.models import Actor
from tracker.services import actors, attempts, sources

ONCE = attempts.Limit("test", most=1, within=dt.timedelta(hours=1))


def test_nobody_else_on_the_machine_reads_the_embedded_database(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/tracker.db")
    database = Database(f"sqlite:///{tmp_path}/tracker.db")
    with database.session(write=True) as session:
        make.actor(session)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    database.dispose()
    assert set(modes) == {"tracker.db", "tracker.db-wal", "tracker.db-shm"}
    assert set(modes.values()) == {0o600}


def test_an_error_names_the_statement_but_no_values(database: Database) -> None:
    with database.session(write=True) as session:
        make.user(session, email="kari@ks.example")
        with pytest.raises(IntegrityError, match="INSERT INTO users") as caught:
            make.user(session, email="kari@ks.example", password_hash="a digest")
        session.rollback()
    assert "a digest" not in str(caught.value)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_who_may_not_write_in_time_is_told_and_may_write_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 10)
    with database.session(write=True) as writing:
        make.actor(writing, "KS")
        with pytest.raises(OperationalError, match="locked"), database.session(write=True) as late:
            make.actor(late, "Difi")
    with database.session(write=True) as later:
        make.actor(later, "Digdir")
    with database.session(write=False) as session:
        assert set(session.scalars(select(Actor.name))) == {"KS", "Digdir"}


def test_a_prepared_statement_is_made_once_for_each_shape_and_gets_its_values_anew(
    database: Database,
) -> None:
    made: list[bool] = []

    @prepared
    def named(backwards: bool, *, names: list[str]) -> Select[str]:
        made.append(backwards)
        name = Actor.name.desc() if backwards else Actor.name
        return select(Actor.name).where(Actor.name.in_(names)).order_by(name)

    with database.session(write=True) as session:
        for name in ("Difi", "KS", "NKOM"):
            make.actor(session, name)
        assert columns(session, *named(False, names=["KS", "Difi"])) == [("Difi",), ("KS",)]
        assert columns(session, *named(True, names=["KS", "Difi"])) == [("KS",), ("Difi",)]
        assert first(session, *named(False, names=["NKOM"])) == "NKOM"
        assert first(session, *named(False, names=[])) is None
    assert made == [False, True]


def add_actor(session: Session) -> None:
    actors.create(session, by=make.coordinator(session), facts=actors.Facts(name="KS"))


def add_source(session: Session) -> None:
    by = make.coordinator(session)
    sources.create(session, by=by, key="DIFI", facts=sources.Facts(title="Difi rapport 2017:1"))


def try_once(session: Session) -> None:
    attempts.check(session, limit=ONCE, subject="kari@ks.example", now=NOW)
    attempts.count(session, limit=ONCE, subject="kari@ks.example", now=NOW)


@pytest.mark.parametrize(
    ("act", "refusal"),
    [(add_actor, InvalidError), (add_source, InvalidError), (try_once, TooManyAttemptsError)],
)
def test_of_two_at_once_the_second_is_told(
    database: Database, act: Callable[[Session], None], refusal: type[DomainError]
) -> None:
    # On SQLite the second cannot even begin before the first is done.
    with (
        ThreadPoolExecutor(1) as executor,
        database.session(write=True) as first,
        database.session(write=True) as second,
    ):
        act(first)
        other = executor.submit(act, second)
        assert wait([other], timeout=0.5).not_done
        database.commit(first)
        with pytest.raises(refusal):
            other.result(timeout=10)


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("setting", "value"), [("idle_in_transaction_session_timeout", "10min"), ("jit", "off")]
)
def test_a_connection_waits_for_no_frozen_process_and_compiles_no_searches(
    database: Database, setting: str, value: str
) -> None:
    for write in (False, True):
        with database.session(write=write) as session:
            assert session.scalar(text(f"SHOW {setting}")) == value
