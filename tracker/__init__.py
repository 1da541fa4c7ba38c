"""The follow-up tracker: recommendations and goals as tasks, with reminders that can be trusted."""

from __future__ import annotations

