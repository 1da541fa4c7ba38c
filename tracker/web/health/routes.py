"""`/healthz`: whether this node can answer. Late mail has a page of its own, in `reminders`."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from tracker.services import installation
from tracker.web import access
from tracker.web.context import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@access.public
def health() -> tuple[Response, int]:
    """Tell a load balancer whether the web and its database work: 200, or 503."""
    try:
        installation.demonstration_on(db())
    except SQLAlchemyError as error:
        current_app.logger.warning("The database does not answer: %s", error)
        return jsonify(status="database"), HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(status="ok"), HTTPStatus.OK
