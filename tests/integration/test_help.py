"""Help, privacy and accessibility: open to everybody, in three languages, or one's own pages."""

from __future__ import annotations

import pytest

from tests import html
from tests.client import Client
from tracker.db import Database
from tracker.services import installation

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("path", "locale", "words"),
    [
        ("/help", "nb", ["Hva du blir spurt om", "Hvem som ser det", "Slik virker påminnelsene"]),
        ("/help", "nn", ["Kva du blir spurd om", "Kven som ser det", "Slik verkar påminningane"]),
        ("/help", "en", ["What you are asked", "Who sees it", "How reminders work"]),
        ("/privacy", "nb", ["Hvem som er ansvarlig", "30 dager", "Datatilsynet"]),
        ("/privacy", "nn", ["Kven som er ansvarleg", "30 dagar", "Datatilsynet"]),
        ("/privacy", "en", ["Who is responsible", "30 days", "Datatilsynet"]),
        ("/accessibility", "nb", ["WCAG 2.2", "Svakheter vi kjenner til"]),
        ("/accessibility", "nn", ["WCAG 2.2", "Veikskapar vi kjenner til"]),
        ("/accessibility", "en", ["WCAG 2.2", "What we know to be weak"]),
    ],
)
def test_whoever_comes_by_is_told_in_their_language(
    client: Client, path: str, locale: str, words: list[str]
) -> None:
    response = client.get(path, headers={"Accept-Language": locale})
    assert response.status_code == 200
    page = html.text(html.parse(response.text))
    assert [word for word in words if word not in page] == []


def test_the_help_speaks_to_each_kind_of_person(client: Client) -> None:
    page = html.text(client.page("/help"))
    kinds = ("Medarbeider", "Hovedkontakt", "Sekretariat", "Forummedlem", "Leser", "Administrator")
    assert [kind for kind in (*kinds, "Felles postkasse") if kind not in page] == []


def test_the_pages_name_who_is_responsible_and_whom_to_ask(
    client: Client, database: Database
) -> None:
    assert "Ingen kontakt er oppgitt" in client.get("/privacy").text
    with database.session(write=True) as session:
        values = {"name": "Klima", "contact": "klima@nfk.example"}
        installation.describe(session, by=None, values=values)
    for path in ("/help", "/privacy", "/accessibility"):
        assert "klima@nfk.example" in html.text(client.page(path))
    assert "Den som står bak Klima" in client.get("/privacy").text


@pytest.mark.parametrize("name", ["privacy", "accessibility"])
def test_a_statement_of_ones_own_takes_the_place_of_the_page(
    client: Client, database: Database, name: str
) -> None:
    own = f"https://nfk.example/{name}"
    with database.session(write=True) as session:
        installation.describe(session, by=None, values={f"{name}_url": own})
    assert client.get(f"/{name}").location == own
