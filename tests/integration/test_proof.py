"""Whoever changes who may come in has shown within half an hour who they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import factories as make
from tests.client import Client, Clock
from tests.integration.test_lockout import links
from tests.integration.test_sessions import sign_in_form
from tests.integration.test_sign_in import PASSWORD, QUICK
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.models import User

AsUser = Callable[[User], Client]
ADDRESS = "kari.nordmann@ks.example"


def address_of(database: Database, user: User) -> str:
    with database.session(write=False) as session:
        return session.get_one(User, user.id).email


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        at = make.actor(session, "Helsedirektoratet")
        return make.user(session, "Kari Nordmann", at=at, email=ADDRESS, locale="en")


@pytest.fixture
def admin(database: Database) -> User:
    with database.session(write=True) as session:
        digest = QUICK.hash(PASSWORD)
        return make.user(
            session,
            "Jonas Berge",
            role=Role.ADMIN,
            locale="en",
            email="jonas@ks.example",
            password_hash=digest,
        )


def test_changing_anothers_address_asks_for_proof_and_keeps_what_was_typed(
    as_user: AsUser, database: Database, kari: User, admin: User, now: Clock
) -> None:
    client = as_user(admin)
    now.advance(minutes=30)
    new = "kari@dfo.example"
    asked = client.submit(f"/people/{kari.id}", email=new, name="Kari Ås")
    assert asked.status_code == 401
    assert "Sign in once more" in asked.text
    assert "What you typed is kept" in asked.text
    assert 'value="jonas@ks.example"' in asked.text
    assert address_of(database, kari) == ADDRESS
    again = sign_in_form(asked)
    wrong = client.post(again.action, data=again.filled(password="wrong"))
    assert "Sign in once more" in wrong.text
    again = sign_in_form(wrong)
    back = client.post(again.action, data=again.filled(password=PASSWORD))
    assert back.location == f"/people/{kari.id}"
    page = client.get(back.location).text
    assert f'value="{new}"' in page
    assert 'value="Kari Ås"' in page
    assert address_of(database, kari) == ADDRESS
    assert client.submit(f"/people/{kari.id}").status_code == 303
    assert address_of(database, kari) == new


def test_the_proof_may_be_a_fresh_link_too(
    as_user: AsUser, database: Database, kari: User, admin: User, now: Clock
) -> None:
    client = as_user(admin)
    now.advance(minutes=30)
    again = sign_in_form(client.submit(f"/people/{kari.id}", email="kari@dfo.example"))
    client.post(again.action, data=again.filled(by="link"))
    [link] = links(database)
    assert client.submit(link).location == f"/people/{kari.id}"
    assert client.submit(f"/people/{kari.id}").status_code == 303
    assert address_of(database, kari) == "kari@dfo.example"


def test_what_one_typed_before_the_proof_is_not_given_to_another_who_signs_in_there(
    as_user: AsUser, database: Database, kari: User, admin: User, now: Clock
) -> None:
    with database.session(write=True) as session:
        make.user(
            session, role=Role.ADMIN, email="else@ks.example", password_hash=QUICK.hash(PASSWORD)
        )
    client = as_user(admin)
    now.advance(minutes=30)
    again = sign_in_form(client.submit(f"/people/{kari.id}", email="kari@dfo.example"))
    client.post(again.action, data=again.filled(email="else@ks.example", password=PASSWORD))
    assert "kari@dfo.example" not in client.get(f"/people/{kari.id}").text


@pytest.mark.parametrize(
    "path",
    [
        "/people/new",
        "/people/{id}",
        "/people/{id}/roles",
        "/people/{id}/roles/{role}/take",
        "/people/{id}/deactivate",
        "/people/{id}/reactivate",
    ],
)
def test_whatever_changes_who_may_come_in_needs_proof_within_half_an_hour(
    as_user: AsUser, database: Database, kari: User, admin: User, now: Clock, path: str
) -> None:
    with database.session(write=False) as session:
        role = session.get_one(User, kari.id).memberships[0].id
    address = path.format(id=kari.id, role=role)
    client = as_user(admin)
    now.advance(minutes=29, seconds=59)
    assert client.send(address).status_code in {303, 400}
    now.advance(seconds=1)
    assert client.send(address).status_code == 401
    assert client.get("/people").status_code == 200, "looking needs none"
