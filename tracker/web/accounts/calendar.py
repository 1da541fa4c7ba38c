"""One's own deadlines and meetings in a calendar program."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from icalendar import Calendar, Event, vText

from tracker import i18n
from tracker.domain.status import Precision
from tracker.i18n import _
from tracker.models import Meeting, Task
from tracker.services import calendar_feeds, meetings
from tracker.services.calendar_feeds import Contents
from tracker.web import access, words
from tracker.web.accounts.blueprint import blueprint
from tracker.web.context import db, now, person, today, tracker

REFRESH: Final = dt.timedelta(hours=4)
"""How often programs are asked to look for changes (RFC 7986, 5.7)."""


@blueprint.get("/account/calendar")
@access.signed_in
def calendar() -> str:
    """Show the address of one's calendar."""
    feed = calendar_feeds.current(db(), by=person())
    settings = tracker().settings
    address = feed and calendar_feeds.address(
        feed, base_url=settings.base_url, secret_key=settings.secret_key
    )
    return render_template(
        "accounts/calendar.html",
        feed=feed,
        address=address,
        subscribe=address and f"webcal:{address.partition(':')[2]}",
        has_meetings=meetings.is_invited(person().roles),
    )


@blueprint.post("/account/calendar")
@access.signed_in
def renew_calendar() -> ResponseReturnValue:
    """Make an address; the one before stops working."""
    calendar_feeds.renew(db(), by=person(), now=now())
    flash(_("The address is made. Give it to your calendar program."), "success")
    return redirect(url_for("accounts.calendar"), HTTPStatus.SEE_OTHER)


@blueprint.post("/account/calendar/stop")
@access.signed_in
def stop_calendar() -> ResponseReturnValue:
    """Let the address stop working."""
    calendar_feeds.stop(db(), by=person(), now=now())
    flash(_("The address does not work any more."), "success")
    return redirect(url_for("accounts.calendar"), HTTPStatus.SEE_OTHER)


@blueprint.get("/calendar/<token>.ics")
@access.public
def feed(token: str) -> Response:
    """Give a calendar program the deadlines and meetings of the person whose address it has."""
    found = calendar_feeds.read(
        db(), token=token, secret_key=tracker().settings.secret_key, today=today()
    )
    with i18n.use_locale(found.person.locale):
        content = _calendar(found).to_ical()
    response = Response(content, mimetype="text/calendar")
    response.headers["Content-Disposition"] = 'inline; filename="calendar.ics"'
    # Programs ask often, and mostly nothing has changed.
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]


def _calendar(found: Contents) -> Calendar:
    # The library knows of neither property of the name that it is text, to be escaped.
    name = vText(_("Follow-up: %(name)s", name=found.person.name))
    calendar = Calendar()
    for key, value in (
        ("prodid", "-//Oppfølging//Oppfølging//NO"),
        ("version", "2.0"),
        ("method", "PUBLISH"),
        ("name", name),
        # What programs knew before RFC 7986.
        ("x-wr-calname", name),
        ("x-published-ttl", f"PT{REFRESH // dt.timedelta(hours=1)}H"),
    ):
        calendar.add(key, value)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for task in found.tasks:
        if task.deadline is not None:
            calendar.add_component(_deadline(task, task.deadline))
    for meeting in found.meetings:
        calendar.add_component(_meeting(meeting))
    return calendar


def _deadline(task: Task, due: dt.date) -> Event:
    """Return the last day of a task's deadline; how precise that is stands in words."""
    url = f"{tracker().settings.base_url}/tasks/{task.id}"
    precise = i18n.format_deadline(due, task.deadline_precision or Precision.DAY)
    named = {"ref": task.ref, "title": words.title(task)}
    if task.deadline_precision == Precision.DAY:
        summary = _("Deadline: %(ref)s %(title)s", **named)
    else:
        summary = _("Deadline %(period)s: %(ref)s %(title)s", period=precise, **named)
    status = _(words.STATUSES[task.status]) if task.status else _("To be decided")
    about = [_("Deadline: %(date)s", date=precise), _("Status: %(status)s", status=status), url]
    return _event(
        f"task-{task.id}",
        due,
        summary=summary,
        description="\n".join(about),
        url=url,
        version=task.version,
        changed_at=task.changed_at,
    )


def _meeting(meeting: Meeting) -> Event:
    is_off = meeting.cancelled_at is not None
    title = _("Called off: %(title)s", title=meeting.title) if is_off else meeting.title
    event = _event(
        f"meeting-{meeting.id}",
        meeting.held_on,
        summary=title,
        url=f"{tracker().settings.base_url}/meetings",
        version=meeting.version,
        changed_at=meeting.changed_at,
    )
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    if meeting.place:
        event.add("location", meeting.place)
    return event


def _event(
    name: str, day: dt.date, *, version: int, changed_at: dt.datetime, **words: Any
) -> Event:
    """Return something that takes the whole of `day` and keeps nobody busy.

    It keeps its UID through all changes, and each of them raises SEQUENCE (RFC 5545, 3.8.7.4).
    """
    event = Event()
    event.add("uid", f"{name}@{urlsplit(tracker().settings.base_url).hostname}")
    event.add("dtstamp", changed_at)
    event.add("sequence", version - 1)
    event.add("dtstart", day)
    event.add("dtend", day + dt.timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    for key, value in words.items():
        event.add(key, value)
    return event
