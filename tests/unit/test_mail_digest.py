"""The words of the mails: subject, phrases, sections, in three languages."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import html5lib
import pytest

from tracker.domain.reminder_steps import Section
from tracker.mail import letters
from tracker.mail.digest import Digest, Line, Notice

TODAY = dt.date(2026, 6, 8)
FRAME = letters.Frame(locale="nb", base_url="https://oppfolging.example", can_reply=True)

OVERDUE = Line(
    section=Section.OVERDUE,
    ref="DIFI-4.2",
    title="Felles avtale for hospitering",
    title_locale="nb",
    url="https://oppfolging.example/answer/overdue",
    by_link=True,
    deadline=dt.date(2026, 5, 29),
    number=2,
)
DUE = Line(
    section=Section.DUE_SOON,
    ref="DIFI-5.1",
    title="Program for ledernettverket",
    title_locale="nb",
    url="https://oppfolging.example/answer/due",
    by_link=True,
    deadline=dt.date(2026, 6, 15),
)
QUESTION = replace(DUE, section=Section.QUESTIONS, ref="DIFI-3", deadline=None)
DECIDE = replace(
    DUE,
    section=Section.TO_DECIDE,
    ref="DIFI-1.1",
    notices=(Notice(kind="confirm", who="KS"),),
    deadline=None,
)
NOTICE = replace(
    QUESTION,
    by_link=False,
    section=Section.NOTICES,
    ref="DIFI-2",
    notices=(Notice(kind="sent_back", detail="Mangler evaluering"),),
)


def digest_of(*lines: Line, **changes: object) -> Digest:
    values = {
        "today": TODAY,
        "name": "Kari Nordmann",
        "actor": "KS",
        "shared_mailbox": False,
        "audiences": ("responsible",),
        "lines": lines,
    }
    return Digest(**(values | changes))  # type: ignore[arg-type]


def rendered(*lines: Line, locale: str = "nb", **changes: object) -> letters.Rendered:
    return letters.digest(replace(FRAME, locale=locale), digest_of(*lines, **changes))


def test_the_digest_reads_as_the_model_mail() -> None:
    assert rendered(DUE, OVERDUE).subject == (
        "1 over fristen, 1 med frist 15.06.2026 – status fra deg"
    )
    assert (
        rendered(DUE, OVERDUE).text
        == """\
Hei, Kari

Hvordan går det med disse oppgavene? Det tar under ett minutt å svare.

OVER FRISTEN

DIFI-4.2 Felles avtale for hospitering
Frist: fredag 29. mai 2026 (2. purring)
Svar: https://oppfolging.example/answer/overdue

FRIST SNART

DIFI-5.1 Program for ledernettverket
Frist: mandag 15. juni 2026
Svar: https://oppfolging.example/answer/due

Medlemmene i forumet kan lese svaret, og det lagres i ditt navn (KS). \
Lenkene er personlige. Ikke din oppgave? Si fra med samme lenke.

Spørsmål? Svar på denne e-posten, så hjelper sekretariatet deg.

Du får denne fordi du er saksansvarlig.
Påminnelser: https://oppfolging.example/reminders
Endre språk: https://oppfolging.example/account
Hva som kommer på e-post: https://oppfolging.example/account/mail

