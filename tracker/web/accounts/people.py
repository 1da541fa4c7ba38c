"""The people who may come in, for those who invite: everywhere, or in the actors they lead."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.models import User
from tracker.services import accounts, invitations
from tracker.web import access
from tracker.web.accounts.blueprint import blueprint
from tracker.web.accounts.forms import NewPersonForm, PersonForm, RoleForm
from tracker.web.context import db, is_demonstration, now, person, tracker
from tracker.web.forms import attempt, row_id, search_words

INVITING: Final = (Role.ADMIN, Role.COORDINATOR, Role.LEAD)


@blueprint.get("/people")
@access.role(*INVITING)
def people() -> ResponseReturnValue:
    """List everybody whom one may see, a page at a time, or those whom a search finds."""
    search = search_words("q", 200)
    page = accounts.page(
        db(),
        by=person(),
        search=search,
        before=request.args.get("before", type=row_id),
        after=request.args.get("after", type=row_id),
    )
    return render_template(
        "accounts/people.html", page=page, search=search, awaits=invitations.awaits
    )


@blueprint.route("/people/new", methods=["GET", "POST"])
@access.role(*INVITING, proven=True)
def new_person() -> ResponseReturnValue:
    """Invite somebody: into any organisation, or into those that one leads."""
    by = person()
    form = NewPersonForm(
        by,
        accounts.actors(db(), by=by),
        role=Role.MEMBER,
        actor_id=request.args.get("actor", type=row_id),
        locale=tracker().settings.locale,
    )
    tried = attempt(
        form,
        lambda: invitations.invite(
            db(),
            by=by,
            email=form.email.data,
            name=form.name.data,
            actor_id=form.actor_id.data,
            role=Role(form.role.data),
            locale=form.locale.data,
            settings=tracker().settings,
            now=now(),
        ),
    )
    if (user := tried.result) is not None:
        return _done(user.id, _invited(user))
    return render_template("accounts/new_person.html", form=form), tried.status


@blueprint.route("/people/<int:user_id>", methods=["GET", "POST"])
@access.role(*INVITING, proven=True)
def show_person(user_id: int) -> ResponseReturnValue:
    """Show a person, or change name, address and language."""
    user = accounts.get(db(), by=person(), user_id=user_id)
    form = PersonForm(obj=user)
    tried = attempt(
        form,
        lambda: accounts.edit(
            db(),
            by=person(),
            user_id=user_id,
            email=form.email.data,
            name=form.name.data,
            locale=form.locale.data,
            mail_from=tracker().settings.mail_from,
            now=now(),
        ),
    )
    return _done(user_id, _("Saved.")) if tried.is_done else _person_page(user_id, form=form)


@blueprint.post("/people/<int:user_id>/invite")
@access.role(*INVITING, proven=True)
def invite_again(user_id: int) -> ResponseReturnValue:
    """Send the invitation once more."""
    user = invitations.send_again(
        db(), by=person(), user_id=user_id, settings=tracker().settings, now=now()
    )
    return _done(user_id, _invited(user))


@blueprint.post("/people/<int:user_id>/roles")
@access.role(*INVITING, proven=True)
def give_role(user_id: int) -> ResponseReturnValue:
    """Give a person one more role."""
    form = _role_form(user_id)
    tried = attempt(
        form,
        lambda: accounts.give_role(
            db(),
            by=person(),
            user_id=user_id,
            role=Role(form.role.data),
            actor_id=form.actor_id.data,
        ),
    )
    if tried.is_done:
        return _done(user_id, _("The role is given."))
    return _person_page(user_id, role_form=form)


@blueprint.post("/people/<int:user_id>/roles/<int:membership_id>/take")
@access.role(*INVITING, proven=True)
def take_role(user_id: int, membership_id: int) -> ResponseReturnValue:
    """Take a role from a person."""
    accounts.take_role(db(), by=person(), user_id=user_id, membership_id=membership_id)
    return _done(user_id, _("The role is removed."))


@blueprint.post("/people/<int:user_id>/deactivate")
@access.role(*INVITING, proven=True)
def deactivate(user_id: int) -> ResponseReturnValue:
    """Shut a person out."""
    accounts.deactivate(db(), by=person(), user_id=user_id, now=now())
    return _done(user_id, _("The person is deactivated and signed out everywhere."))


@blueprint.post("/people/<int:user_id>/reactivate")
@access.role(*INVITING, proven=True)
def reactivate(user_id: int) -> ResponseReturnValue:
    """Let a person in again."""
    accounts.reactivate(db(), by=person(), user_id=user_id)
    return _done(user_id, _("The person can sign in again."))


def _done(user_id: int, words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for("accounts.show_person", user_id=user_id), HTTPStatus.SEE_OTHER)


def _invited(user: User) -> str:
    """Say where the invitation is, which nobody gets where no mail leaves."""
    if tracker().settings.smtp is not None:
        return _("An invitation is on its way to %(email)s.", email=user.email)
    if is_demonstration():
        return _("The invitation lies among the demonstration's e-mails; nothing is sent.")
    return _(
        "No mail server is set up, so nobody gets the invitation. Whoever runs the installation "
        "can make a link: users login-link %(email)s",
        email=user.email,
    )


def _role_form(user_id: int) -> RoleForm:
    return RoleForm(
        person(),
        accounts.actors(db(), by=person()),
        action=url_for("accounts.give_role", user_id=user_id),
        role=Role.MEMBER,
    )


def _person_page(
    user_id: int, *, form: PersonForm | None = None, role_form: RoleForm | None = None
) -> ResponseReturnValue:
    """Return the page of a person, with 400 where one of its two forms was refused."""
    user = accounts.get(db(), by=person(), user_id=user_id)
    here = url_for("accounts.show_person", user_id=user_id)
    html = render_template(
        "accounts/person.html",
        user=user,
        form=form or PersonForm(action=here, obj=user),
        role_form=role_form or _role_form(user_id),
        open_tasks=accounts.open_tasks(db(), by=person(), user_id=user_id),
        may_change=accounts.may_change(person(), user),
        may_take=partial(accounts.may_take, person(), user),
        awaits=invitations.awaits(user),
    )
    return html, HTTPStatus.BAD_REQUEST if request.method == "POST" else HTTPStatus.OK
