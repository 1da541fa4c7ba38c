"""Reminder rules by form: seen before they are saved, and restored without sending again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client
from tests.factories import TODAY
from tracker.db import Database
from tracker.domain.reminder_rules import Rules
from tracker.domain.roles import Person, Role
from tracker.mail.senders import MailboxSender
from tracker.models import Actor, OutgoingEmail, Reminder, ReminderRule, Task, TaskContributor, User
from tracker.services import delivery, reminder_rules, reminders, rule_effects

DAY = dt.timedelta(days=1)
Sign = Callable[[User | Person], Client]
DEFAULT: dict[str, Any] = {
    "is_on": "y",
    "before": "30, 7, 0",
    "before_year_end": "90, 30, 0",
    "late": "1",
    "weeks": "4",
    "monthly": "y",
    "leads_told": "14",
    "coordinator_told": "21",
    "silence": "90",
    "audience": ["responsible"],
}


@dataclass
class World:
    """Kari's task of KS, to which Helsedirektoratet contributes."""

    ks: Actor
    task: Task
    kari: User
    lead: User
    helper: User
    coordinator: Person


@pytest.fixture
def world(database: Database) -> World:
    with database.session(write=True) as session:
        ks, hdir = make.actor(session, "KS"), make.actor(session, "Helsedirektoratet")
        kari = make.user(session, "Kari Nordmann", at=ks)
        task = make.task(session, owner=ks, responsible=kari, deadline=TODAY + 20 * DAY)
        session.add(TaskContributor(task_id=task.id, actor_id=hdir.id))
        return World(
            ks,
            task,
            kari,
            make.user(session, "Liv Leder", at=ks, role=Role.LEAD),
            make.user(session, "Hans Hjelper", at=hdir, role=Role.LEAD),
            make.coordinator(session),
        )


def change(database: Database, world: World, scope: str, rules: Rules | None) -> None:
    with database.session(write=True) as session:
        entry = reminder_rules.entry(session, by=world.coordinator, scope=scope)
        reminder_rules.change(
            session,
            by=world.coordinator,
            scope=scope,
            rules=rules,
            seen=entry.row.version if entry.row else 0,
            now=make.NOW,
        )


def run(database: Database, settings: Settings, day: int) -> list[tuple[str, str]]:
    """Run and deliver so many days on; return who got which step."""
    now = make.NOW + day * DAY
    with database.session(write=True) as session:
        planned = reminders.plan_run(session, settings=settings, now=now)
    assert planned is not None
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=lambda: now)
    with database.session(write=False) as session:
        rows = session.execute(
            select(func.coalesce(User.name, ""), Reminder.step)
            .join(User, User.id == Reminder.user_id)
            .where(Reminder.run_id == planned.id, Reminder.state == "sent")
            .order_by(Reminder.id)
        )
        return [(name, step) for name, step in rows]


def mails_sent(database: Database) -> int:
    with database.session(write=False) as session:
        query = select(func.count(OutgoingEmail.id)).where(OutgoingEmail.state == "sent")
        return session.scalars(query).one()


@pytest.mark.parametrize("scope", ["all", "kind", "actor", "task"])
def test_going_back_to_the_default_sends_nothing_again(
    database: Database, settings: Settings, world: World, scope: str
) -> None:
    names = {"kind": f"kind:{world.task.kind}", "actor": f"actor:{world.ks.id}"}
    scope = names.get(scope, f"task:{world.task.id}" if scope == "task" else scope)
    assert run(database, settings, 0) == [("Kari Nordmann", "-30")]
    change(database, world, scope, Rules(before=(18, 3)))
    assert run(database, settings, 2) == [("Kari Nordmann", "-18")]
    sent = mails_sent(database)
    change(database, world, scope, None)
    assert run(database, settings, 3) == []
    assert mails_sent(database) == sent
    assert run(database, settings, 10) == []
    # The next step of the default itself, on the working day before the seventh.
    assert run(database, settings, 11) == [("Kari Nordmann", "-7")]


def test_switched_off_and_on_again_only_the_latest_missed_step_comes(
    database: Database, settings: Settings, world: World
) -> None:
    change(database, world, f"task:{world.task.id}", Rules(is_on=False))
    assert run(database, settings, 0) == []
    assert run(database, settings, 21) == []
    change(database, world, f"task:{world.task.id}", None)
    found = run(database, settings, 22)
    assert [name for name, _ in found] == ["Kari Nordmann"]


