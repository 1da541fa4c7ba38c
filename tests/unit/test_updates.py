from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from tracker.domain.errors import ConflictError, InvalidError
from tracker.domain.roles import Person, Role
from tracker.domain.status import ACTIVE, FINISHED, Assessment, Status, answer_may_set
from tracker.domain.updates import (
    LONGEST_TEXT,
    Answer,
    Author,
    Side,
    Standing,
    Step,
    after_step,
    check_evidence,
    check_new_deadline,
    check_text,
    may_repeat,
    may_take,
    status_after,
)

TODAY = dt.date(2026, 3, 2)
YESTERDAY = TODAY - dt.timedelta(days=1)
TOMORROW = TODAY + dt.timedelta(days=1)
WORKING = Standing(status=Status.IN_PROGRESS)
LATE = Standing(status=Status.IN_PROGRESS, deadline=YESTERDAY)
ON_TRACK = Answer(assessment=Assessment.ON_TRACK)
DONE = Answer(is_done=True)


def after(answer: Answer, standing: Standing = WORKING, side: Side = Side.OWNER) -> Status:
    return status_after(answer, standing, side=side, today=TODAY)


def refusal(answer: Answer, standing: Standing = WORKING, side: Side = Side.OWNER) -> Any:
    with pytest.raises(InvalidError) as refused:
        after(answer, standing, side)
    return refused.value.field, refused.value.code


@pytest.mark.parametrize("status", [None, Status.NOT_STARTED, Status.IN_PROGRESS, Status.ON_HOLD])
def test_the_owner_moves_freely_and_reports_done(status: Status | None) -> None:
    assert answer_may_set(status) == {
        Status.NOT_STARTED, Status.IN_PROGRESS, Status.ON_HOLD, Status.REPORTED_DONE,
    }  # fmt: skip


def test_only_the_secretariat_makes_a_task_a_lasting_duty_and_says_why() -> None:
    lasting = replace(ON_TRACK, status=Status.ONGOING)
    with pytest.raises(ConflictError):
        after(lasting)
    assert refusal(lasting, side=Side.SECRETARIAT) == ("comment", "say_why_ongoing")
    assert after(replace(lasting, comment="Varig."), side=Side.SECRETARIAT) is Status.ONGOING
    standing = Standing(status=Status.ONGOING)
    assert after(ON_TRACK, standing) is Status.ONGOING
    assert after(DONE, standing) is Status.REPORTED_DONE
    with pytest.raises(ConflictError):
        after(replace(ON_TRACK, status=Status.IN_PROGRESS, comment="Nei."), standing)


@pytest.mark.parametrize("status", [Status.REPORTED_DONE, *sorted(FINISHED)])
@pytest.mark.parametrize("side", [Side.OWNER, Side.SECRETARIAT])
def test_what_waits_or_is_finished_takes_no_answer(status: Status, side: Side) -> None:
    assert not answer_may_set(status, by_secretariat=side is Side.SECRETARIAT)
    with pytest.raises(ConflictError):
        after(ON_TRACK, Standing(status=status), side)


@pytest.mark.parametrize("status", [Status.CLOSED, Status.DROPPED])
def test_nobody_ends_a_task_by_an_answer(status: Status) -> None:
    with pytest.raises(ConflictError):
        after(replace(ON_TRACK, status=status, comment="Ferdig."), side=Side.SECRETARIAT)


def test_an_answer_without_a_status_keeps_it_and_starts_what_has_none() -> None:
    assert after(ON_TRACK, Standing(status=Status.NOT_STARTED)) is Status.NOT_STARTED
    assert after(ON_TRACK, Standing(status=None)) is Status.IN_PROGRESS


def test_an_answer_says_how_it_goes() -> None:
    assert refusal(Answer(comment="Hei")) == ("progress", "choose_progress")


def test_on_hold_needs_a_reason_and_a_day_ahead() -> None:
    hold = replace(ON_TRACK, status=Status.ON_HOLD, comment="Venter.", look_again_on=TOMORROW)
    assert after(hold) is Status.ON_HOLD
    assert refusal(replace(hold, comment="")) == ("comment", "say_why_on_hold")
    assert refusal(replace(hold, look_again_on=None)) == ("look_again_on", "look_again_missing")
    assert refusal(replace(hold, look_again_on=TODAY)) == ("look_again_on", "look_again_past")
    far = dt.date(2101, 1, 1)
    assert refusal(replace(hold, look_again_on=far)) == ("look_again_on", "date_too_far")
    waiting = Standing(status=Status.ON_HOLD, look_again_on=TOMORROW)
    assert after(replace(hold, comment="", status=None), waiting) is Status.ON_HOLD


def test_a_day_to_look_again_belongs_to_a_task_on_hold() -> None:
    answer = replace(ON_TRACK, look_again_on=TOMORROW)
    assert refusal(answer) == ("status", "look_again_needs_on_hold")
    leaving = Standing(status=Status.ON_HOLD, look_again_on=TOMORROW)
    assert after(replace(answer, status=Status.IN_PROGRESS), leaving) is Status.IN_PROGRESS


def test_what_is_over_its_deadline_is_on_track_only_with_a_new_date() -> None:
    assert refusal(ON_TRACK, LATE) == ("expected_on", "overdue_needs_date")
    assert after(Answer(assessment=Assessment.OFF_TRACK), LATE) is Status.IN_PROGRESS
    moved = replace(ON_TRACK, expected_on=TOMORROW, comment="Anskaffelsen.")
    assert after(moved, LATE) is Status.IN_PROGRESS
    assert after(ON_TRACK, replace(LATE, asked_for=TOMORROW)) is Status.IN_PROGRESS
    assert refusal(ON_TRACK, replace(LATE, asked_for=YESTERDAY))[1] == "overdue_needs_date"
    assert after(ON_TRACK, replace(LATE, deadline=TODAY)) is Status.IN_PROGRESS


