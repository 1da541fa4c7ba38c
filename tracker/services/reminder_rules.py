"""The rules of reminding that are in force, and their changes."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.reminder_rules import RuleBook, Rules
from tracker.models import ReminderRule


def book(session: Session) -> RuleBook:
    """Return the rules in force."""
    rows = session.connection().execute(select(ReminderRule.scope, ReminderRule.values))
    return RuleBook({scope: Rules.from_values(values) for scope, values in rows})
