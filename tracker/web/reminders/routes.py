"""All routes of this feature."""

from __future__ import annotations

from tracker.web.reminders import contacts, pages, rules
from tracker.web.reminders.blueprint import blueprint

__all__ = ["blueprint", "contacts", "pages", "rules"]
