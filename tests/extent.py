"""How much is tried: a little in `make test`, much in `make soak`. Here alone it is decided."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

SOAK: Final = os.environ.get("SOAK") == "1"
ENGINES: Final = ("sqlite", "postgresql")
SEEDS: Final = tuple(range(1, 11)) if SOAK else (1,)
KILLS: Final = 20
"""So many for each seed and database."""
HISTORIES: Final = 800 if SOAK else 25
"""Random histories of three years that the rules alone walk through."""
YEARS: Final = 3 if SOAK else 1
YEAR_SEEDS: Final = tuple(range(10)) if SOAK else (0,)
"""Histories that walk through the database and out, each so many years long."""
STATEMENTS_APART: Final = 1 if SOAK else 5
"""Between the statements at which a worker dies."""

Case = TypeVar("Case")


def on_engines(cases: Sequence[tuple[Case, ...]]) -> list[tuple[Case | str, ...]]:
    """Return each case for both databases, or in the short form for one, by turns."""
    return [
        (engine, *case)
        for place, case in enumerate(cases)
        for engine in (ENGINES if SOAK else (ENGINES[place % 2],))
    ]
