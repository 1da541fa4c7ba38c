"""Who is reminded of what, one rule per test."""

from __future__ import annotations

import datetime as dt

import pytest

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
    RULES,
    Clock,
    coordinator,
    people,
    sent,
    settled,
    task,
)
from tracker.domain.reminder_facts import Asked, Key, Notice
from tracker.domain.reminder_steps import Section, StepKind, section_of
from tracker.domain.reminders import Reason, digests, forecast, next_escalation, still_holds
from tracker.domain.status import Precision, Status

WEDNESDAY = dt.date(2026, 9, 16)


def test_a_deadline_is_announced_30_and_7_days_before_and_on_the_day() -> None:
    due = WEDNESDAY
    walk = Clock().walk(due - 60 * DAY, due, task(due=due))
    assert walk == [
        # 17 August is a Monday; 9 September a Wednesday.
        (dt.date(2026, 8, 17), "user:1", -30),
        (dt.date(2026, 9, 9), "user:1", -7),
        (due, "user:1", 0),
    ]


def test_a_year_as_deadline_is_announced_90_and_30_days_before_its_end() -> None:
    due = dt.date(2027, 12, 31)
    walk = Clock().walk(dt.date(2027, 6, 1), due, task(due=due, precision=Precision.YEAR))
    # 2 October is a Saturday; 31 December is closed, and 30 December a Thursday.
    assert walk == [
        (dt.date(2027, 10, 1), "user:1", -90),
        (dt.date(2027, 12, 1), "user:1", -30),
        (dt.date(2027, 12, 30), "user:1", 0),
    ]


def test_a_late_task_is_reminded_weekly_four_times_and_then_monthly() -> None:
    due = WEDNESDAY
    no_one_else = people(leads={}, coordinators=())
    clock = settled(Clock(no_one_else), due, task(due=due))
    walk = clock.walk(due + DAY, dt.date(2027, 1, 31), task(due=due))
    assert [(day, label) for day, _, label in walk] == [
        (dt.date(2026, 9, 17), 1),
        (dt.date(2026, 9, 21), 5),
        (dt.date(2026, 9, 28), 12),
        (dt.date(2026, 10, 5), 19),
        (dt.date(2026, 10, 12), 26),
        (dt.date(2026, 11, 2), 46),
        (dt.date(2026, 12, 1), 76),
        (dt.date(2027, 1, 4), 107),
    ]


def test_leads_are_told_after_14_days_and_the_coordinator_after_21_once_each() -> None:
    due = WEDNESDAY
    clock = settled(Clock(), due, task(due=due))
    walk = clock.walk(due + DAY, dt.date(2027, 6, 1), task(due=due))
    assert [row for row in walk if row[1] != "user:1"] == [
        (dt.date(2026, 9, 30), f"user:{LEAD}", 14),
        (dt.date(2026, 10, 7), f"user:{COORDINATOR}", 21),
    ]


def test_a_responsible_person_who_is_also_lead_is_not_told_of_an_escalation_to_themselves() -> None:
    due = WEDNESDAY
    clock = Clock(people(leads={KS: (KARI, OTHER_LEAD)}))
    found = clock.run(due + 14 * DAY, task(due=due))
    escalated = [find.key.addressee for find in found if find.key.step == "escalate_lead"]
    assert escalated == [f"user:{OTHER_LEAD}"]


def test_the_owner_can_be_told_beforehand_who_will_be_told_and_when() -> None:
    facts = {"people": people(), "rules": RULES, "calendar": CALENDAR}
    late = task(due=WEDNESDAY)
    assert next_escalation(late, today=WEDNESDAY + DAY, **facts) == (  # type: ignore[arg-type]
        StepKind.ESCALATE_LEAD,
        dt.date(2026, 9, 30),
    )
    assert next_escalation(late, today=WEDNESDAY + 14 * DAY, **facts) == (  # type: ignore[arg-type]
        StepKind.ESCALATE_COORDINATOR,
        dt.date(2026, 10, 7),
    )
    assert next_escalation(late, today=WEDNESDAY + 21 * DAY, **facts) is None  # type: ignore[arg-type]
    assert next_escalation(late, today=WEDNESDAY, **facts) is None  # type: ignore[arg-type]


