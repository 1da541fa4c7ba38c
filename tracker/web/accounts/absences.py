"""When people are away and who stands in: for oneself, and for a lead's people."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.i18n import _
from tracker.models import User
from tracker.services import absences
from tracker.web import access
from tracker.web.accounts.blueprint import blueprint
from tracker.web.accounts.forms import AbsenceForm
from tracker.web.context import db, now, person, today
from tracker.web.forms import attempt


@blueprint.route("/account/absences", methods=["GET", "POST"])
@access.signed_in
def own_absences() -> ResponseReturnValue:
    """Show when one is away, or note it."""
    return _absences(person().user_id)


@blueprint.route("/people/<int:user_id>/absences", methods=["GET", "POST"])
@access.signed_in
def absences_of(user_id: int) -> ResponseReturnValue:
    """Show when somebody is away, or note it: for leads, the secretariat and the administrator."""
    return _absences(user_id)


@blueprint.post("/absences/<int:absence_id>/cancel")
@access.signed_in
def cancel_absence(absence_id: int) -> ResponseReturnValue:
    """End an absence, or take it back."""
    absence = absences.cancel(db(), by=person(), absence_id=absence_id, now=now())
    flash(_("The absence is taken back. Reminders go to the person again."), "success")
    return redirect(_page_of(absence.user_id), HTTPStatus.SEE_OTHER)


def _absences(user_id: int) -> ResponseReturnValue:
    user = absences.user(db(), by=person(), user_id=user_id)
    form = AbsenceForm(absences.substitutes(db(), user=user))
    tried = attempt(
        form,
        lambda: absences.add(
            db(),
            by=person(),
            user=user,
            first_on=form.first_on.data,
            last_on=form.last_on.data,
            substitute_id=form.substitute_id.data,
            now=now(),
            today=today(),
        ),
    )
    if tried.result is not None:
        flash(_words(user, form), "success")
        return redirect(_page_of(user.id), HTTPStatus.SEE_OTHER)
    coming = absences.coming(db(), user_id=user.id, today=today())
    html = render_template(
        "accounts/absences.html",
        form=form,
        user=user,
        standing_in=[
            one
            for one in absences.concerning(db(), by=person(), today=today())
            if one.user_id != user.id and user.id == person().user_id
        ],
        is_own=user.id == person().user_id,
        collisions=absences.collisions(db(), by=person(), user=user, absences=coming),
    )
    return html, tried.status


def _words(user: User, form: AbsenceForm) -> str:
    if form.substitute_id.data is None:
        return _("Noted. Nobody stands in, so reminders go to %(name)s as always.", name=user.name)
    return _("Noted. Reminders go to the substitute meanwhile.")


def _page_of(user_id: int) -> str:
    if user_id == person().user_id:
        return url_for("accounts.own_absences")
    return url_for("accounts.absences_of", user_id=user_id)
