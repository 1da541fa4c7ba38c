"""What the installation says of itself: set, refused, and shown on pages and in mails."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from config import Settings
from tests import factories as make
from tests import html
from tests.client import Client, Clock
from tests.databases import count_queries
from tests.pngs import png
from tests.smtp_server import SmtpServer
from tracker.db import Database
from tracker.domain.errors import ForbiddenError
from tracker.domain.roles import Person, Role
from tracker.mail.message import LOGO_ID
from tracker.mail.senders import MailboxSender, Sender
from tracker.mail.smtp import SmtpSender
from tracker.models import AuditEvent, OutgoingEmail, User
from tracker.services import delivery, installation, outbox, starting_set
from tracker.web import errors

AsUser = Callable[[User | Person], Client]
NORDLAND = {
    "name": "Oppfølging i Nordland",
    "purpose_nb": "Klimatiltak, fulgt opp.",
    "forum_nb": "styringsgruppen",
    "contact": "klima@nfk.example",
}


@pytest.fixture
def admin(database: Database) -> User:
    with database.session(write=True) as session:
        return make.user(session, "Jonas Berge", role=Role.ADMIN)


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["installation", *arguments])


def describe(database: Database, **values: str) -> None:
    with database.session(write=True) as session:
        installation.describe(session, by=None, values=values or NORDLAND)


def set_logo(database: Database, content: bytes) -> None:
    with database.session(write=True) as session:
        installation.set_logo(session, by=None, content=content)


def send_mail(
    database: Database, settings: Settings, now: Clock, to: User, sender: Sender | None = None
) -> OutgoingEmail:
    """Send a mail of the simplest kind and return it as it was sent."""
    with database.session(write=True) as session:
        outbox.queue_password_set(session, user_id=to.id, mail_from=settings.mail_from, now=now())
    delivery.deliver_due(database, sender or MailboxSender(), settings=settings, now=now)
    with database.session(write=False) as session:
        mails = select(OutgoingEmail).order_by(OutgoingEmail.id.desc()).limit(1)
        return session.scalars(mails).one()


# The command.


def test_the_command_sets_what_is_given_and_leaves_the_rest(app: Flask, tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(png(240, 80))
    first = run(app, "set", "--name", "Klima", "--purpose", "Mål.", "--logo", str(logo))
    assert first.exit_code == 0, first.output
    assert run(app, "set", "--contact", "klima@nfk.example", "--purpose", "").exit_code == 0
    shown = json.loads(run(app, "show", "--json").output)
    assert (shown["name"], shown["purpose_nb"]) == ("Klima", "")
    assert shown["contact"] == "klima@nfk.example"
    assert (shown["logo_width"], shown["logo_height"]) == (240, 80)
    assert run(app, "set", "--no-logo").exit_code == 0
    assert json.loads(run(app, "show", "--json").output)["logo_version"] == ""
    assert "name\tKlima" in run(app, "show").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Nothing to change"),
        (["--name", "x" * 61], "--name: The text has 61 characters"),
        (["--contact", "nobody"], "--contact: Write an e-mail address"),
        (["--privacy-url", "http://nfk.example"], "--privacy-url: Write an address"),
        (["--privacy-url", "javascript:alert(1)"], "--privacy-url: Write an address"),
        (["--accessibility-url", "https://"], "--accessibility-url: Write an address"),
        (["--accessibility-url", "https://[x"], "--accessibility-url: Write an address"),
        (["--logo", __file__], "--logo: This is no whole PNG"),
        (["--logo", "/no/such/file"], "does not exist"),
        (["--logo", __file__, "--no-logo"], "Choose --logo or --no-logo"),
    ],
)
def test_what_cannot_be_is_refused_with_its_option_and_nothing_is_written(
    app: Flask, arguments: list[str], said: str
) -> None:
    refused = run(app, "set", "--purpose-nn", "Mål.", *arguments) if arguments else run(app, "set")
    assert refused.exit_code != 0
    assert said in refused.output
    assert json.loads(run(app, "show", "--json").output)["purpose_nn"] == ""


# The page.


def test_the_administrator_says_what_the_installation_is_called_on_a_page(
    as_user: AsUser, database: Database, admin: User
) -> None:
    client = as_user(admin)
    assert client.submit("/installation", **NORDLAND).status_code == 303
    page = client.page("/installation")
    assert "Oppfølging i Nordland" in html.text(page)
    with database.session(write=False) as session:
        event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.user_id) == ("installation.described", admin.id)


def test_a_refused_value_is_told_at_its_field_and_what_was_typed_is_kept(
    as_user: AsUser, database: Database, admin: User
) -> None:
    response = as_user(admin).submit("/installation", **(NORDLAND | {"privacy_url": "nfk.example"}))
    assert response.status_code == 400
    assert 'href="#privacy_url"' in response.text
    assert 'value="Oppfølging i Nordland"' in response.text
    with database.session(write=False) as session:
        assert installation.about(session).identity.name == ""


def test_the_administrator_changes_and_removes_the_logo(as_user: AsUser, admin: User) -> None:
    client = as_user(admin)
    picture = {"logo": (io.BytesIO(png(60, 30)), "logo.png")}
    assert client.send("/installation/logo", **picture).status_code == 303
    shown = client.get("/installation/logo")
    assert (shown.data, shown.mimetype) == (png(60, 30), "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    client.send("/installation/logo/remove")
    assert client.get("/installation/logo").status_code == 404


@pytest.mark.parametrize("content", [b"", b"<svg/>", png(extra=b"x" * 200_000)])
def test_a_file_that_is_no_logo_is_refused_at_its_field(
    as_user: AsUser, admin: User, content: bytes
) -> None:
    response = as_user(admin).send(
        "/installation/logo", logo=(io.BytesIO(content), "logo.png"), name="x"
    )
    assert response.status_code == 400
    assert 'href="#logo"' in response.text


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_nobody_but_the_administrator_changes_it(
    as_user: AsUser, database: Database, role: Role
) -> None:
    with database.session(write=True) as session:
        by = make.person(session, at=make.actor(session), role=role, locale="en")
        with pytest.raises(ForbiddenError):
            installation.describe(session, by=by, values={"name": "Klima"})
        with pytest.raises(ForbiddenError):
            installation.set_logo(session, by=by, content=png())
    refused = as_user(by).get("/installation")
    assert refused.status_code == 403
    assert "Only the administrator can do this." in refused.text


# Where it is shown.


def test_every_page_says_name_purpose_and_contact(
    client: Client, as_user: AsUser, database: Database, admin: User
) -> None:
    describe(database)
    for page in (client.page("/sign-in"), as_user(admin).page("/"), client.page("/none", 404)):
        [footer] = page.iter("footer")
        assert "Oppfølging i Nordland Klimatiltak, fulgt opp." in html.text(footer)
        addresses = [link.get("href") for link in footer.iter("a")]
        assert addresses == ["/help", "mailto:klima@nfk.example", "/privacy", "/accessibility"]
        [title] = page.iter("title")
        assert html.text(title).endswith("Oppfølging i Nordland")


def test_a_page_without_the_database_still_has_a_footer(app: Flask) -> None:
    with app.test_request_context("/"):
        body, status, _headers = errors._unavailable(RuntimeError("gone"))
    assert status == 503
    assert "Oppfølging" in body


def test_the_forum_is_named_where_an_answer_is_given(as_user: AsUser, database: Database) -> None:
    describe(database)
    with database.session(write=True) as session:
        actor = make.actor(session, "KS")
        kari = make.user(session, at=actor)
        task = make.task(session, owner=actor, responsible=kari)
    page = as_user(kari).get(f"/tasks/{task.id}/update")
    assert "Medlemmene i styringsgruppen kan lese" in page.text


def test_an_empty_installation_says_neutral_words_and_the_starting_set_its_own(
    client: Client, database: Database
) -> None:
    assert "Anbefalinger og mål, fulgt opp til de er gjennomført." in client.get("/sign-in").text
    with database.session(write=True) as session:
        starting_set.load(session, now=make.NOW)
    assert "innovasjon i offentlig sektor" in client.get("/sign-in").text
    with database.session(write=False) as session:
        identity = installation.about(session).identity
    assert identity.forum_nb == "samarbeidsforumet"


def test_the_starting_set_leaves_what_somebody_has_set(database: Database) -> None:
    describe(database, purpose_en="Climate measures.")
    with database.session(write=True) as session:
        starting_set.load(session, now=make.NOW)
        identity = installation.about(session).identity
    assert (identity.purpose_nb, identity.purpose_en) == ("", "Climate measures.")
    describe(database, forum_nb="")
    with database.session(write=True) as session:
        starting_set.load(session, now=make.NOW)
        assert installation.about(session).identity.forum_nb == ""


def test_mails_say_name_purpose_contact_and_where_to_get_help(
    database: Database, settings: Settings, now: Clock, admin: User
) -> None:
    describe(database)
    mail = send_mail(database, settings, now, admin)
    base = settings.base_url
    for body in (mail.text_body or "", mail.html_body or ""):
        for words in ("Oppfølging i Nordland", "Klimatiltak, fulgt opp.", "klima@nfk.example"):
            assert words in body
        for path in ("/help", "/privacy", "/accessibility"):
            assert base + path in body


def test_mails_carry_the_logo_with_its_words_and_fetch_nothing(
    database: Database, settings: Settings, now: Clock, admin: User, server: SmtpServer
) -> None:
    describe(database)
    set_logo(database, png(240, 80))
    own = replace(settings, smtp=server.settings, mail_from="a@nfk.example")
    with closing(SmtpSender(server.settings, timeout=5)) as sender:
        send_mail(database, own, now, admin, sender)
    [received] = server.received
    message = received.message
    assert message["From"] == "Oppfølging i Nordland <a@nfk.example>"
    [picture] = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == png(240, 80)
    assert picture["Content-ID"] == f"<{LOGO_ID}>"
    body = message.get_body(("html",))
    assert body is not None
    [image] = [line for line in body.get_content().splitlines() if "<img" in line]
    assert f'src="cid:{LOGO_ID}"' in image
    assert 'alt="Oppfølging i Nordland"' in image
    assert 'src="http' not in body.get_content()
    text = message.get_body(("plain",))
    assert text is not None
    assert "Oppfølging i Nordland" in text.get_content()


def test_the_mailbox_shows_the_logo_of_a_mail(
    database: Database, settings: Settings, now: Clock, admin: User, as_user: AsUser
) -> None:
    set_logo(database, png())
    mail = send_mail(database, settings, now, admin)
    shown = as_user(admin).get(f"/mailbox/{mail.id}/html")
    assert 'src="data:image/png;base64,' in shown.text
    assert "cid:" not in shown.text
    assert "img-src data:" in shown.headers["Content-Security-Policy"]


def test_browsers_may_keep_the_logo_until_it_changes(client: Client, database: Database) -> None:
    set_logo(database, png())
    [image] = client.page("/sign-in").iter("img")
    address = image.get("src") or ""
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert image.get("alt") == ""
    set_logo(database, png(9, 9))
    assert client.get(address).headers["Cache-Control"] == "no-cache"


def test_what_it_says_costs_no_query_of_its_own(client: Client, database: Database) -> None:
    with count_queries(database) as before:
        client.get("/sign-in")
    describe(database)
    set_logo(database, png())
    with count_queries(database) as after:
        client.get("/sign-in")
    assert len(after) == len(before)
