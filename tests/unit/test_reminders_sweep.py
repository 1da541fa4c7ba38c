"""Three years of random histories: what the rules send is what a naive reckoning says, each day."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extent import HISTORIES
from tests.unit.reckoning import Reckoner, Story
from tests.unit.reminding import (
    CALENDAR,
    COORDINATOR,
    DAY,
    HDIR,
    KARI,
    KS,
    LEAD,
    NEW,
    OTHER_LEAD,
    Clock,
    days,
    people,
)
from tracker.domain.reminder_facts import Asked, Notice, TaskFacts
from tracker.domain.reminder_steps import StepKind
from tracker.domain.status import Precision, Status

START = dt.date(2026, 1, 5)
END = dt.date(2028, 12, 31)
"""Three Easters, three 17 Mays and three Christmases; all closed days but Saturdays vary."""
LEADS = {KS: LEAD, HDIR: OTHER_LEAD}
REACHABLE = {KARI, NEW, LEAD, OTHER_LEAD}
EVENTS = (
    *("move", "move_year", "update", "update", "person", "owner", "nobody", "hold"),
    *("report", "send_back", "close", "reopen", "ask", "decide", "snooze", "wake"),
    *("lose", "find", "no_deadline", "ongoing", "down"),
)
events = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(EVENTS), st.integers(-60, 200), st.booleans()),
    min_size=12,
    max_size=45,
)


@dataclass
class World:
    """Two tasks, some people, and what happens to them."""

    stories: list[Story] = field(
        default_factory=lambda: [
            Story(1, START, due=START + 40 * DAY),
            Story(2, START, due=dt.date(2026, 12, 31), by_year=True, owner=HDIR, responsible=NEW),
        ]
    )
    reckoner: Reckoner = field(default_factory=lambda: Reckoner(dict(LEADS)))
    clock: Clock = field(default_factory=Clock)
    number: int = 0
    down_until: dt.date = START

    def happen(  # noqa: PLR0912 - there is much that can happen
        self, what: str, days: int, story: Story, today: dt.date
    ) -> None:
        """Let something happen after the morning of `today`."""
        self.number += 1
        finished = story.status in {"closed", "dropped"}
        match what:
            case "move" | "move_year" | "no_deadline" if not finished:
                self.move(story, what, today + days * DAY)
            case "update" if not finished:
                story.heard = today
            case "person" | "nobody" | "owner" if not finished:
                self.assign(story, what, days, today)
            case "hold" if story.status in {"in_progress", "ongoing"}:
                story.status, story.look_again = "on_hold", today + abs(days) * DAY
                story.heard = today
            case "report" if story.status in {"in_progress", "on_hold", "ongoing"}:
                story.status, story.heard = "reported_done", today
                story.report = (self.number, today, story.responsible or LEAD)
            case "send_back" | "close" if story.status == "reported_done":
                story.status = "closed" if what == "close" else "in_progress"
                kind = "confirmed" if what == "close" else "sent_back"
                story.news.append((kind, self.number, today, COORDINATOR))
                story.report = None
                if what == "close":
                    story.request = None
            case "reopen" if finished:
                story.status, story.series = "in_progress", story.series + 1
            case "ask" if not finished and story.request is None:
                story.request = (self.number, today, story.responsible or LEAD)
            case "decide" if story.request:
                story.request = None
                self.move(story, "move", today + days * DAY)
            case "snooze" if not finished:
                who = story.responsible or LEAD
                story.snoozes[who] = today + (1 + abs(days)) * DAY
            case "wake":
                story.snoozes.clear()
            case "lose":
                self.reckoner.unreachable.add((KARI, NEW, LEAD, OTHER_LEAD)[days % 4])
            case "find":
                self.reckoner.unreachable.clear()
            case "ongoing" if story.status == "in_progress":
                story.status = "ongoing"
            case "down":
                self.down_until = today + abs(days) // 5 * DAY

    def move(self, story: Story, what: str, day: dt.date) -> None:
        story.series += 1
        story.by_year = what == "move_year"
        story.due = dt.date(day.year, 12, 31) if story.by_year else day
        if what == "no_deadline":
            story.due, story.heard = None, max(story.heard or START, START)

    def assign(self, story: Story, what: str, days: int, today: dt.date) -> None:
        if what == "owner":
            story.owner = HDIR if story.owner == KS else KS
        story.responsible = None if what == "nobody" else (KARI, NEW)[days % 2]
        story.assigned = today
        story.assignment += 1
        if story.responsible:
            story.news.append(("assigned", story.assignment, today, COORDINATOR))

    def morning(self, today: dt.date) -> None:
        """Run both, and compare."""
        if CALENDAR.is_closed(today) or today < self.down_until:
            return
        reachable = REACHABLE - self.reckoner.unreachable
        leads: dict[int, tuple[int, ...]] = {
            actor: (lead,) for actor, lead in LEADS.items() if lead in reachable
        }
        self.clock.people = people(*(reachable or {0}), leads=leads)
        found = self.clock.run(today, *map(facts, self.stories))
        sent = Counter(
            (find.key.addressee, find.key.task_id, find.label)
            for find in found
            if find.superseded is None
        )
        expected = self.reckoner.morning(today, *self.stories)
        assert sent == expected, (today, sent - expected, expected - sent)


def facts(story: Story) -> TaskFacts:
    """Return the story as the product's rules know it."""
    return TaskFacts(
        id=story.id,
        series=story.series,
        status=Status(story.status),
        created_on=story.created,
        owner_id=story.owner,
        responsible_id=story.responsible,
        due=story.due,
        precision=Precision.YEAR if story.by_year else Precision.DAY,
        assigned_on=story.assigned,
        last_update_on=story.heard,
        look_again_on=story.look_again,
        reported=Asked(*story.report) if story.report else None,
        deadline_request=Asked(*story.request) if story.request else None,
        notices=tuple(
            Notice(StepKind(kind), number, on, author) for kind, number, on, author in story.news
        ),
        snoozes=dict(story.snoozes),
    )


@given(events=events)
@settings(deadline=None, max_examples=HISTORIES)
def test_three_years_of_any_history_send_what_a_naive_reckoning_says(
    events: list[tuple[int, str, int, bool]],
) -> None:
    world = World()
    due: list[tuple[dt.date, str, int, bool]] = []
    day = START
    for wait, what, number, is_first in events:
        day += wait * DAY
        due.append((day, what, number, is_first))
    for today in days(START, END):
        world.morning(today)
        while due and due[0][0] == today:
            _, what, number, is_first = due.pop(0)
            world.happen(what, number, world.stories[not is_first], today)
