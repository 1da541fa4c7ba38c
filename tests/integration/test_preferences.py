"""What one may do without by mail, and one click in the mail program that says so (RFC 8058)."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import Settings
from tests import factories as make
from tests import html, mails
from tests.client import Client, Clock
from tests.mails import only_mail
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.errors import ConflictError
from tracker.domain.reminder_steps import OptionalKind
from tracker.domain.roles import Person
from tracker.domain.status import Status
from tracker.mail.smtp import SmtpSender
from tracker.models import AuditEvent, DeclinedMail, Reminder, User
from tracker.services import delivery, preferences, signed
from tracker.services.delivery import Counts

Sign = Callable[[User | Person], Client]


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Kari", at=make.actor(session, "KS"), email="kari@ks.example")


def mailed(database: Database, kari: User, deliver: Callable[[], Counts], *steps: str) -> None:
    """Send Kari a digest with a line for each of `steps`."""
    with database.session(write=True) as session:
        user = session.get_one(User, kari.id)
        lines = [_line(session, user, step) for step in steps]
        mails.queue_digest(session, user, lines)
    assert deliver() == Counts(sent=1)


def _line(session: Session, user: User, step: str) -> Reminder:
    owner = user.memberships[0].actor
    task = make.task(session, owner=owner, responsible=user, deadline=mails.DUE_IN_A_WEEK)
    if step != "confirmed":
        return mails.line(task, step)
    task.status = Status.CLOSED
    confirmed = make.update(
        session,
        task,
        None,
        status_before=Status.REPORTED_DONE,
        status_after=Status.CLOSED,
        created_at=make.NOW,
    )
    return mails.line(task, step, occurrence=str(confirmed.id))


def address(user: User, secret_key: str, *, mailed_at: dt.datetime = make.NOW) -> str:
    return preferences.address(
        user.id, ["decisions"], mailed_at=mailed_at, base_url="", secret_key=secret_key
    )


def declined(database: Database) -> set[str]:
    with database.session(write=False) as session:
        return set(session.scalars(select(DeclinedMail.kind)))


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "https://tracker.example"])
def test_a_mail_with_news_has_the_header_for_one_click_and_the_click_switches_them_off(
    database: Database,
    server: SmtpServer,
    smtp_settings: Settings,
    now: Clock,
    kari: User,
    client: Client,
    base_url: str,
) -> None:
    reached = replace(smtp_settings, base_url=base_url)

    def deliver() -> Counts:
        sender = SmtpSender(server.settings)
        counts = delivery.deliver_due(database, sender, settings=reached, now=now)
        sender.close()
        return counts

    mailed(database, kari, deliver, "confirmed", "-7")

    message = server.received[0].message
    if not base_url.startswith("https"):
        assert message["List-Unsubscribe"] is None, "RFC 8058 asks for https"
        return
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = message["List-Unsubscribe"].strip("<>").removeprefix(base_url)
    assert b"\r\nList-Unsubscribe: <http" in server.received[0].raw
    assert "/unsubscribe/" not in (only_mail(database).text_body or "")

    assert "Vil du slippe dette" in html.text(client.page(url))
    assert declined(database) == set()
    # A mail program has neither cookie nor token.
    answer = client.post(url, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert declined(database) == {"decisions"}
    assert client.post(url).status_code == 200
    assert declined(database) == {"decisions"}


def test_a_mail_that_must_come_offers_nothing_to_switch_off(
    database: Database, server: SmtpServer, deliver: Callable[[], Counts], kari: User
) -> None:
    mailed(database, kari, deliver, "-7")
    assert server.received[0].message["List-Unsubscribe"] is None
    assert "/account/mail" in (only_mail(database).text_body or "")


def test_an_address_that_we_did_not_make_switches_nothing_off(
    database: Database, kari: User, client: Client, settings: Settings
) -> None:
    forged = address(kari, "somebody else's key")
    for path in (forged, "/unsubscribe/x"):
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 404
    good = address(kari, settings.secret_key)
    with database.session(write=True) as session:
        session.get_one(User, kari.id).active = False
    assert client.post(good).status_code == 404
    assert declined(database) == set()


def test_preferences_are_chosen_on_the_account_and_say_what_always_comes(
    database: Database, kari: User, as_user: Sign
) -> None:
    browser = as_user(kari)
    assert "kan ikke slås av" in html.text(browser.page("/account/mail"))
    browser.submit("/account/mail", wanted=["copies"])
    assert declined(database) == {"decisions"}
    browser.submit("/account/mail", wanted=["decisions", "copies"])
    assert declined(database) == set()
    # What only the secretariat gets nobody else has to choose.
    assert browser.send("/account/mail", wanted="unsettled").status_code == 400


def test_the_address_in_a_mail_says_where_that_is_switched_off_already(
    database: Database, settings: Settings, kari: User, client: Client
) -> None:
    path = address(kari, settings.secret_key)
    assert "Vil du slippe dette" in html.text(client.page(path))
    assert client.post(path).status_code == 200
    assert "Vil du slippe dette" not in html.text(client.page(path))


def test_two_clicks_at_once_switch_off_both_kinds(database: Database, kari: User) -> None:
    together = threading.Barrier(2, timeout=30)

    def click(kind: OptionalKind) -> None:
        together.wait()
        with database.session(write=True) as session:
            person = make.person_of(session, kari)
            found = preferences.Unsubscription(
                person, kari.email, frozenset({kind}), is_expired=False
            )
            preferences.unsubscribe(session, found=found)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(click, (OptionalKind.DECISIONS, OptionalKind.COPIES)))
    assert declined(database) == {"decisions", "copies"}


def test_what_is_switched_off_by_link_is_recorded_as_done_through_the_link(
    database: Database, settings: Settings, kari: User, client: Client, as_user: Sign
) -> None:
    client.post(address(kari, settings.secret_key))
    as_user(kari).submit("/account/mail", wanted=["decisions"])
    with database.session(write=False) as session:
        events = session.execute(
            select(AuditEvent.actor, AuditEvent.user_id)
            .where(AuditEvent.action == "mail.preferences")
            .order_by(AuditEvent.id)
        )
        assert [tuple(event) for event in events] == [("link", kari.id), ("user", kari.id)]


def test_an_address_in_a_mail_expires_after_60_days_and_leads_to_the_accounts_mail_settings(
    database: Database, settings: Settings, kari: User, client: Client, now: Clock
) -> None:
    path = address(kari, settings.secret_key)
    now.now = make.NOW + dt.timedelta(days=60) - dt.timedelta(seconds=1)
    assert client.get(path).status_code == 200

    now.now = make.NOW + dt.timedelta(days=60)
    answer = client.get(path)
    assert answer.status_code == 410
    assert "Lenken har gått ut" in answer.text
    assert 'href="/account/mail"' in answer.text
    assert "/sign-in" in client.get("/account/mail").headers["Location"]


def test_one_click_on_an_expired_address_changes_nothing(
    database: Database, settings: Settings, kari: User, client: Client, now: Clock
) -> None:
    path = address(kari, settings.secret_key)
    now.now = make.NOW + dt.timedelta(days=60)
    answer = client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 410
    assert "Lenken har gått ut" in answer.text
    assert declined(database) == set()
    with database.session(write=False) as session:
        assert session.scalars(select(AuditEvent)).all() == []
        found = preferences.read(
            session, token=path.rpartition("/")[2], secret_key=settings.secret_key, now=now()
        )
        with pytest.raises(ConflictError):
            preferences.unsubscribe(session, found=found)


def test_an_address_mailed_before_they_held_a_time_works_until_february_2027(
    database: Database, settings: Settings, kari: User, client: Client, now: Clock
) -> None:
    token = signed.serializer("unsubscribe", settings.secret_key).dumps([kari.id, "copies"])
    now.now = dt.datetime(2027, 2, 1, tzinfo=dt.UTC)
    assert client.post(f"/unsubscribe/{token}").status_code == 410
    assert declined(database) == set()
    now.now -= dt.timedelta(seconds=1)
    assert client.post(f"/unsubscribe/{token}").status_code == 200
    assert declined(database) == {"copies"}


def test_the_time_of_an_address_is_that_of_its_mail(
    database: Database,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    kari: User,
    settings: Settings,
) -> None:
    mailed(database, kari, deliver, "confirmed")
    body = server.received[0].message.get_body(("plain",))
    assert body is not None
    token = body.get_content().partition("/unsubscribe/")[2].split()[0]
    with database.session(write=False) as session:
        mailed_at = only_mail(database).created_at
        for after, is_expired in ((0, True), (-1, False)):
            moment = mailed_at.replace(microsecond=0) + dt.timedelta(days=60, seconds=after)
            found = preferences.read(
                session, token=token, secret_key=settings.secret_key, now=moment
            )
            assert found.is_expired is is_expired
