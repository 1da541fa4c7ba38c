"""Saying how it goes: who may, what it changes, and what is refused without a trace."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests import factories as make
from tests.client import Client, Clock
from tests.databases import count_queries
from tests.factories import NOW, TODAY
from tests.html import forms, parse, text
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
from tracker.domain.roles import Role
from tracker.domain.status import Assessment, Channel, Hindrance, Status
from tracker.domain.updates import Answer, Author, Side
from tracker.models import DeadlineChange, Membership, Reminder, StatusUpdate, User
from tracker.services import deadlines, updates

Sign = Callable[[User], Client]
ON_TRACK = Answer(assessment=Assessment.ON_TRACK)


def author(database: Database, user: User) -> Author:
    with database.session(write=False) as session:
        person = make.person_of(session, user)
    return Author(person=person)


def give(
    database: Database,
    scene: Scene,
    who: User,
    answer: Answer = ON_TRACK,
    corrects: int | None = None,
    **more: Any,
) -> StatusUpdate:
    by = author(database, who)
    with database.session(write=True) as session:
        found = updates.situation(
            session, by=by, task_id=scene.task.id, corrects=corrects, today=TODAY, lock=True
        )
        values: dict[str, Any] = {"seen": found.seen, "now": NOW, "timezone": ZONE} | more
        return updates.give(session, by=by, found=found, answer=answer, **values)


def test_nothing_is_given_on_what_others_may_change_meanwhile(database: Database) -> None:
    scene = set_up(database)
    by = author(database, scene.kari)
    with database.session(write=False) as session:
        found = updates.situation(session, by=by, task_id=scene.task.id, today=TODAY)
        with pytest.raises(ValueError, match="changed since"):
            updates.give(
                session, by=by, found=found, answer=ON_TRACK, seen=0, now=NOW, timezone=ZONE
            )


def address(scene: Scene, step: str = "update") -> str:
    return f"/tasks/{scene.task.id}/{step}"


# What an answer writes


def test_an_answer_is_a_row_the_tasks_columns_and_an_audit_event(
    database: Database, as_user: Sign, now: Clock
) -> None:
    scene = set_up(database, status=Status.NOT_STARTED)
    answer = as_user(scene.kari).submit(
        address(scene),
        progress="uncertain",
        comment="Avtalen er på høring.\r\nSvar i mai.",
        status="in_progress",
        hindrances=["money", "law"],
        evidence="https://ks.no/a\r\n\r\nhttps://ks.no/b",
    )
    assert (answer.status_code, answer.location) == (303, f"/tasks/{scene.task.id}")
    task, (update,) = task_of(database, scene), updates_of(database, scene)
    assert (task.status, task.assessment, task.last_update_at) == (
        Status.IN_PROGRESS, Assessment.UNCERTAIN, now(),
    )  # fmt: skip
    assert (update.status_before, update.status_after) == (Status.NOT_STARTED, Status.IN_PROGRESS)
    assert (update.user_id, update.actor_id, update.channel) == (
        scene.kari.id, scene.ks.id, Channel.WEB,
    )  # fmt: skip
    assert update.comment == "Avtalen er på høring.\nSvar i mai."
    assert set(update.hindrances) == {Hindrance.LAW, Hindrance.MONEY}
    assert not update.on_behalf
    assert audited(database, scene) == [("status.updated", "user", scene.kari.id)]
    with database.session(write=False) as session:
        links = session.get_one(StatusUpdate, update.id).evidence
        assert [link.url for link in links] == ["https://ks.no/a", "https://ks.no/b"]


def test_the_form_says_that_comments_can_be_disclosed(database: Database, as_user: Sign) -> None:
    scene = set_up(database)
    page = text(as_user(scene.kari).page(address(scene)))
    assert "offentleglova" in page


def test_done_waits_for_somebody_else(database: Database, as_user: Sign) -> None:
    scene = set_up(database, assessment=Assessment.ON_TRACK)
    as_user(scene.kari).submit(address(scene), progress="done", comment="Avtalen er signert.")
    task, (update,) = task_of(database, scene), updates_of(database, scene)
    assert (task.status, task.assessment) == (Status.REPORTED_DONE, None)
    assert (update.status_after, update.assessment) == (Status.REPORTED_DONE, None)
    page = as_user(scene.kari).page(address(scene))
    assert not [form for form in forms(page, "") if "progress" in form.fields]


def test_on_hold_keeps_the_day_to_look_again_until_it_goes_on(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database)
    client = as_user(scene.kari)
    client.submit(
        address(scene), progress="on_track", status="on_hold", comment="Venter på budsjettet.",
        look_again_on="15.6.2026",
    )  # fmt: skip
    task = task_of(database, scene)
    assert (task.status, str(task.look_again_on)) == (Status.ON_HOLD, "2026-06-15")
    client.submit(address(scene), progress="on_track", status="in_progress")
    task = task_of(database, scene)
    assert (task.status, task.look_again_on) == (Status.IN_PROGRESS, None)


def test_a_new_expected_date_asks_the_secretariat(database: Database, as_user: Sign) -> None:
    scene = set_up(database, deadline=TODAY - DAY)
    as_user(scene.kari).submit(
        address(scene), progress="on_track", expected_on="01.09.2026", comment="Anskaffelsen."
    )
    with database.session(write=False) as session:
        change = deadlines.pending(session, task_id=scene.task.id)
        assert change is not None
        assert (str(change.new_deadline), change.reason) == ("2026-09-01", "Anskaffelsen.")
        assert change.requested_by_id == scene.kari.id
    task = task_of(database, scene)
    assert (task.deadline, task.series) == (TODAY - DAY, 1)
    page = as_user(scene.kari).page(address(scene))
    assert not [form for form in forms(page, "") if "expected_on" in form.fields]


def test_an_answer_cancels_the_reminder_that_waits(database: Database) -> None:
    scene = set_up(database, deadline=TODAY + 7 * DAY)
    with database.session(write=True) as session:
        session.add(
            Reminder(
                task_id=scene.task.id,
                series=1,
                audience="responsible",
                step="-7",
                occurrence="",
                addressee=f"user:{scene.kari.id}",
                user_id=scene.kari.id,
                state="planned",
                nominal_on=TODAY,
                send_on=TODAY,
                deadline=TODAY + 7 * DAY,
                created_at=NOW,
            )
        )
    give(database, scene, scene.kari, Answer(is_done=True))
    with database.session(write=False) as session:
        reminder = session.query(Reminder).one()
        assert (reminder.state, reminder.reason) == ("cancelled", "changed")


# Who


def test_the_secretariat_answers_on_the_owners_behalf_and_it_is_marked(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database)
    client = as_user(scene.siri)
    assert "KS" in text(client.page(address(scene)))
    client.submit(address(scene), progress="on_track")
    (update,) = updates_of(database, scene)
    assert (update.user_id, update.actor_id, update.on_behalf) == (
        scene.siri.id, scene.ks.id, True,
    )  # fmt: skip
    assert task_of(database, scene).last_update_at == NOW


def test_a_contributor_has_a_line_of_its_own_and_leaves_the_task_alone(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database, assessment=Assessment.ON_TRACK)
    client = as_user(scene.dina)
    (form,) = [form for form in forms(client.page(address(scene)), "") if "progress" in form.fields]
    assert not {"status", "expected_on", "look_again_on"} & set(form.fields)
    client.submit(address(scene), progress="off_track", comment="Vi mangler folk.")
    task, (update,) = task_of(database, scene), updates_of(database, scene)
    assert (task.status, task.assessment, task.last_update_at) == (
        Status.IN_PROGRESS, Assessment.ON_TRACK, None,
    )  # fmt: skip
    assert (update.as_contributor, update.actor_id) == (True, scene.doga.id)
    assert update.status_after == update.status_before == Status.IN_PROGRESS


@pytest.mark.parametrize(
    "answer", [Answer(is_done=True), Answer(assessment=Assessment.ON_TRACK, expected_on=TODAY)]
)
def test_a_contributor_cannot_set_status_or_dates(database: Database, answer: Answer) -> None:
    scene = set_up(database)
    with pytest.raises(ForbiddenError, match="contributor_sets_no_status"):
        give(database, scene, scene.dina, answer)


@pytest.mark.parametrize("role", [Role.READER, Role.FORUM_MEMBER, Role.ADMIN, Role.MEMBER])
@pytest.mark.parametrize("step", ["update", "no-change", "not-mine"])
def test_others_are_refused(database: Database, as_user: Sign, role: Role, step: str) -> None:
    scene = set_up(database, assessment=Assessment.ON_TRACK)
    with database.session(write=True) as session:
        at = make.actor(session) if role == Role.MEMBER else None
        other = make.user(session, at=at, role=role)
        make.update(session, scene.task, scene.kari, assessment=Assessment.ON_TRACK)
    client = as_user(other)
    before = everything(database)
    if step == "update":
        client.page(address(scene), status=403)
    answer = client.send(address(scene, step), progress="on_track", seen="1")
    assert answer.status_code == 403
    assert everything(database) == before


def test_nobody_answers_without_signing_in(database: Database, client: Client) -> None:
    scene = set_up(database)
    answer = client.get(address(scene))
    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in")


def test_a_lead_answers_for_the_actor(database: Database) -> None:
    scene = set_up(database)
    with database.session(write=True) as session:
        lead = make.user(session, at=session.merge(scene.ks), role=Role.LEAD)
    assert give(database, scene, lead).actor_id == scene.ks.id


# No change


def test_no_change_repeats_the_last_assessment_dated_today(
    database: Database, as_user: Sign, now: Clock
) -> None:
    scene = set_up(database)
    give(database, scene, scene.ola, Answer(assessment=Assessment.UNCERTAIN, comment="Uklart."))
    now.advance(days=3)
    client = as_user(scene.kari)
    answer = client.submit(address(scene), action=address(scene, "no-change"))
    assert answer.status_code == 303
    _, update = updates_of(database, scene)
    assert (update.no_change, update.assessment, update.comment) == (
        True, Assessment.UNCERTAIN, "",
    )  # fmt: skip
    assert task_of(database, scene).last_update_at == now() == update.created_at
    client.send(address(scene, "no-change"))
    assert len(updates_of(database, scene)) == 2, "a double click is one answer"


def test_no_change_leads_back_to_the_page_it_was_pressed_on(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database)
    give(database, scene, scene.kari)
    client = as_user(scene.kari)
    client.environ_base["HTTP_REFERER"] = "http://localhost/?a=b"
    assert client.send(address(scene, "no-change")).location == "/?a=b"
    client.environ_base["HTTP_REFERER"] = "http://evil.example/x"
    assert client.send(address(scene, "no-change")).location == f"/tasks/{scene.task.id}"


@pytest.mark.parametrize("case", ["no earlier answer", "overdue and on track"])
def test_no_change_is_neither_offered_nor_taken(
    database: Database, as_user: Sign, case: str, now: Clock
) -> None:
    scene = set_up(database, deadline=TODAY)
    if case == "overdue and on track":
        give(database, scene, scene.kari)
        now.advance(days=1)
    client = as_user(scene.kari)
    page = client.page(address(scene))
    assert address(scene, "no-change") not in [form.action for form in forms(page, "")]
    before = everything(database)
    assert client.send(address(scene, "no-change")).status_code == 409
    assert everything(database) == before


def test_no_change_keeps_a_task_on_hold_on_hold(database: Database) -> None:
    scene = set_up(database, status=Status.ON_HOLD, look_again_on=TODAY + DAY)
    with database.session(write=True) as session:
        make.update(session, scene.task, scene.kari, assessment=Assessment.ON_TRACK)
    by = author(database, scene.kari)
    with database.session(write=True) as session:
        updates.repeat(session, by=by, task_id=scene.task.id, now=NOW, timezone=ZONE)
    task = task_of(database, scene)
    assert (task.status, task.look_again_on) == (Status.ON_HOLD, TODAY + DAY)


# Correcting


def test_a_correction_is_a_new_update_that_marks_the_earlier_one(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database, status=Status.NOT_STARTED)
    first = give(database, scene, scene.kari, Answer(is_done=True, comment="Ferdig."))
    client = as_user(scene.kari)
    path = f"{address(scene)}?correct={first.id}"
    (form,) = [form for form in forms(client.page(path), path) if "progress" in form.fields]
    assert (form.fields["progress"], form.fields["comment"]) == (["done"], ["Ferdig."])
    client.submit(path, progress="on_track", comment="Nesten.", status="in_progress")
    corrected, update = updates_of(database, scene)
    assert (update.corrects_id, corrected.comment) == (first.id, "Ferdig.")
    assert (update.status_before, update.status_after) == (Status.NOT_STARTED, Status.IN_PROGRESS)
    assert task_of(database, scene).status == Status.IN_PROGRESS
    assert audited(database, scene)[-1][0] == "status.corrected"


def test_a_correction_can_be_corrected(database: Database) -> None:
    scene = set_up(database)
    first = give(database, scene, scene.kari, Answer(is_done=True))
    second = give(database, scene, scene.kari, corrects=first.id)
    third = give(database, scene, scene.kari, Answer(is_done=True), corrects=second.id)
    assert third.corrects_id == second.id
    assert task_of(database, scene).status == Status.REPORTED_DONE


@pytest.mark.parametrize("case", ["another's", "not the latest", "a decision"])
def test_only_ones_own_latest_answer_can_be_corrected(database: Database, case: str) -> None:
    scene = set_up(database)
    who = scene.kari
    first = give(database, scene, who)
    match case:
        case "another's":
            who = scene.ola
        case "not the latest":
            give(database, scene, scene.ola)
        case _:
            with database.session(write=True) as session:
                decision = make.update(session, scene.task, scene.siri, actor_id=None)
            first, who = decision, scene.siri
    by = author(database, who)
    with database.session(write=False) as session:
        found = updates.situation(
            session, by=by, task_id=scene.task.id, corrects=first.id, today=TODAY
        )
    assert found.corrected is None


# Two at once


def test_the_second_of_two_sees_what_the_first_said_and_keeps_what_they_typed(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database)
    kari = as_user(scene.kari)
    path = address(scene)
    (form,) = [form for form in forms(kari.page(path), path) if "progress" in form.fields]
    give(database, scene, scene.ola, Answer(assessment=Assessment.OFF_TRACK, comment="Stoppet."))
    before = everything(database)
    typed = form.filled(progress="on_track", comment="Alt går bra.")
    answer = kari.post(path, data=typed)
    assert answer.status_code == 409
    assert everything(database) == before
    page = parse(answer.text)
    assert "Stoppet." in text(page)
    (form,) = [form for form in forms(page, path) if "progress" in form.fields]
    assert (form.fields["progress"], form.fields["comment"]) == (["on_track"], ["Alt går bra."])
    assert kari.post(path, data=form.filled()).status_code == 303
    assert [update.comment for update in updates_of(database, scene)] == [
        "Stoppet.", "Alt går bra.",
    ]  # fmt: skip


def test_what_was_typed_is_kept_when_the_task_was_closed_meanwhile(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database)
    kari, path = as_user(scene.kari), address(scene)
    (form,) = [form for form in forms(kari.page(path), path) if "progress" in form.fields]
    give(database, scene, scene.ola, Answer(is_done=True))
    answer = kari.post(path, data=form.filled(progress="on_track", comment="Vi er i gang."))
    assert answer.status_code == 409
    assert "Vi er i gang." in text(parse(answer.text))


# Bad input


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("comment", {"comment": "æ" * 100_000}),
        ("progress", {"progress": ""}),
        ("progress", {"progress": "fantastic"}),
        ("comment", {"status": "on_hold", "look_again_on": "2026-06-15"}),
        ("look_again_on", {"status": "on_hold", "comment": "Venter."}),
        ("look_again_on", {"status": "on_hold", "comment": "Venter.", "look_again_on": "32.1.26"}),
        ("status", {"status": "closed"}),
        ("status", {"status": "ongoing"}),
        ("hindrances", {"hindrances": ["weather"]}),
        ("evidence", {"evidence": "javascript:alert(1)"}),
        ("expected_on", {"expected_on": "01.01.2020", "comment": "Sen."}),
        ("expected_on", {"expected_on": "31.02.2027", "comment": "Sen."}),
        ("expected_on", {"expected_on": "i mai", "comment": "Sen."}),
        ("comment", {"expected_on": "2027-01-01"}),
    ],
)
def test_bad_input_is_said_at_the_field_and_writes_nothing(
    database: Database, as_user: Sign, field: str, typed: dict[str, Any]
) -> None:
    scene = set_up(database)
    client, path = as_user(scene.kari), address(scene)
    fields = {"progress": "on_track", "status": "in_progress", "seen": "0", "comment": ""} | typed
    before = everything(database)
    answer = client.send(path, **fields)
    assert answer.status_code == 400
    assert everything(database) == before
    page = parse(answer.text)
    assert page.find(f".//*[@id='{field}-error']") is not None
    (form,) = [
        form for form in forms(page, path) if "comment" in form.fields and "seen" in form.fields
    ]
    assert form.fields["comment"] == [fields["comment"]]


def test_an_overdue_task_is_not_on_track_without_a_new_date(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database, deadline=TODAY - DAY)
    client = as_user(scene.kari)
    (more, _) = client.page(address(scene)).iter("details")
    assert more.find(".//*[@id='expected_on']") is None, "it is needed, so it is seen"
    answer = client.submit(address(scene), progress="on_track", comment="Snart.")
    assert answer.status_code == 400
    assert parse(answer.text).find(".//*[@id='expected_on-error']") is not None


def test_what_was_refused_under_more_is_not_hidden(database: Database, as_user: Sign) -> None:
    scene = set_up(database)
    answer = as_user(scene.kari).submit(
        address(scene), progress="on_track", expected_on="2020-01-01", comment="Sent."
    )
    (details,) = [
        item
        for item in parse(answer.text).iter("details")
        if item.find(".//*[@id='expected_on']") is not None
    ]
    assert details.get("open") is not None


def test_an_unknown_task_is_not_found(database: Database, as_user: Sign) -> None:
    scene = set_up(database)
    client = as_user(scene.kari)
    client.page("/tasks/4711/update", status=404)
    assert client.send("/tasks/4711/update", progress="on_track").status_code == 404


@pytest.mark.parametrize("step", ["update", "no-change", "not-mine"])
def test_a_forged_form_writes_nothing(database: Database, as_user: Sign, step: str) -> None:
    scene = set_up(database)
    give(database, scene, scene.kari)
    before = everything(database)
    client = as_user(scene.kari)
    before = everything(database)
    answer = client.post(address(scene, step), data={"progress": "on_track", "csrf_token": "x"})
    assert answer.status_code == 400
    assert everything(database) == before


# Not my task


def test_not_mine_tells_the_secretariat_and_changes_nothing_else(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database, assessment=Assessment.ON_TRACK)
    as_user(scene.kari).submit(
        address(scene), action=address(scene, "not-mine"),
        **{"not-mine-comment": "Spør DFØ."},
    )  # fmt: skip
    (update,) = updates_of(database, scene)
    assert (update.not_mine, update.comment, update.assessment) == (True, "Spør DFØ.", None)
    task = task_of(database, scene)
    assert (task.status, task.assessment, task.last_update_at) == (
        Status.IN_PROGRESS, Assessment.ON_TRACK, None,
    )  # fmt: skip


def test_not_mine_stands_in_nobodys_way(database: Database) -> None:
    scene = set_up(database)
    first = give(database, scene, scene.kari)
    by = author(database, scene.ola)
    with database.session(write=True) as session:
        updates.not_mine(session, by=by, task_id=scene.task.id, comment="", now=NOW, timezone=ZONE)
    with database.session(write=False) as session:
        found = updates.situation(
            session, by=author(database, scene.kari), task_id=scene.task.id, today=TODAY
        )
    assert (found.seen, found.may_repeat, found.side) == (first.id, True, Side.OWNER)


def test_who_has_left_the_actor_can_no_longer_answer(database: Database) -> None:
    scene = set_up(database)
    with database.session(write=True) as session:
        session.delete(session.query(Membership).filter_by(user_id=scene.kari.id).one())
    with pytest.raises(ForbiddenError):
        give(database, scene, scene.kari)


def test_the_row_of_a_deadline_request_survives_the_answer(database: Database) -> None:
    scene = set_up(database)
    give(
        database, scene, scene.kari,
        Answer(assessment=Assessment.UNCERTAIN, expected_on=TODAY + 60 * DAY, comment="Sent."),
    )  # fmt: skip
    give(database, scene, scene.kari)
    with database.session(write=False) as session:
        assert session.query(DeadlineChange).one().outcome is None


def test_a_not_mine_form_that_is_refused_leaves_the_other_form_as_it_was(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database)
    path = address(scene, "not-mine")
    answer = as_user(scene.kari).send(path, **{"not-mine-comment": "æ" * 100_000})
    assert answer.status_code == 400
    page = parse(answer.text)
    assert page.find(".//*[@id='not-mine-comment-error']") is not None
    (form,) = [form for form in forms(page, path) if "progress" in form.fields]
    assert form.fields["status"] == ["in_progress"]


@pytest.mark.parametrize(
    ("typed", "is_open"),
    [
        ({}, False),
        ({"evidence": "no address"}, True),
        ({"status": "on_hold"}, True),
        ({"hindrances": "law"}, True),
    ],
)
def test_what_is_folded_away_is_shown_when_something_in_it_is_typed(
    database: Database, as_user: Sign, typed: dict[str, str], is_open: bool
) -> None:
    scene = set_up(database)
    answer = as_user(scene.kari).send(address(scene), **typed)
    assert answer.status_code == 400
    more = parse(answer.text).find(".//form[@novalidate]/details")
    assert more is not None
    assert ("open" in more.attrib) is is_open


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_long_history_costs_no_more_queries(database: Database, as_user: Sign) -> None:
    scene = set_up(database)
    give(database, scene, scene.kari)
    client = as_user(scene.kari)
    with count_queries(database) as few:
        client.page(address(scene))
    with database.session(write=True) as session:
        for _ in range(50):
            make.update(session, scene.task, scene.kari, assessment="on_track")
    with count_queries(database) as many:
        client.page(address(scene))
    assert len(many) == len(few)


def test_of_two_who_send_at_the_same_moment_one_is_told(database: Database) -> None:
    scene = set_up(database)
    people = [author(database, scene.kari), author(database, scene.ola)]
    at_once = Barrier(2)

    def send(by: Author) -> str:
        with database.session(write=False) as session:
            seen = updates.situation(session, by=by, task_id=scene.task.id, today=TODAY).seen
        at_once.wait(timeout=30)
        try:
            with database.session(write=True) as session:
                found = updates.situation(
                    session, by=by, task_id=scene.task.id, today=TODAY, lock=True
                )
                updates.give(
                    session, by=by, found=found, answer=ON_TRACK, seen=seen, now=NOW, timezone=ZONE
                )
        except ConflictError as error:
            return error.code
        return "saved"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, people)) == ["answered_meanwhile", "saved"]
    assert len(updates_of(database, scene)) == 1
