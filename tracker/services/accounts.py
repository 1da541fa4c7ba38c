"""People and their roles: who may come in, as what, and for how long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, or_, select, tuple_, update
from sqlalchemy.orm import Session, selectinload

from tracker.domain import roles
from tracker.domain.errors import ForbiddenError, InvalidError, NotFoundError
from tracker.domain.roles import ACTOR_ROLES, Person, Role
from tracker.domain.status import ACTIVE
from tracker.domain.text import person_name
from tracker.i18n import LOCALES
from tracker.models import Actor, AnswerLink, Membership, OutgoingEmail, Task, User
from tracker.services import (
    audit,
    calendar_feeds,
    contacts,
    entered,
    outbox,
    paging,
    sessions,
    sign_in,
)
from tracker.services.tasks import LARGEST_ID, visible_to
from tracker.services.unique import unique

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True)
class People:
    """One page of people, with the ids to go on from; None where there is no more."""

    people: Sequence[User]
    total: int
    before: int | None
    after: int | None


def create_user(
    session: Session,
    *,
    by: Person | None = None,
    email: str,
    name: str,
    actor_id: int | None,
    role: Role,
    locale: str,
    now: dt.datetime,
) -> User:
    """Let somebody in with a first role, and return the row.

    `by` None is a command; the first person whom it makes is administrator as well, so that
    somebody can let in the others. Raises ForbiddenError, or InvalidError at `email`, `name`,
    `locale`, `actor_id`.
    """
    _may_give(by, role=role, actor_id=actor_id)
    memberships = [_membership(session, role=role, actor_id=actor_id)]
    if by is None and role != Role.ADMIN and session.scalar(select(User.id).limit(1)) is None:
        memberships.append(Membership(role=Role.ADMIN))
    user = User(
        email=_free_address(session, email),
        name=person_name("name", name),
        locale=_locale(locale),
        created_at=now,
        memberships=memberships,
    )
    with unique(session, field="email", code="address_taken"):
        session.add(user)
    after = {"email": user.email, "name": user.name, "role": role, "actor_id": actor_id}
    _record(session, by, "user.created", user, after=after)
    for more in memberships[1:]:
        given = {"role": more.role, "actor_id": None}
        _record(session, by, "user.role_given", user, after=given)
    return user


def page(
    session: Session,
    *,
    by: Person,
    search: str = "",
    before: int | None = None,
    after: int | None = None,
) -> People:
    """Return people by name, those whose name or address contains `search`.

    A lead sees those of the own actors. `before` and `after` are ids of people that the page lies
    before or after.
    """
    key = tuple_(User.name, User.id)
    query = _visible(by)
    if search:
        # SQLite folds only a to z, so a name's capital Ø is looked for as such.
        spellings = {search, search.lower(), search.title()}
        columns = (User.name, User.email)
        query = query.where(
            or_(*(c.icontains(s, autoescape=True) for c in columns for s in sorted(spellings)))
        )
    total = session.scalar(query.with_only_columns(func.count(User.id))) or 0
    place = session.get(User, min(before or after or 0, LARGEST_ID))
    if place and before:
        query = query.where(key < (place.name, place.id)).order_by(User.name.desc(), User.id.desc())
    elif place:
        query = query.where(key > (place.name, place.id)).order_by(User.name, User.id)
    else:
        query = query.order_by(User.name, User.id)
    piece = paging.piece(
        session.scalars(query.limit(PAGE_SIZE + 1)),
        size=PAGE_SIZE,
        first=place is None,
        backwards=place is not None and before is not None,
    )
    return People(
        piece.rows,
        total=total,
        before=piece.before.id if piece.before else None,
        after=piece.after.id if piece.after else None,
    )


def get(session: Session, *, by: Person, user_id: int) -> User:
    """Return a person with roles and actors; raises NotFoundError, also for a lead of others."""
    user = session.scalar(_visible(by).where(User.id == min(user_id, LARGEST_ID)))
    if user is None:
        raise NotFoundError("no_such_person")
    return user


def open_tasks(session: Session, *, by: Person, user_id: int) -> int:
    """Return how many tasks that are not finished the person is responsible for."""
    query = visible_to(by).where(Task.responsible_id == user_id, Task.status.in_(ACTIVE))
    return session.scalar(query.with_only_columns(func.count())) or 0


def actors(session: Session, *, by: Person) -> Sequence[Actor]:
    """Return the actors that `by` may let people into, by name."""
    query = select(Actor).order_by(Actor.name)
    if not (by.is_admin or by.is_coordinator):
        query = query.where(Actor.id.in_(by.lead_of))
    return session.scalars(query).all()


def edit(
    session: Session,
    *,
    by: Person,
    user_id: int,
    email: str,
    name: str,
    locale: str,
    mail_from: str,
    now: dt.datetime,
) -> User:
    """Change who a person is, for those who `may_change` it.

    With a new address, the old one opens no door any more: sessions and links end. Both addresses
    are told. Raises InvalidError at `email`, `name` or `locale`.
    """
    user = _changeable(session, by, user_id)
    old_address = user.email
    values = {
        "email": _free_address(session, email, user),
        "name": person_name("name", name),
        "locale": _locale(locale),
    }
    with unique(session, field="email", code="address_taken"):
        _change(session, by, user, **values)
    if user.email != old_address:
        user.email_failed_at = user.email_failure = None
        contacts.works(session, addressee=outbox.to_user(user.id))
        _shut_out(session, user, now)
        outbox.queue_address_changed(
            session, user=user, old_address=old_address, mail_from=mail_from, now=now
        )
    return user


def own(session: Session, *, by: Person) -> User:
    """Return the row of the person who acts."""
    return session.get_one(User, by.user_id)


def choose_language(session: Session, *, by: Person, locale: str) -> None:
    """Change one's own language; raises InvalidError at `locale`."""
    _change(session, by, own(session, by=by), locale=_locale(locale))