def test_a_reminder_before_the_deadline_moves_back_and_a_late_one_forward() -> None:
    # 17 May 2027 is Whit Monday too, so the weekend is three days long.
    due = dt.date(2027, 5, 16)
    walk = settled(Clock(), dt.date(2027, 5, 13), task(due=due)).walk(
        dt.date(2027, 5, 14), dt.date(2027, 5, 18), task(due=due)
    )
    assert walk == [(dt.date(2027, 5, 14), "user:1", 0), (dt.date(2027, 5, 18), "user:1", 1)]


def test_nothing_is_sent_from_good_friday_to_easter_monday() -> None:
    due = dt.date(2026, 3, 26)  # late steps would fall into Easter: 2 to 6 April are closed
    walk = settled(Clock(people(leads={}, coordinators=())), due, task(due=due)).walk(
        due + DAY, dt.date(2026, 4, 10), task(due=due)
    )
    assert [(day, label) for day, _, label in walk] == [
        (dt.date(2026, 3, 27), 1),
        (dt.date(2026, 3, 30), 4),
        (dt.date(2026, 4, 7), 11),
    ]


def test_a_deadline_on_christmas_eve_is_announced_the_working_day_before() -> None:
    due = dt.date(2026, 12, 24)
    walk = settled(Clock(), due - 3 * DAY, task(due=due)).walk(due - 2 * DAY, due, task(due=due))
    assert walk == [(dt.date(2026, 12, 23), "user:1", 0)]


def test_of_two_steps_on_one_day_the_later_is_sent_and_the_other_recorded() -> None:
    friday = dt.date(2026, 9, 18)
    clock = settled(Clock(), friday, task(due=friday))
    found = clock.run(friday + 3 * DAY, task(due=friday))
    assert [(find.key.step, find.superseded) for find in found] == [
        ("1", Reason.LATER_STEP),
        ("week", None),
    ]


def test_after_a_gap_only_the_latest_step_is_sent_and_the_rest_never_come() -> None:
    due = WEDNESDAY
    clock = Clock(people(leads={}, coordinators=()))
    found = clock.run(due + 7 * DAY, task(due=due))
    assert [(find.key.step, find.superseded) for find in found] == [
        ("-30", Reason.LATER_STEP),
        ("-7", Reason.LATER_STEP),
        ("0", Reason.LATER_STEP),
        ("1", Reason.LATER_STEP),
        ("week", None),
    ]
    assert clock.run(due + 8 * DAY, task(due=due)) == []


def test_a_closed_day_plans_nothing_and_what_was_reached_waits() -> None:
    clock = Clock()
    saturday = dt.date(2026, 9, 19)
    assert clock.run(saturday, task(due=WEDNESDAY)) == []
    assert sent([(saturday, find) for find in clock.run(saturday + 2 * DAY, task(due=WEDNESDAY))])


def test_a_receiver_who_has_had_todays_digest_waits_for_the_next() -> None:
    clock = Clock()
    assert clock.run(WEDNESDAY, task(due=WEDNESDAY), busy={"user:1"}) == []
    found = clock.run(WEDNESDAY + DAY, task(due=WEDNESDAY))
    assert "1" in [find.key.step for find in found if find.superseded is None]


@pytest.mark.parametrize("age", [0, 7])
def test_an_update_of_the_last_7_days_satisfies_the_steps_before_the_deadline(age: int) -> None:
    day = WEDNESDAY - 7 * DAY
    answered = task(due=WEDNESDAY, last_update_on=day - age * DAY)
    clock = Clock()
    found = clock.run(day, answered)
    assert [find.superseded for find in found if find.key.step == "-7"] == [Reason.ANSWERED]
    # It does not come later either, when the answer has grown old.
    assert sent([(day, find) for find in clock.run(day + 2 * DAY, answered)]) == []


def test_an_update_8_days_ago_does_not_satisfy() -> None:
    day = WEDNESDAY - 7 * DAY
    found = Clock().run(day, task(due=WEDNESDAY, last_update_on=day - 8 * DAY))
    assert ("-7", None) in [(find.key.step, find.superseded) for find in found]


@pytest.mark.parametrize("after", [0, 1])
def test_an_update_does_not_satisfy_the_day_itself_or_a_passed_deadline(after: int) -> None:
    day = WEDNESDAY + after * DAY
    found = Clock().run(day, task(due=WEDNESDAY, last_update_on=day))
    assert (str(after), None) in [(find.key.step, find.superseded) for find in found]


