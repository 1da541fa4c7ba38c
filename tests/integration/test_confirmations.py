"""Whatever one does, the next page says that it is done, and what takes away has a way back."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, url_for
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories as make
from tests import html, mails
from tests.client import Client, Clock
from tests.integration.test_answers import Mailed, mail
from tests.integration.updating import DAY, Scene
from tests.pngs import png
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import User, UserSession, Way
from tracker.services import sessions

Sign = Callable[[User | Person], Client]

NOT_SAID: Final = {
    "accounts.sign_in": "the page one wanted is the answer, or the page about the mailed link",
    "accounts.link": "the page one wanted is the answer",
    "accounts.demonstration": "the page one wanted is the answer",
    "accounts.language": "the page itself changes its language",
    "accounts.unsubscribe_now": "a mail program wants no other page; this one says it",
}
WAYS_BACK: Final = {
    "reminders.edit_rules": "reminders.restore_rules",
    "accounts.cancel_absence": "accounts.absences_of",
    "accounts.stop_calendar": "accounts.renew_calendar",
    "meetings.call_off": "meetings.new",
    "accounts.deactivate": "accounts.reactivate",
    "accounts.take_role": "accounts.give_role",
    "installation.remove_logo": "installation.change_logo",
    "answers.answer": "answers.answer",
    "answers.no_change": "answers.answer",
    "tasks.snooze": "tasks.end_snooze",
    "updates.confirm": "updates.reopen",
    "updates.decide_deadline": "tasks.deadline",
    "updates.drop": "updates.reopen",
    "updates.send_back": "updates.update",
    "updates.take_back": "updates.update",
    "updates.update": "updates.update",
    "updates.withdraw_deadline": "updates.deadline",
}
"""What takes something away, and what gives it back. Deleting is nowhere."""


class Walk:
    """Acts through addresses named by endpoint, and remembers what came of it."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.done: list[str] = []
        self.silent: list[str] = []

    def fill_in(self, who: Client, endpoint: str, typed: dict[str, Any], **at: Any) -> None:
        """Send the form on the page of `endpoint`."""
        self._note(who, endpoint, who.submit(self._path(endpoint, at), **typed))

    def press(self, who: Client, endpoint: str, **at: Any) -> None:
        """Press a button that sends to `endpoint`."""
        self.send(who, endpoint, {}, **at)

    def send(self, who: Client, endpoint: str, fields: dict[str, Any], **at: Any) -> None:
        """Send a form of another page to `endpoint`."""
        self._note(who, endpoint, who.send(self._path(endpoint, at), **fields))

    def _path(self, endpoint: str, at: dict[str, Any]) -> str:
        with self.app.test_request_context():
            return url_for(endpoint, **at)

    def _note(self, who: Client, endpoint: str, response: TestResponse) -> None:
        assert response.status_code == 303, f"{endpoint}: {response.status}\n{response.text}"
        self.done.append(endpoint)
        page = html.parse(who.get(response.location).text)
        if not any(html.text(it) for it in page.iter() if it.get("role") == "status"):
            self.silent.append(endpoint)


def _accounts(walk: Walk, database: Database, as_user: Sign) -> None:
    with database.session(write=True) as session:
        admin = make.user(session, role=Role.ADMIN)
        new = make.user(session, at=make.actor(session))
        role = new.memberships[0].id
        sessions.start(session, user=new, way=Way.PASSWORD, now=make.NOW)
        other = session.scalars(select(UserSession).where(UserSession.user_id == new.id)).one()
    one, boss = as_user(new), as_user(admin)
    walk.fill_in(one, "accounts.account", {"name": "Ola"})
    walk.fill_in(one, "accounts.password", {"new_password": "fire ord på rad"})
    today = make.TODAY.isoformat()
    days = {"first_on": today, "last_on": today}
    walk.fill_in(one, "accounts.own_absences", days)
    walk.press(one, "accounts.cancel_absence", absence_id=1)
    walk.fill_in(boss, "accounts.absences_of", days, user_id=new.id)
    walk.fill_in(one, "accounts.mail_preferences", {"wanted": ["copies"]})
    walk.press(one, "accounts.stop_calendar")
    walk.press(one, "accounts.renew_calendar")
    walk.press(one, "accounts.sign_out_browser", session_id=other.id)
    walk.press(one, "accounts.sign_out_everywhere")
    walk.press(as_user(new), "accounts.sign_out")
    guest = {"name": "Liv", "email": "liv@ks.example", "actor_id": "", "role": Role.READER}
    walk.fill_in(boss, "accounts.new_person", guest)
    with database.session(write=False) as session:
        invited = session.scalars(select(User.id).where(User.email == guest["email"])).one()
    walk.press(boss, "accounts.invite_again", user_id=invited)
    walk.fill_in(boss, "installation.show", {"name": "Tiltak"})
    walk.press(boss, "installation.remove_logo")
    picture = {"logo": (io.BytesIO(png()), "logo.png")}
    walk.send(boss, "installation.change_logo", picture)
    walk.fill_in(boss, "accounts.show_person", {"name": "Ola Hansen"}, user_id=new.id)
    walk.press(boss, "accounts.take_role", user_id=new.id, membership_id=role)
    walk.send(boss, "accounts.give_role", {"role": Role.READER, "actor_id": ""}, user_id=new.id)
    walk.press(boss, "accounts.deactivate", user_id=new.id)
    walk.press(boss, "accounts.reactivate", user_id=new.id)
    walk.fill_in(boss, "actors.new", {"name": "NAV"})
    walk.fill_in(boss, "actors.edit", {"name": "Nav"}, actor_id=new.memberships[0].actor_id)


