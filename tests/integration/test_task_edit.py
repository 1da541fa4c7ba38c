from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests import html
from tests.client import Client
from tests.integration.updating import DAY, Scene, everything, set_up, task_of
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.domain.status import Kind, Precision, Status
from tracker.models import (
    AnswerLink,
    AuditDetails,
    AuditEvent,
    DeadlineChange,
    Reminder,
    Source,
    StatusUpdate,
    Task,
    TaskContributor,
    User,
)
from tracker.services import outbox

Browse = Callable[[User], Client]


@pytest.fixture
def scene(database: Database) -> Scene:
    return set_up(database)


def events(database: Database, action: str) -> list[dict[str, Any]]:
    """Return what the audit log says of each `action`, oldest first."""
    with database.session(write=False) as session:
        details = session.scalars(
            select(AuditDetails.details)
            .join(AuditEvent, AuditEvent.id == AuditDetails.event_id)
            .where(AuditEvent.action == action)
            .order_by(AuditEvent.id)
        )
        return [found for found in details if found is not None]


# Entering


def test_a_measure_gets_the_next_number_under_its_recommendation(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        top = make.task(session, ref="DIFI-7", kind=Kind.RECOMMENDATION)
        make.task(session, ref="DIFI-7.9", parent=top)
        make.task(session, ref="DIFI-7.10", parent=top)
    client = as_user(scene.siri)
    response = client.submit(f"/tasks/new?under={top.id}", title_nb="Pilot i tre kommuner")
    assert response.status_code == 303
    with database.session(write=False) as session:
        task = session.scalars(select(Task).where(Task.ref == "DIFI-7.11")).one()
    assert (task.kind, task.parent_id, task.title_nb) == (
        Kind.MEASURE, top.id, "Pilot i tre kommuner",
    )  # fmt: skip
    assert (task.owner_id, task.responsible_id, task.deadline, task.status) == (None,) * 4
    assert "difi-7.11" in task.search_text
    assert [event["after"]["ref"] for event in events(database, "task.created")] == ["DIFI-7.11"]
    assert "DIFI-7.11" in html.text(client.page(response.location or ""))


def test_a_recommendation_is_entered_with_its_quote_and_links(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        source = make.source(session, key="NOU")
        note = make.note(session, source)
        goal = make.goal(session, ref="MELDST-1")
    response = as_user(scene.siri).submit(
        f"/tasks/new?source={source.id}",
        kind="recommendation",
        title_nb="Felles plattform",
        title_nn="Felles plattform på nynorsk",
        quote="etablere en felles plattform",
        goals=[str(goal.id)],
        context=[str(note.id)],
    )
    assert response.status_code == 303
    with database.session(write=False) as session:
        task = session.scalars(select(Task).where(Task.ref == "NOU-1")).one()
        assert (task.quote, task.quote_language) == ("etablere en felles plattform", "nb")
        assert task.source_id == source.id
    page = html.text(as_user(scene.kari).page(f"/tasks/{task.id}"))
    assert "MELDST-1" in page
    assert "Manglende tillit." in page


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"title_nb": " "}, "title_nb"),
        ({"title_nb": "x" * 501}, "title_nb"),
        ({"kind": "recommendation"}, "ref"),
        ({"kind": "recommendation", "ref": "difi"}, "ref"),
        ({"kind": "recommendation", "ref": "DIFI-4.2"}, "ref"),
        ({"kind": "recommendation", "ref": "DIFI-04.2"}, "ref"),
        ({"kind": "recommendation", "ref": "A-1", "quote": "ord"}, "source"),
        ({"kind": "goal", "under": "top"}, "under"),
        ({"kind": "measure", "under": "measure"}, "under"),
        ({"kind": "dance"}, "kind"),
        ({"kind": "measure", "under": "999"}, "under"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_entered(
    database: Database, scene: Scene, as_user: Browse, typed: dict[str, str], field: str
) -> None:
    with database.session(write=True) as session:
        top = make.task(session, ref="DIFI-4", kind=Kind.RECOMMENDATION)
    client = as_user(scene.siri)
    client.page("/tasks/new")
    before = everything(database)
    ids = {"top": str(top.id), "measure": str(scene.task.id)}
    values = {"title_nb": "Ny", "kind": "measure", "quote_language": "nb"} | typed
    values["under"] = ids.get(values.get("under", ""), values.get("under", ""))
    response = client.send("/tasks/new", **values)
    assert response.status_code == 400
    page = html.parse(response.text)
    named = [a.get("href") for a in page.iter("a") if (a.get("href") or "").startswith("#")]
    assert any(name in {f"#{field}", f"#{field}-0"} for name in named)
    assert everything(database) == before


# Editing


def test_an_edit_is_saved_and_audited_with_before_and_after(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    path = f"/tasks/{scene.task.id}/edit"
    response = as_user(scene.siri).submit(path, title_nb="Ny tittel", theme="Kompetanse")
    assert response.status_code == 303
    task = task_of(database, scene)
    assert (task.title_nb, task.theme, task.ref) == ("Ny tittel", "Kompetanse", "DIFI-4.2")
    assert "ny tittel" in task.search_text
    (event,) = events(database, "task.edited")
    assert event["before"] == {"title_nb": "Felles avtale for hospitering", "theme": ""}
    assert event["after"] == {"title_nb": "Ny tittel", "theme": "Kompetanse"}
    shown = html.text(as_user(scene.kari).page(f"/tasks/{scene.task.id}"))
    assert "Felles avtale for hospitering → Ny tittel" in shown


def test_an_edit_that_changes_nothing_leaves_no_trace(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    before = task_of(database, scene).version
    as_user(scene.siri).submit(f"/tasks/{scene.task.id}/edit", theme="")
    assert task_of(database, scene).version == before
    assert events(database, "task.edited") == []


def test_the_second_of_two_editors_sees_both_versions_and_can_save_over(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        other = make.user(session, "Tora", role=Role.COORDINATOR)
        session.get_one(User, scene.siri.id).locale = "en"
    path = f"/tasks/{scene.task.id}/edit"
    first, second = as_user(other), as_user(scene.siri)
    (form,) = [f for f in html.forms(second.page(path), path) if "title_nb" in f.fields]
    first.submit(path, title_nb="Toras tittel")
    response = second.post(path, data=form.filled(title_nb="Siris tittel", theme="Siris tema"))
    assert response.status_code == 409
    shown = html.text(html.parse(response.text))
    assert "Toras tittel" in shown
    assert "Tora saved this on" in shown
    assert task_of(database, scene).title_nb == "Toras tittel"
    (again,) = [f for f in html.forms(html.parse(response.text), path) if "title_nb" in f.fields]
    assert again.fields["title_nb"] == ["Siris tittel"]
    assert again.fields["theme"] == ["Siris tema"]
    assert second.post(path, data=again.filled()).status_code == 303
    assert task_of(database, scene).title_nb == "Siris tittel"
    assert len(events(database, "task.edited")) == 2


def test_a_status_given_meanwhile_does_not_stand_in_the_way_of_an_edit(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    path = f"/tasks/{scene.task.id}/edit"
    client = as_user(scene.siri)
    (form,) = [f for f in html.forms(client.page(path), path) if "title_nb" in f.fields]
    as_user(scene.kari).submit(f"/tasks/{scene.task.id}/update", progress="on_track")
    assert client.post(path, data=form.filled(title_nb="Ny")).status_code == 303


def test_the_quote_and_the_reference_cannot_be_edited(database: Database, as_user: Browse) -> None:
    scene = set_up(database, quote="ordrett", quote_language="nb")
    client = as_user(scene.siri)
    path = f"/tasks/{scene.task.id}/edit"
    (form,) = [f for f in html.forms(client.page(path), path) if "title_nb" in f.fields]
    assert not {"quote", "ref", "kind"} & set(form.fields)
    client.post(path, data={**form.filled(), "quote": ["annet"], "ref": ["X-1"]})
    task = task_of(database, scene)
    assert (task.quote, task.ref) == ("ordrett", "DIFI-4.2")


@pytest.mark.parametrize("page", ["edit", "set-deadline", "settle"])
@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_only_the_secretariat_edits(
    database: Database, scene: Scene, as_user: Browse, page: str
) -> None:
    for who in (scene.kari, scene.dina, scene.per):
        before = everything(database)["tasks"]
        assert as_user(who).get(f"/tasks/{scene.task.id}/{page}").status_code == 403
        sent = as_user(who).send(f"/tasks/{scene.task.id}/{page}", title_nb="Hei", reason="Så")
        assert sent.status_code == 403
        assert everything(database)["tasks"] == before


# Assigning


def lead_of(database: Database, scene: Scene) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Lars", at=scene.ks, role=Role.LEAD)


def test_another_responsible_is_recorded_and_the_formers_links_end(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        for user in (scene.kari, scene.dina):
            email = outbox.queue_email(
                session,
                kind="digest",
                addressee=outbox.to_user(user.id),
                mail_from="a@tracker.example",
                now=make.NOW,
            )
            session.add(
                AnswerLink(
                    email_id=email.id,
                    task_id=scene.task.id,
                    user_id=user.id,
                    created_at=make.NOW,
                    expires_at=make.NOW + DAY,
                )
            )
    response = as_user(scene.siri).submit(
        f"/tasks/{scene.task.id}/assign", responsible=str(scene.ola.id)
    )
    assert response.status_code == 303
    task = task_of(database, scene)
    assert (task.responsible_id, task.assignment, task.assigned_by_id, task.assigned_at) == (
        scene.ola.id, 1, scene.siri.id, make.NOW,
    )  # fmt: skip
    with database.session(write=False) as session:
        links = session.execute(select(AnswerLink.user_id, AnswerLink.revoked_at))
        assert dict(links.all()) == {scene.kari.id: make.NOW, scene.dina.id: None}
    (event,) = events(database, "task.assigned")
    assert event["before"]["responsible"] == "Kari Nordmann"
    assert event["after"]["responsible"] == "Ola Hansen"


def test_another_owner_takes_the_responsible_along_only_if_chosen_there(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    client = as_user(scene.siri)
    path = f"/tasks/{scene.task.id}/assign"
    refused = client.submit(path, owner=str(scene.doga.id), contributors=[])
    assert refused.status_code == 400
    assert task_of(database, scene).owner_id == scene.ks.id
    taken = client.submit(
        path, owner=str(scene.doga.id), responsible=str(scene.dina.id), contributors=[]
    )
    assert taken.status_code == 303
    task = task_of(database, scene)
    assert (task.owner_id, task.responsible_id) == (scene.doga.id, scene.dina.id)
    assert html.text(as_user(scene.per).page(f"/tasks/{scene.task.id}")).count("Dina Dahl") >= 1


def test_the_owner_cannot_contribute_as_well(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    response = as_user(scene.siri).submit(
        f"/tasks/{scene.task.id}/assign", contributors=[str(scene.ks.id), str(scene.doga.id)]
    )
    assert response.status_code == 400
    with database.session(write=False) as session:
        contributors = session.scalars(select(TaskContributor.actor_id)).all()
    assert contributors == [scene.doga.id]


def test_people_are_offered_under_the_names_of_their_actors(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        make.user(session, "Anne", at=make.actor(session, "Arkivverket"))
    page = as_user(scene.siri).page(f"/tasks/{scene.task.id}/assign")
    select = page.find(".//select[@id='responsible']")
    assert select is not None
    assert [option.get("value") for option in select.findall("option")] == ["", "none"]
    actors = [group.get("label", "") for group in select.findall("optgroup")]
    assert actors[0] == "Arkivverket"
    assert actors == sorted(set(actors))


def test_a_lead_assigns_within_the_own_actor_only(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    lead = lead_of(database, scene)
    client, path = as_user(lead), f"/tasks/{scene.task.id}/assign"
    page = client.page(path)
    offered = {option.get("value") for option in page.iter("option")}
    assert offered == {"", "none", str(scene.kari.id), str(scene.ola.id), str(lead.id)}
    assert client.submit(path, responsible=str(scene.ola.id)).status_code == 303
    (form,) = [f for f in html.forms(client.page(path), path) if "responsible" in f.fields]
    sent = client.post(path, data={**form.filled(), "owner": ["none"], "contributors": []})
    assert sent.status_code == 303
    task = task_of(database, scene)
    assert (task.owner_id, task.responsible_id) == (scene.ks.id, scene.ola.id)
    foreign = client.post(path, data=form.filled() | {"responsible": [str(scene.per.id)]})
    assert foreign.status_code == 400
    assert as_user(scene.kari).get(path).status_code == 403
    with database.session(write=True) as session:
        elsewhere = make.user(session, at=scene.doga, role=Role.LEAD)
    assert as_user(elsewhere).get(path).status_code == 403


def test_the_second_of_two_who_assign_sees_both(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    path = f"/tasks/{scene.task.id}/assign"
    client = as_user(scene.siri)
    (form,) = [f for f in html.forms(client.page(path), path) if "responsible" in f.fields]
    as_user(lead_of(database, scene)).submit(path, responsible=str(scene.ola.id))
    response = client.post(path, data=form.filled(responsible=str(scene.kari.id)))
    assert response.status_code == 409
    table = next(html.parse(response.text).iter("table"))
    assert "Ola Hansen" in html.text(table)
    assert "Kari Nordmann" in html.text(table)


# Deadlines


def test_the_secretariat_sets_a_deadline_and_the_original_stays(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    response = as_user(scene.siri).submit(
        f"/tasks/{scene.task.id}/set-deadline",
        deadline="15.05.2027",
        precision="month",
        reason="Vedtatt i sak 3/26.",
    )
    assert response.status_code == 303
    task = task_of(database, scene)
    assert (task.deadline, task.deadline_precision) == (dt.date(2027, 5, 31), Precision.MONTH)
    assert task.original_deadline == make.TODAY + 30 * DAY
    assert task.series == 2
    with database.session(write=False) as session:
        change = session.scalars(select(DeadlineChange)).one()
    assert (change.outcome, change.requested_by_id, change.decided_by_id) == (
        "approved", scene.siri.id, scene.siri.id,
    )  # fmt: skip
    assert change.reason == "Vedtatt i sak 3/26."
    assert len(events(database, "deadline.set")) == 1


def test_there_may_be_settled_that_there_is_no_deadline(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    as_user(scene.siri).submit(
        f"/tasks/{scene.task.id}/set-deadline", deadline="", precision="none", reason="Løpende."
    )
    task = task_of(database, scene)
    assert (task.deadline, task.deadline_precision, task.deadline_none_on) == (
        None, None, make.TODAY,
    )  # fmt: skip
    assert task.original_deadline == make.TODAY + 30 * DAY


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"deadline": "01.03.2026"}, "deadline"),
        ({"deadline": "31.02.2027"}, "deadline"),
        ({"deadline": "snart"}, "deadline"),
        ({"deadline": ""}, "deadline"),
        ({"deadline": "01.01.9999"}, "deadline"),
        ({"deadline": "01.04.2026"}, "deadline"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 100_000}, "reason"),
        ({"precision": "season"}, "precision"),
    ],
)
def test_a_deadline_that_cannot_be_is_refused_at_its_field(
    database: Database, scene: Scene, as_user: Browse, typed: dict[str, str], field: str
) -> None:
    client = as_user(scene.siri)
    path = f"/tasks/{scene.task.id}/set-deadline"
    client.page(path)
    before = everything(database)
    values = {"deadline": "01.01.2027", "precision": "day", "reason": "Fordi"} | typed
    response = client.send(path, **values)
    assert response.status_code == 400
    page = html.parse(response.text)
    (shown,) = [e for e in page.iter() if e.get("id") == field]
    assert shown.get("aria-invalid") == "true"
    assert everything(database) == before


def test_what_the_owner_asked_for_is_decided_first(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        make.deadline_change(session, session.get_one(Task, scene.task.id), make.TODAY + DAY)
    response = as_user(scene.siri).submit(
        f"/tasks/{scene.task.id}/set-deadline", deadline="2027-01-01", reason="Fordi"
    )
    assert response.status_code == 400
    assert task_of(database, scene).series == 1


def test_a_finished_task_gets_no_new_deadline(database: Database, as_user: Browse) -> None:
    scene = set_up(database, status=Status.CLOSED)
    response = as_user(scene.siri).submit(
        f"/tasks/{scene.task.id}/set-deadline", deadline="2027-01-01", reason="Fordi"
    )
    assert response.status_code == 409


def test_a_planned_reminder_of_the_old_deadline_is_cancelled(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        session.add(
            Reminder(
                task_id=scene.task.id,
                series=1,
                audience="responsible",
                step="-30",
                occurrence="",
                addressee=f"user:{scene.kari.id}",
                user_id=scene.kari.id,
                state="planned",
                nominal_on=make.TODAY,
                send_on=make.TODAY,
                created_at=make.NOW,
            )
        )
    as_user(scene.siri).submit(
        f"/tasks/{scene.task.id}/set-deadline", deadline="2027-01-01", reason="Fordi"
    )
    with database.session(write=False) as session:
        assert session.scalars(select(Reminder.state)).all() == ["cancelled"]


# Settling


@pytest.fixture
def unsettled(database: Database) -> list[Task]:
    with database.session(write=True) as session:
        return [make.task(session, f"Nr {n}", ref=f"MELDST-{n}", status=None) for n in (1, 2, 3)]


def reread(database: Database, tasks: list[Task]) -> list[Task]:
    with database.session(write=False) as session:
        return [session.get_one(Task, task.id) for task in tasks]


def test_one_task_is_settled_part_by_part(
    database: Database, scene: Scene, unsettled: list[Task], as_user: Browse
) -> None:
    path = f"/tasks/{unsettled[0].id}/settle"
    client = as_user(scene.siri)
    response = client.submit(
        path,
        owner=str(scene.ks.id),
        responsible=str(scene.kari.id),
        deadline="2026-12-01",
        precision="year",
        status="ongoing",
        reason="Sak 4/26.",
    )
    assert response.status_code == 303
    (task, *_) = reread(database, unsettled)
    assert (task.owner_id, task.responsible_id, task.assignment) == (scene.ks.id, scene.kari.id, 1)
    assert (task.deadline, task.deadline_precision) == (dt.date(2026, 12, 31), Precision.YEAR)
    assert task.original_deadline == task.deadline
    assert task.status == Status.ONGOING
    with database.session(write=False) as session:
        update = session.scalars(select(StatusUpdate)).one()
    assert (update.status_before, update.status_after, update.comment, update.actor_id) == (
        None, "ongoing", "Sak 4/26.", None,
    )  # fmt: skip
    shown = html.text(client.page(path))
    assert "Everything" in shown or "Alt" in shown


def test_several_are_settled_in_one_decision_and_the_settled_stays(
    database: Database, scene: Scene, unsettled: list[Task], as_user: Browse
) -> None:
    with database.session(write=True) as session:
        session.get_one(Task, unsettled[1].id).owner_id = scene.doga.id
    client = as_user(scene.siri)
    response = client.submit(
        "/unsettled",
        tasks=[str(task.id) for task in unsettled[:2]],
        owner=str(scene.ks.id),
        precision="none",
        reason="Sak 5/26.",
    )
    assert response.status_code == 303
    one, two, three = reread(database, unsettled)
    assert (one.owner_id, one.deadline_none_on) == (scene.ks.id, make.TODAY)
    assert (two.owner_id, two.deadline_none_on) == (scene.doga.id, make.TODAY)
    assert (three.owner_id, three.deadline_none_on) == (None, None)
    assert one.status is None
    page = html.text(client.page("/unsettled"))
    assert "MELDST-1" in page
    with database.session(write=False) as session:
        assert len(session.scalars(select(DeadlineChange)).all()) == 2


def test_everything_may_be_settled_as_none(
    database: Database, scene: Scene, unsettled: list[Task], as_user: Browse
) -> None:
    client = as_user(scene.siri)
    client.submit(
        "/unsettled",
        tasks=[str(task.id) for task in unsettled],
        owner="none",
        precision="none",
        status="none",
        reason="Sak 6/26.",
    )
    for task in reread(database, unsettled):
        assert (task.owner_none_on, task.deadline_none_on, task.status_none_on) == (make.TODAY,) * 3
    assert "MELDST-1" not in html.text(client.page("/unsettled"))
    assert "MELDST-1" in html.text(client.page("/tasks"))


@pytest.mark.parametrize(
    "typed",
    [
        {"tasks": []},
        {"reason": ""},
        {"owner": ""},
        {"owner": "", "responsible": "kari"},
        {"owner": "ks", "responsible": "per"},
        {"precision": "day"},
        {"deadline": "2026-12-01"},
        {"precision": "day", "deadline": "2025-12-01"},
        {"status": "closed"},
        {"tasks": ["99999999999"]},
    ],
)
def test_a_decision_that_does_not_hold_together_settles_nothing(
    database: Database,
    scene: Scene,
    unsettled: list[Task],
    as_user: Browse,
    typed: dict[str, Any],
) -> None:
    people = {"kari": str(scene.kari.id), "per": str(scene.per.id), "ks": str(scene.ks.id)}
    client = as_user(scene.siri)
    client.page("/unsettled")
    before = everything(database)
    values = {
        "tasks": [str(task.id) for task in unsettled],
        "owner": "none", "responsible": "", "precision": "", "deadline": "", "status": "",
        "reason": "Sak 7/26.",
    } | {name: people.get(str(value), value) for name, value in typed.items()}  # fmt: skip
    response = client.send("/unsettled", **values)
    assert response.status_code in {400, 404}
    assert everything(database) == before


def test_the_sources_tasks_keep_what_they_were_entered_with(
    database: Database, scene: Scene, as_user: Browse
) -> None:
    with database.session(write=True) as session:
        source = make.source(session, key="NOU")
    client = as_user(scene.siri)
    for _ in range(2):
        client.submit(f"/tasks/new?source={source.id}", kind="goal", title_nb="Mål")
    with database.session(write=False) as session:
        refs = session.scalars(
            select(Task.ref).where(Task.source_id == source.id).order_by(Task.ref_key)
        ).all()
        assert session.get_one(Source, source.id).key == "NOU"
    assert refs == ["NOU-1", "NOU-2"]
