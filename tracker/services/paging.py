"""Keyset pages: a piece of a list, and whether the list goes on at either end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

Row = TypeVar("Row")
Query = TypeVar("Query", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class Piece(Generic[Row]):
    """Rows that follow one another in a list, in the list's order."""

    rows: list[Row]
    before: Row | None
    """The row that the page before ends at; None where nothing comes before."""
    after: Row | None
    """The row that the page after begins from; None where nothing comes after."""


def piece(found: Iterable[Row], *, size: int, first: bool, backwards: bool) -> Piece[Row]:
    """Return the page that `found`, up to `size` + 1 rows in the order of the query, is.

    `first` tells that it was read from the beginning of the list, `backwards` that it was read
    from the page after it.
    """
    rows = list(found)
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    before, after = (more, True) if backwards else (not first, more)
    return Piece(
        rows,
        before=rows[0] if rows and before else None,
        after=rows[-1] if rows and after else None,
    )


def newest_first(
    query: Query, key: InstrumentedAttribute[int], *, older_than: int | None, newer_than: int | None
) -> Query:
    """Order `query` by the id `key`, from the page after `older_than` or before `newer_than`."""
    if newer_than is not None:
        return query.where(key > newer_than).order_by(key)
    if older_than is not None:
        query = query.where(key < older_than)
    return query.order_by(key.desc())
