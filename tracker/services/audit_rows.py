"""The rows that events speak of: what is hashed of them, and whether they are as they were.

Status updates, with their evidence, and deadline changes. The details of an event hold a digest of
each row it speaks of, salted as the details are; the newest event counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import Table, func, inspect, select
from sqlalchemy.orm import Session

from tracker.models import DeadlineChange, Evidence, StatusUpdate
from tracker.services.audit_digests import digest, plain

Row: TypeAlias = StatusUpdate | DeadlineChange
Digests: TypeAlias = dict[str, dict[str, str]]
"""The digest of each row, by table and id (text, as JSON has no other keys)."""

_NAMES: Final = {"status_updates": "status update", "deadline_changes": "deadline change"}
_TABLES: Final[dict[str, Table]] = {
    table.name: table
    for model in (StatusUpdate, DeadlineChange)
    if isinstance(table := model.__table__, Table)
}
_PORTION: Final = 1_000


@dataclass(frozen=True, slots=True)
class Damage:
    """What a check found, and the number of the event it shows at; None: no event knows of it."""

    event_id: int | None
    what: str


def of_rows(rows: Iterable[Row], *, salt: str) -> Digests:
    """Return the digests of flushed rows."""
    found: Digests = {}
    for row in rows:
        name = row.__tablename__
        values = {column.name: getattr(row, column.name) for column in _TABLES[name].columns}
        evidence = row.evidence if isinstance(row, StatusUpdate) else []
        content = _content(values, [(link.url, link.title) for link in evidence])
        found.setdefault(name, {})[str(row.id)] = _digest(salt, name, content)
    return found


def of_stored(session: Session, *, salt: str, newer_than: Mapping[str, int]) -> Digests:
    """Return the digests of all rows in the tables, or of those with larger ids than these."""
    return {
        name: {
            str(row_id): _digest(salt, name, content)
            for row_id, content in _stored(session, name, newer_than.get(name, 0))
        }
        for name in _TABLES
    }


def last_ids(session: Session) -> dict[str, int]:
    """Return the largest id of each table that has rows."""
    found = {name: session.scalar(select(func.max(table.c.id))) for name, table in _TABLES.items()}
    return {name: last for name, last in found.items() if last is not None}


def _digest(salt: str, name: str, content: Mapping[str, Any]) -> str:
    return digest([salt, name, content])


def _content(values: Mapping[str, Any], evidence: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what counts of a row. Left out is what is empty, as a column added later would be."""
    content = plain({**values, "evidence": evidence})
    return {name: value for name, value in content.items() if value}


def _stored(session: Session, name: str, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the rows of a table with what counts of them, by id, read in portions."""
    table = _TABLES[name]
    # A migration that reads rows knows nothing of columns that later ones add.
    existing = {column["name"] for column in inspect(session.connection()).get_columns(name)}
    wanted = select(*(column for column in table.columns if column.name in existing))
    while True:
        portion = session.execute(
            wanted.where(table.c.id > after).order_by(table.c.id).limit(_PORTION)
        ).all()
        if not portion:
            return
        last = portion[-1].id
        evidence = _evidence(session, after, last) if name == StatusUpdate.__tablename__ else {}
        for row in portion:
            yield row.id, _content(row._asdict(), evidence.get(row.id, []))
        after = last


def _evidence(session: Session, after: int, last: int) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for update_id, url, title in session.execute(
        select(Evidence.update_id, Evidence.url, Evidence.title)
        .where(Evidence.update_id > after, Evidence.update_id <= last)
        .order_by(Evidence.id)
    ):
        found.setdefault(update_id, []).append((url, title))
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """What the events of a chain tell of rows, taken in from its start to its end."""

    # The newest event of each row, with its salt and digest in bytes, as there are many of them;
    # without both where they were erased.
    _newest: dict[str, dict[int, tuple[int, bytes, bytes]]] = field(
        default_factory=lambda: {name: {} for name in _TABLES}
    )

    def take(self, event_id: int, digests: Digests, *, salt: str) -> None:
        """Take in an event with the digests in its details."""
        salted = bytes.fromhex(salt)
        for name, rows in digests.items():
            newest = self._newest[name]
            for row_id, told in rows.items():
                newest[int(row_id)] = event_id, salted, bytes.fromhex(told)

    def take_erased(self, event_id: int, rows: Mapping[str, Iterable[int]]) -> None:
        """Take in that the details of an event were erased, which told of these rows."""
        for name, ids in rows.items():
            newest = self._newest[name]
            for row_id in ids:
                if row_id not in newest or newest[row_id][0] < event_id:
                    newest[row_id] = event_id, b"", b""

    def check(self, session: Session) -> Damage | None:
        """Compare with the rows as they are now; return the first that does not fit.

        Use it once: what has been compared is forgotten.
        """
        for name, newest in self._newest.items():
            for row_id, content in _stored(session, name, 0):
                told = newest.pop(row_id, None)
                if told is None:
                    return Damage(None, f"{_NAMES[name]} {row_id} is in no event")
                event_id, salt, before = told
                if before and bytes.fromhex(_digest(salt.hex(), name, content)) != before:
                    return Damage(event_id, f"{_NAMES[name]} {row_id} was changed")
            for row_id, (event_id, _salt, before) in sorted(newest.items()):
                if before:
                    return Damage(event_id, f"{_NAMES[name]} {row_id} was removed")
        return None
