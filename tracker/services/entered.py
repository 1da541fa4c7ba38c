"""E-mail addresses as people enter them."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

import addresses
from tracker.domain.errors import InvalidError


def address(text: str) -> str:
    """Return an address in the form in which it is kept; raises InvalidError at `email`.

    Besides what mail servers take, it has to be one that mail from anywhere can reach.
    """
    try:
        shown = addresses.read(text).shown
        validate_email(shown, check_deliverability=False)
    except addresses.AddressError as error:
        raise InvalidError("email", error.code) from error
    except EmailNotValidError as error:
        raise InvalidError("email", "bad_address") from error
    return shown
