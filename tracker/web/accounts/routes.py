"""All routes of this feature."""

from __future__ import annotations

from tracker.web.accounts import account, people, sign_in
from tracker.web.accounts.blueprint import blueprint

__all__ = ["account", "blueprint", "people", "sign_in"]
