"""Lines in the log about who came in, who was kept out, and from where.

Each is one JSON object on one line of the logger `tracker.security`. It names people by their
number and holds no secret: no password, token or link, and no e-mail address, as people type their
password there by mistake.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session

LONGEST: Final = 200
"""The characters of a value that are written; what is longer comes from somebody's own program."""

_logger = logging.getLogger("tracker.security")


def note(what: str, *, outcome: str, person: int | None, network_address: str, **more: str) -> None:
    """Write that `what` has happened, to which `person` (None: nobody known) and from where.

    What happened is `signed_in`, `failed`, `locked`, `link_asked`, `signed_out` or `refused`;
    `outcome` says how, or why.
    """
    line = {"event": what, "outcome": outcome, "person": person, "from": network_address, **more}
    bounded = {
        name: value[:LONGEST] if isinstance(value, str) else value for name, value in line.items()
    }
    # JSON in ASCII has no line breaks.
    _logger.info("%s", json.dumps(bounded))


def note_when_committed(session: Session, what: str, **facts: Any) -> None:
    """Write it once the transaction is committed, and never if it is not.

    Not for use before a savepoint in the same transaction, whose end counts as a commit.
    """
    event.listen(session, "after_commit", lambda _session: note(what, **facts), once=True)