def test_the_audience_may_be_wider_and_a_copy_says_why_it_comes(
    database: Database, settings: Settings, world: World
) -> None:
    audience = ["responsible", "leads", "contributors"]
    rules = Rules.from_values({"audience": audience})
    change(database, world, f"actor:{world.ks.id}", rules)
    assert {name for name, _ in run(database, settings, 0)} == {
        "Kari Nordmann",
        "Liv Leder",
        "Hans Hjelper",
    }
    with database.session(write=False) as session:
        mails = {
            email.user_id: email.text_body or "" for email in session.scalars(select(OutgoingEmail))
        }
    assert "satt på kopi i reglene for oppgavene" in mails[world.helper.id]
    assert "/answer/" not in mails[world.helper.id]
    assert "/unsubscribe/" in mails[world.helper.id]
    assert "/answer/" in mails[world.kari.id]


def test_what_waits_is_cancelled_when_the_rules_do_not_want_it_any_more(
    database: Database, settings: Settings, world: World
) -> None:
    with database.session(write=True) as session:
        reminders.plan_run(session, settings=settings, now=make.NOW)
    change(database, world, f"task:{world.task.id}", Rules(is_on=False))
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=lambda: make.NOW)
    with database.session(write=False) as session:
        assert session.scalars(select(Reminder.state)).all() == ["cancelled"]


def test_a_change_shows_what_it_would_send_before_it_is_saved(
    database: Database, settings: Settings, world: World, as_user: Sign
) -> None:
    siri, path = as_user(world.coordinator), f"/reminders/rules/actor:{world.ks.id}"
    change_of = DEFAULT | {"before": "20 7 0", "audience": ["responsible", "leads"]}
    shown = siri.submit(path, **change_of)
    assert shown.status_code == 200
    page = html.text(html.parse(shown.text))
    assert "fører endringen til" in page
    assert "Liv Leder" in page
    with database.session(write=False) as session:
        assert not session.scalars(select(ReminderRule)).all()

    [form] = [form for form in html.forms(html.parse(shown.text), path) if "shown" in form.fields]
    saved = siri.post(path, data=form.filled(**change_of) | {"do": "save"})
    assert saved.status_code == 303
    with database.session(write=False) as session:
        rule = session.scalars(select(ReminderRule)).one()
        assert rule.values["before"] == [20, 7, 0]
    page = html.text(siri.page("/reminders/rules"))
    assert "Oppgavene til KS" in page
    assert "20, 7, 0 dager" in page
    # What was promised is what comes.
    assert {name for name, _ in run(database, settings, 0)} == {"Kari Nordmann", "Liv Leder"}


def test_saving_other_values_than_were_shown_shows_those_first(
    database: Database, world: World, as_user: Sign
) -> None:
    siri, path = as_user(world.coordinator), "/reminders/rules/all"
    answer = siri.submit(path, **DEFAULT)
    [form] = [form for form in html.forms(html.parse(answer.text), path) if "shown" in form.fields]
    other = form.filled(**(DEFAULT | {"weeks": "9"})) | {"do": "save"}
    assert siri.post(path, data=other).status_code == 200
    with database.session(write=False) as session:
        assert not session.scalars(select(ReminderRule)).all()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"before": "en uke"}, "Skriv hele dager fra 0 til 365"),
        ({"before": "-7"}, "Skriv hele dager fra 0 til 365"),
        ({"before": "400"}, "Skriv hele dager fra 0 til 365"),
        ({"before": "1,2,3,4,5,6,7"}, "høyst 6 tall"),
        ({"late": "0"}, "mellom 1 og 365"),
        ({"weeks": "x"}, "helt tall"),
        ({"silence": "9" * 5000}, "helt tall"),
        ({"audience": []}, "Velg noen."),
    ],
)
def test_a_rule_with_nonsense_is_refused_at_its_field_and_kept(
    database: Database, world: World, as_user: Sign, typed: dict[str, str], words: str
) -> None:
    siri = as_user(world.coordinator)
    answer = siri.send("/reminders/rules/all", **(DEFAULT | typed), do="save")
    assert answer.status_code == 400
    assert words in html.text(html.parse(answer.text))
    with database.session(write=False) as session:
        assert not session.scalars(select(ReminderRule)).all()


def test_two_who_change_at_once_do_not_overwrite_each_other(
    database: Database, world: World, as_user: Sign
) -> None:
    siri, path = as_user(world.coordinator), "/reminders/rules/all"
    answer = siri.submit(path, **DEFAULT)
    [form] = [form for form in html.forms(html.parse(answer.text), path) if "shown" in form.fields]
    change(database, world, "all", Rules(weeks=2))
    late = siri.post(path, data=form.filled(**DEFAULT) | {"do": "save"})
    assert late.status_code == 409
    assert "Noen har endret disse reglene" in late.text


