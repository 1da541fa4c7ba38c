"""All routes of this feature."""

from __future__ import annotations

from tracker.web.tasks import changes, pages, settling, snoozing
from tracker.web.tasks.blueprint import blueprint

__all__ = ["blueprint", "changes", "pages", "settling", "snoozing"]