def _mailed_link(walk: Walk, mailed: Mailed, client: Client, now: Clock) -> None:
    link = {"token": mailed.link.rpartition("/")[2]}
    walk.fill_in(client, "answers.answer", {"progress": "on_track"}, **link)
    walk.press(client, "answers.no_change", **link)
    walk.press(client, "answers.not_mine", **link)
    walk.fill_in(client, "answers.answer", {"progress": "uncertain"}, **link)
    now.advance(days=60)
    walk.press(client, "answers.renew", **link)


def _statuses(walk: Walk, scene: Scene, as_user: Sign) -> None:
    kari, siri, task = as_user(scene.kari), as_user(scene.siri), {"task_id": scene.task.id}
    later = str(make.TODAY + 200 * DAY)
    done, why = {"progress": "done"}, {"reason": "Vedtatt i møtet."}
    walk.fill_in(kari, "updates.update", {"progress": "uncertain"}, **task)
    walk.press(kari, "updates.no_change", **task)
    walk.press(kari, "updates.not_mine", **task)
    ask = {"new_deadline": later, "precision": "day", **why}
    walk.fill_in(kari, "updates.deadline", ask, **task)
    walk.press(kari, "updates.withdraw_deadline", **task)
    walk.fill_in(kari, "updates.deadline", ask, **task)
    walk.fill_in(siri, "updates.decide_deadline", {"decision": "reject", **why}, **task)
    walk.fill_in(siri, "tasks.deadline", {"deadline": later, **why}, **task)
    pause = {"until": str(make.TODAY + 80 * DAY), "reason": "Ferie"}
    walk.fill_in(siri, "tasks.snooze", pause, **task)
    walk.press(siri, "tasks.end_snooze", **task)
    walk.fill_in(kari, "updates.update", done, **task)
    walk.fill_in(kari, "updates.take_back", {}, **task)
    walk.fill_in(kari, "updates.update", done, **task)
    walk.fill_in(siri, "updates.send_back", why, **task)
    walk.fill_in(kari, "updates.update", done, **task)
    walk.fill_in(siri, "updates.confirm", {}, **task)
    walk.fill_in(siri, "updates.reopen", why, **task)
    walk.fill_in(siri, "updates.drop", why | {"risk": "Ingen."}, **task)
    walk.fill_in(siri, "updates.reopen", why, **task)


def _shown(page: TestResponse) -> dict[str, Any]:
    """Return the form of a page that shows what would be sent."""
    forms = html.forms(html.parse(page.text), "/reminders/rules/all")
    return next(form.filled() for form in forms if "shown" in form.fields)


def _contents(walk: Walk, database: Database, as_user: Sign) -> None:
    with database.session(write=True) as session:
        coordinator = make.coordinator(session)
        failing = make.user(session, email_failed_at=make.NOW)
        waiting = mails.queue_digest(session, failing, []).id
        first, second = (make.task(session, status=None).id for _ in range(2))
        source = make.source(session).id
    siri = as_user(coordinator)
    walk.send(siri, "reminders.try_again", {"addressee": f"user:{failing.id}"})
    walk.press(siri, "reminders.try_now", email_id=waiting)
    all_tasks = {"scope": "all"}
    typed = siri.submit("/reminders/rules/all", weeks="2")
    walk.send(siri, "reminders.edit_rules", _shown(typed) | {"do": "save"}, **all_tasks)
    walk.fill_in(siri, "reminders.restore_rules", {}, **all_tasks)
    meeting = {"held_on": str(make.TODAY + DAY), "title": "Møte"}
    walk.fill_in(siri, "meetings.new", meeting)
    walk.fill_in(siri, "meetings.edit", {"place": "Oslo"}, meeting_id=1)
    walk.press(siri, "meetings.call_off", meeting_id=1)
    walk.fill_in(siri, "meetings.new", meeting)
    settled = {"status": "not_started", "reason": "Vedtatt i møtet."}
    walk.fill_in(siri, "tasks.new", {"kind": "goal", "title_nb": "Mål", "ref": "NY-1"})
    walk.fill_in(siri, "tasks.edit", {"title_nb": "Avtale"}, task_id=first)
    walk.fill_in(siri, "tasks.assign", {"owner": "none"}, task_id=first)
    walk.fill_in(siri, "tasks.settle", settled, task_id=first)
    walk.fill_in(siri, "tasks.unsettled", settled | {"tasks": [str(second)]})
    walk.fill_in(siri, "sources.new", {"title": "Rapport", "key": "NY"})
    walk.fill_in(siri, "sources.edit", {"title": "En rapport"}, source_id=source)
    obstacle = {"kind": "obstacle", "text_nb": "Et hinder."}
    walk.fill_in(siri, "sources.new_note", obstacle, source_id=source)


def test_every_action_is_confirmed_and_what_takes_away_has_a_way_back(
    app: Flask, database: Database, now: Clock, client: Client, as_user: Sign
) -> None:
    walk = Walk(app)
    _accounts(walk, database, as_user)
    _contents(walk, database, as_user)
    mailed = mail(app, database)
    _mailed_link(walk, mailed, client, now)
    _statuses(walk, mailed.scene, as_user)

    can_be_sent = {
        rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())
    }
    assert set(walk.done) | set(NOT_SAID) == can_be_sent
    assert walk.silent == []
    unmendable = [
        harm
        for harm, remedy in WAYS_BACK.items()
        if remedy not in walk.done[walk.done.index(harm) + 1 :]
    ]
    assert unmendable == []
