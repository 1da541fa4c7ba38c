"""What tells one version of something that people edit from another. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def version_of(facts: DataclassInstance) -> str:
    """Return a short text that changes with any field of `facts`.

    A form carries it along, so that who saves second is told. Unlike a row's counter it stays
    the same when something else about the row changes meanwhile.
    """
    text = json.dumps(asdict(facts), sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else str(value)
