"""Ending a task: reporting done and confirming are two people's work, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import factories as make
from tests.client import Client
from tests.factories import NOW, TODAY
from tests.html import parse, text
from tests.integration.updating import (
    DAY,
    ZONE,
    Scene,
    audited,
    everything,
    set_up,
    task_of,
    updates_of,
)
from tracker.db import Database
from tracker.domain.errors import ConflictError, ForbiddenError
from tracker.domain.roles import Person, Role
from tracker.domain.status import Assessment, Status
from tracker.domain.updates import Answer, Author
from tracker.models import DeadlineChange, Task, User
from tracker.services import closing, updates

Sign = Callable[[User], Client]
STEPS = ("confirm", "send-back", "take-back", "reopen", "drop")


def person(database: Database, user: User) -> Person:
    with database.session(write=False) as session:
        return make.person_of(session, user)


def reported(database: Database, by: str = "kari") -> Scene:
    """A task that Kari (or another of the scene) has reported done."""
    scene = set_up(database)
    who: User = getattr(scene, by)
    author = Author(person=person(database, who))
    with database.session(write=True) as session:
        found = updates.situation(session, by=author, task_id=scene.task.id, today=TODAY, lock=True)
        updates.give(
            session, by=author, found=found, seen=0, now=NOW, timezone=ZONE,
            answer=Answer(is_done=True, comment="Avtalen er signert.", evidence=("https://ks.no",)),
        )  # fmt: skip
    return scene


def finished(database: Database, status: Status) -> Scene:
    return set_up(database, status=status, assessment=Assessment.ON_TRACK)


def path(scene: Scene, step: str) -> str:
    return f"/tasks/{scene.task.id}/{step}"


def test_somebody_else_confirms_what_was_reported(database: Database, as_user: Sign) -> None:
    scene = reported(database)
    client = as_user(scene.siri)
    page = text(client.page(path(scene, "confirm")))
    assert "Avtalen er signert." in page
    assert "https://ks.no" in page
    answer = client.submit(path(scene, "confirm"), comment="Fint arbeid.")
    assert (answer.status_code, answer.location) == (303, f"/tasks/{scene.task.id}")
    assert task_of(database, scene).status == Status.CLOSED
    update = updates_of(database, scene)[-1]
    assert (update.status_before, update.status_after) == (Status.REPORTED_DONE, Status.CLOSED)
    assert (update.user_id, update.actor_id, update.comment) == (
        scene.siri.id, None, "Fint arbeid.",
    )  # fmt: skip
    assert audited(database, scene)[-1] == ("task.confirm", "user", scene.siri.id)


def test_what_is_missing_goes_back_with_its_reason(database: Database, as_user: Sign) -> None:
    scene = reported(database)
    client = as_user(scene.siri)
    answer = client.submit(path(scene, "confirm"), reason="Vedlegget mangler.")
    assert answer.status_code == 303
    task, update = task_of(database, scene), updates_of(database, scene)[-1]
    assert (task.status, task.series) == (Status.IN_PROGRESS, 1)
    assert (update.actor_id, update.comment) == (None, "Vedlegget mangler.")
    assert task.last_update_at == NOW, "a decision is no news from the owner"


def test_the_owner_takes_it_back_before_it_is_decided(database: Database, as_user: Sign) -> None:
    scene = reported(database)
    as_user(scene.ola).submit(path(scene, "take-back"), reason="")
    task, update = task_of(database, scene), updates_of(database, scene)[-1]
    assert task.status == Status.IN_PROGRESS
    assert (update.actor_id, update.on_behalf) == (scene.ks.id, False)


@pytest.mark.parametrize("status", [Status.CLOSED, Status.DROPPED])
def test_what_is_finished_reopens_with_a_reason_and_a_new_series(
    database: Database, as_user: Sign, status: Status
) -> None:
    scene = finished(database, status)
    as_user(scene.siri).submit(path(scene, "reopen"), reason="Ordningen ble lagt ned.")
    task = task_of(database, scene)
    assert (task.status, task.series, task.assessment) == (Status.IN_PROGRESS, 2, None)
    assert updates_of(database, scene)[-1].comment == "Ordningen ble lagt ned."


def test_dropping_keeps_the_reason_and_the_risk(database: Database, as_user: Sign) -> None:
    scene = set_up(database)
    with database.session(write=True) as session:
        make.deadline_change(session, scene.task, TODAY + 90 * DAY)
    as_user(scene.siri).submit(
        path(scene, "drop"), reason="Ikke aktuelt.", risk="Færre hospiterer."
    )
    assert task_of(database, scene).status == Status.DROPPED
    update = updates_of(database, scene)[-1]
    assert (update.comment, update.risk) == ("Ikke aktuelt.", "Færre hospiterer.")
    with database.session(write=False) as session:
        assert session.query(DeadlineChange).one().outcome == "withdrawn"


def test_a_request_for_a_deadline_falls_away_when_the_task_is_closed(database: Database) -> None:
    scene = reported(database)
    with database.session(write=True) as session:
        make.deadline_change(session, scene.task, TODAY + 90 * DAY)
    by = person(database, scene.siri)
    with database.session(write=True) as session:
        closing.confirm(session, by=by, task_id=scene.task.id, now=NOW, timezone=ZONE)
    with database.session(write=False) as session:
        assert session.query(DeadlineChange).one().outcome == "withdrawn"


def test_nobody_confirms_their_own_report(database: Database, as_user: Sign) -> None:
    scene = reported(database, by="siri")
    client = as_user(scene.siri)
    before = everything(database)
    client.page(path(scene, "confirm"), status=403)
    assert client.send(path(scene, "confirm")).status_code == 403
    assert client.send(path(scene, "send-back"), reason="Nei").status_code == 403
    assert everything(database) == before


def test_another_owner_lets_nobody_confirm_what_the_own_actor_reported(
    database: Database, as_user: Sign
) -> None:
    scene = reported(database)
    with database.session(write=True) as session:
        make.membership(session, session.get_one(User, scene.siri.id), Role.READER, at=scene.ks)
        session.get_one(Task, scene.task.id).owner_id = scene.doga.id
    client = as_user(scene.siri)
    client.page(path(scene, "confirm"), status=403)
    assert client.send(path(scene, "confirm")).status_code == 403
    assert task_of(database, scene).status == Status.REPORTED_DONE


def test_nobody_of_the_owner_confirms_even_as_secretariat(
    database: Database, as_user: Sign
) -> None:
    scene = reported(database)
    with database.session(write=True) as session:
        own = make.user(session, at=session.merge(scene.ks))
        make.membership(session, own, Role.COORDINATOR)
    answer = as_user(own).send(path(scene, "confirm"))
    assert answer.status_code == 403
    assert task_of(database, scene).status == Status.REPORTED_DONE


@pytest.mark.parametrize(
    "role", [Role.READER, Role.FORUM_MEMBER, Role.ADMIN, Role.MEMBER, Role.LEAD]
)
@pytest.mark.parametrize("step", STEPS)
def test_the_steps_are_for_the_secretariat_and_taking_back_for_the_owner(
    database: Database, as_user: Sign, role: Role, step: str
) -> None:
    scene = finished(database, Status.CLOSED) if step == "reopen" else reported(database)
    with database.session(write=True) as session:
        of_owner = role == Role.LEAD and step != "take-back"
        at = session.merge(scene.ks) if of_owner else make.actor(session)
        general = role not in {Role.MEMBER, Role.LEAD}
        other = make.user(session, at=None if general else at, role=role)
    client = as_user(other)
    before = everything(database)
    client.page(path(scene, step), status=403)
    answer = client.send(path(scene, step), reason="Fordi.", risk="Ingen.")
    assert answer.status_code == 403
    assert everything(database) == before


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ("confirm", Status.IN_PROGRESS),
        ("confirm", Status.CLOSED),
        ("send-back", Status.IN_PROGRESS),
        ("take-back", Status.IN_PROGRESS),
        ("reopen", Status.IN_PROGRESS),
        ("reopen", Status.REPORTED_DONE),
        ("drop", Status.DROPPED),
        ("drop", Status.CLOSED),
    ],
)
def test_an_illegal_step_is_a_conflict_and_keeps_what_was_typed(
    database: Database, as_user: Sign, step: str, status: Status
) -> None:
    scene = set_up(database, status=status)
    client = as_user(scene.siri)
    before = everything(database)
    client.page(path(scene, step), status=409)
    typed: dict[str, Any] = {"reason": "Fordi det er så.", "risk": "Ingen risiko."}
    if step == "confirm":
        typed = {"comment": "Fordi det er så."}
    answer = client.send(path(scene, step), **typed)
    assert answer.status_code == 409
    assert "Fordi det er så." in text(parse(answer.text))
    assert everything(database) == before


@pytest.mark.parametrize(
    ("step", "typed", "field"),
    [
        ("send-back", {"reason": " "}, "reason"),
        ("reopen", {}, "reason"),
        ("drop", {"reason": "Ikke aktuelt."}, "risk"),
        ("drop", {"risk": "Stor."}, "reason"),
        ("send-back", {"reason": "æ" * 100_000}, "reason"),
        ("confirm", {"comment": "æ" * 100_000}, "comment"),
    ],
)
def test_a_missing_or_endless_reason_is_said_at_the_field(
    database: Database, as_user: Sign, step: str, typed: dict[str, str], field: str
) -> None:
    scene = finished(database, Status.CLOSED) if step == "reopen" else reported(database)
    before = everything(database)
    client = as_user(scene.siri)
    before = everything(database)
    answer = client.send(path(scene, step), **typed)
    assert answer.status_code == 400
    assert everything(database) == before
    page = parse(answer.text)
    assert page.find(f".//*[@id='{field}-error']") is not None
    for text_typed in typed.values():
        assert text_typed.strip() in answer.text


@pytest.mark.parametrize("step", STEPS)
def test_a_forged_form_takes_no_step(database: Database, as_user: Sign, step: str) -> None:
    scene = reported(database)
    client = as_user(scene.siri)
    before = everything(database)
    answer = client.post(path(scene, step), data={"reason": "Fordi.", "csrf_token": "forged"})
    assert answer.status_code == 400
    assert everything(database) == before


def test_an_unknown_task_is_not_found(database: Database, as_user: Sign) -> None:
    client = as_user(set_up(database).siri)
    for step in STEPS:
        client.page(f"/tasks/4711/{step}", status=404)
        assert client.send(f"/tasks/4711/{step}", reason="x", risk="x").status_code == 404


def test_the_second_of_two_who_decide_at_once_is_told(database: Database) -> None:
    scene = reported(database)
    with database.session(write=True) as session:
        second = make.coordinator(session)
    first = person(database, scene.siri)
    with database.session(write=True) as session:
        closing.send_back(
            session, by=first, task_id=scene.task.id, reason="Mangler.", now=NOW, timezone=ZONE
        )
    with pytest.raises(ConflictError), database.session(write=True) as session:
        closing.confirm(session, by=second, task_id=scene.task.id, now=NOW, timezone=ZONE)
    assert [update.status_after for update in updates_of(database, scene)] == [
        Status.REPORTED_DONE, Status.IN_PROGRESS,
    ]  # fmt: skip


def test_a_contributor_cannot_take_the_owners_report_back(database: Database) -> None:
    scene = reported(database)
    by = person(database, scene.dina)
    with pytest.raises(ForbiddenError), database.session(write=True) as session:
        closing.take_back(session, by=by, task_id=scene.task.id, now=NOW, timezone=ZONE)


def test_after_a_second_report_the_second_reporter_cannot_confirm(database: Database) -> None:
    scene = reported(database)
    siri = person(database, scene.siri)
    with database.session(write=True) as session:
        closing.send_back(
            session, by=siri, task_id=scene.task.id, reason="Nei.", now=NOW, timezone=ZONE
        )
        author = Author(person=siri)
        found = updates.situation(session, by=author, task_id=scene.task.id, today=TODAY, lock=True)
        updates.give(
            session, by=author, found=found, seen=found.seen, answer=Answer(is_done=True),
            now=NOW, timezone=ZONE,
        )  # fmt: skip
    with pytest.raises(ForbiddenError, match="own_report"), database.session(write=True) as session:
        closing.confirm(session, by=siri, task_id=scene.task.id, now=NOW, timezone=ZONE)
