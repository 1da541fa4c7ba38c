from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests import factories as make
from tests import html
from tests.client import Client
from tests.databases import count_queries
from tracker.db import Database
from tracker.domain.errors import NotFoundError
from tracker.domain.roles import Role
from tracker.domain.rollup import Mismatch
from tracker.domain.status import Assessment, Channel, Hindrance, Kind, Status
from tracker.models import Actor, Evidence, Task, TaskContext, User
from tracker.services import sessions, task_detail, tasks
from tracker.services.task_history import SHOWN

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Scene:
    ks: Actor
    hdir: Actor
    kari: User
    lars: User
    siri: User
    per: User
    task: Task


@pytest.fixture
def scene(database: Database) -> Scene:
    with database.session(write=True) as session:
        ks, hdir = make.actor(session, "KS"), make.actor(session, "Helsedirektoratet")
        kari = make.user(session, "Kari Nordmann", at=ks, locale="en")
        source = make.source(session, key="DIFI", date_text="28. feb 2017")
        goal = make.goal(session, "Gode rammevilkår", ref="MELDST-2")
        task = make.task(
            session,
            "Hospiteringsordning",
            ref="DIFI-4",
            kind=Kind.RECOMMENDATION,
            status=Status.IN_PROGRESS,
            owner=ks,
            responsible=kari,
            contributors=(hdir,),
            goals=(goal,),
            source=source,
            quote="innføre en hospiteringsordning",
            quote_language="nb",
            deadline=make.TODAY + 30 * DAY,
        )
        note = make.note(session, source, text_nb="Ansvaret er fragmentert.")
        session.add(TaskContext(task_id=task.id, note_id=note.id))
        return Scene(
            ks=ks,
            hdir=hdir,
            kari=kari,
            lars=make.user(session, "Lars", at=ks, role=Role.LEAD, locale="en"),
            siri=make.user(session, "Siri", role=Role.COORDINATOR, locale="en"),
            per=make.user(session, "Per", at=make.actor(session, "Difi"), locale="en"),
            task=task,
        )


def detail(session: Session, who: User, task: Task, **options: bool) -> task_detail.Detail:
    return task_detail.read(
        session,
        by=sessions.person_of(session.get_one(User, who.id)),
        task_id=task.id,
        today=make.TODAY,
        **options,
    )


def test_the_page_shows_what_the_task_is_and_whose(
    scene: Scene, as_user: Callable[[User], Client]
) -> None:
    page = as_user(scene.kari).page(f"/tasks/{scene.task.id}")
    shown = html.text(page)
    for words in (
        "DIFI-4", "Hospiteringsordning", "KS", "Kari Nordmann", "Helsedirektoratet",
        "Gode rammevilkår", "Ansvaret er fragmentert.", "28. feb 2017", "1 Apr 2026",
    ):  # fmt: skip
        assert words in shown
    quote = next(element for element in page.iter("blockquote"))
    assert quote.get("lang") == "nb"
    assert html.text(quote) == "innføre en hospiteringsordning"


def test_an_unknown_task_is_not_found(database: Database, scene: Scene) -> None:
    with database.session(write=False) as session:
        person = sessions.person_of(session.get_one(User, scene.kari.id))
        for task_id in (0, 999, 2**40):
            with pytest.raises(NotFoundError):
                tasks.get(session, by=person, task_id=task_id)


def test_the_deadline_keeps_its_original_and_every_move_with_its_reason(
    database: Database, scene: Scene, as_user: Callable[[User], Client]
) -> None:
    with database.session(write=True) as session:
        task = session.get_one(Task, scene.task.id)
        task.original_deadline = make.TODAY - 60 * DAY
        for number, outcome in ((1, "approved"), (2, "rejected"), (3, "approved"), (4, None)):
            make.deadline_change(
                session,
                task,
                make.TODAY + number * DAY,
                old_deadline=make.TODAY - 60 * DAY,
                reason=f"Grunn {number}",
                outcome=outcome,
                decided_at=make.NOW if outcome else None,
            )
    with database.session(write=False) as session:
        found = detail(session, scene.kari, scene.task)
    assert [move.reason for move in found.moves] == ["Grunn 3", "Grunn 1"]
    assert found.pending is not None
    assert found.pending.reason == "Grunn 4"
    shown = html.text(as_user(scene.kari).page(f"/tasks/{scene.task.id}"))
    assert "moved 2 times" in shown
    assert "originally 1 Jan 2026" in shown
    assert "Grunn 4" in shown


