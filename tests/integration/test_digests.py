"""What a digest says when it is sent: planned and delivered for real, read in the mailbox."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config import Settings
from tests import factories as make
from tests import mails
from tests.client import Clock
from tests.databases import count_queries
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.domain.status import Precision, Status
from tracker.mail.senders import MailboxSender
from tracker.models import Actor, AnswerLink, OutgoingEmail, Reminder, Task, User
from tracker.services import answer_links, delivery, letters, reminders

DAY = dt.timedelta(days=1)


class Office:
    """An installation whose reminders run when told, and whose mails can be read."""

    def __init__(self, database: Database, settings: Settings, now: Clock) -> None:
        self.database = database
        self.settings = settings
        self.now = now

    def plan(self) -> None:
        with self.database.session(write=True) as session:
            reminders.plan_run(session, settings=self.settings, now=self.now())

    def deliver(self) -> delivery.Counts:
        return delivery.deliver_due(
            self.database, MailboxSender(), settings=self.settings, now=self.now
        )

    def run(self) -> dict[str, OutgoingEmail]:
        """Plan and deliver; return the latest mail by receiver."""
        self.plan()
        self.deliver()
        with self.database.session(write=False) as session:
            sent = session.scalars(
                select(OutgoingEmail)
                .where(OutgoingEmail.state == "sent")
                .order_by(OutgoingEmail.id)
            )
            return {email.to_address or "": email for email in sent}

    def text(self, address: str) -> str:
        """Run, and return the text that `address` got."""
        return self.run()[address].text_body or ""


@pytest.fixture
def office(database: Database, settings: Settings, now: Clock) -> Office:
    return Office(database, settings, now)


KARI = "kari@ks.example"
OFFICE = "sekretariat@forum.example"


def ks(session: Session) -> tuple[Actor, User]:
    actor = make.actor(session, "KS")
    return actor, make.user(session, "Kari Nordmann", at=actor, email=KARI)


def secretariat(session: Session) -> User:
    return make.user(session, "Sofie Sekretær", role=Role.COORDINATOR, email=OFFICE)


def test_a_late_task_names_its_date_the_number_of_the_reminder_and_who_is_told_next(
    office: Office,
) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.user(session, "Lise Leder", at=actor, role=Role.LEAD)
        make.task(
            session, ref="DIFI-4.2", owner=actor, responsible=kari, deadline=mails.DUE_LAST_FRIDAY
        )
    first = office.text(KARI)
    office.now.advance(days=7)
    second = office.text(KARI)

    assert "DIFI-4.2 Felles avtale for hospitering\nFrist: fredag 27. februar 2026\n" in first
    assert "ønske om ny frist, får hovedkontakten hos dere beskjed fredag 13. mars 2026.\n" in first
    assert "Frist: fredag 27. februar 2026 (2. purring)\n" in second


def test_reminders_before_the_deadline_are_counted_apart(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.task(session, owner=actor, responsible=kari, deadline=make.TODAY + 30 * DAY)
    assert "påminnelse" not in office.text(KARI)
    office.now.advance(days=23)
    assert "(2. påminnelse)" in office.text(KARI)
    office.now.advance(days=13)
    late = office.text(KARI)
    assert "OVER FRISTEN" in late
    assert "purring" not in late


def test_a_year_is_written_as_a_year(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.task(
            session,
            owner=actor,
            responsible=kari,
            deadline=dt.date(2026, 12, 31),
            deadline_precision=Precision.YEAR,
        )
    office.now.now = dt.datetime(2026, 10, 5, 9, tzinfo=dt.UTC)

    assert "Frist: i løpet av 2026\n" in office.text(KARI)


def test_a_reminder_delayed_past_the_deadline_does_not_say_due_soon(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.task(session, owner=actor, responsible=kari, deadline=make.TODAY)
    office.plan()
    office.now.advance(days=1)
    office.deliver()

    with office.database.session(write=False) as session:
        text = session.scalars(select(OutgoingEmail.text_body)).one() or ""
    assert "OVER FRISTEN" in text
    assert "FRIST SNART" not in text


def test_two_reasons_to_write_about_one_task_share_a_line(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.task(
            session,
            ref="DIFI-4.2",
            owner=actor,
            responsible=kari,
            deadline=mails.DUE_IN_A_WEEK,
            assignment=1,
            assigned_at=make.NOW,
        )
    email = office.run()[KARI]
    text = email.text_body or ""

    assert email.subject == "1 med frist 09.03.2026 – status fra deg"
    assert text.count("DIFI-4.2") == 1
    assert "Du er nå saksansvarlig for denne oppgaven." in text


def test_the_secretariat_is_asked_to_decide_and_told_the_reasons(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        secretariat(session)
        done = make.task(
            session, ref="A-1", owner=actor, responsible=kari, status=Status.REPORTED_DONE
        )
        make.update(session, done, kari, status_before=Status.IN_PROGRESS)
        late = make.task(session, ref="A-2", owner=actor, responsible=kari, deadline=make.TODAY)
        make.deadline_change(session, late, dt.date(2027, 1, 29), requested_by=kari)
        never = make.task(session, ref="A-3", owner=actor, responsible=kari, deadline=make.TODAY)
        make.deadline_change(
            session, never, make.TODAY, new_deadline=None, new_precision=None, requested_by=kari
        )
        wrong = make.task(session, ref="A-4", owner=actor, responsible=kari)
        make.update(session, wrong, kari, not_mine=True, comment="Det er NAV sin.")
    email = office.run()[OFFICE]
    text = email.text_body or ""

    assert email.subject == "4 å avgjøre – venter på deg"
    for sentence in (
        "KS har meldt oppgaven gjennomført. Bekreft det, eller send oppgaven tilbake.\n",
        "KS ber om ny frist: 29.01.2027.\n«Anskaffelsen tok lengre tid.»\n",
        "KS ber om at oppgaven ikke skal ha frist.\n",
        "Kari Nordmann sier at dette er noen andres oppgave.\n«Det er NAV sin.»\n",
        "fordi du er i sekretariatet.",
    ):
        assert sentence in text
    assert "/answer/" not in text
    assert "Lenkene er personlige" not in text
    assert f"Åpne: http://127.0.0.1:8000/tasks/{done.id}\n" in text


def test_the_owner_is_told_what_was_decided_and_why(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        boss = secretariat(session)
        back = make.task(session, ref="A-1", owner=actor, responsible=kari)
        make.update(
            session,
            back,
            boss,
            actor_id=None,
            status_before=Status.REPORTED_DONE,
            comment="Mangler evaluering.",
        )
        closed = make.task(session, ref="A-2", owner=actor, responsible=kari, status=Status.CLOSED)
        make.update(session, closed, boss, actor_id=None, status_before=Status.REPORTED_DONE)
        for ref, outcome in (("A-3", "approved"), ("A-4", "rejected")):
            task = make.task(
                session, ref=ref, owner=actor, responsible=kari, deadline=make.TODAY + 200 * DAY
            )
            make.deadline_change(
                session,
                task,
                make.TODAY + 200 * DAY,
                requested_by=kari,
                outcome=outcome,
                decided_by=boss,
                decided_at=make.NOW,
                decision_reason=f"Fordi {ref}.",
            )
    email = office.run()[KARI]
    text = email.text_body or ""

    assert email.subject == "Nytt om 4 oppgaver"
    for sentence in (
        "Oppgaven er sendt tilbake og regnes ikke som gjennomført ennå.\n«Mangler evaluering.»\n",
        "Bekreftet som gjennomført. Takk for innsatsen.\n",
        "Den nye fristen er godkjent.\n«Fordi A-3.»\n",
        "Den nye fristen ble ikke godkjent. Den gamle gjelder.\n«Fordi A-4.»\n",
    ):
        assert sentence in text


def test_a_deadline_that_nobody_asked_for_is_not_called_approved(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        boss = secretariat(session)
        for ref, until in (("A-1", make.TODAY + 200 * DAY), ("A-2", None)):
            task = make.task(session, ref=ref, owner=actor, responsible=kari, deadline=until)
            set_directly = {"requested_by": boss, "decided_by": boss, "decided_at": make.NOW}
            make.deadline_change(
                session, task, until, outcome="approved", reason=f"Møtet om {ref}.", **set_directly
            )
    text = office.run()[KARI].text_body or ""

    assert "Sekretariatet har satt denne fristen.\n«Møtet om A-1.»\n" in text
    assert "Sekretariatet har avklart at oppgaven ikke skal ha frist.\n«Møtet om A-2.»\n" in text
    assert "godkjent" not in text


def test_the_secretariat_is_told_monthly_what_is_not_settled(office: Office) -> None:
    with office.database.session(write=True) as session:
        secretariat(session)
        make.task(session, ref="A-1", created_at=make.NOW - 40 * DAY)
        make.task(
            session,
            ref="A-2",
            owner=make.actor(session),
            responsible_none_on=make.TODAY,
            deadline_none_on=make.TODAY,
            status=None,
            created_at=make.NOW - 40 * DAY,
        )
    email = office.run()[OFFICE]
    text = email.text_body or ""

    assert email.subject == "2 å avgjøre – venter på deg"
    assert "Ikke avklart: ansvarlig virksomhet og frist.\n" in text
    assert "Ikke avklart: status.\n" in text


def test_what_is_raised_names_who_has_not_answered(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.user(session, at=actor, role=Role.LEAD, email="leder@ks.example")
        make.task(session, owner=actor, responsible=kari, deadline=make.TODAY - 17 * DAY)
    email = office.run()["leder@ks.example"]

    assert email.subject == "1 sendt videre til deg – venter på deg"
    assert "Det har ikke kommet svar fra Kari Nordmann." in (email.text_body or "")


def test_what_is_raised_does_not_deny_an_earlier_answer(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.user(session, at=actor, role=Role.LEAD, email="leder@ks.example")
        late = make.TODAY - 17 * DAY
        task = make.task(session, owner=actor, responsible=kari, deadline=late)
        task.last_update_at = make.NOW - 16 * DAY
    text = office.run()["leder@ks.example"].text_body or ""

    assert "Kari Nordmann har ansvaret. Siste svar kom lørdag 14. februar 2026." in text


def test_of_several_decisions_on_a_deadline_only_the_last_is_told(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        boss = secretariat(session)
        until = make.TODAY + 200 * DAY
        task = make.task(session, owner=actor, responsible=kari, deadline=until)
        for reason in ("Den første.", "Den siste."):
            set_directly = {"requested_by": boss, "decided_by": boss, "decided_at": make.NOW}
            make.deadline_change(
                session, task, until, outcome="approved", reason=reason, **set_directly
            )
    text = office.run()[KARI].text_body or ""

    assert "Den siste." in text
    assert "Den første." not in text


def test_the_receiver_reads_their_own_language_and_title(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        kari.locale = "nn"
        make.task(
            session,
            title_nn="Felles avtale for hospitering på nynorsk",
            owner=actor,
            responsible=kari,
            deadline=mails.DUE_IN_A_WEEK,
        )
    email = office.run()[KARI]

    assert email.locale == "nn"
    assert "Felles avtale for hospitering på nynorsk" in (email.text_body or "")
    assert "måndag 9. mars 2026" in (email.text_body or "")
    assert '<span lang="nn">Felles avtale' in (email.html_body or "")


def test_a_shared_mailbox_is_written_to_as_its_actor(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor = make.actor(session, "KS", email="post@ks.example")
        make.task(session, owner=actor, deadline=mails.DUE_IN_A_WEEK)
    text = office.text("post@ks.example")

    assert text.startswith("Hei, KS\n")
    assert "det lagres med navnet du oppgir (KS). Lenkene gjelder denne postkassen." in text
    assert "/answer/" in text


def test_a_repeated_sending_has_the_same_link(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.task(session, owner=actor, responsible=kari, deadline=mails.DUE_IN_A_WEEK)
    office.plan()
    texts = []
    for _ in range(2):
        with office.database.session(write=True) as session:
            email = session.scalars(select(OutgoingEmail)).one()
            drafts = letters.drafts(session, [email], settings=office.settings, now=office.now())
            texts.append(drafts[email.id].letter().email.text)
        office.now.advance(minutes=5)

    assert texts[0] == texts[1]
    with office.database.session(write=False) as session:
        link = session.scalars(select(AnswerLink)).one()
        url = answer_links.address(
            link, base_url=office.settings.base_url, secret_key=office.settings.secret_key
        )
        assert f"Svar: {url}\n" in texts[0]
        assert link.expires_at == make.NOW + 60 * DAY


def test_a_line_that_no_longer_holds_is_left_out_and_the_rest_is_sent(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        for ref in ("A-1", "A-2"):
            make.task(session, ref=ref, owner=actor, responsible=kari, deadline=mails.DUE_IN_A_WEEK)
    office.plan()
    with office.database.session(write=True) as session:
        session.execute(update(Task).where(Task.ref == "A-1").values(status=Status.REPORTED_DONE))
    counts = office.deliver()

    assert counts == delivery.Counts(sent=1, cancelled=1)
    with office.database.session(write=False) as session:
        email = session.scalars(select(OutgoingEmail)).one()
        assert "A-1" not in (email.text_body or "")
        assert "A-2" in (email.text_body or "")
        due = select(Reminder.state).where(Reminder.email_id == email.id)
        assert sorted(session.scalars(due)) == ["cancelled", "sent"]


def test_the_number_of_queries_grows_neither_with_the_mails_nor_with_their_lines(
    office: Office,
) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        for _ in range(2):
            make.task(session, owner=actor, responsible=kari, deadline=mails.DUE_IN_A_WEEK)
        other = make.user(session, at=actor)
        for number in range(20):
            task = make.task(session, owner=actor, responsible=other, deadline=mails.DUE_IN_A_WEEK)
            make.deadline_change(session, task, make.TODAY, outcome="withdrawn")
            make.update(session, task, other, created_at=make.NOW - (30 + number) * DAY)
    office.plan()
    counted = []
    for most in (1, 2):
        with office.database.session(write=True) as session:
            emails = session.scalars(
                select(OutgoingEmail).order_by(OutgoingEmail.id).limit(most)
            ).all()
            with count_queries(office.database) as seen:
                drafts = letters.drafts(session, emails, settings=office.settings, now=office.now())
            assert len(drafts) == most
            session.rollback()
            counted.append(len(seen))

    assert len(counted) == 2
    assert counted[0] == counted[1]
