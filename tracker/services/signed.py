"""Addresses that let in whoever has them: a signed text names a row, and no secret is stored."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from functools import cache
from typing import Any, Final, Protocol, TypeVar

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

LIFETIME: Final = dt.timedelta(days=60)
"""How long links in mails work."""
Row = TypeVar("Row", bound="Named")


class Named(Protocol):
    """A row that an address names."""

    @property
    def id(self) -> Any:
        """Return its number."""

    @property
    def nonce(self) -> Any:
        """Return what tells it from another that had the number in a database restored since."""


def new_nonce() -> str:
    """Return a nonce for a new row."""
    return secrets.token_hex(8)


@cache
def serializer(purpose: str, secret_key: str) -> URLSafeSerializer:
    """Return what signs for one `purpose`; a text signed for another is refused."""
    return URLSafeSerializer(
        secret_key, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256}
    )


def token(row: Named, *, purpose: str, secret_key: str) -> str:
    """Return the text that names `row`."""
    return str(serializer(purpose, secret_key).dumps([row.id, row.nonce]))


def read(
    session: Session, model: type[Row], token: str, *, purpose: str, secret_key: str
) -> Row | None:
    """Return the row of `model` that `token` names, or None where it names none."""
    try:
        named = serializer(purpose, secret_key).loads(token)
    except BadSignature:
        return None
    # Links mailed before there were nonces hold the number alone.
    row_id, nonce = named if isinstance(named, list) else (named, None)
    row = session.get(model, row_id)
    return row if row is not None and row.nonce == nonce else None
