"""A deadline moves only with a reason and by somebody else's decision."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from tests import factories as make
from tests.client import Client
from tests.factories import NOW, TODAY
from tests.html import forms, parse, text
from tests.integration.updating import DAY, ZONE, Scene, audited, everything, set_up, task_of
from tracker.db import Database
from tracker.domain.errors import ConflictError
from tracker.domain.roles import Role
from tracker.domain.status import Precision, Status
from tracker.models import DeadlineChange, User
from tracker.services import deadlines

Sign = Callable[[User], Client]


def path(scene: Scene, step: str = "") -> str:
    return f"/tasks/{scene.task.id}/deadline{step}"


def asked(database: Database, *, by: str = "kari", **task: Any) -> Scene:
    """A scene in which somebody has asked for 1 September."""
    scene = set_up(database, **task)
    with database.session(write=True) as session:
        person = make.person_of(session, getattr(scene, by))
        deadlines.request(
            session, by=person, task_id=scene.task.id, new=dt.date(2026, 9, 1),
            precision=Precision.DAY, reason="Anskaffelsen.", now=NOW, timezone=ZONE,
        )  # fmt: skip
    return scene


def change_of(database: Database) -> DeadlineChange:
    with database.session(write=False) as session:
        return session.query(DeadlineChange).one()


@pytest.mark.parametrize(
    ("typed", "precision", "kept"),
    [
        ("2026-09-01", Precision.DAY, "2026-09-01"),
        ("1.9.2026", Precision.MONTH, "2026-09-30"),
        ("01.01.2027", Precision.YEAR, "2027-12-31"),
    ],
)
def test_the_owner_asks_with_a_reason_and_the_deadline_stays_for_now(
    database: Database, as_user: Sign, typed: str, precision: str, kept: str
) -> None:
    scene = set_up(database)
    answer = as_user(scene.kari).submit(
        path(scene), new_deadline=typed, precision=precision, reason="Anskaffelsen."
    )
    assert (answer.status_code, answer.location) == (303, f"/tasks/{scene.task.id}")
    change = change_of(database)
    assert (str(change.new_deadline), change.new_precision) == (kept, precision)
    assert (change.old_deadline, change.requested_by_id, change.outcome) == (
        scene.task.deadline, scene.kari.id, None,
    )  # fmt: skip
    assert task_of(database, scene).deadline == scene.task.deadline
    assert audited(database, scene) == [("deadline.requested", "user", scene.kari.id)]


def test_approved_it_moves_and_the_original_stays(database: Database, as_user: Sign) -> None:
    scene = asked(database)
    client = as_user(scene.siri)
    page = text(client.page(path(scene, "/decide")))
    assert "Anskaffelsen." in page
    assert "Kari Nordmann" in page
    client.submit(path(scene, "/decide"), decision="approve")
    task, change = task_of(database, scene), change_of(database)
    assert (str(task.deadline), task.deadline_precision, task.series) == ("2026-09-01", "day", 2)
    assert task.original_deadline == scene.task.deadline
    assert (change.outcome, change.decided_by_id) == ("approved", scene.siri.id)
    assert audited(database, scene)[-1][0] == "deadline.approved"


def test_a_first_deadline_becomes_the_original(database: Database, as_user: Sign) -> None:
    scene = asked(database, deadline=None, deadline_none_on=TODAY)
    as_user(scene.siri).submit(path(scene, "/decide"), decision="approve")
    task = task_of(database, scene)
    assert (task.original_deadline, task.original_precision) == (task.deadline, "day")
    assert task.deadline_none_on is None


def test_another_date_is_approved_with_a_reason(database: Database, as_user: Sign) -> None:
    scene = asked(database)
    client = as_user(scene.siri)
    answer = client.submit(path(scene, "/decide"), decision="approve", new_deadline="01.08.2026")
    assert answer.status_code == 400
    assert parse(answer.text).find(".//*[@id='reason-error']") is not None
    client.submit(
        path(scene, "/decide"), decision="approve", new_deadline="01.08.2026", reason="Før møtet."
    )
    change = change_of(database)
    assert str(task_of(database, scene).deadline) == str(change.new_deadline) == "2026-08-01"
    assert change.decision_reason == "Før møtet."


def test_a_rejection_needs_a_reason_and_leaves_the_deadline(
    database: Database, as_user: Sign
) -> None:
    scene = asked(database)
    client = as_user(scene.siri)
    before = everything(database)
    answer = client.submit(path(scene, "/decide"), decision="reject")
    assert answer.status_code == 400
    assert everything(database) == before
    client.submit(path(scene, "/decide"), decision="reject", reason="Haster.")
    task, change = task_of(database, scene), change_of(database)
    assert (task.deadline, task.series) == (scene.task.deadline, 1)
    assert (change.outcome, change.decision_reason) == ("rejected", "Haster.")


def test_nobody_decides_their_own_request(database: Database, as_user: Sign) -> None:
    scene = asked(database, by="siri")
    client = as_user(scene.siri)
    page = client.page(path(scene, "/decide"))
    assert not [form for form in forms(page, "") if "decision" in form.fields]
    before = everything(database)
    answer = client.send(
        path(scene, "/decide"), decision="approve", request_id=str(change_of(database).id),
        new_deadline="2026-09-01", precision="day",
    )  # fmt: skip
    assert answer.status_code == 403
    assert everything(database) == before


def test_the_owner_withdraws_and_may_ask_again(database: Database, as_user: Sign) -> None:
    scene = asked(database)
    client = as_user(scene.ola)
    client.submit(path(scene), action=path(scene, "/withdraw"))
    assert change_of(database).outcome == "withdrawn"
    assert client.send(path(scene, "/withdraw")).status_code == 409
    client.submit(path(scene), new_deadline="2026-10-01", precision="day", reason="Likevel.")
    with database.session(write=False) as session:
        assert session.query(DeadlineChange).count() == 2


def test_one_request_waits_at_a_time(database: Database, as_user: Sign) -> None:
    scene = asked(database)
    before = everything(database)
    client = as_user(scene.ola)
    before = everything(database)
    answer = client.send(path(scene), new_deadline="2026-10-01", precision="day", reason="Vi også.")
    assert answer.status_code == 409
    assert "Vi også." in answer.text
    assert everything(database) == before


def test_a_decision_is_about_the_request_that_was_seen(database: Database, as_user: Sign) -> None:
    scene = asked(database)
    client = as_user(scene.siri)
    page = client.page(path(scene, "/decide"))
    (form,) = [form for form in forms(page, path(scene, "/decide")) if "decision" in form.fields]
    with database.session(write=True) as session:
        kari = make.person_of(session, scene.kari)
        deadlines.withdraw(session, by=kari, task_id=scene.task.id, now=NOW, timezone=ZONE)
        deadlines.request(
            session, by=kari, task_id=scene.task.id, new=dt.date(2027, 1, 1),
            precision=Precision.DAY, reason="Enda senere.", now=NOW, timezone=ZONE,
        )  # fmt: skip
    answer = client.post(form.action, data=form.filled(decision="approve"))
    assert answer.status_code == 409
    assert task_of(database, scene).deadline == scene.task.deadline


@pytest.mark.parametrize("status", [Status.REPORTED_DONE, Status.CLOSED, Status.DROPPED])
def test_what_is_done_gets_no_new_deadline(
    database: Database, as_user: Sign, status: Status
) -> None:
    scene = set_up(database, status=status)
    client = as_user(scene.kari)
    client.page(path(scene), status=409)
    answer = client.send(path(scene), new_deadline="2026-10-01", precision="day", reason="Mer.")
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("new_deadline", {"new_deadline": "2020-01-01"}),
        ("new_deadline", {"new_deadline": "31.02.2027"}),
        ("new_deadline", {"new_deadline": "snart"}),
        ("new_deadline", {"new_deadline": ""}),
        ("new_deadline", {"new_deadline": "2999-01-01"}),
        ("new_deadline", {"new_deadline": (TODAY + 30 * DAY).isoformat()}),
        ("precision", {"precision": "century"}),
        ("reason", {"reason": ""}),
        ("reason", {"reason": "æ" * 100_000}),
    ],
)
def test_bad_input_is_said_at_the_field_and_writes_nothing(
    database: Database, as_user: Sign, field: str, typed: dict[str, str]
) -> None:
    scene = set_up(database)
    client = as_user(scene.kari)
    before = everything(database)
    fields = {"new_deadline": "2026-10-01", "precision": "day", "reason": "Fordi."} | typed
    answer = client.send(path(scene), **fields)
    assert answer.status_code == 400
    page = parse(answer.text)
    assert page.find(f".//*[@id='{field}-error']") is not None
    (form,) = [form for form in forms(page, path(scene)) if "reason" in form.fields]
    assert form.fields["reason"] == [fields["reason"]]
    assert form.fields["new_deadline"] == [fields["new_deadline"]]
    assert everything(database) == before


@pytest.mark.parametrize("role", [Role.READER, Role.FORUM_MEMBER, Role.ADMIN, Role.MEMBER])
def test_others_neither_ask_nor_withdraw_nor_decide(
    database: Database, as_user: Sign, role: Role
) -> None:
    scene = asked(database)
    with database.session(write=True) as session:
        at = session.merge(scene.doga) if role == Role.MEMBER else None
        other = make.user(session, at=at, role=role)
    client = as_user(other)
    before = everything(database)
    for step in ("", "/decide"):
        client.page(path(scene, step), status=403)
    for step in ("", "/decide", "/withdraw"):
        typed = {"new_deadline": "2026-10-01", "precision": "day", "reason": "Jeg vil."}
        assert client.send(path(scene, step), decision="approve", **typed).status_code == 403
    assert everything(database) == before


def test_the_owner_cannot_decide(database: Database, as_user: Sign) -> None:
    scene = asked(database)
    as_user(scene.kari).page(path(scene, "/decide"), status=403)


def test_two_requests_at_once_are_refused_below_the_form_too(database: Database) -> None:
    scene = asked(database)
    with database.session(write=True) as session:
        ola = make.person_of(session, scene.ola)
        with pytest.raises(ConflictError, match="deadline_already_asked"):
            deadlines.request(
                session, by=ola, task_id=scene.task.id, new=dt.date(2027, 1, 1),
                precision=Precision.DAY, reason="Vi også.", now=NOW, timezone=ZONE,
            )  # fmt: skip