def edit_own(session: Session, *, by: Person, name: str, locale: str) -> None:
    """Change one's own name and language; raises InvalidError at `name` or `locale`."""
    user = own(session, by=by)
    _change(session, by, user, name=person_name("name", name), locale=_locale(locale))


def give_role(
    session: Session, *, by: Person, user_id: int, role: Role, actor_id: int | None
) -> None:
    """Add a role; raises InvalidError at `role` or `actor_id`, ForbiddenError."""
    user = get(session, by=by, user_id=user_id)
    _not_oneself(by, user)
    _may_give(by, role=role, actor_id=actor_id)
    if any((m.role, m.actor_id) == (role, actor_id) for m in user.memberships):
        raise InvalidError("role", "has_role_already")
    membership = _membership(session, role=role, actor_id=actor_id)
    with unique(session, field="role", code="has_role_already"):
        user.memberships.append(membership)
    _record(session, by, "user.role_given", user, after={"role": role, "actor_id": actor_id})


def take_role(session: Session, *, by: Person, user_id: int, membership_id: int) -> None:
    """Take away a role that one may give; somebody must remain who runs users."""
    user = get(session, by=by, user_id=user_id)
    membership = next((m for m in user.memberships if m.id == membership_id), None)
    if membership is None:
        raise NotFoundError("no_such_role")
    _not_oneself(by, user)
    _may_give(by, role=Role(membership.role), actor_id=membership.actor_id)
    if membership.role == Role.ADMIN:
        _require_another_admin(session, user)
    session.delete(membership)
    before = {"role": membership.role, "actor_id": membership.actor_id}
    _record(session, by, "user.role_taken", user, before=before)


def deactivate(session: Session, *, by: Person, user_id: int, now: dt.datetime) -> None:
    """Shut a person out: no sign-in, no session, no link; history stays."""
    user = _changeable(session, by, user_id)
    if not user.active:
        return
    if any(membership.role == Role.ADMIN for membership in user.memberships):
        _require_another_admin(session, user)
    user.active = False
    _shut_out(session, user, now)
    _record(session, by, "user.deactivated", user)