def test_after_a_gap_an_answer_counts_from_the_day_of_the_run() -> None:
    # The step was reached while the worker was down; the answer came in between.
    day = WEDNESDAY - 5 * DAY
    found = Clock().run(day, task(due=WEDNESDAY, last_update_on=day))
    assert [find.superseded for find in found if find.key.step == "-7"] == [Reason.ANSWERED]


def test_a_moved_deadline_begins_a_new_series_with_its_latest_step_only() -> None:
    clock = settled(Clock(), WEDNESDAY, task(due=WEDNESDAY))
    moved = task(due=WEDNESDAY + 21 * DAY, series=2)
    found = clock.run(WEDNESDAY + DAY, moved)
    assert [(find.key.series, find.key.step, find.superseded) for find in found] == [
        (2, "-30", None)
    ]


def assigned(number: int, on: dt.date, by: int = LEAD) -> Notice:
    return Notice(StepKind.ASSIGNED, number, on, by)


def test_a_new_responsible_person_gets_the_latest_step_and_is_told_of_the_task() -> None:
    clock = settled(Clock(), WEDNESDAY, task(due=WEDNESDAY))
    handed_over = task(due=WEDNESDAY, responsible_id=NEW, notices=(assigned(2, WEDNESDAY),))
    found = clock.run(WEDNESDAY + DAY, handed_over)
    steps = [(find.key.addressee, find.key.step) for find in found if find.superseded is None]
    assert steps == [("user:5", "1"), ("user:5", "assigned")]


def test_who_gets_a_task_back_is_told_again() -> None:
    clock = Clock()
    far = dt.date(2028, 1, 3)
    told = []
    for number, responsible in enumerate((KARI, NEW, KARI)):
        day = WEDNESDAY + number * DAY
        facts = task(due=far, responsible_id=responsible, notices=(assigned(number, day),))
        told += [find.key.addressee for find in clock.run(day, facts)]
    assert told == ["user:1", "user:5", "user:1"]


def test_who_takes_a_task_on_themselves_is_not_told_of_it() -> None:
    notice = assigned(1, WEDNESDAY, by=KARI)
    assert Clock().run(WEDNESDAY, task(due=dt.date(2028, 1, 3), notices=(notice,))) == []


def test_nobody_stands_in_for_being_made_responsible() -> None:
    facts = task(due=dt.date(2028, 1, 3), notices=(assigned(1, WEDNESDAY),))
    assert Clock(people(LEAD)).run(WEDNESDAY, facts) == []


def test_leads_and_the_shared_mailbox_stand_in_for_an_unreachable_person() -> None:
    clock = Clock(people(LEAD, mailboxes=[KS]))
    found = clock.run(WEDNESDAY, task(due=WEDNESDAY))
    assert [find.key.addressee for find in found if find.superseded is None] == [
        f"user:{LEAD}",
        f"actor:{KS}",
    ]


def test_the_coordinators_stand_in_where_the_owner_has_nobody() -> None:
    found = Clock(people(leads={})).run(WEDNESDAY, task(due=WEDNESDAY, responsible_id=None))
    assert {find.key.addressee for find in found} == {f"user:{COORDINATOR}"}


def test_the_coordinator_is_reminded_of_a_task_without_owner() -> None:
    found = Clock().run(WEDNESDAY, task(due=WEDNESDAY, owner_id=None, responsible_id=None))
    assert [find.key[2:] for find in found if find.superseded is None] == [
        ("coordinator", "0", "", f"user:{COORDINATOR}")
    ]


def test_the_lead_who_stands_in_is_not_told_of_an_escalation_too() -> None:
    found = Clock(people(LEAD)).run(WEDNESDAY + 14 * DAY, task(due=WEDNESDAY, responsible_id=None))
    assert [find.key.step for find in found if find.superseded is None] == ["week"]


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.ONGOING, None])
def test_a_task_without_deadline_is_asked_about_once_after_90_days_of_silence(
    status: Status | None,
) -> None:
    silent = task(status=status, last_update_on=dt.date(2026, 3, 2))
    clock = settled(Clock(), dt.date(2026, 3, 3), silent)
    walk = clock.walk(dt.date(2026, 3, 4), dt.date(2027, 3, 4), silent)
    # 31 May is a Sunday: when 90 days have passed means never before.
    assert walk == [(dt.date(2026, 6, 1), "user:1", "question")]