Oppfølging
Anbefalinger og mål, fulgt opp til de er gjennomført.
https://oppfolging.example
Slik virker det: https://oppfolging.example/help
Personvern: https://oppfolging.example/privacy
Tilgjengelighetserklæring: https://oppfolging.example/accessibility
"""
    )


LATER = replace(DUE, ref="DIFI-5.2", deadline=dt.date(2026, 6, 22))
YEAR = replace(DUE, ref="DIFI-5.3", deadline=dt.date(2027, 12, 31), precision="year")


@pytest.mark.parametrize(
    ("lines", "subject"),
    [
        ((OVERDUE,), "1 over fristen – status fra deg"),
        ((DUE, replace(DUE, ref="X")), "2 med frist 15.06.2026 – status fra deg"),
        ((LATER, DUE), "2 med frist fra 15.06.2026 – status fra deg"),
        ((YEAR,), "1 med frist i løpet av 2027 – status fra deg"),
        (
            (YEAR, replace(YEAR, deadline=dt.date(2028, 12, 31))),
            "2 med frist snart – status fra deg",
        ),
        (
            (replace(DUE, deadline=dt.date(2027, 1, 4)),),
            "1 med frist 04.01.2027 – status fra deg",
        ),
        ((QUESTION,), "1 uten nytt – status fra deg"),
        ((DECIDE,), "1 å avgjøre – venter på deg"),
        ((replace(OVERDUE, section=Section.RAISED),), "1 sendt videre til deg – venter på deg"),
        ((OVERDUE, NOTICE), "1 over fristen – status fra deg"),
        ((NOTICE,), "DIFI-2: Oppgaven er sendt tilbake og regnes ikke som gjennomført ennå"),
        ((NOTICE, replace(NOTICE, ref="X")), "Nytt om 2 oppgaver"),
        (
            (NOTICE, DECIDE, QUESTION, DUE, OVERDUE),
            "1 over fristen, 1 med frist 15.06.2026, 1 uten nytt, 1 å avgjøre – status fra deg",
        ),
    ],
)
def test_the_subject_counts_exactly_what_waits(lines: tuple[Line, ...], subject: str) -> None:
    assert rendered(*lines).subject == subject


@pytest.mark.parametrize(
    ("locale", "subject", "deadline", "number", "hello"),
    [
        ("nn", "1 over fristen – status frå deg", "fredag 29. mai 2026", "2. purring", "Hei, Kari"),
        (
            "en",
            "1 overdue – status from you",
            "Friday 29 May 2026",
            "overdue reminder no. 2",
            "Hello, Kari",
        ),
    ],
)
def test_the_mail_speaks_the_receivers_language(
    locale: str, subject: str, deadline: str, number: str, hello: str
) -> None:
    mail = rendered(OVERDUE, locale=locale)

    assert mail.subject == subject
    for words in (deadline, number, hello):
        assert words in mail.text
        assert words in mail.html
    assert f'<html lang="{locale}">' in mail.html


def test_sections_come_in_order_of_urgency_and_lines_by_deadline() -> None:
    sections = digest_of(NOTICE, DECIDE, QUESTION, LATER, DUE, OVERDUE).sections()

    assert [[line.ref for line in lines] for _heading, lines in sections] == [
        ["DIFI-4.2"], ["DIFI-5.1", "DIFI-5.2"], ["DIFI-3"], ["DIFI-1.1"], ["DIFI-2"],
    ]  # fmt: skip


def test_a_reminder_before_the_deadline_is_called_by_its_own_name() -> None:
    assert "Frist: mandag 15. juni 2026 (2. påminnelse)" in rendered(replace(DUE, number=2)).text


def test_the_first_reminder_carries_no_number() -> None:
    assert "påminnelse" not in rendered(DUE).text
    assert "purring" not in rendered(replace(OVERDUE, number=1)).text


def test_it_is_told_beforehand_who_hears_of_it_next() -> None:
    friday, monday = dt.date(2026, 6, 12), dt.date(2026, 6, 22)

    lead = rendered(replace(OVERDUE, leads_told_on=friday, secretariat_told_on=monday)).text
    secretariat = rendered(replace(OVERDUE, secretariat_told_on=monday)).text

    assert "ønske om ny frist, får hovedkontakten hos dere beskjed fredag 12. juni 2026." in lead
    assert "ønske om ny frist, får sekretariatet beskjed mandag 22. juni 2026." in secretariat


def test_what_a_person_wrote_is_quoted_and_cannot_become_markup() -> None:
    notice = Notice(kind="sent_back", detail="<script>alert(1)</script>")
    mail = rendered(replace(NOTICE, notices=(notice,), title="A & <b>B</b>"))

    assert "«<script>alert(1)</script>»" in mail.text
    assert "<script" not in mail.html
    assert "A &amp; &lt;b&gt;B&lt;/b&gt;" in mail.html


def test_a_line_break_in_a_reason_cannot_forge_a_line_of_the_text() -> None:
    notice = Notice(kind="sent_back", detail="Mangler\n\nSvar: https://ond.example")
    mail = rendered(replace(NOTICE, notices=(notice,)))

    assert "\nSvar: https://ond.example" not in mail.text


def test_the_shared_mailbox_is_greeted_by_its_actor_and_asked_for_a_name() -> None:
    text = rendered(
        OVERDUE,
        shared_mailbox=True,
        name="Innovasjon Norge",
        actor="Innovasjon Norge",
        audiences=("mailbox",),
    ).text

    assert text.startswith("Hei, Innovasjon Norge\n")
    assert "det lagres med navnet du oppgir (Innovasjon Norge)" in text
    assert "Lenkene gjelder denne postkassen." in text
    assert "fordi dette er den felles postkassen til Innovasjon Norge." in text
    assert "Påminnelser:" not in text


def test_several_reasons_are_given_in_one_sentence() -> None:
    text = rendered(OVERDUE, DECIDE, audiences=("responsible", "leads", "coordinator")).text

    reason = "Du får denne fordi du er saksansvarlig, hovedkontakt hos KS og i sekretariatet."
    assert reason in text


def test_a_list_of_mails_shows_the_tasks_beside_the_subject() -> None:
    body = rendered(DUE, OVERDUE).html.partition("<body")[2]
    first = "DIFI-4.2 Felles avtale for hospitering, DIFI-5.1 Program for ledernettverket"

    assert body.index(first) < body.index("Hei, Kari")


def test_replying_is_offered_only_where_an_answer_reaches_somebody() -> None:
    silent = letters.digest(replace(FRAME, can_reply=False), digest_of(OVERDUE))

    assert "Svar på denne e-posten" not in silent.text
    assert "Svar på denne e-posten" not in silent.html


def test_news_alone_does_not_speak_of_answers() -> None:
    text = rendered(NOTICE).text

    assert "Her er det som er nytt." in text
    assert "kan lese svaret" not in text
    assert "Åpne: https://" in text


def test_an_empty_digest_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="without lines"):
        digest_of()


def test_a_demonstration_says_so_in_every_mail() -> None:
    frame = replace(FRAME, demonstration=True)
    mails = [
        letters.digest(frame, digest_of(OVERDUE)),
        letters.sign_in(frame, name="Kari", url="https://x.example/s", minutes=30),
        letters.answer_link(frame, name="Kari", ref="A-1", title="B", url="https://x.example/a"),
        letters.test(frame),
    ]

    for mail in mails:
        assert "Dette er en demonstrasjon" in mail.text
        assert "Dette er en demonstrasjon" in mail.html


@pytest.mark.parametrize("locale", ["nb", "nn", "en"])
def test_html_is_valid_and_reads_without_images_or_outside_styles(locale: str) -> None:
    frame = replace(FRAME, locale=locale)
    for mail in (
        rendered(NOTICE, DECIDE, QUESTION, DUE, OVERDUE, locale=locale),
        letters.sign_in(frame, name="Kari", url="https://x.example/s", minutes=30),
        letters.answer_link(frame, name="Kari", ref="A-1", title="B", url="https://x.example/a"),
        letters.test(frame),
    ):
        document = html5lib.HTMLParser(strict=True).parse(mail.html)
        tags = [element.tag for element in document.iter() if isinstance(element.tag, str)]
        names = {tag.rpartition("}")[2] for tag in tags}
        assert not names & {"img", "script", "link"}
        assert "style=" in mail.html
        assert "prefers-color-scheme" in mail.html


def test_the_sign_in_mail_holds_the_link_and_how_long_it_works() -> None:
    mail = letters.sign_in(FRAME, name="Kari", url="https://x.example/sign-in/abc", minutes=30)

    assert mail.subject == "Lenke for å logge inn"
    assert "https://x.example/sign-in/abc\n" in mail.text
    assert "innen 30 minutter" in mail.text
    assert 'href="https://x.example/sign-in/abc"' in mail.html
