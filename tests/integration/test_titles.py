"""The address, the heading and the title of a page say the same thing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests import demonstration, html
from tests.client import Client, Clock
from tracker.db import Database
from tracker.domain.roles import Person
from tracker.models import User

Sign = Callable[[User | Person], Client]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_the_title_of_each_page_begins_with_its_heading(
    app: Flask, database: Database, now: Clock, as_user: Sign
) -> None:
    demonstration.make(app, database, now)
    differing = set()
    for who in ("secretariat", "adviser", "administrator"):
        visitor = as_user(demonstration.user(database, who))
        for address in demonstration.addresses(app, database):
            response = visitor.get(address, follow_redirects=True)
            if response.mimetype == "text/html":
                title, heading = _title_and_heading(response.text)
                if not title.startswith(heading):
                    differing.add(f"{address}: {title}, but: {heading}")
    assert sorted(differing) == []


def _title_and_heading(text: str) -> tuple[str, str]:
    page = html.parse(text)
    (title,) = page.iter("title")
    (heading,) = page.iter("h1")
    # What the page is about may stand in small letters before the heading itself.
    return html.text(title), html.text([heading, *heading.findall("span")][-1])
