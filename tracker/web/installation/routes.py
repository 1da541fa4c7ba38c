"""The page of the installation, for the administrator, and its logo, for everybody."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from tracker.domain import png
from tracker.domain.errors import NotFoundError
from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.services import installation
from tracker.web import access
from tracker.web.context import about, db, person
from tracker.web.forms import attempt
from tracker.web.installation.forms import DescriptionForm, LogoForm

blueprint = Blueprint("installation", __name__, url_prefix="/installation")


@blueprint.route("", methods=["GET", "POST"])
@access.role(Role.ADMIN, proven=True)
def show() -> ResponseReturnValue:
    """Show what the installation says of itself, or change it."""
    form = _description()
    tried = attempt(form, lambda: installation.describe(db(), by=person(), values=form.values()))
    return _done(_("The changes are saved.")) if tried.is_done else _page(form=form)


@blueprint.post("/logo")
@access.role(Role.ADMIN, proven=True)
def change_logo() -> ResponseReturnValue:
    """Show another picture as the logo."""
    form = LogoForm(action=url_for("installation.change_logo"))
    file = request.files.get("logo")
    # One byte more than may be says that it is too large.
    content = file.stream.read(png.LARGEST + 1) if file else b""
    tried = attempt(form, lambda: installation.set_logo(db(), by=person(), content=content))
    return _done(_("The logo is changed.")) if tried.is_done else _page(logo_form=form)


@blueprint.post("/logo/remove")
@access.role(Role.ADMIN, proven=True)
def remove_logo() -> ResponseReturnValue:
    """Show no logo any more."""
    installation.set_logo(db(), by=person(), content=None)
    return _done(_("The logo is removed."))


@blueprint.get("/logo")
@access.public
def logo() -> Response:
    """Give the picture; its address changes with it, so browsers may keep it."""
    content = installation.logo(db())
    if content is None:
        raise NotFoundError("no_logo")
    response = make_response(content)
    response.mimetype = "image/png"
    is_current = request.args.get("v") == about().identity.logo_version
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if is_current else "no-cache"
    )
    return response


def _description() -> DescriptionForm:
    return DescriptionForm.of(about().identity, action=url_for("installation.show"))


def _page(
    *, form: DescriptionForm | None = None, logo_form: LogoForm | None = None
) -> ResponseReturnValue:
    """Return the page, with 400 where one of its two forms was refused."""
    html = render_template(
        "installation/show.html",
        form=form or _description(),
        logo_form=logo_form or LogoForm(action=url_for("installation.change_logo")),
    )
    return html, HTTPStatus.BAD_REQUEST if request.method == "POST" else HTTPStatus.OK


def _done(words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for("installation.show"), HTTPStatus.SEE_OTHER)
