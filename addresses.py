"""E-mail addresses, read in one way where they are entered, set and sent to. A leaf."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

LONGEST: Final = 254
"""Characters in an address (RFC 5321, 4.5.3.1.3); longer text is not even looked at."""
LONGEST_LOCAL_PART: Final = 64
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART: Final = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


class AddressError(ValueError):
    """No address that mail can be sent to, with the reason for who operates this."""

    def __init__(self, message: str, *, code: str = "bad_address") -> None:
        """Take the reason, and the code of the message for whoever entered the address."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """An e-mail address."""

    shown: str
    """As people read it."""
    wire: str
    """As mail servers take it: the domain in its ASCII form."""


@lru_cache(maxsize=256)  # Each mail asks a few times for its sender's and its receiver's.
def read(text: str) -> Address:
    """Read an address, leaving out characters that nobody sees; raises AddressError.

    The domain may have letters of any language (IDNA 2008). What stands before the @ may not: only
    some mail servers take that (RFC 6531).
    """
    if len(text) > 2 * LONGEST:
        raise AddressError("Not an e-mail address: it is too long")
    address = without_invisible(text).strip()
    local, _, domain = address.rpartition("@")
    if not local.isascii() and not any(character.isspace() for character in local):
        reason = f"Mail servers do not take these letters before the @: {address}"
        raise AddressError(reason, code="address_letters")
    if not _LOCAL_PART.fullmatch(local) or len(local) > LONGEST_LOCAL_PART:
        raise AddressError(f"Not an e-mail address: {address}")
    wire_domain = ascii_domain(domain)
    if len(local) + 1 + len(wire_domain) > LONGEST:
        raise AddressError(f"Not an e-mail address: {address}")
    return Address(shown=f"{local}@{idna.decode(wire_domain)}", wire=f"{local}@{wire_domain}")


def ascii_domain(domain: str) -> str:
    """Return a domain as it stands in the DNS (IDNA 2008, UTS 46); raises AddressError."""
    if len(domain) > LONGEST:
        raise AddressError("Not the domain of an address: it is too long")
    try:
        found = idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise AddressError(f"Not the domain of an address: {domain}") from error
    if not _DOMAIN.fullmatch(found):
        raise AddressError(f"Not the domain of an address: {domain}")
    return found


def ascii_host(host: str) -> str:
    """Return the name or number of a machine as it stands in the DNS; raises AddressError."""
    return host if host.isascii() else ascii_domain(host)


def without_invisible(text: str) -> str:
    """Leave out what takes no room, such as a soft hyphen or a zero-width space."""
    return "".join(character for character in text if unicodedata.category(character) != "Cf")