def test_an_answer_begins_a_new_silence() -> None:
    clock = Clock()
    clock.walk(dt.date(2026, 6, 1), dt.date(2026, 6, 5), task(last_update_on=dt.date(2026, 3, 2)))
    walk = clock.walk(
        dt.date(2026, 6, 6), dt.date(2026, 12, 1), task(last_update_on=dt.date(2026, 6, 5))
    )
    assert walk == [(dt.date(2026, 9, 3), "user:1", "question")]


def test_silence_about_a_task_settled_to_have_no_deadline_counts_from_then() -> None:
    quiet = task(created_on=dt.date(2026, 1, 1), no_deadline_since=dt.date(2026, 3, 2))
    walk = Clock().walk(dt.date(2026, 4, 1), dt.date(2026, 6, 10), quiet)
    assert walk == [(dt.date(2026, 6, 1), "user:1", "question")]


def test_silence_about_a_task_counts_from_when_it_was_given_to_its_owner() -> None:
    given = task(created_on=dt.date(2025, 1, 1), assigned_on=dt.date(2026, 3, 2))
    walk = Clock().walk(dt.date(2026, 3, 3), dt.date(2026, 6, 10), given)
    assert walk == [(dt.date(2026, 6, 1), "user:1", "question")]


def test_a_lasting_duty_is_asked_about_and_never_late() -> None:
    lasting = task(status=Status.ONGOING, due=WEDNESDAY, last_update_on=WEDNESDAY)
    walk = Clock().walk(WEDNESDAY, WEDNESDAY + 60 * DAY, lasting)
    assert walk == []


def test_a_task_without_deadline_and_owner_asks_nobody() -> None:
    assert Clock().run(WEDNESDAY, task(owner_id=None, responsible_id=None)) == []


def test_a_task_on_hold_is_silent_until_its_day_and_then_takes_up_again() -> None:
    look_again = dt.date(2026, 10, 3)  # a Saturday
    held = task(status=Status.ON_HOLD, due=WEDNESDAY, look_again_on=look_again)
    clock = Clock(people(leads={}, coordinators=()))
    assert clock.walk(WEDNESDAY - 60 * DAY, dt.date(2026, 10, 4), held) == []
    walk = clock.walk(dt.date(2026, 10, 5), dt.date(2026, 10, 9), held)
    assert walk == [
        (dt.date(2026, 10, 5), "user:1", "look_again"),
        (dt.date(2026, 10, 5), "user:1", 19),
    ]


def test_a_task_on_hold_without_deadline_is_asked_about_90_days_after_its_day() -> None:
    held = task(status=Status.ON_HOLD, look_again_on=dt.date(2026, 3, 2))
    walk = Clock().walk(dt.date(2026, 2, 1), dt.date(2027, 2, 1), held)
    assert walk == [
        (dt.date(2026, 3, 2), "user:1", "look_again"),
        (dt.date(2026, 6, 1), "user:1", "question"),
    ]


def test_reporting_done_stops_the_owners_reminders_and_asks_who_must_confirm() -> None:
    reported = task(
        status=Status.REPORTED_DONE, due=WEDNESDAY, reported=Asked(77, WEDNESDAY + DAY, KARI)
    )
    clock = settled(Clock(), WEDNESDAY, task(due=WEDNESDAY))
    walk = clock.walk(WEDNESDAY + DAY, dt.date(2026, 12, 2), reported)
    assert {(addressee, label) for _, addressee, label in walk} == {
        (f"user:{COORDINATOR}", "confirm")
    }
    assert [day for day, _, _ in walk] == [
        dt.date(2026, 9, 17),
        dt.date(2026, 9, 21),
        dt.date(2026, 9, 28),
        dt.date(2026, 10, 5),
        dt.date(2026, 10, 12),
        dt.date(2026, 11, 2),
        dt.date(2026, 12, 1),
    ]


