"""Who may let people in, change their roles and shut them out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.databases import count_queries
from tracker.db import Database
from tracker.domain.errors import ForbiddenError, InvalidError
from tracker.domain.roles import Person, Role
from tracker.models import Actor, AnswerLink, AuditEvent, Membership, User
from tracker.services import accounts, outbox, sessions, sign_in


@pytest.fixture
def ks(database: Database) -> Actor:
    with database.session(write=True) as session:
        return make.actor(session, "KS")


@pytest.fixture
def admin(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Jonas Berge", role=Role.ADMIN, locale="en")


@pytest.fixture
def lead(database: Database, ks: Actor) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Steinar Lie", at=ks, role=Role.LEAD, locale="en")


@pytest.fixture
def kari(database: Database, ks: Actor) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Kari Nordmann", at=ks, email="kari@ks.example", locale="en")


def find(database: Database, email: str) -> User | None:
    with database.session(write=False) as session:
        return session.scalar(select(User).where(User.email == email))


def roles(database: Database, user: User) -> set[tuple[str, int | None]]:
    with database.session(write=False) as session:
        rows = session.execute(
            select(Membership.role, Membership.actor_id).where(Membership.user_id == user.id)
        )
        return {(role, actor_id) for role, actor_id in rows}


def actions(database: Database) -> list[str]:
    with database.session(write=False) as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


def new(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Ny Person",
        "email": "ny@ks.example",
        "role": "member",
        "actor_id": "",
        "locale": "nn",
    } | fields


def create(session: Session, **values: Any) -> User:
    defaults = {
        "email": "ny@ks.example",
        "name": "Ny Person",
        "actor_id": None,
        "role": Role.READER,
        "locale": "nb",
        "now": make.NOW,
    }
    return accounts.create_user(session, **(defaults | values))


def answer_link(session: Session, user: User, now: dt.datetime, state: str = "sent") -> AnswerLink:
    email = outbox.queue_email(
        session,
        kind="digest",
        addressee=outbox.to_user(user.id),
        mail_from="a@b.example",
        now=now,
    )
    email.state = state
    link = AnswerLink(
        email_id=email.id,
        task_id=make.task(session).id,
        user_id=user.id,
        created_at=now,
        expires_at=now.replace(year=2030),
    )
    session.add(link)
    return link


# Letting in.


def test_the_admin_invites_somebody_anywhere(
    as_user: Callable[[User], Client], database: Database, admin: User, ks: Actor
) -> None:
    client = as_user(admin)
    response = client.submit("/people/new", **new(email="Ny@KS.example", actor_id=str(ks.id)))
    user = find(database, "ny@ks.example")
    assert user is not None
    assert response.location == f"/people/{user.id}"
    assert (user.name, user.locale, user.active) == ("Ny Person", "nn", True)
    assert roles(database, user) == {("member", ks.id)}
    assert actions(database) == ["user.created", "user.invited"]
    assert "ny@ks.example" in client.get(response.location).text


def test_a_lead_lets_staff_into_the_own_organisation(
    as_user: Callable[[User], Client], database: Database, lead: User, ks: Actor
) -> None:
    response = as_user(lead).submit("/people/new", **new(role="lead", actor_id=str(ks.id)))
    assert response.status_code == 303
    user = find(database, "ny@ks.example")
    assert user is not None
    assert roles(database, user) == {("lead", ks.id)}


@pytest.mark.parametrize("role", ["admin", "coordinator", "forum_member", "reader"])
def test_a_lead_gives_no_other_roles(
    as_user: Callable[[User], Client], database: Database, lead: User, ks: Actor, role: str
) -> None:
    response = as_user(lead).send("/people/new", **new(role=role, actor_id=ks.id))
    assert response.status_code == 400
    assert find(database, "ny@ks.example") is None


def test_a_lead_lets_nobody_into_another_organisation(
    as_user: Callable[[User], Client], database: Database, lead: User
) -> None:
    with database.session(write=True) as session:
        other = make.actor(session, "DogA")
    response = as_user(lead).send("/people/new", **new(actor_id=other.id))
    assert response.status_code == 400
    assert 'href="#actor_id"' in response.text
    assert find(database, "ny@ks.example") is None


def test_the_service_itself_refuses_what_a_lead_may_not_do(
    database: Database, lead: User, ks: Actor
) -> None:
    by = Person(lead.id, lead.name, "nb", lead_of=frozenset({ks.id}))
    with database.session(write=False) as session:
        for role, actor_id in ((Role.ADMIN, ks.id), (Role.MEMBER, ks.id + 1), (Role.READER, None)):
            with pytest.raises(ForbiddenError):
                create(session, by=by, role=role, actor_id=actor_id)


@pytest.mark.parametrize("path", ["/people", "/people/new", "/people/1"])
def test_others_have_no_business_there(
    as_user: Callable[[User], Client], kari: User, client: Client, path: str
) -> None:
    assert as_user(kari).get(path).status_code == 403
    assert client.get(path).status_code == 302


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "no address"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"email": "x" * 250 + "@ks.example"}, "email"),
        ({"email": "KARI@ks.example"}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"role": "emperor"}, "role"),
        ({"actor_id": ""}, "actor_id"),
        ({"actor_id": "4711"}, "actor_id"),
        ({"actor_id": "x"}, "actor_id"),
        ({"locale": "xx"}, "locale"),
    ],
)
def test_a_bad_value_is_told_at_its_field_and_the_rest_is_kept(
    as_user: Callable[[User], Client],
    database: Database,
    admin: User,
    kari: User,
    ks: Actor,
    fields: dict[str, str],
    field: str,
) -> None:
    sent = new(actor_id=str(ks.id)) | fields
    response = as_user(admin).send("/people/new", **sent)
    assert response.status_code == 400
    assert f'href="#{field}' in response.text
    assert f'value="{sent["name"]}"' in response.text
    assert f'value="{sent["email"]}"' in response.text
    with database.session(write=False) as session:
        assert len(session.scalars(select(User)).all()) == 2


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("nb", "Det kan bare sendes e-post til adresser med a til z"),
        ("nn", "Det kan berre sendast e-post til adresser med a til z"),
        ("en", "E-mail can only be sent to addresses with a to z"),
    ],
)
def test_letters_before_the_at_sign_are_refused_in_words_at_the_field(
    as_user: Callable[[User], Client],
    database: Database,
    admin: User,
    ks: Actor,
    locale: str,
    words: str,
) -> None:
    with database.session(write=True) as session:
        session.get_one(User, admin.id).locale = locale
    sent = new(actor_id=str(ks.id), email="søren@ks.no")
    response = as_user(admin).send("/people/new", **sent)
    assert response.status_code == 400
    assert words in response.text
    assert 'value="søren@ks.no"' in response.text


def test_what_nobody_sees_in_an_address_is_left_out_where_it_is_entered_and_where_one_signs_in(
    as_user: Callable[[User], Client], database: Database, admin: User, ks: Actor
) -> None:
    sent = new(actor_id=str(ks.id), email="\ufeffny\u200b@k\u00ads.no\u2060")
    assert as_user(admin).send("/people/new", **sent).status_code == 303
    with database.session(write=False) as session:
        assert "ny@ks.no" in session.scalars(select(User.email)).all()
    assert sign_in.address_of(" NY@ks\u200d.no") == "ny@ks.no"


def test_a_command_needs_nobody_to_act(database: Database) -> None:
    with database.session(write=True) as session:
        create(session, role=Role.ADMIN)
        create(session, role=Role.READER, email="to@ks.example")
    assert actions(database) == ["user.created", "user.created"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"role": Role.MEMBER}, "actor_id"),
        ({"actor_id": 99}, "actor_id"),
        ({"actor_id": 10**20}, "actor_id"),
        ({"locale": "sv"}, "locale"),
        ({"name": " "}, "name"),
    ],
)
def test_a_command_is_refused_by_the_same_rules(
    database: Database, values: dict[str, Any], field: str
) -> None:
    with database.session(write=False) as session, pytest.raises(InvalidError) as caught:
        create(session, **values)
    assert caught.value.field == field


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_of_two_who_let_the_same_person_in_at_once_one_is_told(database: Database) -> None:
    # On SQLite the second cannot even begin before the first is done.
    with (
        ThreadPoolExecutor(1) as executor,
        database.session(write=True) as first,
        database.session(write=True) as second,
    ):
        create(first)
        other = executor.submit(create, second)
        assert wait([other], timeout=0.5).not_done
        database.commit(first)
        with pytest.raises(InvalidError) as caught:
            other.result(timeout=10)
        assert second.scalar(select(func.count()).select_from(User)) == 1
    assert (caught.value.field, caught.value.code) == ("email", "address_taken")


# Changing.


def test_the_admin_corrects_name_and_language(
    as_user: Callable[[User], Client], database: Database, admin: User, kari: User
) -> None:
    theirs = as_user(kari)
    response = as_user(admin).submit(f"/people/{kari.id}", name="Kari Hansen", locale="nn")
    assert response.status_code == 303
    user = find(database, "kari@ks.example")
    assert user is not None
    assert (user.name, user.locale) == ("Kari Hansen", "nn")
    assert theirs.get("/account").status_code == 200
    assert actions(database) == ["user.edited"]


def test_with_a_new_address_the_old_one_opens_no_door(
    as_user: Callable[[User], Client], database: Database, admin: User, kari: User, now: Clock
) -> None:
    theirs = as_user(kari)
    with database.session(write=True) as session:
        user = session.get_one(User, kari.id)
        user.email_failed_at, user.email_failure = now(), "550 no such user"
        token = sign_in.create_sign_in_link(session, user=user, now=now())
        sent = answer_link(session, kari, now())
        waiting = answer_link(session, kari, now(), state="queued")
    as_user(admin).submit(f"/people/{kari.id}", email="kari@ny.example")
    assert theirs.get("/account").status_code == 302
    assert theirs.get(f"/sign-in/link/{token}").status_code == 410
    user_now = find(database, "kari@ny.example")
    assert user_now is not None
    assert (user_now.email_failed_at, user_now.email_failure) == (None, None)
    with database.session(write=False) as session:
        assert session.get_one(AnswerLink, sent.id).revoked_at == now()
        # This mail has reached nobody and goes to the new address.
        assert session.get_one(AnswerLink, waiting.id).revoked_at is None


def test_an_address_that_somebody_has_is_refused_and_the_text_kept(
    as_user: Callable[[User], Client], admin: User, kari: User
) -> None:
    path = f"/people/{kari.id}"
    response = as_user(admin).send(path, name="Kari H", email=admin.email, locale="nb")
    assert response.status_code == 400
    assert 'href="#email"' in response.text
    assert 'value="Kari H"' in response.text


def test_roles_are_given_and_taken(
    as_user: Callable[[User], Client], database: Database, admin: User, kari: User, ks: Actor
) -> None:
    client = as_user(admin)
    path = f"/people/{kari.id}"
    assert client.submit(path, role="lead", actor_id=str(ks.id)).status_code == 303
    assert client.submit(path, role="forum_member", actor_id="").status_code == 303
    assert roles(database, kari) == {("member", ks.id), ("lead", ks.id), ("forum_member", None)}
    first = next(form for form in html.forms(client.page(path), path) if "take" in form.action)
    assert client.post(first.action, data=first.filled()).status_code == 303
    assert roles(database, kari) == {("lead", ks.id), ("forum_member", None)}
    # The same click once more does nothing more; from another page it is too late.
    assert client.post(first.action, data=first.filled()).status_code == 303
    assert client.send(first.action).status_code == 404
    assert actions(database) == ["user.role_given", "user.role_given", "user.role_taken"]


@pytest.mark.parametrize(
    ("role", "at_ks", "field"),
    [("member", True, "role"), ("lead", False, "actor_id"), ("emperor", True, "role")],
)
def test_a_role_that_cannot_be_given_is_told_at_its_field(
    as_user: Callable[[User], Client],
    database: Database,
    admin: User,
    kari: User,
    ks: Actor,
    role: str,
    at_ks: bool,
    field: str,
) -> None:
    actor_id = str(ks.id) if at_ks else ""
    response = as_user(admin).send(f"/people/{kari.id}/roles", role=role, actor_id=actor_id)
    assert response.status_code == 400
    assert f'href="#{field}' in response.text
    assert 'value="Kari Nordmann"' in response.text
    assert roles(database, kari) == {("member", ks.id)}


def test_a_role_of_somebody_else_is_not_taken_by_mistake(
    as_user: Callable[[User], Client], database: Database, admin: User, kari: User, lead: User
) -> None:
    with database.session(write=False) as session:
        theirs = session.scalars(select(Membership.id).where(Membership.user_id == lead.id)).one()
    assert as_user(admin).send(f"/people/{kari.id}/roles/{theirs}/take").status_code == 404
    assert roles(database, lead)


# Shutting out.


def test_whoever_is_shut_out_is_out_at_once(
    as_user: Callable[[User], Client], database: Database, admin: User, kari: User, now: Clock
) -> None:
    theirs = as_user(kari)
    with database.session(write=True) as session:
        token = sign_in.create_sign_in_link(session, user=session.merge(kari), now=now())
        link = answer_link(session, kari, now())
    client = as_user(admin)
    out = client.submit(f"/people/{kari.id}", action=f"/people/{kari.id}/deactivate")
    assert out.status_code == 303
    assert theirs.get("/account").status_code == 302
    assert theirs.get(f"/sign-in/link/{token}").status_code == 410
    with database.session(write=False) as session:
        assert session.get_one(AnswerLink, link.id).revoked_at == now()
        assert not session.get_one(User, kari.id).active
    assert "Deactivated" in client.get("/people").text
    client.submit(f"/people/{kari.id}", action=f"/people/{kari.id}/reactivate")
    assert as_user(kari).get("/account").status_code == 200
    assert theirs.get("/account").status_code == 302
    assert actions(database) == ["user.deactivated", "user.reactivated"]


def test_somebody_must_remain_who_runs_people(
    as_user: Callable[[User], Client], database: Database, admin: User
) -> None:
    client = as_user(admin)
    path = f"/people/{admin.id}"
    assert client.submit(path, action=f"{path}/deactivate").status_code == 403
    take = next(form for form in html.forms(client.page(path), path) if "take" in form.action)
    assert client.post(take.action, data=take.filled()).status_code == 403
    with database.session(write=True) as session:
        make.user(session, role=Role.ADMIN, active=False)
    assert client.submit(path, action=f"{path}/deactivate").status_code == 403
    with database.session(write=True) as session:
        make.user(session, role=Role.ADMIN)
    assert client.submit(path, action=f"{path}/deactivate").status_code == 303
    assert client.get("/account").status_code == 302


def test_the_page_says_what_somebody_leaves_behind(
    as_user: Callable[[User], Client], database: Database, admin: User, kari: User, ks: Actor
) -> None:
    with database.session(write=True) as session:
        owner = session.merge(ks)
        responsible = session.merge(kari)
        make.task(session, owner=owner, responsible=responsible)
        make.task(session, owner=owner, responsible=responsible, status="closed")
    assert "responsible for 1 open task" in html.text(as_user(admin).page(f"/people/{kari.id}"))


@pytest.mark.parametrize("path", ["/people/4711", "/people/99999999999999999999"])
def test_nobody_by_that_number(as_user: Callable[[User], Client], admin: User, path: str) -> None:
    assert as_user(admin).get(path).status_code == 404


# The list.


def names(page: accounts.People) -> list[str]:
    return [user.name for user in page.people]


@pytest.fixture
def many(database: Database) -> Person:
    """120 people besides the admin; several share a name."""
    with database.session(write=True) as session:
        for number in range(120):
            make.user(session, f"Person {number // 3:03}")
        return sessions.person_of(make.user(session, "Admin", role=Role.ADMIN))


def test_pages_show_everybody_once_in_both_directions(database: Database, many: Person) -> None:
    with database.session(write=False) as session:
        forth = [accounts.page(session, by=many)]
        while forth[-1].after:
            forth.append(accounts.page(session, by=many, after=forth[-1].after))
        back = [forth[-1]]
        while back[-1].before:
            back.append(accounts.page(session, by=many, before=back[-1].before))
    ids = [user.id for page in forth for user in page.people]
    assert len(ids) == len(set(ids)) == 121
    assert [names(page) for page in forth] == [names(page) for page in reversed(back)]
    assert forth[0].before is None
    everybody = [name for page in forth for name in names(page)]
    assert everybody == sorted(everybody)


def test_a_place_that_is_gone_begins_at_the_start(database: Database, many: Person) -> None:
    with database.session(write=False) as session:
        first = accounts.page(session, by=many)
        assert names(accounts.page(session, by=many, after=10**20)) == names(first)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("øvre", ["Torunn Øvrebø"]),
        ("TORUNN", ["Torunn Øvrebø"]),
        ("solvang@", ["Ingrid Solvang"]),
        ("100%", []),
        ("_", []),
        ("", ["Admin", "Ingrid Solvang", "Torunn Øvrebø"]),
    ],
)
def test_search_finds_parts_of_names_and_addresses(
    database: Database, search: str, found: list[str]
) -> None:
    with database.session(write=True) as session:
        make.user(session, "Torunn Øvrebø", email="t@tracker.example")
        make.user(session, "Ingrid Solvang", email="solvang@tracker.example")
        by = sessions.person_of(make.user(session, "Admin", role=Role.ADMIN))
        assert names(accounts.page(session, by=by, search=search)) == found


def test_the_list_keeps_the_search_from_page_to_page(
    as_user: Callable[[User], Client], database: Database, admin: User, many: Person
) -> None:
    client = as_user(admin)
    first = client.get("/people?q=person")
    root = html.parse(first.text)
    following = next(a.get("href") for a in root.iter("a") if a.get("rel") == "next")
    assert following is not None
    assert "q=person" in following
    assert "Person 020" in client.get(following).text
    assert "120 people" in client.get("/people?q=Person+0").text


def test_nobody_found_is_said(as_user: Callable[[User], Client], admin: User) -> None:
    assert "Nobody found" in as_user(admin).get("/people?q=%00xyz&after=x").text


def test_the_pages_ask_the_database_as_often_however_many_people(
    as_user: Callable[[User], Client], database: Database, admin: User, kari: User
) -> None:
    client = as_user(admin)
    counts = []
    for _ in range(2):
        with count_queries(database) as queries:
            for path in ("/people", f"/people/{kari.id}", "/people/new"):
                assert client.get(path).status_code == 200
        counts.append(len(queries))
        with database.session(write=True) as session:
            for _ in range(20):
                make.user(session, at=make.actor(session))
    assert counts[0] == counts[1]
