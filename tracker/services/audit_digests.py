"""How the audit log puts values into bytes and hashes them, alike on both databases."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any


def digest(value: Any) -> str:
    """Return the SHA-256 of what JSON knows, or of what `plain` makes of it."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return `value` as JSON knows it; moments in UTC, so that both databases hash alike."""
    match value:
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
        case dt.date():
            return value.isoformat()
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            items = sorted(value) if isinstance(value, set | frozenset) else value
            return [plain(item) for item in items]
        case _:
            return value
