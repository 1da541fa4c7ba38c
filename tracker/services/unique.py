"""What the database refuses because two requests wrote the same in the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tracker.domain.errors import InvalidError


@contextmanager
def unique(session: Session, *, field: str, code: str, **details: Any) -> Iterator[None]:
    """Refuse at `field`, with the words of `code`, what another request wrote just before.

    Only what is written inside is undone, so that the form can be shown again.
    """
    try:
        with session.begin_nested():
            yield
            session.flush()
    except IntegrityError as error:
        raise InvalidError(field, code, **details) from error
