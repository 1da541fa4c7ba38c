"""The first digest of a person, and the mail about having got a task."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories as make
from tests import mails
from tests.integration.test_digests import KARI, Office, ks, office, secretariat
from tracker.domain.versions import version_of
from tracker.services import task_assign

__all__ = ["office"]
FIRST = "Dette er den første e-posten av dette slaget til deg."


def test_the_first_digest_explains_itself_and_no_later_one_does(office: Office) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        make.task(session, owner=actor, responsible=kari, deadline=mails.DUE_LAST_FRIDAY)
    assert FIRST in office.text(KARI)
    office.now.advance(days=7)
    assert FIRST not in office.text(KARI)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"quote": "Etablere en ordning.", "description": "Mer"}, "«Etablere en ordning.»"),
        ({"description": "Et budsjett for utslipp."}, "Et budsjett for utslipp."),
        ({"description": "ord " * 1000}, "ord ord …"),
    ],
)
def test_who_gets_a_task_is_told_what_it_says(
    office: Office, task: dict[str, Any], told: str
) -> None:
    with office.database.session(write=True) as session:
        actor, kari = ks(session)
        secretary = make.person_of(session, secretariat(session))
        source = make.source(session) if "quote" in task else None
        row = make.task(session, source=source, **task)
        task_assign.assign(
            session,
            by=secretary,
            task_id=row.id,
            wanted=task_assign.Assignment(owner=actor.id, responsible=kari.id),
            seen=version_of(task_assign.read(session, by=secretary, task_id=row.id)),
            now=office.now(),
            timezone="Europe/Oslo",
        )
    mail = office.run()
    office.now.advance(days=1)
    mail |= office.run()
    for body in (mail[KARI].text_body or "", mail[KARI].html_body or ""):
        assert told in body
        assert "Mer" not in body
