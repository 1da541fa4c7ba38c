"""Other audiences by rule: who is reminded as a rule stays so, and nobody is left alone."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.unit.reminding import (
    CALENDAR,
    COORDINATOR,
    DAY,
    KARI,
    KS,
    LEAD,
    coordinator,
    people,
    sent,
    task,
)
from tracker.domain.reminder_facts import Audience, Key, People, TaskFacts
from tracker.domain.reminder_rules import ALL, RuleAudience, RuleBook, Rules
from tracker.domain.reminder_steps import OptionalKind
from tracker.domain.reminders import Find, plan

DUE = dt.date(2026, 9, 1)
LEADS, RESPONSIBLE = RuleAudience.LEADS, RuleAudience.RESPONSIBLE


def book(*audience: RuleAudience) -> RuleBook:
    return RuleBook({ALL: Rules(audience=frozenset(audience))})


def without_copies(*user_ids: int) -> People:
    return People(
        frozenset({KARI, LEAD}),
        {KS: (LEAD,)},
        frozenset(),
        (coordinator(),),
        dict.fromkeys(user_ids, (OptionalKind.COPIES,)),
    )


def walk(
    of_task: TaskFacts, who: People, books: dict[dt.date, RuleBook], last: dt.date
) -> list[tuple[dt.date, str, int | str]]:
    """Run each day, with the rules of the latest date in `books`."""
    known: set[Key] = set()
    finds: list[tuple[dt.date, Find]] = []
    day = min(books)
    rules = books[day]
    while day <= last:
        rules = books.get(day, rules)
        if not CALENDAR.is_closed(day):
            found = list(
                plan(
                    [of_task],
                    people=who,
                    rules=rules,
                    planned={of_task.id: known},
                    today=day,
                    calendar=CALENDAR,
                )
            )
            known |= {find.key for find in found}
            finds += [(day, find) for find in found]
        day += DAY
    return sent(finds)


def test_who_does_without_copies_is_still_told_of_a_task_that_is_late() -> None:
    everybody = book(RESPONSIBLE, LEADS, RuleAudience.COORDINATOR)
    who = without_copies(LEAD, COORDINATOR)
    told = walk(task(due=DUE), who, {DUE - 40 * DAY: everybody}, DUE + 30 * DAY)
    of_others = [(addressee, label) for _, addressee, label in told if addressee != f"user:{KARI}"]
    assert of_others == [(f"user:{LEAD}", 14), (f"user:{COORDINATOR}", 21)]


def test_where_all_who_are_named_do_without_the_responsible_person_is_reminded() -> None:
    told = walk(task(due=DUE), without_copies(LEAD), {DUE - 40 * DAY: book(LEADS)}, DUE)
    assert {addressee for _, addressee, _ in told} == {f"user:{KARI}"}
    assert [label for _, _, label in told] == [-30, -7, 0]


@pytest.mark.parametrize("responsible", [None, LEAD])
def test_rules_that_go_to_and_fro_send_nobody_the_same_step_twice(responsible: int | None) -> None:
    of_task = task(due=DUE, responsible_id=responsible)
    changes = {
        DUE - 40 * DAY: book(RESPONSIBLE),
        DUE - 6 * DAY: book(LEADS),
        DUE - 5 * DAY: book(RESPONSIBLE, LEADS),
        DUE - 4 * DAY: book(RESPONSIBLE),
    }
    told = walk(of_task, people(KARI, LEAD), changes, DUE)
    assert [label for _, _, label in told] == [-30, -7, 0]


def test_a_lead_who_stands_in_is_no_bystander_because_the_rules_name_leads() -> None:
    of_task = task(due=DUE, responsible_id=None)
    reminded = people(LEAD).reminded(of_task, Rules(audience=frozenset({LEADS})))
    assert reminded == [(Audience.LEADS, f"user:{LEAD}")]
