"""All routes of this feature."""

from __future__ import annotations

from tracker.web.accounts import absences, account, calendar, people, preferences, sign_in
from tracker.web.accounts.blueprint import blueprint

__all__ = ["absences", "account", "blueprint", "calendar", "people", "preferences", "sign_in"]