def test_only_a_coordinator_who_neither_reported_nor_belongs_to_the_owner_is_asked_to_confirm() -> (
    None
):
    secretariat = (coordinator(9), coordinator(8), coordinator(7, KS), coordinator(6, HDIR))
    reported = task(status=Status.REPORTED_DONE, reported=Asked(77, WEDNESDAY, 9))
    found = Clock(people(coordinators=secretariat)).run(WEDNESDAY, reported)
    asked = [find.key.addressee for find in found if find.key.step == "confirm"]
    assert asked == ["user:8", "user:6"]


def test_where_nobody_may_confirm_the_secretariat_is_told_for_the_meeting() -> None:
    reported = task(status=Status.REPORTED_DONE, reported=Asked(77, WEDNESDAY, COORDINATOR))
    found = Clock().run(WEDNESDAY, reported)
    assert "confirm" in [find.key.step for find in found]


def test_a_second_report_is_told_at_once_though_the_first_was_confirmed_the_same_way() -> None:
    clock = Clock()
    first = task(status=Status.REPORTED_DONE, reported=Asked(77, WEDNESDAY, KARI))
    again = task(status=Status.REPORTED_DONE, reported=Asked(78, WEDNESDAY, KARI))
    clock.run(WEDNESDAY, first)
    assert [find.key.occurrence for find in clock.run(WEDNESDAY + DAY, again)] == ["78"]


def test_a_wish_for_a_new_deadline_pauses_the_owner_and_asks_the_coordinator() -> None:
    asking = task(due=WEDNESDAY, deadline_request=Asked(5, WEDNESDAY, KARI))
    clock = settled(Clock(), WEDNESDAY - DAY, task(due=WEDNESDAY))
    walk = clock.walk(WEDNESDAY, WEDNESDAY + 10 * DAY, asking)
    assert walk == [
        (WEDNESDAY, f"user:{COORDINATOR}", "decide_deadline"),
        (dt.date(2026, 9, 21), f"user:{COORDINATOR}", "decide_deadline"),
    ]


def test_the_owner_is_reminded_again_of_the_latest_step_when_the_report_was_sent_back() -> None:
    clock = settled(Clock(people(leads={}, coordinators=())), WEDNESDAY, task(due=WEDNESDAY))
    reported = task(status=Status.REPORTED_DONE, due=WEDNESDAY, reported=Asked(77, WEDNESDAY, KARI))
    clock.walk(WEDNESDAY, WEDNESDAY + 6 * DAY, reported)
    back = task(due=WEDNESDAY, notices=(Notice(StepKind.SENT_BACK, 78, WEDNESDAY + 6 * DAY, 9),))
    found = clock.run(WEDNESDAY + 7 * DAY, back)
    assert [find.key.step for find in found if find.superseded is None] == ["week", "sent_back"]


@pytest.mark.parametrize("status", [Status.CLOSED, Status.DROPPED])
def test_a_finished_task_is_silent_but_for_the_notice(status: Status) -> None:
    done = task(
        status=status,
        due=WEDNESDAY - 60 * DAY,
        is_unsettled=True,
        notices=(Notice(StepKind.CONFIRMED, 78, WEDNESDAY, COORDINATOR),),
    )
    found = Clock().run(WEDNESDAY + DAY, done)
    assert [find.key.step for find in found] == ["confirmed"]


def test_nobody_is_told_of_what_they_did_themselves() -> None:
    notice = Notice(StepKind.DEADLINE_DECIDED, 5, WEDNESDAY, by_id=KARI)
    found = Clock().run(WEDNESDAY, task(due=dt.date(2028, 1, 3), notices=(notice,)))
    assert "deadline_decided" not in [find.key.step for find in found]


def test_who_asked_for_a_new_deadline_is_told_once_even_when_not_responsible() -> None:
    notice = Notice(StepKind.DEADLINE_DECIDED, 5, WEDNESDAY, COORDINATOR, author_id=NEW)
    found = Clock().run(WEDNESDAY, task(due=dt.date(2028, 1, 3), notices=(notice,)))
    told = [find.key.addressee for find in found if find.key.step == "deadline_decided"]
    assert told == ["user:1", "user:5"]
    same = notice._replace(author_id=KARI)
    found = Clock().run(WEDNESDAY, task(due=dt.date(2028, 1, 3), notices=(same,)))
    told = [find.key.addressee for find in found if find.key.step == "deadline_decided"]
    assert told == ["user:1"]


