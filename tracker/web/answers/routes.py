"""The page behind the link in a mail. The link is the right to answer for one task."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from tracker import i18n
from tracker.domain.errors import ConflictError
from tracker.i18n import _
from tracker.models import AnswerLink
from tracker.services import answer_links, answers
from tracker.services.answers import State, Visit
from tracker.services.updates import Situation
from tracker.web import access
from tracker.web.context import current_person, db, now, timezone, today, tracker
from tracker.web.forms import attempt
from tracker.web.update_form import NotMineForm, UpdateForm

Page = Response | tuple[str, int]

blueprint = Blueprint("answers", __name__)


@blueprint.route("/answer/<token>", methods=["GET", "POST"])
@access.public
def answer(token: str) -> Page:
    """Show the form, or what has become of the link; a GET never writes."""
    visit = _resolve(token)
    if visit.state is not State.OPEN:
        return _not_open(visit, token)
    found = answers.situation(db(), visit=visit, today=today(), lock=request.method == "POST")
    form = UpdateForm.for_situation(found, is_mailbox=visit.is_mailbox)
    tried = attempt(
        form,
        lambda: answers.answer(
            db(),
            visit=visit,
            found=found,
            answer=form.answer(),
            stated_name=form.name,
            seen=form.seen_update,
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        return _thanks(token)
    if tried.conflict:
        found = answers.situation(db(), visit=visit, today=today())
        form.has_seen(found.seen)
    return _page(visit, token, found, form, conflict=tried.conflict), tried.status


@blueprint.post("/answer/<token>/no-change")
@access.public
def no_change(token: str) -> Page:
    """Repeat the last assessment in one click."""
    visit = _resolve(token)
    if visit.state is not State.OPEN:
        return _not_open(visit, token)
    answers.repeat(db(), visit=visit, now=now(), timezone=timezone())
    return _thanks(token)


@blueprint.post("/answer/<token>/not-mine")
@access.public
def not_mine(token: str) -> Page:
    """Tell the secretariat that the task is somebody else's."""
    visit = _resolve(token)
    if visit.state is not State.OPEN:
        return _not_open(visit, token)
    form = NotMineForm.for_receiver(is_mailbox=visit.is_mailbox, action=request.path)
    tried = attempt(
        form,
        lambda: answers.not_mine(
            db(),
            visit=visit,
            comment=form.comment.data or "",
            stated_name=form.name,
            now=now(),
            timezone=timezone(),
        ),
    )
    if tried.result is not None:
        return _thanks(token)
    found = answers.situation(db(), visit=visit, today=today())
    update_form = UpdateForm.for_situation(found, is_mailbox=visit.is_mailbox, is_other_sent=True)
    return _page(visit, token, found, update_form, not_mine_form=form), tried.status


@blueprint.get("/answer/<token>/thanks")
@access.public
def thanks(token: str) -> Page:
    """Say what was saved, who reads it and how to correct it; offer the mail's other tasks."""
    visit = _resolve(token)
    given = answers.given(db(), visit=visit)
    if given is None or visit.state is not State.OPEN:
        return redirect(url_for("answers.answer", token=token))
    others = [
        (other.task, _address(other.link), other.link.update_id is not None)
        for other in answers.others(db(), visit=visit, now=now())
    ]
    page = render_template(
        "answers/thanks.html",
        visit=visit,
        task=visit.task,
        token=token,
        given=given,
        pending=answers.situation(db(), visit=visit, today=today()).pending,
        others=others,
    )
    return page, 200


@blueprint.post("/answer/<token>/renew")
@access.public
def renew(token: str) -> Page:
    """Send a fresh link to the address that the expired one went to."""
    visit = _resolve(token)
    mail_from = tracker().settings.mail_from
    answers.renew(db(), visit=visit, mail_from=mail_from, now=now())
    flash(_("A new link is on its way to the same address."), "success")
    return redirect(url_for("answers.answer", token=token), 303)


def _resolve(token: str) -> Visit:
    """Return what the link opens, and speak its receiver's language unless they chose another."""
    visit = answers.resolve(db(), token=token, secret_key=tracker().settings.secret_key, now=now())
    if current_person() is None and "locale" not in session:
        i18n.set_locale(visit.locale)
    return visit


def _thanks(token: str) -> Response:
    return redirect(url_for("answers.thanks", token=token), 303)


def _not_open(visit: Visit, token: str) -> Page:
    if request.method == "POST" and visit.state is State.REVOKED:
        raise ConflictError("link_not_open")
    return render_template("answers/closed.html", visit=visit, token=token), HTTPStatus.GONE


def _page(visit: Visit, token: str, found: Situation, form: UpdateForm, **more: Any) -> str:
    more.setdefault("conflict", "")
    if "not_mine_form" not in more:
        more["not_mine_form"] = NotMineForm.for_receiver(
            is_mailbox=visit.is_mailbox, action=url_for("answers.not_mine", token=token)
        )
    return render_template(
        "answers/answer.html",
        visit=visit,
        task=visit.task,
        token=token,
        found=found,
        form=form,
        today=today(),
        **more,
    )


def _address(link: AnswerLink) -> str:
    settings = tracker().settings
    return answer_links.address(link, base_url="", secret_key=settings.secret_key)
