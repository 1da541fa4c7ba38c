"""Invitations: what they say, how long their links work, and what is shown of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.conftest import make_app
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.errors import ConflictError, TooManyAttemptsError
from tracker.domain.roles import Person, Role
from tracker.mail.senders import MailboxSender
from tracker.mail.smtp import SmtpSender
from tracker.models import Actor, AuditEvent, OutgoingEmail, SignInLink, User
from tracker.services import (
    accounts,
    delivery,
    installation,
    invitations,
    mailbox,
    sessions,
    sign_in,
)

AsUser = Callable[[User | Person], Client]


@pytest.fixture
def ks(database: Database) -> Actor:
    with database.session(write=True) as session:
        return make.actor(session, "KS")


@pytest.fixture
def ingrid(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Ingrid Solvang", role=Role.COORDINATOR, locale="nb")


Invite = Callable[..., User]


@pytest.fixture
def invite(database: Database, ks: Actor, ingrid: User, settings: Settings, now: Clock) -> Invite:
    def invite(role: Role = Role.MEMBER, locale: str = "nb", **values: object) -> User:
        with database.session(write=True) as session:
            fields = {"email": "ola@ks.example", "name": "Ola Hansen", "actor_id": ks.id} | values
            return invitations.invite(
                session,
                by=make.person_of(session, ingrid),
                role=role,
                locale=locale,
                settings=settings,
                now=now(),
                **fields,  # type: ignore[arg-type]
            )

    return invite


def again(database: Database, by: User, user: User, settings: Settings, now: Clock) -> None:
    with database.session(write=True) as session:
        who = make.person_of(session, by)
        invitations.send_again(session, by=who, user_id=user.id, settings=settings, now=now())


def delivered(database: Database, settings: Settings, now: Clock) -> list[OutgoingEmail]:
    """Deliver into the built-in mailbox, and return all mails, the oldest first."""
    delivery.deliver_due(database, MailboxSender(), settings=settings, now=now)
    with database.session(write=False) as session:
        return list(session.scalars(select(OutgoingEmail).order_by(OutgoingEmail.id)))


def link_in(mail: OutgoingEmail) -> str:
    found = re.search(r"/sign-in/link/\S+", mail.text_body or "")
    assert found, mail.text_body
    return found.group()


@pytest.mark.parametrize(
    ("locale", "subject", "words"),
    [
        (
            "nb",
            "Invitasjon til Oppfølging",
            ["Ingrid Solvang inviterer deg", "Hva du vil bli spurt om", "Medarbeider, KS"],
        ),
        (
            "nn",
            "Invitasjon til Oppfølging",
            ["Ingrid Solvang inviterer deg", "Kva du vil bli spurd om", "Medarbeidar, KS"],
        ),
        (
            "en",
            "Invitation to Oppfølging",
            ["Ingrid Solvang invites you", "What you will be asked", "Staff, KS"],
        ),
    ],
)
def test_the_mail_says_who_invites_to_what_and_what_will_be_asked(
    invite: Invite,
    database: Database,
    settings: Settings,
    now: Clock,
    locale: str,
    subject: str,
    words: list[str],
) -> None:
    invite(locale=locale)
    [mail] = delivered(database, settings, now)
    assert (mail.kind, mail.subject, mail.to_address) == ("invitation", subject, "ola@ks.example")
    for body in (mail.text_body or "", mail.html_body or ""):
        assert [part for part in words if part.lower() not in body.lower()] == []
        assert "/help" in body


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_told_what_is_its_own(
    invite: Invite, database: Database, settings: Settings, now: Clock, ks: Actor, role: Role
) -> None:
    if role in {Role.COORDINATOR, Role.ADMIN}:
        with database.session(write=True) as session:
            user = make.user(session, role=role, locale="en")
            by = make.person(session, role=Role.ADMIN)
            invitations.send_again(session, by=by, user_id=user.id, settings=settings, now=now())
    else:
        invite(role, "en")
    [mail] = delivered(database, settings, now)
    text = mail.text_body or ""
    asked = {
        Role.MEMBER: "When a deadline comes near",
        Role.LEAD: "nobody has answered for a task of your organisation",
        Role.COORDINATOR: "waits for the secretariat",
        Role.ADMIN: "You see to it that people come in",
    }
    assert asked.get(role, "Nothing is asked of you.") in text


def test_its_link_signs_in_once(
    invite: Invite, database: Database, settings: Settings, now: Clock, client: Client
) -> None:
    user = invite()
    [mail] = delivered(database, settings, now)
    link = link_in(mail)
    assert client.get(link).status_code == 200
    assert client.send(link).status_code == 303
    assert client.get("/account").status_code == 200
    assert client.send(link).status_code == 410
    with database.session(write=False) as session:
        assert session.get_one(User, user.id).signed_in_at == now()
        assert "sign-in/link" not in str(session.scalars(select(SignInLink)).one().token_hash)


@pytest.mark.parametrize(("days", "status"), [(6.99, 200), (7, 410)])
def test_its_link_works_for_seven_days(
    invite: Invite,
    database: Database,
    settings: Settings,
    now: Clock,
    client: Client,
    days: float,
    status: int,
) -> None:
    invite()
    [mail] = delivered(database, settings, now)
    now.advance(days=days)
    assert client.get(link_in(mail)).status_code == status


def test_sent_again_the_new_link_takes_the_place_of_the_old_one(
    invite: Invite,
    database: Database,
    settings: Settings,
    now: Clock,
    ingrid: User,
    as_user: AsUser,
    client: Client,
) -> None:
    user = invite()
    [first] = delivered(database, settings, now)
    now.advance(days=2)
    path = f"/people/{user.id}"
    assert as_user(ingrid).submit(path, action=f"{path}/invite").status_code == 303
    [_first, second] = delivered(database, settings, now)
    assert client.get(link_in(first)).status_code == 410
    assert client.get(link_in(second)).status_code == 200
    with database.session(write=False) as session:
        assert session.get_one(User, user.id).invited_at == now()
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["user.created", "user.invited", "user.invited"]


def test_no_mailbox_is_filled_with_invitations(
    invite: Invite, database: Database, settings: Settings, now: Clock, ingrid: User
) -> None:
    user = invite()
    for _ in range(2):
        again(database, ingrid, user, settings, now)
    with pytest.raises(TooManyAttemptsError):
        again(database, ingrid, user, settings, now)
    now.advance(days=1, seconds=1)
    again(database, ingrid, user, settings, now)


def test_who_has_signed_in_or_is_shut_out_gets_none(
    invite: Invite,
    database: Database,
    settings: Settings,
    now: Clock,
    ingrid: User,
    as_user: AsUser,
) -> None:
    user = invite()
    as_user(user)
    with pytest.raises(ConflictError, match="needs_no_invitation"):
        again(database, ingrid, user, settings, now)
    other = invite(email="kari@ks.example")
    with database.session(write=True) as session:
        by = make.person_of(session, ingrid)
        accounts.deactivate(session, by=by, user_id=other.id, now=now())
    with pytest.raises(ConflictError, match="needs_no_invitation"):
        again(database, ingrid, other, settings, now)


def test_an_invitation_whose_link_is_of_no_use_any_more_is_not_sent(
    invite: Invite, database: Database, settings: Settings, now: Clock
) -> None:
    user = invite()
    with database.session(write=True) as session:
        token = sign_in.hand_out_link(session, user=session.get_one(User, user.id), now=now())
        sign_in.use_link(session, token=token, now=now())
    [mail] = delivered(database, settings, now)
    assert mail.state == "cancelled"
    assert mail.payload is None


def test_the_link_is_kept_nowhere_once_the_mail_has_left(
    invite: Invite, database: Database, settings: Settings, now: Clock, server: SmtpServer
) -> None:
    invite()
    own = replace(settings, smtp=server.settings)
    sender = SmtpSender(server.settings, timeout=5)
    delivery.deliver_due(database, sender, settings=own, now=now)
    sender.close()
    assert server.receivers == ["ola@ks.example"]
    with database.session(write=False) as session:
        mail = session.scalars(select(OutgoingEmail)).one()
    assert mail.payload is None
    for body in (mail.text_body or "", mail.html_body or ""):
        assert "/sign-in/link/" not in body


def test_an_invitation_in_the_mailbox_spares_a_link_beyond_the_limit(
    invite: Invite, database: Database, settings: Settings, now: Clock
) -> None:
    invite()
    for _ in range(12):
        # The link asked for before has run out by then.
        now.advance(minutes=21)
        with database.session(write=True) as session:
            sign_in.request_link(
                session, email="ola@ks.example", ip="192.0.2.1", settings=settings, now=now()
            )
    kinds = [mail.kind for mail in delivered(database, settings, now)]
    assert kinds == ["invitation"] + 10 * ["sign_in"]


def test_the_list_shows_who_was_invited_who_came_and_who_neither(
    invite: Invite, database: Database, as_user: AsUser, ingrid: User, now: Clock
) -> None:
    invite()
    with database.session(write=True) as session:
        make.user(session, "Never Invited")
    now.advance(days=3)
    client = as_user(ingrid)
    page = client.page("/people")
    rows = {html.text(row).split(" person")[0]: html.text(row) for row in page.iter("tr")}
    [ola] = [text for text in rows.values() if "Ola Hansen" in text]
    [own] = [text for text in rows.values() if "Ingrid Solvang" in text]
    [neither] = [text for text in rows.values() if "Never Invited" in text]
    assert "Invitert 02.03.2026, ikke logget inn ennå" in ola
    assert "Send invitasjonen på nytt" in ola
    assert "Sist logget inn 05.03.2026" in own
    assert "Send" not in own
    assert "Verken invitert eller logget inn" in neither
    assert "Send en invitasjon" in neither


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("demonstration", "blant demonstrasjonens e-poster"),
        ("no server", "users login-link ny@ks.example"),
        ("server", "En invitasjon er på vei til ny@ks.example"),
    ],
)
def test_whoever_invites_is_told_where_the_invitation_went(
    database: Database,
    settings: Settings,
    now: Clock,
    ingrid: User,
    ks: Actor,
    server: SmtpServer,
    kind: str,
    said: str,
) -> None:
    own = replace(settings, smtp=server.settings if kind == "server" else None)
    if kind == "demonstration":
        with database.session(write=True) as session:
            installation.set_demonstration(session, on=make.TODAY)
    client = make_app(own, database, now).test_client()
    client.sign_in(ingrid)  # type: ignore[attr-defined]
    response = client.submit(  # type: ignore[attr-defined]
        "/people/new", name="Ny", email="ny@ks.example", actor_id=str(ks.id), role="member"
    )
    assert said in client.get(response.location).text
    assert server.receivers == []


def test_where_others_reach_a_demonstration_its_invitations_are_for_their_receivers(
    invite: Invite, database: Database, settings: Settings, now: Clock
) -> None:
    user = invite()
    delivered(database, settings, now)
    with database.session(write=True) as session:
        installation.set_demonstration(session, on=make.TODAY)
        reader = make.person(session)
        public = replace(settings, base_url="https://demo.example")
        assert mailbox.page(session, by=reader, settings=settings).total == 1
        assert mailbox.page(session, by=reader, settings=public).total == 0
        own = sessions.person_of(session.get_one(User, user.id))
        assert mailbox.page(session, by=own, settings=public).total == 1


def test_the_time_of_signing_in_is_the_last_one(
    invite: Invite, database: Database, as_user: AsUser, now: Clock
) -> None:
    user = invite()
    as_user(user)
    now.advance(days=1)
    as_user(user)
    with database.session(write=False) as session:
        assert session.get_one(User, user.id).signed_in_at == now()
    assert now() - make.NOW == dt.timedelta(days=1)
