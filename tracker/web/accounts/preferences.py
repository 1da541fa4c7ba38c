"""Which reminders come by mail: on one's account, and by the address in a mail."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.reminder_steps import OptionalKind
from tracker.i18n import _, set_locale
from tracker.services import preferences
from tracker.services.preferences import Unsubscription
from tracker.web import access
from tracker.web.accounts.blueprint import blueprint
from tracker.web.accounts.forms import PreferencesForm
from tracker.web.context import db, now, person, tracker
from tracker.web.forms import attempt
from tracker.web.words import OPTIONAL_MAIL


@blueprint.route("/account/mail", methods=["GET", "POST"])
@access.signed_in
def mail_preferences() -> ResponseReturnValue:
    """Choose which kinds of reminders come by mail."""
    declined = preferences.declined(db(), by=person())
    offered = preferences.offered(person())
    form = PreferencesForm(offered, wanted=sorted(offered - declined))
    tried = attempt(
        form,
        lambda: preferences.decline(
            db(),
            by=person(),
            kinds=(declined | offered) - set(map(OptionalKind, form.wanted.data)),
        ),
    )
    if tried.is_done:
        flash(_("Saved."), "success")
        return redirect(url_for("accounts.mail_preferences"), HTTPStatus.SEE_OTHER)
    return render_template("accounts/mail.html", form=form), tried.status


@blueprint.get("/unsubscribe/<token>")
@access.public
def unsubscribe(token: str) -> tuple[str, int]:
    """Show what the address in a mail switches off; looking changes nothing."""
    found = _read(token)
    return _page(found, is_done=found.kinds <= preferences.declined(db(), by=found.person))


@blueprint.post("/unsubscribe/<token>")
@access.public
def unsubscribe_now(token: str) -> tuple[str, int]:
    """Switch it off: for the button, and for a mail program's one click (RFC 8058)."""
    found = _read(token)
    if not found.is_expired:
        preferences.unsubscribe(db(), found=found)
    return _page(found, is_done=True)


def _read(token: str) -> Unsubscription:
    return preferences.read(db(), token=token, secret_key=tracker().settings.secret_key, now=now())


def _page(found: Unsubscription, *, is_done: bool) -> tuple[str, int]:
    set_locale(found.person.locale)
    if found.is_expired:
        return render_template("accounts/unsubscribe_expired.html"), HTTPStatus.GONE
    html = render_template(
        "accounts/unsubscribe.html",
        email=found.email,
        kinds=[OPTIONAL_MAIL[kind] for kind in sorted(found.kinds)],
        is_done=is_done,
    )
    return html, HTTPStatus.OK