def test_an_unsettled_task_becomes_late_when_its_first_answer_starts_it() -> None:
    assert refusal(ON_TRACK, replace(LATE, status=None)) == ("expected_on", "overdue_needs_date")


def test_a_new_expected_date_needs_a_reason_and_no_other_request() -> None:
    moved = replace(ON_TRACK, expected_on=TOMORROW, comment="Anskaffelsen.")
    assert refusal(replace(moved, comment="")) == ("comment", "say_why_deadline")
    pending = replace(WORKING, asked_for=TOMORROW)
    assert refusal(moved, pending) == ("expected_on", "deadline_already_asked")
    done = replace(moved, assessment=None, is_done=True)
    assert refusal(done) == ("expected_on", "done_needs_no_date")


@pytest.mark.parametrize(
    ("new", "code"),
    [(YESTERDAY, "date_past"), (dt.date(2101, 1, 1), "date_too_far"), (TOMORROW, "deadline_same")],
)
def test_a_new_deadline_lies_ahead_and_is_another(new: dt.date, code: str) -> None:
    with pytest.raises(InvalidError, match=code):
        check_new_deadline("new_deadline", new, present=TOMORROW, today=TODAY)


def test_no_change_repeats_only_what_still_can_hold() -> None:
    assert may_repeat(WORKING, Assessment.ON_TRACK, today=TODAY)
    assert not may_repeat(WORKING, None, today=TODAY)
    assert not may_repeat(LATE, Assessment.ON_TRACK, today=TODAY)
    assert may_repeat(LATE, Assessment.UNCERTAIN, today=TODAY)
    assert may_repeat(replace(LATE, asked_for=TOMORROW), Assessment.ON_TRACK, today=TODAY)
    assert not may_repeat(Standing(status=Status.CLOSED), Assessment.ON_TRACK, today=TODAY)
    hold = Standing(status=Status.ON_HOLD, look_again_on=TODAY)
    assert not may_repeat(hold, Assessment.ON_TRACK, today=TODAY)
    assert may_repeat(replace(hold, look_again_on=TOMORROW), Assessment.ON_TRACK, today=TODAY)


@pytest.mark.parametrize(
    ("step", "status", "result"),
    [
        (Step.CONFIRM, Status.REPORTED_DONE, Status.CLOSED),
        (Step.SEND_BACK, Status.REPORTED_DONE, Status.IN_PROGRESS),
        (Step.TAKE_BACK, Status.REPORTED_DONE, Status.IN_PROGRESS),
        (Step.REOPEN, Status.CLOSED, Status.IN_PROGRESS),
        (Step.REOPEN, Status.DROPPED, Status.IN_PROGRESS),
        (Step.DROP, None, Status.DROPPED),
        (Step.DROP, Status.REPORTED_DONE, Status.DROPPED),
    ],
)
def test_steps_lead_where_the_rules_say(step: Step, status: Status | None, result: Status) -> None:
    assert after_step(step, status) is result


def test_every_other_step_is_illegal() -> None:
    legal = {
        (step, status) for step in Step for status in (None, *Status) if may_take(step, status)
    }
    waiting = {(step, Status.REPORTED_DONE) for step in Step if step is not Step.REOPEN}
    reopened = {(Step.REOPEN, status) for status in FINISHED}
    dropped = {(Step.DROP, status) for status in (None, *ACTIVE)}
    assert legal == waiting | reopened | dropped
    with pytest.raises(ConflictError):
        after_step(Step.CONFIRM, Status.CLOSED)


def test_people_speak_for_their_own_actor_and_the_secretariat_for_any() -> None:
    def side(author: Author) -> Side | None:
        return author.side(owner_id=1, contributor_ids=frozenset({2}))

    def member(actor: int, *roles: Role) -> Author:
        own = frozenset({actor})
        return Author(
            person=Person(1, "Kari", "nb", actor_ids=own, member_of=own, roles=frozenset(roles))
        )

    assert side(member(1)) is Side.OWNER
    assert side(member(2)) is Side.CONTRIBUTOR
    assert side(member(3)) is None
    assert side(member(1, Role.COORDINATOR)) is Side.OWNER
    assert side(member(2, Role.COORDINATOR)) is Side.SECRETARIAT
    assert side(member(3, Role.COORDINATOR)) is Side.SECRETARIAT
    assert side(member(3, Role.ADMIN)) is None
    assert side(Author(mailbox_of=1)) is Side.OWNER
    assert side(Author(mailbox_of=2)) is Side.CONTRIBUTOR
    assert side(Author(mailbox_of=3)) is None
    assert side(Author()) is None


def test_a_text_has_a_longest_length() -> None:
    check_text("comment", "a" * LONGEST_TEXT)
    with pytest.raises(InvalidError, match="text_too_long"):
        check_text("comment", "a" * (LONGEST_TEXT + 1))


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "ftp://a.no/b", "https://", "www.ks.no", "https://a.no/" + "b" * 2000],
)
def test_evidence_is_an_address_that_can_be_pressed(link: str) -> None:
    check_evidence(("https://www.ks.no/a?b=ø", "HTTP://intern.ks.no"))
    with pytest.raises(InvalidError, match="evidence_no_link"):
        check_evidence((link,))


def test_evidence_is_limited_in_number() -> None:
    with pytest.raises(InvalidError, match="evidence_too_many"):
        check_evidence(("https://a.no",) * 11)