def test_an_owner_who_says_that_it_is_not_theirs_is_pointed_out_until_it_is_given_away(
    database: Database, scene: Scene, as_user: Callable[[User], Client]
) -> None:
    said = "Kari Nordmann says that this is somebody else's task."
    with database.session(write=True) as session:
        task = session.get_one(Task, scene.task.id)
        kari = session.get_one(User, scene.kari.id)
        make.update(session, task, kari, comment="Spør Difi.", not_mine=True)
        make.update(session, task, as_contributor=True, actor_id=scene.hdir.id)
    page = as_user(scene.siri).page(f"/tasks/{scene.task.id}")
    warning = next(
        element for element in page.iter("div") if "ds-alert" in element.get("class", "")
    )
    assert html.text(warning) == f"{said} Spør Difi."
    with database.session(write=True) as session:
        # However much else has happened since.
        task = session.get_one(Task, scene.task.id)
        for number in range(SHOWN + 1):
            make.deadline_change(
                session,
                task,
                make.TODAY + number * DAY,
                old_deadline=make.TODAY,
                outcome="rejected",
                decided_at=make.NOW,
            )
    assert said in html.text(as_user(scene.siri).page(f"/tasks/{scene.task.id}"))
    with database.session(write=True) as session:
        session.get_one(Task, scene.task.id).assigned_at = make.NOW
    assert said not in html.text(as_user(scene.siri).page(f"/tasks/{scene.task.id}"))


def test_contributors_have_their_own_latest_line(database: Database, scene: Scene) -> None:
    with database.session(write=True) as session:
        task = session.get_one(Task, scene.task.id)
        common: dict[str, Any] = {"actor_id": scene.hdir.id, "as_contributor": True}
        make.update(session, task, comment="Gammelt", **common)
        make.update(session, task, comment="Nytt", assessment=Assessment.UNCERTAIN, **common)
        make.update(session, task, comment="Ikke min", not_mine=True, **common)
        make.update(session, task, comment="Eierens", assessment=Assessment.ON_TRACK)
    with database.session(write=False) as session:
        (contributor,) = detail(session, scene.kari, scene.task).contributors
    assert contributor.name == "Helsedirektoratet"
    assert contributor.latest is not None
    assert contributor.latest.comment == "Nytt"


def test_measures_are_rolled_up_beside_the_tasks_own_status(
    database: Database, scene: Scene, as_user: Callable[[User], Client]
) -> None:
    with database.session(write=True) as session:
        task = session.get_one(Task, scene.task.id)
        task.status = Status.NOT_STARTED
        for number, status in enumerate((Status.CLOSED, Status.IN_PROGRESS, None, None), start=1):
            make.task(session, ref=f"DIFI-4.{number}", parent=task, status=status)
    with database.session(write=False) as session:
        found = detail(session, scene.kari, scene.task)
    assert found.counts == {Status.CLOSED: 1, Status.IN_PROGRESS: 1, None: 2}
    assert found.mismatch is Mismatch.NOT_STARTED_WITH_STARTED_MEASURES
    assert [row.ref for row in found.measures] == [f"DIFI-4.{number}" for number in (1, 2, 3, 4)]
    shown = html.text(as_user(scene.kari).page(f"/tasks/{scene.task.id}"))
    assert "4 measures" in shown
    assert "has not been started, but measures under it have" in shown


def test_a_goal_shows_what_serves_it(database: Database, scene: Scene) -> None:
    with database.session(write=False) as session:
        goal = next(iter(detail(session, scene.kari, scene.task).goals))
        found = task_detail.read(
            session,
            by=sessions.person_of(session.get_one(User, scene.kari.id)),
            task_id=goal.id,
            today=make.TODAY,
        )
    assert [row.ref for row in found.serving] == ["DIFI-4"]
    assert found.serving_total == 1


def test_the_history_tells_who_said_what_through_what(
    database: Database, scene: Scene, as_user: Callable[[User], Client]
) -> None:
    with database.session(write=True) as session:
        task = session.get_one(Task, scene.task.id)
        kari = session.get_one(User, scene.kari.id)
        wrong = make.update(session, task, kari, comment="Feil ord", created_at=make.NOW - DAY)
        make.update(
            session,
            task,
            kari,
            comment="Rette ord",
            corrects_id=wrong.id,
            channel=Channel.EMAIL_LINK,
            hindrances=[Hindrance.LAW],
            evidence=[Evidence(url="https://example.org/notat", title="Notat")],
        )
        make.update(
            session,
            task,
            session.get_one(User, scene.siri.id),
            comment="Ringte",
            on_behalf=True,
            created_at=make.NOW + DAY,
        )
    page = as_user(scene.per).page(f"/tasks/{scene.task.id}")
    entries = [html.text(item) for ol in page.iter("ol") for item in ol.iter("li")]
    story = [entry for entry in entries if "ord" in entry or "Ringte" in entry]
    assert "Siri, on behalf of KS" in story[0]
    assert "via a link in an e-mail" in story[1]
    assert "Corrects what was said earlier" in story[1]
    assert "Notat" in story[1]
    assert "Corrected by a later update" in story[2]
    assert "Feil ord" in story[2]


