"""The ways in and out, and what happens when a session has expired."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any, Final

from flask import flash, g, redirect, render_template, request, session, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from config import is_loopback
from tracker.domain.errors import InvalidError, NotFoundError, TooManyAttemptsError
from tracker.i18n import LOCALES, _
from tracker.models import User, Way
from tracker.services import accounts, security, sessions
from tracker.services import sign_in as ways_in
from tracker.services.sign_in import LinkState
from tracker.web import access, context
from tracker.web.accounts import known_browser, return_to
from tracker.web.accounts.blueprint import blueprint
from tracker.web.accounts.forms import SignInForm
from tracker.web.context import db, now, tracker
from tracker.web.forms import row_id

_LINK_STATUS: Final = {
    LinkState.USABLE: HTTPStatus.OK,
    LinkState.USED: HTTPStatus.GONE,
    LinkState.EXPIRED: HTTPStatus.GONE,
    LinkState.UNKNOWN: HTTPStatus.NOT_FOUND,
}


@blueprint.route("/sign-in", methods=["GET", "POST"])
@access.public
def sign_in() -> ResponseReturnValue:
    """Let somebody in by password, or send the link that was asked for."""
    if request.method != "POST":
        page = return_to.safe_path(request.args.get("next")) or return_to.HOME
        if context.current_person() is not None:
            return redirect(page)
        return _page(return_to.to(page)), HTTPStatus.OK
    form = SignInForm()
    kept = return_to.read(form.kept.data)
    if not form.validate():
        return _page(kept, form), HTTPStatus.BAD_REQUEST
    ip, browser = context.network_address(), known_browser.read()
    try:
        if form.wants_link:
            ways_in.request_link(
                db(),
                email=form.email.data,
                ip=ip,
                settings=tracker().settings,
                now=now(),
                kept_form=kept,
                browser=browser,
            )
            return redirect(url_for("accounts.link_sent"), HTTPStatus.SEE_OTHER)
        user = ways_in.with_password(
            db(),
            email=form.email.data,
            password=form.password.data,
            ip=ip,
            now=now(),
            browser=browser,
        )
    except TooManyAttemptsError as error:
        wait = {"Retry-After": str(error.retry_after)}
        minutes = math.ceil(error.retry_after / 60)
        return _page(kept, form, minutes=minutes), HTTPStatus.TOO_MANY_REQUESTS, wait
    except InvalidError as error:
        context.commit_despite_error()
        form.refuse(error)
        return _page(kept, form), HTTPStatus.UNAUTHORIZED
    return _begin(user, kept, Way.PASSWORD)


@blueprint.get("/sign-in/sent")
@access.public
def link_sent() -> ResponseReturnValue:
    """Say the same to everybody who asked for a link."""
    minutes = int(ways_in.MAILED_LINK.total_seconds() // 60)
    return render_template("accounts/link_sent.html", minutes=minutes)


@blueprint.route("/sign-in/link/<token>", methods=["GET", "POST"])
@access.public
def link(token: str) -> ResponseReturnValue:
    """Show the button of a one-time link, or let its owner in; opening it uses nothing up."""
    if request.method == "POST":
        used = ways_in.use_link(db(), token=token, now=now())
        if used is not None:
            user, kept = used
            return _begin(user, kept or return_to.to(return_to.HOME), Way.LINK)
    found = ways_in.find_link(db(), token=token, now=now())
    if request.method == "POST":
        security.note(
            "failed",
            outcome=f"link_{found.state}",
            person=None,
            network_address=context.network_address(),
        )
    return render_template("accounts/link.html", link=found), _LINK_STATUS[found.state]


@blueprint.post("/sign-in/demonstration")
@access.public
def demonstration() -> ResponseReturnValue:
    """Let anybody in as somebody invented, on a demonstration on this machine."""
    if not _is_on_this_machine():
        raise NotFoundError("no_demonstration")
    user = ways_in.as_demonstration(
        db(),
        user_id=request.form.get("user_id", default=0, type=row_id),
        settings=tracker().settings,
    )
    return _begin(user, return_to.read(request.form.get("kept")), Way.DEMONSTRATION)


@blueprint.post("/sign-out")
@access.public
def sign_out() -> ResponseReturnValue:
    """End the session, here and in the database."""
    session_id = context.session_id()
    if session_id is not None:
        sessions.revoke(db(), by=context.person(), session_id=session_id, now=now())
        note_signed_out("this_browser")
    leave()
    flash(_("You are signed out."), "success")
    return redirect(url_for("accounts.sign_in"), HTTPStatus.SEE_OTHER)


@blueprint.post("/language")
@access.public
def language() -> ResponseReturnValue:
    """Change the language: of the person, or of this browser where nobody is signed in."""
    locale = request.form.get("locale", "")
    if locale not in LOCALES:
        raise InvalidError("locale", "no_such_language")
    person = context.current_person()
    if person is not None:
        accounts.choose_language(db(), by=person, locale=locale)
    session["locale"] = locale
    session.permanent = True
    page = return_to.safe_path(request.form.get("next")) or return_to.HOME
    return redirect(page, HTTPStatus.SEE_OTHER)


def leave() -> None:
    """Forget in this browser who was signed in, but not the language."""
    person = context.current_person()
    session.clear()
    if person is not None:
        session["locale"] = person.locale


def note_signed_out(outcome: str) -> None:
    """Have it in the log that the person has signed out `outcome`, once that is committed."""
    security.note_when_committed(
        db(),
        "signed_out",
        outcome=outcome,
        person=context.person().user_id,
        network_address=context.network_address(),
    )


def sign_in_again() -> ResponseReturnValue:
    """Answer who is signed in, but not freshly enough: once more, nothing typed is lost."""
    if request.method == "POST":
        kept = return_to.of_this_post(again=True)
    else:
        kept = return_to.to(request.path, again=True)
    form = SignInForm(formdata=None, email=accounts.own(db(), by=context.person()).email)
    return _page(kept, form), HTTPStatus.UNAUTHORIZED


def expired_form() -> ResponseReturnValue:
    """Answer a POST without a valid session: sign in first, nothing typed is lost."""
    return _page(return_to.of_this_post(), expired=True), HTTPStatus.UNAUTHORIZED


def _page(
    kept: dict[str, Any],
    form: SignInForm | None = None,
    *,
    expired: bool = False,
    minutes: int = 0,
) -> str:
    """Return the sign-in page. `minutes` is how long to wait before the next attempt."""
    signed = return_to.sign(kept)
    # On an expired form's POST, what was sent is not meant for this form.
    form = form or SignInForm(formdata=None)
    form.kept.data = signed
    offered = context.is_demonstration() and tracker().settings.is_local and _is_on_this_machine()
    return render_template(
        "accounts/sign_in.html",
        form=form,
        expired=expired,
        minutes=minutes,
        kept=return_to.read(signed),
        people=ways_in.demonstration_people(db()) if offered else None,
    )


def _is_on_this_machine() -> bool:
    # A server that listens everywhere has a base address of this machine until it is set.
    return is_loopback(request.remote_addr or "")


def _begin(user: User, kept: dict[str, Any], way: Way) -> Response:
    """Start a new session in place of whatever the browser had, and go where one wanted to."""
    kept = return_to.belonging_to(user, kept)
    earlier = context.session_id()
    if earlier is not None:
        sessions.revoke(db(), by=context.person(), session_id=earlier, now=now())
    token = sessions.start(
        db(),
        user=user,
        way=way,
        now=now(),
        browser=request.user_agent.string,
        network_address=context.network_address(),
        kept_form=kept if kept["fields"] else None,
    )
    # Nothing from before may live on, or somebody could have planted it; nor the CSRF token.
    session.clear()
    g.pop("csrf_token", None)
    session[context.TOKEN] = token
    # For the pages after the session's end.
    session["locale"] = user.locale
    session.permanent = True
    if kept["path"] and not kept["fields"]:
        flash(_("You had to sign in first, so that was not done. Do it once more."), "warning")
    response = redirect(kept["page"], HTTPStatus.SEE_OTHER)
    known_browser.remember(response, user)
    return response


@blueprint.record_once
def _offer(state: BlueprintSetupState) -> None:
    state.app.extensions["expired_form"] = expired_form
    state.app.extensions["sign_in_again"] = sign_in_again
