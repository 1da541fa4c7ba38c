"""One's own account: name, language, password and signed-in browsers."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from tracker.i18n import _
from tracker.models import Way
from tracker.services import accounts, passwords, sessions
from tracker.web import access, context
from tracker.web.accounts.blueprint import blueprint
from tracker.web.accounts.browsers import name_of
from tracker.web.accounts.forms import PasswordForm, ProfileForm
from tracker.web.accounts.sign_in import leave, note_signed_out
from tracker.web.context import db, now, person, tracker
from tracker.web.forms import attempt
from tracker.web.words import WAYS


@blueprint.route("/account", methods=["GET", "POST"])
@access.signed_in
def account() -> ResponseReturnValue:
    """Show one's account, or change name and language."""
    user = accounts.own(db(), by=person())
    form = ProfileForm(obj=user)
    tried = attempt(
        form,
        lambda: accounts.edit_own(db(), by=person(), name=form.name.data, locale=form.locale.data),
    )
    if tried.is_done:
        session["locale"] = form.locale.data
        flash(_("Saved."), "success")
        return redirect(url_for("accounts.account"), HTTPStatus.SEE_OTHER)
    html = render_template(
        "accounts/account.html",
        form=form,
        user=user,
        browsers=sessions.valid(db(), by=person(), now=now()),
        latest=sessions.latest(db(), by=person()),
        ways=WAYS,
        this_browser=context.session_id(),
        name_of=name_of,
    )
    return html, tried.status


@blueprint.route("/account/password", methods=["GET", "POST"])
@access.signed_in
def password() -> ResponseReturnValue:
    """Set a password, or another one."""
    user = accounts.own(db(), by=person())
    passwords.require_proof(user, proof=context.proof())
    form = PasswordForm()
    tried = attempt(
        form,
        lambda: passwords.set_own(
            db(),
            by=person(),
            current=form.current_password.data or "",
            new=form.new_password.data,
            proof=context.proof(),
            session_id=context.session_id() or 0,
            network_address=context.network_address(),
            settings=tracker().settings,
            now=now(),
        ),
    )
    if tried.is_done:
        flash(_("Your new password is in force. Other browsers are signed out."), "success")
        return redirect(url_for("accounts.account"), HTTPStatus.SEE_OTHER)
    # A wrong present password counts as an attempt.
    context.commit_despite_error()
    html = render_template(
        "accounts/password.html",
        form=form,
        user=user,
        asks_current=bool(user.password_hash) and context.proof() != Way.LINK,
        shortest=passwords.SHORTEST,
    )
    return html, tried.status


@blueprint.post("/account/browsers/<int:session_id>/sign-out")
@access.signed_in
def sign_out_browser(session_id: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    if sessions.revoke(db(), by=person(), session_id=session_id, now=now()):
        note_signed_out("one_browser")
    if session_id == context.session_id():
        leave()
        flash(_("You are signed out."), "success")
        return redirect(url_for("accounts.sign_in"), HTTPStatus.SEE_OTHER)
    flash(_("That browser is signed out."), "success")
    return redirect(url_for("accounts.account"), HTTPStatus.SEE_OTHER)


@blueprint.post("/account/sign-out-everywhere")
@access.signed_in
def sign_out_everywhere() -> ResponseReturnValue:
    """End all of one's sessions, this one too."""
    sessions.revoke_all(db(), user_id=person().user_id, now=now())
    note_signed_out("everywhere")
    leave()
    flash(_("You are signed out everywhere."), "success")
    return redirect(url_for("accounts.sign_in"), HTTPStatus.SEE_OTHER)
