"""A task with the people around it, and questions about what is written of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import factories as make
from tests.factories import TODAY
from tracker.db import Base, Database
from tracker.domain.roles import Role
from tracker.models import Actor, AuditEvent, StatusUpdate, Task, User

DAY: Final = dt.timedelta(days=1)
ZONE: Final = "Europe/Oslo"


@dataclass(frozen=True)
class Scene:
    """KS owns the task, DOGA contributes, and Difi has nothing to do with it."""

    ks: Actor
    doga: Actor
    kari: User
    ola: User
    """Kari's colleague."""
    dina: User
    """Of the contributor."""
    per: User
    """Of another actor."""
    siri: User
    """The secretariat."""
    task: Task


def scene(session: Session, **task: Any) -> Scene:
    ks, doga, difi = (make.actor(session, name) for name in ("KS", "DOGA", "Difi"))
    kari = make.user(session, "Kari Nordmann", at=ks)
    values: dict[str, Any] = {"ref": "DIFI-4.2", "deadline": TODAY + 30 * DAY, "owner": ks}
    return Scene(
        ks=ks,
        doga=doga,
        kari=kari,
        ola=make.user(session, "Ola Hansen", at=ks),
        dina=make.user(session, "Dina Dahl", at=doga),
        per=make.user(session, "Per Pedersen", at=difi),
        siri=make.user(session, "Siri Sekretær", role=Role.COORDINATOR),
        task=make.task(session, responsible=kari, contributors=(doga,), **(values | task)),
    )


def set_up(database: Database, **task: Any) -> Scene:
    with database.session(write=True) as session:
        return scene(session, **task)


def task_of(database: Database, scene: Scene) -> Task:
    with database.session(write=False) as session:
        return session.get_one(Task, scene.task.id)


def updates_of(database: Database, scene: Scene) -> list[StatusUpdate]:
    with database.session(write=False) as session:
        return list(
            session.scalars(
                select(StatusUpdate)
                .where(StatusUpdate.task_id == scene.task.id)
                .order_by(StatusUpdate.id)
            )
        )


def audited(database: Database, scene: Scene) -> list[tuple[str, str, int | None]]:
    """Return what was done to the task: action, through what, and by whom."""
    with database.session(write=False) as session:
        rows = session.execute(
            select(AuditEvent.action, AuditEvent.actor, AuditEvent.user_id)
            .where(AuditEvent.entity == "task", AuditEvent.entity_id == scene.task.id)
            .order_by(AuditEvent.id)
        )
        return [(row.action, row.actor, row.user_id) for row in rows]


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, to compare before and after."""
    with database.session(write=False) as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(table.select())), key=repr)
            for table in Base.metadata.sorted_tables
        }
