"""The audit log keeps what happened, in one order, and shows every way of tampering with it."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tracker import clock
from tracker.db import Database
from tracker.models import AuditDetails, AuditEvent
from tracker.services import audit
from tracker.services.audit_rows import Damage

LONG_AGO = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
TRIGGERS = (
    "audit_events_keep_update",
    "audit_events_keep_delete",
    "audit_details_keep_update",
    "audit_details_keep_delete",
)


def _record(database: Database, *numbers: int) -> None:
    for number in numbers:
        with database.session(write=True) as session:
            audit.record(
                session,
                by=None,
                action="task.edited",
                entity="task",
                entity_id=number,
                before={"deadline": None},
                after={"deadline": dt.date(2026, 3, number), "title": "Æ ø å"},
            )


def _verify(database: Database, head: str | None = None) -> audit.Verification:
    with database.session(write=False) as session:
        return audit.verify(session, expected_head=head)


def _tamper(database: Database, statement: str) -> None:
    """Change the log as somebody with the rights of the database's owner could."""
    with database.engine.connect() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            for trigger in TRIGGERS:
                connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text(statement))
        connection.commit()


def test_events_of_a_transaction_are_chained_and_hold(database: Database) -> None:
    _record(database, 1, 2, 3)

    result = _verify(database)

    assert (result.count, result.damage) == (3, None)
    with database.session(write=False) as session:
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
        assert [event.id for event in events] == [1, 2, 3]
        assert events[0].previous_hash == audit.ZERO_HASH
        assert events[1].previous_hash == events[0].hash
        assert LONG_AGO < events[0].at <= clock.now()
        assert events[0].details.details == {
            "before": {"deadline": None},
            "after": {"deadline": "2026-03-01", "title": "Æ ø å"},
        }


def test_an_event_of_a_failed_transaction_is_not_written(database: Database) -> None:
    def fail() -> None:
        with database.session(write=True) as session:
            audit.record(session, by=None, action="x", entity="task", entity_id=1)
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert _verify(database).count == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET action = 'nothing'",
        "DELETE FROM audit_events",
        "UPDATE audit_details SET salt = 'x'",
        "UPDATE audit_details SET event_id = 9, salt = NULL, details = NULL",
        "DELETE FROM audit_details",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(database: Database, statement: str) -> None:
    _record(database, 1)

    with (
        pytest.raises(DBAPIError, match=r"append-only|can only be emptied"),
        database.engine.execution_options(writes=True).begin() as connection,
    ):
        connection.execute(text(statement))

    assert _verify(database).damage is None


@pytest.mark.parametrize(
    ("statement", "row", "what"),
    [
        ("UPDATE audit_events SET action = 'task.closed' WHERE id = 2", 2, "changed"),
        ("UPDATE audit_events SET user_id = 7 WHERE id = 2", 2, "changed"),
        ("DELETE FROM audit_events WHERE id = 2", 3, "gap"),
        ("UPDATE audit_details SET salt = 'other' WHERE event_id = 3", 3, "details were changed"),
        (
            "UPDATE audit_details SET salt = NULL, details = NULL WHERE event_id = 1",
            1,
            "emptied without a record",
        ),
        ("DELETE FROM audit_events WHERE id = 3", 3, "missing"),
    ],
)
def test_tampering_is_found_and_its_row_named(
    database: Database, statement: str, row: int, what: str
) -> None:
    _record(database, 1, 2, 3)

    _tamper(database, statement)
    damage = _verify(database).damage

    assert damage is not None
    assert damage.event_id == row
    assert what in damage.what


def test_reordered_events_are_found(database: Database) -> None:
    _record(database, 1, 2, 3)
    swap = "UPDATE audit_events SET entity_id = CASE id WHEN 1 THEN 2 ELSE 1 END WHERE id < 3"

    _tamper(database, swap)
    damage = _verify(database).damage

    assert damage == Damage(1, "changed")


def test_a_cut_tail_shows_against_a_head_kept_outside(database: Database) -> None:
    _record(database, 1, 2)
    kept_outside = _verify(database).head
    _record(database, 3)

    assert _verify(database, kept_outside).damage is None
    assert _verify(database, "f" * 64).damage == Damage(4, "the expected head is not here")


def test_erasing_empties_the_details_and_the_chain_still_holds(database: Database) -> None:
    _record(database, 1, 2)

    with database.session(write=True) as session:
        audit.erase_details(session, event_id=1, by=None)
    result = _verify(database)

    assert (result.count, result.damage) == (3, None)
    with database.session(write=False) as session:
        erased = session.get_one(AuditDetails, 1)
        assert (erased.salt, erased.details) == (None, None)


def test_writers_at_the_same_time_make_one_chain(database: Database) -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda number: _record(database, number), range(1, 21)))

    result = _verify(database)

    assert (result.count, result.damage) == (20, None)
