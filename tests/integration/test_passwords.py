"""Which passwords are taken, what a new one ends, and who is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests import factories as make
from tests.client import Client, Clock
from tests.integration.test_sign_in import PASSWORD, QUICK, is_in, link_for
from tests.smtp_server import SmtpServer
from tracker import i18n
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.models import OutgoingEmail, User, UserSession, Way
from tracker.services import passwords
from tracker.services.delivery import Counts
from tracker.web.messages import words

AsUser = Callable[[User], Client]
ADDRESS = "kari.nordmann@ks.example"
GOOD = "korrekt hest batteri stift"


@pytest.fixture
def kari(database: Database) -> User:
    """Somebody without a password."""
    with database.session(write=True) as session:
        at = make.actor(session, "Helsedirektoratet")
        return make.user(session, "Kari Nordmann", at=at, email=ADDRESS, locale="en")


def give_password(database: Database, user: User) -> None:
    with database.session(write=True) as session:
        session.get_one(User, user.id).password_hash = QUICK.hash(PASSWORD)


def digest_of(database: Database, user: User) -> str | None:
    with database.session(write=False) as session:
        return session.get_one(User, user.id).password_hash


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "fire ord på rad",
        "blå sykkel over fjorden",
        "ny passordfrase uten mening",
        "hQ7vKz2mWp9x",
    ],
)
def test_words_in_a_row_and_random_characters_are_taken(
    as_user: AsUser, database: Database, kari: User, password: str
) -> None:
    assert as_user(kari).submit("/account/password", new_password=password).status_code == 303
    assert passwords.verify(password, digest_of(database, kari))[0]


@pytest.mark.parametrize(
    "password",
    [
        # common, here and elsewhere
        "passord123456",
        "Passord1234!",
        "Velkommen2026!",
        "Sommer2026!!",
        "qwertyuiop12",
        "iloveyou1234",
        # repetitions
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "hest hest hest hest",
        "hest " * 30,
        "Høst2025Høst2025",
        # one's own address, name and employer, and the installation
        ADDRESS,
        "kari nordmann 2026",
        "k4r1n0rdm4nn!!",
        "nnamdron irak",
        "helsedirektoratet1",
        "Oppfølging2026",
    ],
)
def test_a_password_that_is_common_or_repeats_or_names_its_owner_is_refused_at_its_field(
    as_user: AsUser, database: Database, kari: User, password: str
) -> None:
    response = as_user(kari).send("/account/password", new_password=password)
    assert response.status_code == 400
    assert 'href="#new_password"' in response.text
    assert "too easy to guess" in response.text
    assert password not in response.text.replace(ADDRESS, "", 1)
    assert digest_of(database, kari) is None


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("nb", "for lett å gjette: Det er vanlig"), ("nn", "for lett å gjette: Det er vanleg")],
)
def test_the_refusal_is_in_the_persons_language(locale: str, expected: str) -> None:
    with i18n.use_locale(locale):
        assert expected in words("password_guessable")


def test_a_long_password_is_judged_by_its_beginning() -> None:
    """What stands for several letters has many spellings: 72 such characters would take seconds."""
    assert passwords._score("a" * passwords.MOST_JUDGED + GOOD, []) == 0
    assert passwords._score(GOOD * 7, []) == 4
    assert passwords.MOST_JUDGED <= 24


def test_of_passwords_judged_at_once_each_is_judged_by_its_own_owner() -> None:
    def judged(number: int) -> int:
        return passwords._score("grevlingtunell7", ["grevlingtunell"] if number % 2 else [])

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # Threads take turns within each judgement.
    try:
        with ThreadPoolExecutor(4) as pool:
            scores = list(pool.map(judged, range(200)))
    finally:
        sys.setswitchinterval(usual)
    assert set(scores[::2]) == {4}
    assert max(scores[1::2]) < passwords.LEAST_SCORE


@pytest.mark.parametrize(
    "how", [lambda c: c.submit("/account/password", new_password=GOOD),
            lambda c: c.send("/account/sign-out-everywhere")]
)  # fmt: skip
def test_a_new_password_and_signing_out_everywhere_end_outstanding_links(
    app: Flask,
    as_user: AsUser,
    database: Database,
    kari: User,
    now: Clock,
    how: Callable[[Client], object],
) -> None:
    link = link_for(database, kari, now)
    how(as_user(kari))
    thief = cast("Client", app.test_client())
    assert thief.get(link).status_code == 410
    thief.send(link)
    assert not is_in(thief)


def test_how_one_signed_in_stands_on_the_server_and_not_in_the_cookie(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    client.submit(link_for(database, kari, now))
    with client.session_transaction() as cookie:
        assert set(cookie) <= {"token", "locale", "csrf_token", "_permanent", "_flashes"}
    with database.session(write=False) as session:
        row = session.scalars(select(UserSession)).one()
        assert (row.signed_in_by, row.proven_at) == (Way.LINK, now())


def test_a_forged_by_link_in_the_cookie_changes_nothing(
    as_user: AsUser, database: Database, kari: User, now: Clock
) -> None:
    give_password(database, kari)
    client = as_user(kari)
    with client.session_transaction() as cookie:
        cookie["by_link"] = now().timestamp()
    assert client.send("/account/password", new_password=GOOD).status_code == 400


def test_a_first_password_needs_a_fresh_sign_in_and_not_an_old_session(
    as_user: AsUser, database: Database, kari: User, now: Clock
) -> None:
    client = as_user(kari)
    now.advance(minutes=30)
    for response in (
        client.get("/account/password"),
        client.send("/account/password", new_password=GOOD),
    ):
        assert response.status_code == 401
        assert "Sign in once more" in response.text
        assert f'value="{ADDRESS}"' in response.text
    assert digest_of(database, kari) is None
    client.submit(link_for(database, kari, now))
    assert client.submit("/account/password", new_password=GOOD).status_code == 303


def test_a_session_from_before_the_proof_was_kept_proves_nothing(
    as_user: AsUser, database: Database, kari: User
) -> None:
    client = as_user(kari)
    with database.session(write=True) as session:
        session.execute(update(UserSession).values(signed_in_by=None, proven_at=None))
    assert client.get("/account").status_code == 200
    assert client.get("/account/password").status_code == 401


def test_on_a_demonstration_signing_in_is_proof_for_as_long_as_it_lasts(
    as_user: AsUser, database: Database, kari: User, now: Clock
) -> None:
    client = as_user(kari)
    with database.session(write=True) as session:
        session.execute(update(UserSession).values(signed_in_by=Way.DEMONSTRATION))
    now.advance(hours=3)
    assert client.submit("/account/password", new_password=GOOD).status_code == 303


@pytest.mark.parametrize(
    ("locale", "subject", "advice"),
    [
        ("nb", "Du har fått nytt passord", "Var det noen andre?"),
        ("nn", "Du har fått nytt passord", "Var det nokon andre?"),
        ("en", "You have a new password", "Was it somebody else?"),
    ],
)
def test_the_owner_is_told_of_a_new_password_by_mail_without_secret_or_link_in(
    as_user: AsUser,
    database: Database,
    kari: User,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    locale: str,
    subject: str,
    advice: str,
) -> None:
    with database.session(write=True) as session:
        session.get_one(User, kari.id).locale = locale
    as_user(kari).submit("/account/password", new_password=GOOD)
    assert deliver() == Counts(sent=1)
    assert server.receivers == [ADDRESS]
    with database.session(write=False) as session:
        email = session.scalars(select(OutgoingEmail)).one()
    assert email.kind == "password_set"
    assert email.subject == subject
    for body in (email.text_body or "", email.html_body or ""):
        assert advice in body
        assert GOOD not in body
        assert "sign-in/link" not in body
    assert "hest" not in server.received[0].raw.decode()


def test_a_refused_password_is_not_told_of(as_user: AsUser, database: Database, kari: User) -> None:
    as_user(kari).send("/account/password", new_password="passord123456")
    with database.session(write=False) as session:
        assert session.scalars(select(OutgoingEmail)).all() == []


@pytest.mark.parametrize(
    ("locale", "subject", "to_old", "to_new"),
    [
        ("nb", "E-postadressen din er endret", "en annen e-postadresse", "denne e-postadressen"),
        ("nn", "E-postadressa di er endra", "ei anna e-postadresse", "denne e-postadressa"),
        ("en", "Your e-mail address was changed", "another e-mail address", "this e-mail address"),
    ],
)
def test_a_changed_address_is_told_at_the_old_one_and_the_new_in_the_persons_language(
    as_user: AsUser,
    database: Database,
    kari: User,
    server: SmtpServer,
    deliver: Callable[[], Counts],
    locale: str,
    subject: str,
    to_old: str,
    to_new: str,
) -> None:
    with database.session(write=True) as session:
        session.get_one(User, kari.id).locale = locale
        admin = make.user(session, role=Role.ADMIN, locale="en")
    as_user(admin).submit(f"/people/{kari.id}", email="kari@dfo.example")
    assert deliver() == Counts(sent=2)
    with database.session(write=False) as session:
        sent = {mail.to_address: mail for mail in session.scalars(select(OutgoingEmail))}
    assert set(sent) == {ADDRESS, "kari@dfo.example"}
    for address, expected in ((ADDRESS, to_old), ("kari@dfo.example", to_new)):
        mail = sent[address]
        assert (mail.subject, mail.locale) == (subject, locale)
        for body in (mail.text_body or "", mail.html_body or ""):
            assert expected in body
            assert "Kari" in body
            assert "sign-in/link" not in body


def test_a_changed_name_alone_is_told_to_nobody(
    as_user: AsUser, database: Database, kari: User
) -> None:
    with database.session(write=True) as session:
        admin = make.user(session, role=Role.ADMIN)
    as_user(admin).submit(f"/people/{kari.id}", name="Kari Ås")
    with database.session(write=False) as session:
        assert session.scalars(select(OutgoingEmail)).all() == []


def test_an_old_address_that_is_gone_does_not_mark_the_person(
    as_user: AsUser,
    database: Database,
    kari: User,
    server: SmtpServer,
    deliver: Callable[[], Counts],
) -> None:
    with database.session(write=True) as session:
        admin = make.user(session, role=Role.ADMIN)
    as_user(admin).submit(f"/people/{kari.id}", email="kari@dfo.example")
    server.script.rcpt[ADDRESS] = ["550 5.1.1 no such user"]
    deliver()
    with database.session(write=False) as session:
        assert session.get_one(User, kari.id).email_failed_at is None
