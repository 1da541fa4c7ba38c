from __future__ import annotations

from tests import factories as make
from tracker.db import Database
from tracker.domain.roles import Role
from tracker.domain.status import Precision


def test_rows_are_kept_and_linked(database: Database) -> None:
    with database.session(write=True) as session:
        ks = make.actor(session, "KS")
        kari = make.user(session, "Kari Nordmann", at=ks, role=Role.LEAD)
        goal = make.goal(session)
        task = make.task(
            session, owner=ks, responsible=kari, deadline=make.TODAY, contributors=(ks,),
            goals=(goal,), source=make.source(session),
        )  # fmt: skip
        make.note(session, make.source(session))
        make.update(session, task, kari, comment="Vi er i gang.")
        make.deadline_change(session, task, make.TODAY)
        by = make.coordinator(session)
    assert by.is_coordinator
    with database.session(write=False) as session:
        kept = session.get_one(type(task), task.id)
        assert kept.owner
        assert kept.owner.name == "KS"
        assert kept.responsible
        assert [m.role for m in kept.responsible.memberships] == [Role.LEAD]
        assert kept.deadline_precision == Precision.DAY
