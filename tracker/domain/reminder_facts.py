"""What the rules of reminding need to know of tasks and people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tracker.domain.reminder_rules import RuleAudience, Rules
from tracker.domain.reminder_steps import OptionalKind, StepKind
from tracker.domain.roles import Person, may_decide_for
from tracker.domain.status import FINISHED, Precision, Status


class Audience(StrEnum):
    """In what capacity somebody is reminded."""

    RESPONSIBLE = "responsible"
    LEADS = "leads"
    MAILBOX = "mailbox"
    COPY = "copy"
    """Others who are reminded of a deadline because the task's rules say so."""
    COORDINATOR = "coordinator"
    AUTHOR = "author"
    """Who asked for what was decided, where that is nobody of the others."""


class Key(NamedTuple):
    """What is sent once at most."""

    task_id: int
    series: int
    audience: str
    step: str
    occurrence: str
    addressee: str
    """`user:<id>` or `actor:<id>` (its shared mailbox)."""


class Notice(NamedTuple):
    """Something that has happened and that others are to be told."""

    step: StepKind
    cause: int
    """The id of the row that records it; for an assignment its number."""
    on: dt.date
    by_id: int | None
    """Who did it, and so needs not be told."""
    author_id: int | None = None
    """Who had asked for it."""


class Asked(NamedTuple):
    """Something that waits to be decided."""

    cause: int
    """The id of the row that asks for it."""
    on: dt.date
    by_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What the rules need to know of a task. Dates are local."""

    id: int
    series: int
    status: Status | None
    created_on: dt.date
    kind: str = ""
    owner_id: int | None = None
    responsible_id: int | None = None
    due: dt.date | None = None
    """The last day of the deadline's period."""
    precision: Precision = Precision.DAY
    assigned_on: dt.date | None = None
    """When it was last given to an owner or to a person there."""
    no_deadline_since: dt.date | None = None
    """When it was settled that there is to be none."""
    last_update_on: dt.date | None = None
    """Of the owner's side."""
    look_again_on: dt.date | None = None
    is_unsettled: bool = False
    reported: Asked | None = None
    """The report that it is done, where that waits to be confirmed."""
    deadline_request: Asked | None = None
    notices: tuple[Notice, ...] = ()
    contributor_ids: tuple[int, ...] = ()
    """The contributing actors, where the rules ask for them."""
    snoozes: Mapping[int, dt.date] = field(default_factory=dict)
    """By person: the first day on which they want to hear of it again."""

    @property
    def is_finished(self) -> bool:
        """Return whether nothing is expected of anybody any more."""
        return self.status in FINISHED

    def is_paused(self, today: dt.date) -> bool:
        """Return whether the owner has answered, so that nothing is expected of them now."""
        if self.status is Status.REPORTED_DONE or self.deadline_request is not None:
            return True
        is_over = self.look_again_on is not None and self.look_again_on <= today
        return self.status is Status.ON_HOLD and not is_over


class Receiver(NamedTuple):
    """Somebody who can be written to."""

    audience: Audience
    addressee: str


@dataclass(frozen=True, slots=True)
class People:
    """Whom mail can reach: active, and the address not known to fail."""

    user_ids: frozenset[int]
    leads: Mapping[int, Sequence[int]]
    """By actor."""
    mailboxes: frozenset[int]
    """Actors with a shared mailbox."""
    coordinators: Sequence[Person]
    declined: Mapping[int, Collection[OptionalKind]] = field(default_factory=dict)
    """By person: the kinds they do without."""

    def receivers(self, task: TaskFacts) -> list[Receiver]:
        """Return who is reminded of `task`: the responsible person, else who stands in.

        Those are the owner's leads and its shared mailbox; where there are none, or no owner,
        the coordinators.
        """
        if task.responsible_id in self.user_ids:
            return [Receiver(Audience.RESPONSIBLE, f"user:{task.responsible_id}")]
        found = self.leads_of(task)
        if task.owner_id in self.mailboxes:
            found.append(Receiver(Audience.MAILBOX, f"actor:{task.owner_id}"))
        return found or self.coordinating()

    def reminded(self, task: TaskFacts, rules: Rules) -> list[Receiver]:
        """Return who is reminded of the deadline of `task`, each once.

        Where the rules name nobody who can be reached and wants it, it is who is reminded as a
        rule: somebody always is.
        """
        usual = self.receivers(task)
        if not rules.reaches_others:
            return usual
        known = {one.addressee: one for one in usual}
        found = dict(known) if RuleAudience.RESPONSIBLE in rules.audience else {}
        for addressee in self._others(task, rules.audience):
            # Whoever is reminded as a rule is no bystander because the rules name them too.
            receiver = known.get(addressee) or Receiver(Audience.COPY, addressee)
            if addressee in known or not self.declines(receiver, OptionalKind.COPIES):
                found.setdefault(addressee, receiver)
        return list(found.values()) or usual

    def _others(self, task: TaskFacts, audience: Collection[RuleAudience]) -> list[str]:
        found: list[str] = []
        if RuleAudience.LEADS in audience:
            found += (one.addressee for one in self.leads_of(task))
        if RuleAudience.CONTRIBUTORS in audience:
            for actor_id in task.contributor_ids:
                mailbox = [f"actor:{actor_id}"] if actor_id in self.mailboxes else []
                found += [f"user:{lead}" for lead in self.leads.get(actor_id, ())] or mailbox
        if RuleAudience.COORDINATOR in audience:
            found += (one.addressee for one in self.coordinating())
        return found

    def leads_of(self, task: TaskFacts) -> list[Receiver]:
        """Return the owner's leads."""
        leads = self.leads.get(task.owner_id, ()) if task.owner_id is not None else ()
        return [Receiver(Audience.LEADS, f"user:{user_id}") for user_id in leads]

    def declines(self, receiver: Receiver, kind: OptionalKind | None) -> bool:
        """Return whether `receiver` does without reminders of `kind`."""
        prefix, _, number = receiver.addressee.partition(":")
        return (
            kind is not None
            and bool(self.declined)
            and prefix == "user"
            and kind in self.declined.get(int(number), ())
        )

    def coordinating(self) -> list[Receiver]:
        """Return the coordinators."""
        return [_coordinator(person) for person in self.coordinators]

    def deciding(self, task: TaskFacts) -> list[Receiver]:
        """Return the coordinators who may confirm `task`.

        Where nobody may, all of them: a meeting has to decide, and they prepare it.
        """
        reporter = task.reported.by_id if task.reported else None
        may = [
            _coordinator(person)
            for person in self.coordinators
            if may_decide_for(person, reported_by=reporter, owner_id=task.owner_id)
        ]
        return may or self.coordinating()


def _coordinator(person: Person) -> Receiver:
    return Receiver(Audience.COORDINATOR, f"user:{person.user_id}")
