"""One's own account: who one is, in which language, and with which password."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.databases import count_queries
from tests.integration.test_sign_in import PASSWORD, QUICK
from tracker.db import Database
from tracker.models import AuditDetails, AuditEvent, User
from tracker.services import passwords, sign_in
from tracker.web.accounts.browsers import name_of

NEW = "helt nye ord her"


@pytest.fixture
def kari(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Kari Nordmann", locale="en", password_hash=QUICK.hash(PASSWORD))


@pytest.fixture
def ola(database: Database) -> User:
    """Somebody without a password."""
    with database.session(write=True) as session:
        return make.user(session, "Ola Nordmann", locale="en")


def stored(database: Database, user: User) -> User:
    with database.session(write=False) as session:
        return session.get_one(User, user.id)


def has_password(database: Database, user: User, password: str) -> bool:
    return passwords.verify(password, stored(database, user).password_hash)[0]


def events(database: Database) -> list[tuple[str, object]]:
    with database.session(write=False) as session:
        rows = session.execute(
            select(AuditEvent.action, AuditDetails.details)
            .join(AuditDetails, AuditDetails.event_id == AuditEvent.id)
            .order_by(AuditEvent.id)
        )
        return [(action, details) for action, details in rows]


def test_name_and_language_are_changed_and_audited(
    as_user: Callable[[User], Client], database: Database, kari: User
) -> None:
    response = as_user(kari).submit("/account", name="  Kari   Åse\u0301n ", locale="nn")
    assert response.status_code == 303
    after = stored(database, kari)
    assert (after.name, after.locale) == ("Kari Åsén", "nn")
    assert events(database) == [
        (
            "user.edited",
            {
                "before": {"name": "Kari Nordmann", "locale": "en"},
                "after": {"name": "Kari Åsén", "locale": "nn"},
            },
        )
    ]


def test_saving_without_a_change_is_no_event(
    as_user: Callable[[User], Client], database: Database, kari: User
) -> None:
    assert as_user(kari).submit("/account", name="Kari Nordmann").status_code == 303
    assert events(database) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "", "locale": "en"}, "name"),
        ({"name": "x" * 201, "locale": "en"}, "name"),
        ({"name": "Kari", "locale": "xx"}, "locale"),
        ({"name": "Kari"}, "locale"),
    ],
)
def test_a_bad_value_is_told_at_its_field_and_nothing_is_changed(
    as_user: Callable[[User], Client],
    database: Database,
    kari: User,
    fields: dict[str, str],
    field: str,
) -> None:
    response = as_user(kari).send("/account", **fields)
    assert response.status_code == 400
    assert f'href="#{field}' in response.text
    assert f'value="{fields["name"]}"' in response.text
    assert stored(database, kari).name == "Kari Nordmann"


def test_a_password_is_made_without_a_present_one(
    as_user: Callable[[User], Client], database: Database, ola: User
) -> None:
    client = as_user(ola)
    assert "current_password" not in client.get("/account/password").text
    assert client.submit("/account/password", new_password=NEW).status_code == 303
    assert has_password(database, ola, NEW)
    assert events(database) == [("user.password_set", {"before": {}, "after": {}})]


def test_a_password_is_changed_with_the_present_one(
    as_user: Callable[[User], Client], database: Database, kari: User
) -> None:
    response = as_user(kari).submit(
        "/account/password", current_password=PASSWORD, new_password=NEW
    )
    assert response.status_code == 303
    assert has_password(database, kari, NEW)


def test_the_present_password_must_be_right(
    as_user: Callable[[User], Client], database: Database, kari: User
) -> None:
    client = as_user(kari)
    for given in ("", "wrong"):
        response = client.send("/account/password", current_password=given, new_password=NEW)
        assert response.status_code == 400
        assert 'href="#current_password"' in response.text
    assert has_password(database, kari, PASSWORD)
    assert events(database) == []


def test_guessing_the_present_password_is_limited(
    as_user: Callable[[User], Client], kari: User
) -> None:
    client = as_user(kari)
    for _ in range(5):
        client.send("/account/password", current_password="guess", new_password=NEW)
    blocked = client.send("/account/password", current_password=PASSWORD, new_password=NEW)
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"] == "900"


@pytest.mark.parametrize("password", ["", "elleve tegn", "x" * 201])
def test_a_password_of_the_wrong_length_is_refused_at_its_field(
    as_user: Callable[[User], Client], database: Database, ola: User, password: str
) -> None:
    response = as_user(ola).send("/account/password", new_password=password)
    assert response.status_code == 400
    assert 'href="#new_password"' in response.text
    assert stored(database, ola).password_hash is None


def test_whoever_came_by_a_mailed_link_need_not_know_the_forgotten_password(
    client: Client, database: Database, kari: User, now: Clock
) -> None:
    with database.session(write=True) as session:
        token = sign_in.create_sign_in_link(session, user=session.merge(kari), now=now())
    client.submit(f"/sign-in/link/{token}")
    assert "current_password" not in client.get("/account/password").text
    now.advance(minutes=31)
    assert "current_password" in client.get("/account/password").text
    assert client.send("/account/password", new_password=NEW).status_code == 400
    now.advance(minutes=-20)
    assert client.submit("/account/password", new_password=NEW).status_code == 303
    assert has_password(database, kari, NEW)
    assert "current_password" in client.get("/account/password").text


def test_a_new_password_signs_other_browsers_out(
    as_user: Callable[[User], Client], ola: User
) -> None:
    here, there = as_user(ola), as_user(ola)
    here.submit("/account/password", new_password=NEW)
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302


def test_the_account_lists_ones_own_browsers_by_name(
    as_user: Callable[[User], Client], kari: User, ola: User
) -> None:
    as_user(ola)
    as_user(kari)
    root = as_user(kari).page("/account")
    forms = [form for form in html.forms(root, "/account") if "browsers" in form.action]
    assert len(forms) == 2
    assert "(this one)" in html.text(root)


def test_the_account_asks_the_database_as_often_however_many_browsers(
    as_user: Callable[[User], Client], database: Database, kari: User
) -> None:
    client = as_user(kari)
    with count_queries(database) as few:
        client.get("/account")
    for _ in range(10):
        as_user(kari)
    with count_queries(database) as many:
        client.get("/account")
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/128.0 Safari/537 Edg/128", "Edge"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Safari/604.1", "Safari"),
    ],
)
def test_browsers_are_called_what_people_call_them(agent: str, name: str) -> None:
    assert name in name_of(agent)
