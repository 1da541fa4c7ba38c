"""The built-in mailbox at /mailbox."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from tracker.mail.message import LOGO_ID
from tracker.models import OutgoingEmail
from tracker.services import installation, mailbox
from tracker.web import context
from tracker.web.access import signed_in
from tracker.web.forms import row_id, search_words

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")

# The mail's own styles are needed here and nowhere else; scripts and forms never run, nothing is
# fetched, and the page has no origin of its own. A link takes the whole window along.
MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation"
)
_LOGO: Final = f"cid:{LOGO_ID}"


@blueprint.get("")
@signed_in
def index() -> str:
    """Show the mails, newest first."""
    receiver = search_words("to", 200)
    page = mailbox.page(
        context.db(),
        by=context.person(),
        settings=context.tracker().settings,
        receiver=receiver,
        older_than=request.args.get("older_than", type=row_id),
        newer_than=request.args.get("newer_than", type=row_id),
    )
    return render_template("mailbox/index.html", page=page, receiver=receiver)


@blueprint.get("/<int:email_id>")
@signed_in
def show(email_id: int) -> str:
    """Show one mail as its receiver sees it, and its text version."""
    email = _mail(email_id)
    return render_template("mailbox/show.html", email=email)


@blueprint.get("/<int:email_id>/html")
@signed_in
def html(email_id: int) -> Response:
    """Give the mail's HTML for the frame in `show`."""
    email = _mail(email_id)
    body = (email.html_body or "").replace("<head>", '<head><base target="_top">', 1)
    logo = installation.logo(context.db()) if _LOGO in body else None
    if logo:
        body = body.replace(_LOGO, f"data:image/png;base64,{b64encode(logo).decode()}")
    response = make_response(body)
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


def _mail(email_id: int) -> OutgoingEmail:
    return mailbox.show(
        context.db(),
        by=context.person(),
        settings=context.tracker().settings,
        email_id=email_id,
    )
