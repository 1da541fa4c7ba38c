"""What can go wrong in a use case. Services raise these; one place turns them into answers.

A `code` names the explanation that people read; the web layer holds its words.
"""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """Base of all errors that are the request's fault and not the program's."""

    def __init__(self, code: str, **details: Any) -> None:
        """Take the explanation's `code` and what its text needs."""
        super().__init__(code)
        self.code = code
        self.details = details


class NotFoundError(DomainError):
    """The thing does not exist, or the person may not know that it does (404)."""


class ForbiddenError(DomainError):
    """The person may not do this (403)."""


class ConflictError(DomainError):
    """The thing has changed since the person saw it, or its state forbids the step (409)."""


class InvalidError(DomainError):
    """A value is not acceptable (400). `field` names the form field that it stands in."""

    def __init__(self, field: str, code: str, **details: Any) -> None:
        """Take the `field` beside which the explanation belongs."""
        super().__init__(code, **details)
        self.field = field


class ProofNeededError(DomainError):
    """The person is signed in, but has to show anew who they are (401)."""

    def __init__(self) -> None:
        """There is one explanation: the page that asks."""
        super().__init__("proof_needed")


class TooManyAttemptsError(DomainError):
    """The limit of attempts is reached (429). `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        """Take the number of seconds until the next attempt is allowed."""
        super().__init__("too_many_attempts")
        self.retry_after = retry_after
