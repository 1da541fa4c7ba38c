"""No first alternative of a list goes for an answer that nobody has given."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from tests import demonstration, html
from tests import factories as make
from tests.client import Client, Clock
from tests.factories import TODAY
from tests.integration.updating import DAY, set_up
from tracker.db import Database
from tracker.domain.roles import Person, Role
from tracker.models import ContextNote, DeadlineChange, User

Sign = Callable[[User | Person], Client]
EMPTY = ("", "Velg …")


def selects(page: ET.Element) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
    """Give the name of each list of a page that is sent, and its alternatives."""
    for form in page.iter("form"):
        if form.get("method") == "post":
            for found in form.iter("select"):
                options = [
                    (str(one.get("value")), html.text(one), one.get("selected") is not None)
                    for one in found.iter("option")
                ]
                yield str(found.get("name")), options


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_every_list_on_every_page_is_preset_or_begins_with_an_empty_choice(
    app: Flask, database: Database, now: Clock, as_user: Sign
) -> None:
    demonstration.make(app, database, now)
    seen, silent = set(), set()
    for who in ("secretariat", "adviser", "director", "administrator"):
        visitor = as_user(demonstration.user(database, who))
        for address in demonstration.addresses(app, database):
            response = visitor.get(address, follow_redirects=True)
            if response.mimetype != "text/html":
                continue
            for name, options in selects(html.parse(response.text)):
                seen.add(name)
                if not any(is_selected for _, _, is_selected in options):
                    silent.add(f"{address}: {name}")
    assert {"precision", "kind", "actor_id", "status", "locale"} <= seen
    assert sorted(silent) == []


def test_how_precise_a_new_deadline_is_must_be_chosen_and_what_was_typed_stays(
    database: Database, as_user: Sign
) -> None:
    scene = set_up(database)
    browser, path = as_user(scene.kari), f"/tasks/{scene.task.id}/deadline"
    [(name, options)] = selects(browser.page(path))
    assert name == "precision"
    assert [(value, label) for value, label, selected in options if selected] == [EMPTY]

    typed = {"new_deadline": str(TODAY + 90 * DAY), "reason": "Anskaffelsen tok lengre tid."}
    answer = browser.submit(path, **typed)
    assert answer.status_code == 400
    page = html.parse(answer.text)
    [error] = [one for one in page.iter("p") if one.get("id") == "precision-error"]
    assert html.text(error) == "Velg ett av alternativene."
    assert typed["reason"] in answer.text
    with database.session(write=False) as session:
        assert session.scalars(select(DeadlineChange)).all() == []

    assert browser.submit(path, precision="day", **typed).status_code == 303


def test_the_kind_of_a_note_must_be_chosen(database: Database, as_user: Sign) -> None:
    with database.session(write=True) as session:
        siri = make.user(session, role=Role.COORDINATOR)
        source = make.source(session)
    browser, path = as_user(siri), f"/sources/{source.id}/notes/new"
    answer = browser.submit(path, text_nb="En forklaring.")
    assert answer.status_code == 400
    assert 'id="kind-error"' in answer.text
    with database.session(write=False) as session:
        assert session.scalars(select(ContextNote)).all() == []


def test_a_lead_of_two_organisations_must_choose_which_somebody_new_works_for(
    database: Database, as_user: Sign
) -> None:
    with database.session(write=True) as session:
        lead = make.user(session, at=make.actor(session, "KS"), role=Role.LEAD)
        make.membership(session, lead, Role.LEAD, at=make.actor(session, "DOGA"))
    browser = as_user(lead)
    answer = browser.submit("/people/new", name="Ny Ansatt", email="ny@ks.example")
    assert answer.status_code == 400
    assert 'id="actor_id-error"' in answer.text
    assert "Ny Ansatt" in answer.text
