"""The blueprint that the parts of this feature put their routes on."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("reminders", __name__)
