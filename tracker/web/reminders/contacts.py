"""Who needs a new contact, and which mails wait to be tried again."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.services import contacts
from tracker.web import access
from tracker.web.context import db, now, person
from tracker.web.reminders.blueprint import blueprint


@blueprint.get("/reminders/contacts")
@access.role(Role.COORDINATOR, Role.ADMIN)
def needed() -> str:
    """List addresses that take no mail, and mails that failed for now."""
    return render_template(
        "reminders/contacts.html",
        failing=contacts.failing(db(), by=person()),
        returned=contacts.returned(db(), by=person(), now=now()),
        waiting=contacts.waiting(db(), by=person()),
        shown=contacts.SHOWN,
    )


@blueprint.post("/reminders/contacts/try-again")
@access.role(Role.COORDINATOR, Role.ADMIN)
def try_again() -> ResponseReturnValue:
    """Take an address for working and send to it once more."""
    addressee = request.form.get("addressee", "")
    if contacts.try_again(db(), by=person(), addressee=addressee, now=now()):
        words = _(
            "The last e-mail is being sent once more. "
            "If it fails, the address is back in this list."
        )
    else:
        words = _("The address is treated as working. The next reminder shows whether it does.")
    flash(words, "success")
    return redirect(url_for("reminders.needed"), HTTPStatus.SEE_OTHER)


@blueprint.post("/reminders/contacts/mails/<int:email_id>/try-now")
@access.role(Role.COORDINATOR, Role.ADMIN)
def try_now(email_id: int) -> ResponseReturnValue:
    """Try a mail that waits at once."""
    contacts.try_now(db(), by=person(), email_id=email_id, now=now())
    flash(_("The e-mail is being sent again now."), "success")
    return redirect(url_for("reminders.needed"), HTTPStatus.SEE_OTHER)
