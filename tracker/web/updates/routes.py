"""All routes of this feature."""

from __future__ import annotations

from tracker.web.updates import deadlines, status
from tracker.web.updates.blueprint import blueprint

__all__ = ["blueprint", "deadlines", "status"]