def reactivate(session: Session, *, by: Person, user_id: int) -> None:
    """Let a deactivated person in again with the roles from before."""
    user = _changeable(session, by, user_id)
    if not user.active:
        user.active = True
        _record(session, by, "user.reactivated", user)


def may_change(by: Person, user: User) -> bool:
    """Return whether `by` may change who `user` is, and shut them out."""
    return roles.may_change(by, (membership.role for membership in user.memberships))


def may_take(by: Person, user: User, membership: Membership) -> bool:
    """Return whether `by` may take that role from `user`: one's own is others' business."""
    is_own = user.id == by.user_id and not by.is_admin
    role = Role(membership.role)
    return not is_own and roles.may_give(by, role, actor_id=membership.actor_id)


def _visible(by: Person) -> Select[User]:
    """Return the query for the people whom `by` may see with address and roles."""
    if not by.invites:
        raise ForbiddenError("not_for_your_role")
    query = select(User).options(selectinload(User.memberships).joinedload(Membership.actor))
    if by.is_admin or by.is_coordinator:
        return query
    return query.where(User.memberships.any(Membership.actor_id.in_(by.lead_of)))


def _changeable(session: Session, by: Person, user_id: int) -> User:
    user = get(session, by=by, user_id=user_id)
    if not may_change(by, user):
        raise ForbiddenError("not_for_your_role")
    return user


def _may_give(by: Person | None, *, role: Role, actor_id: int | None) -> None:
    if by is not None and not roles.may_give(by, role, actor_id=actor_id):
        raise ForbiddenError("not_for_your_role")


def _not_oneself(by: Person, user: User) -> None:
    if user.id == by.user_id and not by.is_admin:
        raise ForbiddenError("own_roles")


def _require_another_admin(session: Session, user: User) -> None:
    # Locked in one order, so that two admins cannot remove each other at the same time.
    admins = session.scalars(
        select(User.id)
        .join(Membership)
        .where(Membership.role == Role.ADMIN, User.active)
        .order_by(User.id)
        .with_for_update()
    ).all()
    if set(admins) <= {user.id}:
        raise ForbiddenError("last_admin")


def _membership(session: Session, *, role: Role, actor_id: int | None) -> Membership:
    if actor_id is None and role in ACTOR_ROLES:
        raise InvalidError("actor_id", "role_needs_actor")
    if actor_id is not None and session.get(Actor, min(actor_id, LARGEST_ID)) is None:
        raise InvalidError("actor_id", "no_such_actor")
    return Membership(actor_id=actor_id, role=role)


def _free_address(session: Session, email: str, owner: User | None = None) -> str:
    address = sign_in.address_of(entered.address(email))
    taken = session.scalar(select(User.id).where(User.email == address))
    if taken is not None and (owner is None or taken != owner.id):
        raise InvalidError("email", "address_taken")
    return address


def _locale(locale: str) -> str:
    if locale not in LOCALES:
        raise InvalidError("locale", "no_such_language")
    return locale


def _change(session: Session, by: Person, user: User, **values: str) -> None:
    before = {name: getattr(user, name) for name in values}
    changed = {name: value for name, value in values.items() if value != before[name]}
    for name, value in changed.items():
        setattr(user, name, value)
    if changed:
        was = {name: before[name] for name in changed}
        _record(session, by, "user.edited", user, before=was, after=changed)


def _shut_out(session: Session, user: User, now: dt.datetime) -> None:
    sessions.revoke_all(session, user_id=user.id, now=now)
    calendar_feeds.revoke(session, user_id=user.id, now=now)
    # A mail that still waits will go to whom the person is by then.
    gone = select(OutgoingEmail.id).where(OutgoingEmail.state != "queued")
    session.execute(
        update(AnswerLink)
        .where(AnswerLink.user_id == user.id, AnswerLink.revoked_at.is_(None))
        .where(AnswerLink.email_id.in_(gone))
        .values(revoked_at=now)
    )


def _record(session: Session, by: Person | None, action: str, user: User, **changes: Any) -> None:
    audit.record(session, by=by, action=action, entity="user", entity_id=user.id, **changes)
