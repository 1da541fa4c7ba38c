"""Column building blocks that several tables share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import mapped_column

Id = Annotated[int, mapped_column(primary_key=True)]
Code = Annotated[str, mapped_column(String(40))]
Line = Annotated[str, mapped_column(String(500))]
LongText = Annotated[str, mapped_column(Text)]
Locale = Annotated[str, mapped_column(String(2))]
UserId = Annotated[int, mapped_column(ForeignKey("users.id"))]
ActorId = Annotated[int, mapped_column(ForeignKey("actors.id"))]
TaskId = Annotated[int, mapped_column(ForeignKey("tasks.id"))]


class Origin(StrEnum):
    """Where a fact comes from: the seeds, later public material, people, the demonstration."""

    SEED = "seed"
    PUBLIC = "public"
    PEOPLE = "people"
    DEMONSTRATION = "demonstration"


def one_of(column: str, *choices: str) -> CheckConstraint:
    """Return a check that `column` is null or one of `choices`."""
    listed = ", ".join(f"'{choice}'" for choice in choices)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