def test_a_long_history_is_cut_with_a_way_to_all_of_it(
    database: Database, scene: Scene, as_user: Callable[[User], Client]
) -> None:
    with database.session(write=True) as session:
        task = session.get_one(Task, scene.task.id)
        for number in range(SHOWN + 5):
            make.update(session, task, comment=f"Nr {number};", created_at=make.NOW + number * DAY)
    client = as_user(scene.kari)
    page = client.page(f"/tasks/{scene.task.id}")
    shown = html.text(page)
    assert f"Nr {SHOWN + 4};" in shown
    assert "Nr 4;" not in shown
    everything = next(a for a in page.iter("a") if html.text(a) == "The whole history")
    assert "Nr 0;" in html.text(client.page(everything.get("href", "").split("#")[0]))


def allowed(session: Session, who: User, task: Task) -> set[str]:
    may = detail(session, who, task).may
    return {name for name in may.__slots__ if getattr(may, name)}


def test_each_is_offered_what_they_may_do(database: Database, scene: Scene) -> None:
    with database.session(write=True) as session:
        task = session.get_one(Task, scene.task.id)
        contributor = make.user(session, at=scene.hdir)
        reader = make.user(session)

        assert allowed(session, reader, task) == set()
        assert allowed(session, scene.per, task) == set()
        assert allowed(session, scene.kari, task) == {"update", "ask_for_deadline"}
        assert allowed(session, scene.lars, task) == {"update", "ask_for_deadline", "assign"}
        assert allowed(session, contributor, task) == {"update"}
        assert allowed(session, scene.siri, task) == {"update", "drop", "edit", "assign"}

        make.deadline_change(session, task, make.TODAY, requested_by=session.get_one(
            User, scene.kari.id))  # fmt: skip
        assert allowed(session, scene.kari, task) == {"update"}
        assert "decide_deadline" in allowed(session, scene.siri, task)

        task.status = Status.REPORTED_DONE
        make.update(
            session,
            task,
            session.get_one(User, scene.kari.id),
            status_before=Status.IN_PROGRESS,
        )
        assert allowed(session, scene.kari, task) == {"take_back"}
        assert "confirm" in allowed(session, scene.siri, task)
        assert "update" not in allowed(session, scene.siri, task)

        task.status = Status.CLOSED
        assert allowed(session, scene.kari, task) == set()
        assert allowed(session, contributor, task) == set()
        assert allowed(session, scene.siri, task) >= {"reopen"}


def test_what_is_offered_leads_somewhere(scene: Scene, as_user: Callable[[User], Client]) -> None:
    for who in (scene.siri, scene.kari, scene.lars):
        client = as_user(who)
        page = client.page(f"/tasks/{scene.task.id}")
        for a in page.iter("a"):
            href = a.get("href", "")
            if href.startswith(f"/tasks/{scene.task.id}/"):
                client.page(href)


def test_the_page_takes_the_same_queries_for_any_length(
    database: Database, scene: Scene, as_user: Callable[[User], Client]
) -> None:
    client = as_user(scene.siri)

    def fill(count: int) -> None:
        with database.session(write=True) as session:
            task = session.get_one(Task, scene.task.id)
            for number in range(count):
                other = make.actor(session)
                person = make.user(session, at=other)
                make.task(session, parent=task, owner=other, responsible=person)
                make.update(session, task, person, evidence=[Evidence(url="https://example.org")])
                make.deadline_change(
                    session,
                    task,
                    make.TODAY + number * DAY,
                    requested_by=person,
                    decided_by=person,
                    decided_at=make.NOW,
                    outcome="approved",
                )

    fill(1)
    client.page(f"/tasks/{scene.task.id}")
    with count_queries(database) as few:
        client.page(f"/tasks/{scene.task.id}")
    fill(30)
    with count_queries(database) as lots:
        client.page(f"/tasks/{scene.task.id}")
    assert len(few) == len(lots) <= 25, "\n".join(lots)
