"""Pages that explain the product to whoever comes by, signed in or not."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

from tracker.web import access
from tracker.web.context import about

blueprint = Blueprint("help", __name__)


@blueprint.get("/help")
@access.public
def index() -> str:
    """Say what each kind of person is asked, and what becomes of the answer."""
    return render_template("help/index.html")


@blueprint.get("/privacy")
@access.public
def privacy() -> ResponseReturnValue:
    """Say what is stored about people, or lead to the installation's own statement."""
    own = about().identity.privacy_url
    return redirect(own) if own else render_template("help/privacy.html")


@blueprint.get("/accessibility")
@access.public
def accessibility() -> ResponseReturnValue:
    """Say how far everybody can use the product, or lead to the installation's own statement."""
    own = about().identity.accessibility_url
    return redirect(own) if own else render_template("help/accessibility.html")
