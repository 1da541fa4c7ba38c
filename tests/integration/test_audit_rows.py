"""Tampering with the status updates and deadline changes that the audit log speaks of shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from sqlalchemy import select, text

from tests import factories as make
from tests.databases import count_queries
from tests.factories import NOW, TODAY
from tests.integration.updating import DAY, ZONE, Scene, set_up
from tracker.db import Database, see_one_moment
from tracker.domain.status import Assessment, Precision
from tracker.domain.updates import Answer, Author
from tracker.models import AuditEvent, DeadlineChange, StatusUpdate, User
from tracker.services import (
    audit,
    audit_rows,
    closing,
    deadlines,
    migrations,
    task_settle,
    updates,
)
from tracker.services.audit_rows import Damage

EVIDENCE = "https://example.org/notat"
LATER = TODAY + 200 * DAY


def answer(database: Database, scene: Scene, comment: str = "Vi er i gang.") -> int:
    """Let Kari give an update; return its id."""
    with database.session(write=True) as session:
        by = Author(person=make.person_of(session, scene.kari))
        found = updates.situation(session, by=by, task_id=scene.task.id, today=TODAY, lock=True)
        said = Answer(assessment=Assessment.UNCERTAIN, comment=comment, evidence=(EVIDENCE,))
        given = updates.give(
            session, by=by, found=found, answer=said, seen=found.seen, now=NOW, timezone=ZONE
        )
        return given.id


def ask(database: Database, scene: Scene, new: dt.date = LATER) -> int:
    """Let Kari ask for a new deadline; return the request's id."""
    with database.session(write=True) as session:
        change = deadlines.request(
            session,
            by=make.person_of(session, scene.kari),
            task_id=scene.task.id,
            new=new,
            precision=Precision.DAY,
            reason="Anskaffelsen tok lengre tid.",
            now=NOW,
            timezone=ZONE,
        )
        return change.id


def approve(database: Database, scene: Scene, request_id: int) -> None:
    with database.session(write=True) as session:
        deadlines.decide(
            session,
            by=make.person_of(session, scene.siri),
            task_id=scene.task.id,
            request_id=request_id,
            approve=True,
            now=NOW,
            timezone=ZONE,
        )


def damage(database: Database) -> Damage | None:
    with database.session(write=False) as session:
        return audit.verify(session).damage


def tamper(database: Database, statement: str) -> None:
    with database.session(write=True) as session:
        session.execute(text(statement))


def test_updates_and_deadline_changes_that_are_as_they_were_written_verify(
    database: Database,
) -> None:
    scene = set_up(database)
    answer(database, scene, "Æ ø å 🙂")
    approve(database, scene, ask(database, scene))
    with database.session(write=True) as session:
        closing.drop(
            session,
            by=make.person_of(session, scene.siri),
            task_id=scene.task.id,
            reason="Dekket av andre tiltak.",
            risk="Ingen.",
            now=NOW,
            timezone=ZONE,
        )
    assert damage(database) is None


def test_a_request_verifies_however_it_ends_and_so_does_a_deadline_that_is_set(
    database: Database,
) -> None:
    scene = set_up(database)
    at: dict[str, Any] = {"task_id": scene.task.id, "now": NOW, "timezone": ZONE}

    def act(who: User, what: Callable[..., object], **how: Any) -> None:
        with database.session(write=True) as session:
            what(session, by=make.person_of(session, who), **(at | how))

    ask(database, scene)
    act(scene.kari, deadlines.withdraw)
    number = ask(database, scene)
    act(scene.siri, deadlines.decide, request_id=number, approve=False, reason="For sent.")
    other = task_settle.Deadline(day=LATER)
    act(scene.siri, task_settle.set_deadline, deadline=other, reason="Vedtatt.")
    ask(database, scene, LATER + DAY)
    act(scene.siri, closing.drop, reason="Dekket av andre tiltak.", risk="Ingen.")

    assert damage(database) is None
    with database.session(write=False) as session:
        changes = session.scalars(select(DeadlineChange).order_by(DeadlineChange.id))
        outcomes = [change.outcome for change in changes]
    assert outcomes == ["withdrawn", "rejected", "approved", "withdrawn"]


def test_a_changed_update_is_found(database: Database) -> None:
    scene = set_up(database)
    number = answer(database, scene)
    tamper(database, "UPDATE status_updates SET comment = 'Alt er ferdig.'")
    assert damage(database) == Damage(1, f"status update {number} was changed")


def test_changed_evidence_of_an_update_is_found(database: Database) -> None:
    scene = set_up(database)
    number = answer(database, scene)
    tamper(database, "UPDATE evidence SET url = 'https://example.org/annet'")
    assert damage(database) == Damage(1, f"status update {number} was changed")


def test_a_changed_deadline_change_is_found_at_its_newest_event(database: Database) -> None:
    scene = set_up(database)
    number = ask(database, scene)
    assert damage(database) is None
    approve(database, scene, number)
    assert damage(database) is None
    tamper(database, "UPDATE deadline_changes SET reason = 'En annen grunn'")
    assert damage(database) == Damage(2, f"deadline change {number} was changed")


