"""Who may invite, change and give roles to whom: the administrator, the secretariat, leads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests import factories as make
from tests import html
from tests.client import Client
from tests.integration.test_people import actions, admin, create, find, kari, ks, lead, new, roles
from tracker.db import Database
from tracker.domain.errors import ForbiddenError
from tracker.domain.roles import ACTOR_ROLES, Role
from tracker.mail.role_words import MAY
from tracker.models import Actor, Membership, User
from tracker.services import accounts

__all__ = ["admin", "kari", "ks", "lead"]


def test_a_lead_sees_and_invites_those_of_the_own_actor_and_changes_nobody(
    as_user: Callable[[User], Client], database: Database, lead: User, kari: User, ks: Actor
) -> None:
    with database.session(write=True) as session:
        stranger = make.user(session, "Fremmed", at=make.actor(session, "DogA"))
    client = as_user(lead)
    assert "Kari Nordmann" in client.get("/people").text
    assert "Fremmed" not in client.get("/people").text
    assert client.get(f"/people/{stranger.id}").status_code == 404
    page = client.page(f"/people/{kari.id}")
    assert "Deactivate" not in html.text(page)
    for path, fields in (
        ("", {"name": "X", "email": "x@ks.example", "locale": "nb"}),
        ("/deactivate", {}),
        ("/roles", {"role": "reader", "actor_id": str(ks.id)}),
    ):
        assert client.send(f"/people/{kari.id}{path}", **fields).status_code in {400, 403}
    assert client.submit(f"/people/{kari.id}", role="lead").status_code == 303
    assert roles(database, kari) == {("member", ks.id), ("lead", ks.id)}
    assert actions(database) == ["user.role_given"]


def test_a_lead_gives_no_role_elsewhere(
    as_user: Callable[[User], Client], database: Database, lead: User, kari: User
) -> None:
    with database.session(write=True) as session:
        other = make.actor(session, "DogA")
        by = make.person_of(session, lead)
        with pytest.raises(ForbiddenError):
            accounts.give_role(session, by=by, user_id=kari.id, role=Role.LEAD, actor_id=other.id)
        theirs = make.membership(session, session.get_one(User, kari.id), Role.LEAD, at=other)
    taken = as_user(lead).send(f"/people/{kari.id}/roles/{theirs.id}/take")
    assert taken.status_code == 403


@pytest.fixture
def secretary(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Ingrid Solvang", role=Role.COORDINATOR, locale="en")


@pytest.mark.parametrize("role", [Role.READER, Role.MEMBER, Role.LEAD, Role.FORUM_MEMBER])
def test_the_secretariat_invites_and_edits_ordinary_people(
    as_user: Callable[[User], Client], database: Database, secretary: User, ks: Actor, role: Role
) -> None:
    client = as_user(secretary)
    fields = new(role=role.value, actor_id=str(ks.id))
    assert client.submit("/people/new", **fields).status_code == 303
    user = find(database, "ny@ks.example")
    assert user is not None
    assert client.submit(f"/people/{user.id}", name="Ny Hansen").status_code == 303
    out = client.submit(f"/people/{user.id}", action=f"/people/{user.id}/deactivate")
    assert out.status_code == 303
    user = find(database, "ny@ks.example")
    assert user is not None
    assert (user.name, user.active) == ("Ny Hansen", False)


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.ADMIN])
def test_only_the_administrator_gives_and_changes_who_is_trusted(
    as_user: Callable[[User], Client], database: Database, secretary: User, kari: User, role: Role
) -> None:
    with database.session(write=True) as session:
        trusted = make.user(session, "Betrodd", role=role)
        by = make.person_of(session, secretary)
        for user_id in (kari.id, trusted.id):
            with pytest.raises(ForbiddenError):
                accounts.give_role(session, by=by, user_id=user_id, role=role, actor_id=None)
        with pytest.raises(ForbiddenError):
            create(session, by=by, role=role)
    client = as_user(secretary)
    assert f'value="{role}"' not in client.get("/people/new").text
    fields = {"name": "X", "email": "x@ks.example", "locale": "nb"}
    assert client.send(f"/people/{trusted.id}", **fields).status_code == 403
    assert client.send(f"/people/{trusted.id}/deactivate").status_code == 403
    assert "Deactivate" not in html.text(client.page(f"/people/{trusted.id}"))
    [membership] = membership_ids(database, trusted)
    assert client.send(f"/people/{trusted.id}/roles/{membership}/take").status_code == 403


def membership_ids(database: Database, user: User) -> list[int]:
    with database.session(write=False) as session:
        query = select(Membership.id).where(Membership.user_id == user.id)
        return list(session.scalars(query))


def test_nobody_but_the_administrator_changes_their_own_roles(
    as_user: Callable[[User], Client], database: Database, secretary: User, ks: Actor
) -> None:
    client = as_user(secretary)
    gift = {"role": "lead", "actor_id": str(ks.id)}
    refused = client.send(f"/people/{secretary.id}/roles", **gift)
    assert refused.status_code == 403
    assert "Somebody else has to change your own roles." in refused.text
    assert roles(database, secretary) == {("coordinator", None)}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.COORDINATOR, Role.LEAD])
def test_who_may_invite_finds_the_way_in_the_menu_and_on_the_actors_page(
    as_user: Callable[[User], Client], database: Database, ks: Actor, role: Role
) -> None:
    with database.session(write=True) as session:
        user = make.user(session, at=ks if role == Role.LEAD else None, role=role, locale="en")
        other = make.actor(session, "DogA")
    client = as_user(user)
    [header] = client.page("/").iter("header")
    assert "/people" in [link.get("href") for link in header.iter("a")]
    way = f"/people/new?actor={ks.id}"
    assert way in [link.get("href") for link in client.page(f"/actors/{ks.id}").iter("a")]
    elsewhere = "Invite somebody" in client.get(f"/actors/{other.id}").text
    assert elsewhere == (role != Role.LEAD)
    page = client.page(way)
    chosen = [o for o in page.iter("option") if o.get("selected") is not None]
    assert [html.text(option) for option in chosen] == ["KS"]


def test_others_find_no_way_to_invite(
    as_user: Callable[[User], Client], kari: User, ks: Actor
) -> None:
    client = as_user(kari)
    assert "/people" not in client.get("/").text
    assert "Invite somebody" not in client.get(f"/actors/{ks.id}").text


def test_each_role_says_in_a_sentence_what_it_may_do(
    as_user: Callable[[User], Client], admin: User, kari: User
) -> None:
    client = as_user(admin)
    for path in ("/people/new", f"/people/{kari.id}"):
        page = html.text(client.page(path))
        for sentence in MAY.values():
            assert sentence in page


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_the_first_person_of_a_command_is_administrator_as_well(
    database: Database, ks: Actor, role: Role
) -> None:
    with database.session(write=True) as session:
        actor_id = ks.id if role in ACTOR_ROLES else None
        first = create(session, role=role, actor_id=actor_id)
        second = create(session, role=role, actor_id=actor_id, email="to@ks.example")
    assert roles(database, first) == {(role, actor_id), ("admin", None)}
    assert roles(database, second) == {(role, actor_id)}
    assert actions(database) == ["user.created", "user.role_given", "user.created"]
