"""Which reminders come by mail: on one's account, and by the address in a mail."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.reminder_steps import OptionalKind
from tracker.i18n import _, set_locale
from tracker.services import preferences
from tracker.web import access
from tracker.web.accounts.blueprint import blueprint
from tracker.web.accounts.forms import PreferencesForm
from tracker.web.context import db, person, tracker
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
def unsubscribe(token: str) -> str:
    """Show what the address in a mail switches off; looking changes nothing."""
    return _page(token, is_done=False)


@blueprint.post("/unsubscribe/<token>")
@access.public
def unsubscribe_now(token: str) -> str:
    """Switch it off: for the button, and for a mail program's one click (RFC 8058)."""
    found = preferences.read(db(), token=token, secret_key=tracker().settings.secret_key)
    preferences.unsubscribe(db(), found=found)
    return _page(token, is_done=True)


def _page(token: str, *, is_done: bool) -> str:
    found = preferences.read(db(), token=token, secret_key=tracker().settings.secret_key)
    set_locale(found.person.locale)
    return render_template(
        "accounts/unsubscribe.html",
        token=token,
        email=found.email,
        kinds=[OPTIONAL_MAIL[kind] for kind in sorted(found.kinds)],
        is_done=is_done or found.kinds <= preferences.declined(db(), by=found.person),
    )
