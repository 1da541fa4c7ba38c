"""When tasks are reminded of and to whom: the default rules, and others for some of the tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Final

ALL: Final = "all"
"""The scope of the rules for every task."""
SILENCE: Final = 90
"""So many days without an update lead to a question, by default."""
LONGEST: Final = 365
"""Days; no offset is longer."""
MOST_STEPS: Final = 6
"""So many steps before a deadline at most."""


class RuleAudience(StrEnum):
    """Who is reminded of a deadline."""

    RESPONSIBLE = "responsible"
    LEADS = "leads"
    CONTRIBUTORS = "contributors"
    COORDINATOR = "coordinator"


@dataclass(frozen=True, slots=True)
class Rules:
    """How many days before or after something a step comes, and who is reminded."""

    is_on: bool = True
    """Off: only notices of what has happened, and what waits to be decided."""
    before: tuple[int, ...] = (30, 7, 0)
    """Descending."""
    before_year_end: tuple[int, ...] = (90, 30, 0)
    """For deadlines set as a year."""
    late: int | None = 1
    """None: nothing after the deadline."""
    weeks: int = 4
    """How often a late task is reminded weekly before it is reminded monthly."""
    monthly: bool = True
    leads_told: int | None = 14
    """None: they are not told."""
    coordinator_told: int | None = 21
    silence: int | None = SILENCE
    """Without an update for so long, a task without a deadline is asked about; None: never."""
    audience: frozenset[RuleAudience] = frozenset({RuleAudience.RESPONSIBLE})
    answered: int = 7
    """For so long an update satisfies the steps before the deadline."""
    news: int = 30
    """So long an event is worth telling to somebody who has not been told."""

    def __post_init__(self) -> None:
        """Refuse nonsense with a ValueError that names the field; forms say it in words."""
        for name in ("before", "before_year_end"):
            days = getattr(self, name)
            in_order = tuple(sorted(set(days), reverse=True))
            if (
                days != in_order
                or len(days) > MOST_STEPS
                or not all(0 <= day <= LONGEST for day in days)
            ):
                raise ValueError(name)
        for name in ("late", "leads_told", "coordinator_told", "silence"):
            days = getattr(self, name)
            if days is not None and not 1 <= days <= LONGEST:
                raise ValueError(name)
        if not 0 <= self.weeks <= 52:
            raise ValueError("weeks")
        if not self.audience:
            raise ValueError("audience")

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Rules:
        """Return the rules that `as_values` gave; raises ValueError where they are nonsense."""
        known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        for name in ("before", "before_year_end"):
            if name in known:
                known[name] = tuple(known[name])
        if "audience" in known:
            known["audience"] = frozenset(map(RuleAudience, known["audience"]))
        return cls(**known)

    def as_values(self) -> dict[str, Any]:
        """Return what people can change, as JSON knows it."""
        return {
            **{one.name: getattr(self, one.name) for one in fields(self) if one.name not in _FIXED},
            "before": list(self.before),
            "before_year_end": list(self.before_year_end),
            "audience": [one for one in RuleAudience if one in self.audience],
        }

    @property
    def always_have_a_step(self) -> bool:
        """Return whether a deadline, once it comes near, always has a latest step."""
        ahead = self.before and self.before_year_end
        return bool(self.is_on and ahead and self.late is not None and self.monthly)

    @property
    def reaches_others(self) -> bool:
        """Return whether others than who is responsible are reminded of a deadline."""
        return self.audience != {RuleAudience.RESPONSIBLE}


def breadth(scope: str) -> int:
    """Return how wide a scope is; the smaller number counts."""
    return ("task", "actor", "kind", ALL).index(scope.partition(":")[0])


_FIXED: Final = frozenset({"answered", "news"})
DEFAULT: Final = Rules()


@dataclass(frozen=True)
class RuleBook:
    """The rules in force: the default ones, and those for some tasks by scope.

    A scope is `all`, `kind:<kind>`, `actor:<id>` (the tasks it owns) or `task:<id>`; the narrowest
    counts.
    """

    by_scope: Mapping[str, Rules] = field(default_factory=dict)

    def of(self, task_id: int, kind: str, owner_id: int | None) -> Rules:
        """Return the rules for a task."""
        if not self.by_scope:
            return DEFAULT
        return self.by_scope.get(self.scope_of(task_id, kind, owner_id), DEFAULT)

    def scope_of(self, task_id: int, kind: str, owner_id: int | None) -> str:
        """Return the scope whose rules count for a task."""
        scopes = (f"task:{task_id}", f"actor:{owner_id}", f"kind:{kind}")
        return next((one for one in scopes if one in self.by_scope), ALL)

    def narrower(self, scope: str) -> list[str]:
        """Return the scopes with rules of their own that go before those of `scope`."""
        return sorted(other for other in self.by_scope if breadth(other) < breadth(scope))

    def in_use(self) -> Iterator[Rules]:
        """Give the different rules, the ones for all other tasks first."""
        yield from dict.fromkeys([self.by_scope.get(ALL, DEFAULT), *self.by_scope.values()])

    def with_rules(self, scope: str, rules: Rules | None) -> RuleBook:
        """Return a book with other rules for `scope`; None: it has none of its own."""
        others = {name: kept for name, kept in self.by_scope.items() if name != scope}
        return replace(self, by_scope=others if rules is None else {**others, scope: rules})