def test_everybody_reads_the_rules_and_only_the_secretariat_changes_them(
    world: World, as_user: Sign
) -> None:
    kari = as_user(world.kari)
    assert "30, 7, 0 dager" in html.text(kari.page("/reminders/rules"))
    for path in ("/reminders/rules/all", "/reminders/rules/all/restore"):
        assert kari.get(path).status_code == 403
        assert kari.send(path, **DEFAULT).status_code == 403


@pytest.mark.parametrize(
    "scope", ["kind:x", "actor:0", "actor:01", "actor:١", "actor:x", "task:99999999999", "nobody"]
)
def test_rules_for_what_does_not_exist_are_not_found(
    world: World, as_user: Sign, scope: str
) -> None:
    assert as_user(world.coordinator).get(f"/reminders/rules/{scope}").status_code == 404


def test_an_escalation_says_what_was_sent_before_to_whom_and_when(
    database: Database, settings: Settings, world: World
) -> None:
    for day in (0, 11, 18, 21, 28):
        run(database, settings, day)
    assert ("Liv Leder", "escalate_lead") in run(database, settings, 36)
    with database.session(write=False) as session:
        query = select(OutgoingEmail.text_body).where(OutgoingEmail.user_id == world.lead.id)
        body = session.scalars(query).one() or ""
    assert (
        "5 påminnelser er sendt, de siste: Kari Nordmann 13.03.2026, 20.03.2026, "
        "23.03.2026 og 30.03.2026." in " ".join(body.split())
    )


def test_an_escalation_names_who_got_the_reminders_of_who_was_away_and_that_the_lead_knows(
    database: Database, settings: Settings, world: World
) -> None:
    with database.session(write=True) as session:
        ks, kari = session.get_one(Actor, world.ks.id), session.get_one(User, world.kari.id)
        ola = make.user(session, "Ola Hansen", at=ks)
        make.absence(session, kari, TODAY + 20 * DAY, TODAY + 22 * DAY, substitute=ola)
        siri = session.get_one(User, world.coordinator.user_id)
    for day in (0, 21, 36):
        run(database, settings, day)
    assert (siri.name, "escalate_coordinator") in run(database, settings, 43)
    with database.session(write=False) as session:
        query = select(OutgoingEmail.text_body).where(OutgoingEmail.user_id == siri.id)
        body = " ".join(
            (session.scalars(query.order_by(OutgoingEmail.id.desc())).first() or "").split()
        )
    assert "Ola Hansen for Kari Nordmann 23.03.2026" in body
    assert "Hovedkontakten fikk beskjed: Liv Leder 07.04.2026." in body


def test_tasks_with_rules_of_their_own_are_left_out_and_named(
    database: Database, world: World, as_user: Sign
) -> None:
    change(database, world, f"actor:{world.ks.id}", Rules(weeks=2))
    answer = as_user(world.coordinator).submit(
        "/reminders/rules/all", **(DEFAULT | {"before": "5"})
    )
    page = html.text(html.parse(answer.text))
    assert "Ikke regnet med, fordi de har egne regler: Oppgavene til KS." in page
    assert "Kari Nordmann" not in page


def test_what_falls_away_is_shown_too(world: World, as_user: Sign) -> None:
    typed = {key: value for key, value in DEFAULT.items() if key != "is_on"}
    answer = as_user(world.coordinator).send("/reminders/rules/all", **typed, do="show")
    page = html.text(html.parse(answer.text))
    assert "De første som faller bort" in page
    assert "Kari Nordmann" in page


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_others_write_while_an_effect_is_reckoned(
    database: Database, world: World, as_user: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    foresee, wrote = rule_effects.foresee, []

    def write_meanwhile(*args: Any, **kwargs: Any) -> Any:
        with database.session(write=True) as session:
            wrote.append(make.actor(session).id)
        return foresee(*args, **kwargs)

    monkeypatch.setattr(rule_effects, "foresee", write_meanwhile)
    assert as_user(world.coordinator).submit("/reminders/rules/all", **DEFAULT).status_code == 200
    assert wrote


def test_an_escalation_after_reminders_that_reached_nobody_says_that(
    database: Database, settings: Settings, world: World
) -> None:
    assert ("Liv Leder", "escalate_lead") in run(database, settings, 36)
    with database.session(write=False) as session:
        query = select(OutgoingEmail.text_body).where(OutgoingEmail.user_id == world.lead.id)
        assert "Ingen påminnelse om oppgaven har nådd fram." in (session.scalars(query).one() or "")


def test_a_task_whose_reminders_are_switched_off_says_so(
    database: Database, world: World, as_user: Sign
) -> None:
    words, path = "Påminnelser om fristen er slått av", f"/tasks/{world.task.id}"
    assert words not in html.text(as_user(world.kari).page(path))
    change(database, world, f"task:{world.task.id}", Rules(is_on=False))
    assert words in html.text(as_user(world.kari).page(path))
