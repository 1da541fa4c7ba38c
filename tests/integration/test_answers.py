"""Answering from a mail: what the link lets one do, and that looking at it never writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests import factories as make
from tests.client import Client, Clock, tracker_of
from tests.factories import NOW, TODAY
from tests.html import forms, parse, text
from tests.integration.updating import (
    DAY,
    Scene,
    audited,
    everything,
    set_up,
    task_of,
    updates_of,
)
from tracker.db import Database
from tracker.domain.status import Channel, Status
from tracker.models import Actor, AnswerLink, Membership, OutgoingEmail, Task, User
from tracker.services import answer_links, deadlines, outbox, signed


@dataclass(frozen=True)
class Mailed:
    """A mail to Kari, or to the shared mailbox, that asks about some tasks."""

    scene: Scene
    links: list[str]
    """The addresses in the mail, in the order of the tasks."""

    @property
    def link(self) -> str:
        return self.links[0]


def mail(
    app: Flask, database: Database, *, to: str = "kari", others: int = 0, **task: Any
) -> Mailed:
    scene = set_up(database, **task)
    settings = tracker_of(app).settings
    with database.session(write=True) as session:
        if to == "mailbox":
            session.get_one(Actor, scene.ks.id).email = "post@ks.example"
        email = outbox.queue_email(
            session,
            kind="digest",
            addressee=outbox.to_actor(scene.ks.id)
            if to == "mailbox"
            else outbox.to_user(getattr(scene, to).id),
            mail_from=settings.mail_from,
            now=NOW,
            local_date=TODAY,
        )
        more = [
            make.task(session, f"Oppgave {number}", owner=session.merge(scene.ks))
            for number in range(others)
        ]
        tasks = [scene.task.id, *(one.id for one in more)]
        links = answer_links.issue(session, wanted=[(email, tasks)], now=NOW)
        addresses = [
            answer_links.address(links[email.id, task], base_url="", secret_key=settings.secret_key)
            for task in tasks
        ]
    return Mailed(scene, addresses)


def link_row(database: Database) -> AnswerLink:
    with database.session(write=False) as session:
        return session.query(AnswerLink).order_by(AnswerLink.id).limit(1).one()


# Looking


def test_looking_never_writes(app: Flask, database: Database, client: Client, now: Clock) -> None:
    mailed = mail(app, database, others=1)
    before = everything(database)
    for address in (mailed.link, mailed.link + "/thanks"):
        client.get(address)
    now.advance(days=61)
    client.get(mailed.link)
    assert everything(database) == before


def test_the_page_says_in_whose_name_one_answers(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database)
    page = text(client.page(mailed.link))
    assert "Du svarer som Kari Nordmann, KS." in page
    assert "Ikke deg?" in page
    assert "offentleglova" in page


def test_the_page_speaks_the_language_of_the_mail(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database)
    with database.session(write=True) as session:
        session.get_one(User, mailed.scene.kari.id).locale = "nn"
    assert "Korleis går det?" in text(client.page(mailed.link))
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    assert "Korleis går det?" in text(client.page(mailed.link))


def test_the_page_shows_no_other_task(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database, others=1)
    assert "Oppgave 0" not in text(client.page(mailed.link))


# Answering


def test_an_answer_is_written_in_the_receivers_name_through_the_link(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database)
    answer = client.submit(mailed.link, progress="uncertain", comment="Avtalen er på høring.")
    assert (answer.status_code, answer.location) == (303, mailed.link + "/thanks")
    scene = mailed.scene
    (update,) = updates_of(database, scene)
    assert (update.channel, update.user_id, update.actor_id) == (
        Channel.EMAIL_LINK, scene.kari.id, scene.ks.id,
    )  # fmt: skip
    assert (update.assessment, update.comment) == ("uncertain", "Avtalen er på høring.")
    assert task_of(database, scene).last_update_at == NOW
    assert audited(database, scene) == [("status.updated", "link", scene.kari.id)]
    assert link_row(database).update_id == update.id


def test_the_thanks_say_what_was_saved_and_lead_to_the_other_tasks(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database, others=1)
    client.submit(mailed.link, progress="uncertain", comment="Avtalen er på høring.")
    page = client.page(mailed.link + "/thanks")
    shown = text(page)
    assert "Avtalen er på høring." in shown
    assert "Medlemmene i forumet" in shown
    assert "Kari Nordmann, KS" in shown
    hrefs = [item.get("href") for item in page.iter("a")]
    assert mailed.links[0] in hrefs
    assert mailed.links[1] in hrefs
    client.submit(mailed.links[1], progress="on_track")
    assert "Besvart" in text(client.page(mailed.links[1] + "/thanks"))


def test_a_second_visit_corrects_the_first(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database)
    client.submit(mailed.link, progress="done", comment="Ferdig.")
    page = client.page(mailed.link)
    (form,) = [form for form in forms(page, mailed.link) if "progress" in form.fields]
    assert (form.fields["progress"], form.fields["comment"]) == (["done"], ["Ferdig."])
    client.submit(mailed.link, progress="on_track", comment="Nei, nesten.")
    first, second = updates_of(database, mailed.scene)
    assert second.corrects_id == first.id
    assert task_of(database, mailed.scene).status == Status.IN_PROGRESS
    client.submit(mailed.link, progress="uncertain", comment="Litt usikkert.")
    assert updates_of(database, mailed.scene)[2].corrects_id == second.id


def test_a_visit_after_somebody_elses_answer_adds_one(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database)
    client.submit(mailed.link, progress="uncertain")
    with database.session(write=True) as session:
        make.update(session, mailed.scene.task, mailed.scene.ola, assessment="off_track")
    client.submit(mailed.link, progress="on_track")
    assert updates_of(database, mailed.scene)[-1].corrects_id is None


def test_no_change_takes_one_click(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database)
    with database.session(write=True) as session:
        make.update(session, mailed.scene.task, mailed.scene.ola, assessment="uncertain")
    answer = client.submit(mailed.link, action=mailed.link + "/no-change")
    assert answer.location == mailed.link + "/thanks"
    update = updates_of(database, mailed.scene)[-1]
    assert (update.no_change, update.assessment, update.channel, update.user_id) == (
        True, "uncertain", Channel.EMAIL_LINK, mailed.scene.kari.id,
    )  # fmt: skip
    client.page(mailed.link + "/thanks")


def test_a_new_date_can_be_asked_for(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database, deadline=TODAY - DAY)
    assert client.submit(mailed.link, progress="on_track").status_code == 400
    client.submit(mailed.link, progress="on_track", expected_on="1.9.2026", comment="Sen.")
    with database.session(write=False) as session:
        change = deadlines.pending(session, task_id=mailed.scene.task.id)
        assert change is not None
        assert change.requested_by_id == mailed.scene.kari.id
    assert "Ønsket frist: 01.09.2026." in text(client.page(mailed.link))
    assert "Ber om ny frist 01.09.2026" in text(client.page(mailed.link + "/thanks"))


def test_not_mine_tells_the_secretariat(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database)
    answer = client.submit(
        mailed.link, action=mailed.link + "/not-mine", **{"not-mine-comment": "Spør Ola."}
    )
    assert answer.status_code == 303
    (update,) = updates_of(database, mailed.scene)
    assert (update.not_mine, update.comment, update.channel) == (
        True, "Spør Ola.", Channel.EMAIL_LINK,
    )  # fmt: skip
    assert task_of(database, mailed.scene).last_update_at is None
    assert "Sekretariatet" in text(client.page(mailed.link + "/thanks"))


def test_a_contributor_answers_for_its_part(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database, to="dina")
    assert "DOGA" in text(client.page(mailed.link))
    client.submit(mailed.link, progress="off_track")
    (update,) = updates_of(database, mailed.scene)
    assert (update.as_contributor, update.actor_id) == (True, mailed.scene.doga.id)


# From a shared mailbox


def test_a_shared_mailbox_states_a_name(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database, to="mailbox")
    assert "Du svarer for KS." in text(client.page(mailed.link))
    before = everything(database)
    answer = client.submit(mailed.link, progress="on_track")
    assert answer.status_code == 400
    assert parse(answer.text).find(".//*[@id='stated_name-error']") is not None
    assert everything(database) == before
    client.submit(mailed.link, progress="on_track", stated_name="Vikar Vikarsen")
    (update,) = updates_of(database, mailed.scene)
    assert (update.user_id, update.stated_name, update.actor_id) == (
        None, "Vikar Vikarsen", mailed.scene.ks.id,
    )  # fmt: skip
    assert audited(database, mailed.scene) == [("status.updated", "link", None)]
    assert "Vikar Vikarsen, KS" in text(client.page(mailed.link + "/thanks"))
    client.submit(mailed.link, progress="uncertain", stated_name="Ny Vikar")
    assert updates_of(database, mailed.scene)[1].corrects_id == update.id


@pytest.mark.parametrize("name", ["Eve\n\nSign in at evil.example", "Eve\u202e", "x" * 201])
def test_a_stated_name_that_could_pass_for_a_message_is_refused_at_its_field(
    app: Flask, database: Database, client: Client, name: str
) -> None:
    mailed = mail(app, database, to="mailbox")
    before = everything(database)
    answer = client.submit(mailed.link, progress="on_track", comment="Det går", stated_name=name)
    assert answer.status_code == 400
    assert parse(answer.text).find(".//*[@id='stated_name-error']") is not None
    assert "Det går" in answer.text
    assert everything(database) == before


def test_a_stated_name_has_one_line_in_every_mail(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database, to="mailbox")
    client.submit(mailed.link, progress="on_track", stated_name="Eve\r\n\r\nURGENT: call us")
    (update,) = updates_of(database, mailed.scene)
    assert update.stated_name == "Eve URGENT: call us"


def test_a_shared_mailbox_has_no_click_without_a_name(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database, to="mailbox")
    with database.session(write=True) as session:
        make.update(session, mailed.scene.task, mailed.scene.ola, assessment="uncertain")
    page = client.page(mailed.link)
    assert mailed.link + "/no-change" not in [form.action for form in forms(page, mailed.link)]
    assert client.send(mailed.link + "/no-change").status_code == 400
    answer = client.submit(mailed.link, action=mailed.link + "/not-mine")
    assert answer.status_code == 400
    assert len(updates_of(database, mailed.scene)) == 1


# Links that do not work


def test_a_made_up_link_is_not_found(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database)
    named, _, signature = mailed.link.rpartition(".")
    # Not its last letter, of which some bits mean nothing.
    other = "A" if signature[0] != "A" else "B"
    forged = [
        f"{named}.{other}{signature[1:]}",
        "/answer/1",
        "/answer/x.y",
    ]
    for address in forged:
        client.page(address, status=404)
        assert client.send(address, progress="on_track").status_code == 404


def test_an_expired_link_offers_a_fresh_one_to_the_same_address(
    app: Flask, database: Database, client: Client, now: Clock
) -> None:
    mailed = mail(app, database)
    now.advance(days=60)
    page = client.page(mailed.link, status=410)
    assert not [form for form in forms(page, mailed.link) if "progress" in form.fields]
    before = updates_of(database, mailed.scene)
    assert client.send(mailed.link, progress="on_track").status_code == 410
    assert updates_of(database, mailed.scene) == before == []
    for _ in range(3):
        answer = client.send(mailed.link + "/renew")
        assert (answer.status_code, answer.location) == (303, mailed.link)
    with database.session(write=False) as session:
        (email,) = session.query(OutgoingEmail).filter_by(kind="answer_link").all()
        assert email.addressee == f"user:{mailed.scene.kari.id}"
        assert email.payload == {"task_id": mailed.scene.task.id}
    now.advance(minutes=11)
    client.send(mailed.link + "/renew")
    with database.session(write=False) as session:
        assert session.query(OutgoingEmail).filter_by(kind="answer_link").count() == 2


def test_a_link_that_works_is_not_renewed(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database)
    before = everything(database)
    assert client.send(mailed.link + "/renew").status_code == 409
    assert everything(database) == before


@pytest.mark.parametrize("case", ["revoked", "deactivated", "left", "owner changed"])
def test_a_link_dies_with_what_it_stood_on(
    app: Flask, database: Database, client: Client, case: str
) -> None:
    mailed = mail(app, database)
    scene = mailed.scene
    with database.session(write=True) as session:
        match case:
            case "revoked":
                session.query(AnswerLink).one().revoked_at = NOW
            case "deactivated":
                session.get_one(User, scene.kari.id).active = False
            case "left":
                session.delete(session.query(Membership).filter_by(user_id=scene.kari.id).one())
            case _:
                task = session.get_one(Task, scene.task.id)
                task.responsible_id, task.owner_id = None, make.actor(session).id
    before = everything(database)
    client.page(mailed.link, status=410)
    for step in ("", "/no-change", "/not-mine", "/renew"):
        assert client.send(mailed.link + step, progress="on_track").status_code == 409
    assert everything(database) == before


def test_a_mailbox_of_a_former_owner_cannot_answer(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database, to="mailbox")
    with database.session(write=True) as session:
        task = session.get_one(Task, mailed.scene.task.id)
        task.responsible_id, task.owner_id = None, make.actor(session).id
    client.page(mailed.link, status=410)


@pytest.mark.parametrize("status", [Status.CLOSED, Status.DROPPED, Status.REPORTED_DONE])
def test_a_task_that_needs_no_answer_says_so(
    app: Flask, database: Database, client: Client, status: Status
) -> None:
    mailed = mail(app, database, status=status)
    page = client.page(mailed.link)
    assert not [form for form in forms(page, mailed.link) if "progress" in form.fields]
    before = everything(database)
    assert client.send(mailed.link, progress="on_track").status_code == 409
    assert everything(database) == before


@pytest.mark.parametrize("step", ["", "/no-change", "/not-mine", "/renew"])
def test_a_forged_form_writes_nothing(
    app: Flask, database: Database, client: Client, step: str
) -> None:
    mailed = mail(app, database)
    before = everything(database)
    answer = client.post(mailed.link + step, data={"progress": "on_track", "csrf_token": "x"})
    assert answer.status_code == 400
    assert everything(database) == before


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("comment", {"comment": "æ" * 100_000}),
        ("progress", {"progress": ""}),
        ("evidence", {"evidence": "ikke en lenke"}),
    ],
)
def test_bad_input_keeps_what_was_typed(
    app: Flask, database: Database, client: Client, field: str, typed: dict[str, str]
) -> None:
    mailed = mail(app, database)
    before = everything(database)
    fields = {"progress": "on_track", "comment": "Vel.", "status": "in_progress"} | typed
    answer = client.send(mailed.link, **fields)
    assert answer.status_code == 400
    page = parse(answer.text)
    assert page.find(f".//*[@id='{field}-error']") is not None
    (form,) = [form for form in forms(page, mailed.link) if "seen" in form.fields]
    assert form.fields["comment"] == [fields["comment"]]
    assert everything(database) == before


def test_news_since_the_page_was_opened_is_shown_first(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database)
    (form,) = [
        form for form in forms(client.page(mailed.link), mailed.link) if "progress" in form.fields
    ]
    with database.session(write=True) as session:
        make.update(
            session, mailed.scene.task, mailed.scene.ola, assessment="off_track", comment="Stopp."
        )
    answer = client.post(form.action, data=form.filled(progress="on_track", comment="Går bra."))
    assert answer.status_code == 409
    page = parse(answer.text)
    assert "Stopp." in text(page)
    (form,) = [form for form in forms(page, mailed.link) if "progress" in form.fields]
    assert client.post(form.action, data=form.filled()).status_code == 303


def test_the_link_gives_no_session(app: Flask, database: Database, client: Client) -> None:
    mailed = mail(app, database)
    client.submit(mailed.link, progress="on_track")
    assert client.get(f"/tasks/{mailed.scene.task.id}").status_code == 302


def test_there_are_no_thanks_without_an_answer(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database)
    answer = client.get(mailed.link + "/thanks")
    assert (answer.status_code, answer.location) == (302, mailed.link)


def test_a_link_mailed_before_an_upgrade_still_works_and_a_later_row_never_answers_to_it(
    app: Flask, database: Database, client: Client
) -> None:
    mailed = mail(app, database)
    key = tracker_of(app).settings.secret_key
    old = f"/answer/{signed.serializer('answer-link', key).dumps(link_row(database).id)}"
    assert client.get(old).status_code == 404, "a number that another row had in another database"
    with database.session(write=True) as session:
        session.execute(update(AnswerLink).values(nonce=None))
    assert client.get(old).status_code == 200
    assert client.get(mailed.link).status_code == 404, "and the other way round"
