"""The audit log: who changed what and when, as a chain of hashes that shows tampering.

`record` only notes an event; `write_pending` writes the notes as the last statements before the
commit, in one order for all processes, because it locks the head of the chain. An event about a
status update or a deadline change holds a digest of that row, so that a changed row shows too.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from tracker import clock
from tracker.db import see_one_moment
from tracker.domain.roles import Person
from tracker.models import AuditDetails, AuditEvent, AuditHead
from tracker.services import audit_rows
from tracker.services.audit_digests import digest, plain
from tracker.services.audit_rows import Damage, Row

ZERO_HASH = "0" * 64
_PENDING = "pending_audit_events"
_DATED = "audit_events_dated"
_ERASED = "audit.erased"
_LOCKED_HEAD = select(AuditHead.last_id, AuditHead.hash).with_for_update()
_INSERT_EVENTS = insert(AuditEvent)
_INSERT_DETAILS = insert(AuditDetails)
_SET_HEAD = update(AuditHead)


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a walk along the chain."""

    count: int
    head: str
    damage: Damage | None


def record(
    session: Session,
    *,
    by: Person | None,
    action: str,
    entity: str,
    entity_id: int,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    through: str | None = None,
    rows: Sequence[Row] = (),
) -> None:
    """Note an event, written when the transaction commits.

    `by` is None for the system. `before` and `after` hold the changed fields only. `through` is
    `link` for what is done by a link in a mail. `rows` are those that the event wrote or changed;
    they are hashed as they are at the commit. The event carries real time, whatever time governs
    the use case, except within `dated`.
    """
    session.info.setdefault(_PENDING, []).append(
        {
            "at": session.info.get(_DATED) or clock.now(),
            "user_id": by.user_id if by else None,
            "actor": through or ("user" if by else "system"),
            "action": action,
            "entity": entity,
            "entity_id": entity_id,
            "salt": secrets.token_hex(16),
            "details": plain({"before": before or {}, "after": after or {}}),
            "rows": rows,
        }
    )


def record_stored(
    session: Session,
    *,
    action: str,
    after: dict[str, Any] | None = None,
    newer_than: Mapping[str, int],
) -> None:
    """Note an event of the system about all rows that were written past `record`.

    `newer_than`: only those with larger ids, by table (`audit_rows.last_ids` before the writing).
    """
    record(session, by=None, action=action, entity="installation", entity_id=1, after=after)
    noted = session.info[_PENDING][-1]
    noted["details"]["rows"] = audit_rows.of_stored(
        session, salt=noted["salt"], newer_than=newer_than
    )


@contextmanager
def dated(session: Session, at: dt.datetime) -> Iterator[None]:
    """Give the events noted inside the moment `at` (aware): for invented history only."""
    session.info[_DATED] = at
    try:
        yield
    finally:
        del session.info[_DATED]


def write_pending(session: Session) -> None:
    """Write the noted events to the end of the chain, under the lock of its head."""
    pending = session.info.pop(_PENDING, [])
    if not pending:
        return
    connection = session.connection()
    head = connection.execute(_LOCKED_HEAD).one()
    number, previous = head.last_id, head.hash
    events, details = [], []
    for noted in pending:
        number += 1
        salt = noted["salt"]
        if noted["rows"]:
            noted["details"]["rows"] = audit_rows.of_rows(noted["rows"], salt=salt)
        event = {
            "id": number,
            **{key: noted[key] for key in ("at", "user_id", "actor", "action", "entity")},
            "entity_id": noted["entity_id"],
            "details_digest": _details_digest(salt, noted["details"]),
            "previous_hash": previous,
        }
        event["hash"] = previous = _event_hash(event)
        events.append(event)
        details.append({"event_id": number, "salt": salt, "details": noted["details"]})
    connection.execute(_INSERT_EVENTS, events)
    connection.execute(_INSERT_DETAILS, details)
    connection.execute(_SET_HEAD, {"last_id": number, "hash": previous})