def test_a_notice_is_not_repeated_when_the_deadline_begins_a_new_series() -> None:
    notice = Notice(StepKind.DEADLINE_DECIDED, 5, WEDNESDAY, COORDINATOR)
    clock = settled(Clock(), WEDNESDAY, task(due=dt.date(2028, 1, 3), notices=(notice,)))
    moved = task(due=dt.date(2028, 2, 3), series=2, notices=(notice,))
    assert clock.run(WEDNESDAY + DAY, moved) == []


def test_old_news_is_not_told_to_a_new_person() -> None:
    notice = Notice(StepKind.SENT_BACK, 5, WEDNESDAY - 31 * DAY, COORDINATOR)
    found = Clock().run(WEDNESDAY, task(due=dt.date(2028, 1, 3), notices=(notice,)))
    assert found == []


def test_the_coordinator_hears_that_somebody_says_not_mine() -> None:
    notice = Notice(StepKind.NOT_MINE, 12, WEDNESDAY, by_id=KARI)
    found = Clock().run(WEDNESDAY, task(due=dt.date(2028, 1, 3), notices=(notice,)))
    assert (f"user:{COORDINATOR}", "not_mine") in [
        (find.key.addressee, find.key.step) for find in found
    ]


def test_the_unsettled_are_told_to_the_coordinator_once_a_month_and_never_as_late() -> None:
    unsettled = task(
        status=None,
        owner_id=None,
        responsible_id=None,
        is_unsettled=True,
        created_on=dt.date(2026, 1, 15),
    )
    walk = Clock().walk(dt.date(2026, 1, 15), dt.date(2026, 4, 30), unsettled)
    assert walk == [
        (dt.date(2026, 2, 2), f"user:{COORDINATOR}", "unsettled"),
        (dt.date(2026, 3, 2), f"user:{COORDINATOR}", "unsettled"),
        (dt.date(2026, 4, 1), f"user:{COORDINATOR}", "unsettled"),
    ]


def test_a_task_whose_status_is_not_settled_is_announced_but_never_late() -> None:
    clock = settled(Clock(), WEDNESDAY - DAY, task(due=WEDNESDAY, status=None))
    walk = clock.walk(WEDNESDAY, WEDNESDAY + 60 * DAY, task(due=WEDNESDAY, status=None))
    assert walk == [(WEDNESDAY, "user:1", 0)]


def test_a_key_has_no_empty_part_but_the_occurrence_of_what_comes_once() -> None:
    found = Clock().run(WEDNESDAY + 30 * DAY, task(due=WEDNESDAY, is_unsettled=True))
    for find in found:
        assert all(part is not None for part in find.key)
        assert all(str(part) for part in (*find.key[:4], find.key.addressee))


def test_one_line_per_task_and_receiver_even_when_two_audiences_meet() -> None:
    both = task(
        due=WEDNESDAY,
        owner_id=None,
        responsible_id=None,
        is_unsettled=True,
    )
    lines = digests(Clock().run(WEDNESDAY, both))[f"user:{COORDINATOR}"]
    assert [[find.key.step for find in line.finds] for line in lines] == [["0", "unsettled"]]


def test_a_digest_begins_with_what_is_late_and_ends_with_the_notices() -> None:
    tasks = (
        task(id=1, due=WEDNESDAY + 700 * DAY, notices=(assigned(1, WEDNESDAY),)),
        task(id=2, last_update_on=WEDNESDAY - 100 * DAY),
        task(id=3, due=WEDNESDAY + 5 * DAY),
        task(id=4, due=WEDNESDAY - 2 * DAY),
        task(id=5, due=WEDNESDAY - 9 * DAY),
    )
    lines = digests(Clock().run(WEDNESDAY, *tasks))["user:1"]
    assert [line.task_id for line in lines] == [5, 4, 3, 2, 1]
    assert [line.section for line in lines] == [
        Section.OVERDUE,
        Section.OVERDUE,
        Section.DUE_SOON,
        Section.QUESTIONS,
        Section.NOTICES,
    ]