def test_a_removed_update_is_found(database: Database) -> None:
    scene = set_up(database)
    number = answer(database, scene)
    answer(database, scene, "Fortsatt i gang.")
    tamper(database, f"DELETE FROM evidence WHERE update_id = {number}")
    tamper(database, f"DELETE FROM status_updates WHERE id = {number}")
    assert damage(database) == Damage(1, f"status update {number} was removed")


def test_an_update_that_no_event_speaks_of_is_found(database: Database) -> None:
    scene = set_up(database)
    answer(database, scene)
    with database.session(write=True) as session:
        put_in = make.update(session, scene.task, scene.kari).id
    assert damage(database) == Damage(None, f"status update {put_in} is in no event")


def test_a_row_whose_newest_event_was_erased_is_no_longer_compared(database: Database) -> None:
    scene = set_up(database)
    number = ask(database, scene)
    approve(database, scene, number)
    with database.session(write=True) as session:
        audit.erase_details(session, event_id=2, by=None)
    tamper(database, "UPDATE deadline_changes SET decision_reason = '-'")
    assert damage(database) is None


def test_a_row_is_still_compared_when_an_older_event_of_it_was_erased(database: Database) -> None:
    scene = set_up(database)
    number = ask(database, scene)
    approve(database, scene, number)
    with database.session(write=True) as session:
        audit.erase_details(session, event_id=1, by=None)
    assert damage(database) is None
    tamper(database, "UPDATE deadline_changes SET reason = '-'")
    assert damage(database) == Damage(2, f"deadline change {number} was changed")


def test_an_update_costs_no_query_more_for_its_digest(database: Database) -> None:
    scene = set_up(database)
    with count_queries(database) as seen:
        answer(database, scene)
    assert len([query for query in seen if "FROM status_updates" in query]) == 1
    assert not [query for query in seen if "FROM evidence" in query]
    with database.session(write=True) as session, count_queries(database) as seen:
        by = Author(person=make.person_of(session, scene.kari))
        updates.repeat(session, by=by, task_id=scene.task.id, now=NOW + DAY, timezone=ZONE)
        database.commit(session)
    assert not [query for query in seen if "FROM evidence" in query]


def before_the_log_knew_rows(database: Database) -> tuple[Scene, int, int]:
    """An installation of the version before, brought to this one: an update and a request."""
    scene = set_up(database)
    with database.session(write=True) as session:
        update = make.update(
            session, scene.task, scene.kari, comment="Vi er i gang.", hindrances=["funding"]
        ).id
        request = make.deadline_change(session, scene.task, LATER, requested_by_id=scene.kari.id).id
    migrations.downgrade(database, "0002")
    migrations.upgrade(database)
    return scene, update, request


def test_rows_of_before_are_covered_by_one_event_of_the_upgrade(database: Database) -> None:
    _scene, update, request = before_the_log_knew_rows(database)
    with database.session(write=False) as session:
        [event] = session.scalars(select(AuditEvent))
        assert event.action == "audit.baseline"
        rows = (event.details.details or {})["rows"]
        assert {name: list(found) for name, found in rows.items()} == {
            "status_updates": [str(update)],
            "deadline_changes": [str(request)],
        }
    assert damage(database) is None
    tamper(database, "UPDATE status_updates SET comment = 'Alt er ferdig.'")
    assert damage(database) == Damage(1, f"status update {update} was changed")


def test_an_old_request_may_be_decided_and_updates_go_on_after_the_upgrade(
    database: Database,
) -> None:
    scene, _update, request = before_the_log_knew_rows(database)
    approve(database, scene, request)
    answer(database, scene)
    assert damage(database) is None
    tamper(database, "UPDATE deadline_changes SET outcome = 'rejected'")
    assert damage(database) == Damage(2, f"deadline change {request} was changed")


def test_a_row_of_before_that_was_removed_or_put_in_is_found(database: Database) -> None:
    scene, update, _request = before_the_log_knew_rows(database)
    with database.session(write=True) as session:
        put_in = make.update(session, scene.task, scene.kari).id
    assert damage(database) == Damage(None, f"status update {put_in} is in no event")
    tamper(database, f"DELETE FROM status_updates WHERE id IN ({update}, {put_in})")
    assert damage(database) == Damage(1, f"status update {update} was removed")


def test_an_empty_installation_gets_no_event_from_the_upgrade(database: Database) -> None:
    migrations.downgrade(database, "0002")
    migrations.upgrade(database)
    with database.session(write=False) as session:
        assert audit.verify(session).count == 0


def test_what_others_write_while_it_is_verified_is_no_damage(database: Database) -> None:
    scene = set_up(database)
    answer(database, scene)
    with database.session(write=False) as session:
        see_one_moment(session)
        count, _head = audit.head(session)
        number = answer(database, scene, "Fortsatt i gang.")
        assert audit.head(session) == (count, _head)
        assert session.get(StatusUpdate, number) is None
    assert damage(database) is None


def test_a_row_has_the_same_digest_as_it_is_written_and_as_it_is_read(database: Database) -> None:
    scene = set_up(database)
    number = answer(database, scene)
    with database.session(write=False) as session:
        [event] = session.scalars(select(AuditEvent))
        details = event.details
        assert details.salt
        assert details.details
        read = audit_rows.of_stored(session, salt=details.salt, newer_than={})
        assert read == {
            "status_updates": {str(number): details.details["rows"]["status_updates"][str(number)]},
            "deadline_changes": {},
        }