def discard_pending(session: Session) -> None:
    """Forget the noted events of a transaction that was rolled back."""
    session.info.pop(_PENDING, None)


def erase_details(session: Session, *, event_id: int, by: Person | None) -> None:
    """Empty what an event holds about a person; the chain stays whole and says so.

    Rows that only this event holds a digest of are no longer compared.
    """
    held = session.get_one(AuditDetails, event_id).details or {}
    rows = {name: sorted(map(int, digests)) for name, digests in held.get("rows", {}).items()}
    session.execute(
        update(AuditDetails)
        .where(AuditDetails.event_id == event_id)
        .values(salt=None, details=None)
    )
    record(
        session,
        by=by,
        action=_ERASED,
        entity="audit_event",
        entity_id=event_id,
        after={"rows": rows} if rows else None,
    )


def head(session: Session) -> tuple[int, str]:
    """Return the number of events and the last hash: what to keep outside as proof."""
    row = session.execute(select(AuditHead.last_id, AuditHead.hash)).one()
    return row.last_id, row.hash


def verify(session: Session, *, expected_head: str | None = None) -> Verification:
    """Walk the chain from its start, then the rows it speaks of; stop at the first that is wrong.

    A change, a gap or a reordering of events; a row that was changed, removed or put in. A tail
    that was cut off together with its head shows only against `expected_head`, a hash noted
    outside the database earlier. Must come first in its transaction.
    """
    see_one_moment(session)
    erased = set(session.scalars(select(AuditEvent.entity_id).where(AuditEvent.action == _ERASED)))
    rows = session.execute(
        select(AuditEvent, AuditDetails)
        .outerjoin(AuditDetails, AuditDetails.event_id == AuditEvent.id)
        .order_by(AuditEvent.id)
        .execution_options(yield_per=1000)
    )
    number, previous, seen_expected = 0, ZERO_HASH, expected_head in {None, ZERO_HASH}
    told = audit_rows.Told()
    with closing(rows):
        for event, details in rows:
            what = _damage_of(event, details, number=number, previous=previous, erased=erased)
            if what:
                return Verification(number, previous, Damage(event.id, what))
            number, previous = event.id, event.hash
            seen_expected = seen_expected or previous == expected_head
            _take_rows(told, event, details)
    count, head_hash = head(session)
    damage = None
    if (count, head_hash) != (number, previous):
        damage = Damage(number + 1, "missing: the head knows more")
    elif not seen_expected:
        damage = Damage(number + 1, "the expected head is not here")
    return Verification(number, previous, damage or told.check(session))


def _take_rows(told: audit_rows.Told, event: AuditEvent, details: AuditDetails) -> None:
    if details.details is None or details.salt is None:
        return
    if event.action == _ERASED:
        told.take_erased(event.entity_id, details.details["after"].get("rows", {}))
    elif digests := details.details.get("rows"):
        told.take(event.id, digests, salt=details.salt)


def _damage_of(
    event: AuditEvent,
    details: AuditDetails | None,
    *,
    number: int,
    previous: str,
    erased: set[int],
) -> str | None:
    if event.id != number + 1:
        return f"gap: expected event {number + 1}"
    if event.previous_hash != previous:
        return "does not follow the event before it"
    fields = {key: getattr(event, key) for key in _HASHED}
    if _event_hash(fields) != event.hash:
        return "changed"
    if details is None:
        return "its details are missing"
    if details.details is None or details.salt is None:
        return None if event.id in erased else "its details were emptied without a record"
    if _details_digest(details.salt, details.details) != event.details_digest:
        return "its details were changed"
    return None


_HASHED = (
    "id",
    "at",
    "user_id",
    "actor",
    "action",
    "entity",
    "entity_id",
    "details_digest",
    "previous_hash",
)


def _event_hash(event: dict[str, Any]) -> str:
    return digest(plain([event[key] for key in _HASHED]))


def _details_digest(salt: str, details: dict[str, Any]) -> str:
    return digest([salt, details])