@pytest.mark.parametrize(
    ("steps", "section"),
    [
        (("-90", "-30", "-7", "0"), Section.DUE_SOON),
        (("1", "week", "month"), Section.OVERDUE),
        (("question", "look_again"), Section.QUESTIONS),
        (("escalate_lead", "escalate_coordinator"), Section.RAISED),
        (("confirm", "decide_deadline", "not_mine", "unsettled"), Section.TO_DECIDE),
        (("assigned", "sent_back", "confirmed", "deadline_decided"), Section.NOTICES),
    ],
)
def test_every_step_has_its_part_of_the_digest(steps: tuple[str, ...], section: Section) -> None:
    assert {section_of(step) for step in steps} == {section}


def holds(key: Key, **changed: object) -> bool:
    values: dict[str, object] = {"due": WEDNESDAY, **changed}
    return still_holds(
        key,
        task(**values),
        people=people(),
        rules=RULES,
        today=WEDNESDAY - 6 * DAY,
    )


BEFORE = Key(1, 1, "responsible", "-7", "", "user:1")


def test_a_planned_reminder_holds_while_nothing_has_changed() -> None:
    assert holds(BEFORE)


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.CLOSED},
        {"status": Status.REPORTED_DONE},
        {"status": Status.ON_HOLD, "look_again_on": WEDNESDAY},
        {"status": Status.ONGOING},
        {"responsible_id": NEW},
        {"responsible_id": None},
        {"series": 2},
        {"due": None},
        {"last_update_on": WEDNESDAY - 6 * DAY},
        {"deadline_request": Asked(5, WEDNESDAY - 7 * DAY, KARI)},
    ],
    ids=str,
)
def test_a_planned_reminder_is_cancelled_by_a_change(change: dict[str, object]) -> None:
    assert not holds(BEFORE, **change)


def test_the_notice_of_an_assignment_holds_only_while_the_person_has_the_task() -> None:
    key = Key(1, 0, "responsible", "assigned", "1", "user:1")
    day = WEDNESDAY - 6 * DAY
    assert holds(key, notices=(assigned(1, day),))
    assert not holds(key, responsible_id=NEW, notices=(assigned(2, day),))
    assert not holds(key, status=Status.CLOSED, notices=(assigned(1, day),))


def test_a_forecast_is_what_the_runs_of_each_day_send() -> None:
    tasks = (
        task(id=1, due=WEDNESDAY),
        task(id=2, status=None, owner_id=None, responsible_id=None, is_unsettled=True),
        task(id=3, status=Status.ON_HOLD, look_again_on=WEDNESDAY + 3 * DAY),
        task(id=4, notices=(Notice(StepKind.SENT_BACK, 5, WEDNESDAY - 29 * DAY, 9),)),
        task(id=5, status=Status.REPORTED_DONE, reported=Asked(7, WEDNESDAY - DAY, KARI)),
        task(id=6, responsible_id=NEW, last_update_on=WEDNESDAY - 80 * DAY),
    )
    for start in range(8):
        first, last = WEDNESDAY + start * DAY, WEDNESDAY + (start + 90) * DAY
        clock = Clock()
        for number in range(91):
            day = first + number * DAY
            clock.run(day, *tasks, busy={"user:1"} if number == 0 else ())
        expected = sorted((day, find.key) for day, find in clock.finds if find.superseded is None)
        forecasted = forecast(
            tasks,
            people=people(),
            rules=RULES,
            planned={},
            first=first,
            last=last,
            calendar=CALENDAR,
            busy={"user:1"},
        )
        assert sorted((day, find.key) for day, find in forecasted) == expected


def test_a_reminder_holds_though_the_closed_days_have_changed_since_it_was_planned() -> None:
    # It was planned for Friday because Monday was closed, and Monday no longer is.
    key = Key(1, 1, "responsible", "0", "", "user:1")
    monday = dt.date(2026, 9, 21)
    assert still_holds(key, task(due=monday), people=people(), rules=RULES, today=monday - 3 * DAY)


def test_a_request_for_a_new_deadline_pauses_a_task_that_is_no_longer_on_hold_too() -> None:
    friday = dt.date(2026, 6, 12)
    held = task(
        due=friday,
        status=Status.ON_HOLD,
        look_again_on=friday - 7 * DAY,
        deadline_request=Asked(1, friday - 7 * DAY, KARI),
    )
    assert f"user:{KARI}" not in {find.key.addressee for find in Clock().run(friday, held)}
