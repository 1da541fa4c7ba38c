"""Who may use which route. Deny by default: a route without a rule answers nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from flask import Flask, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from config import is_loopback
from tracker.domain.errors import ForbiddenError, InvalidError, ProofNeededError
from tracker.domain.roles import Person, Role
from tracker.web.context import current_person, proof, tracker

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE: Final = "access_rule"
ANY_HOST: Final = frozenset({"health.health", "reminders.health"})
"""Load balancers ask by the address of a machine."""


@dataclass(frozen=True)
class Rule:
    """A route's rule: anyone, anyone signed in, or anyone with one of some roles."""

    name: str
    public: bool = False
    roles: frozenset[Role] | None = None
    proven: bool = False
    """Who sends something must have shown recently who they are."""

    def admits(self, person: Person | None) -> bool:
        """Return whether `person` (None: not signed in) may use the route."""
        if self.public:
            return True
        if person is None:
            return False
        return self.roles is None or bool(self.roles & person.roles)


PUBLIC: Final = Rule("public", public=True)
SIGNED_IN: Final = Rule("signed_in")


def public(view: View) -> View:
    """Let anyone use the view (sign-in, health, answer links that carry their own right)."""
    return _declare(view, PUBLIC)


def signed_in(view: View) -> View:
    """Let anyone signed in use the view; what they may change is the service's to say."""
    return _declare(view, SIGNED_IN)


def role(*roles: Role, proven: bool = False) -> Callable[[View], View]:
    """Let people with one of `roles` use the view; if `proven`, send only after a fresh proof."""
    rule = Rule("role:" + "|".join(sorted(roles)), roles=frozenset(roles), proven=proven)

    def decorate(view: View) -> View:
        return _declare(view, rule)

    return decorate


def rule_of(app: Flask, endpoint: str) -> Rule | None:
    """Return the rule that the endpoint's view declares, or None."""
    return getattr(app.view_functions[endpoint], _ATTRIBUTE, None)


def _declare(view: View, rule: Rule) -> View:
    setattr(view, _ATTRIBUTE, rule)
    return view


def _is_ours(host: str) -> bool:
    """Return whether the `Host` that a client names is the product's; its port is the proxy's."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or name == urlsplit(tracker().settings.base_url).hostname


def _enforce() -> Response | tuple[str, int] | None:
    if request.endpoint is None:
        return None  # No such page, or not by this method: the router answers.
    if request.endpoint not in ANY_HOST and not _is_ours(request.host):
        raise InvalidError("host", "other_host", address=tracker().settings.base_url)
    rule = rule_of(current_app, request.endpoint)
    if rule is None:
        raise ForbiddenError("no_access_rule")
    if rule.public:
        return None
    person = current_person()
    if rule.admits(person):
        if rule.proven and request.method == "POST" and proof() is None:
            raise ProofNeededError
        return None
    if person is not None:
        only_admin = rule.roles == frozenset({Role.ADMIN})
        raise ForbiddenError("for_the_administrator" if only_admin else "not_for_your_role")
    if request.method != "POST":
        target = request.full_path if request.query_string else request.path
        return redirect(url_for("accounts.sign_in") + "?" + urlencode({"next": target}))
    # An expired session in the middle of a form: what was typed must not be lost.
    return current_app.extensions["expired_form"]()  # type: ignore[no-any-return]


def _keep_cookie(response: Response) -> Response:
    """Leave the person's cookie alone when another site makes the browser post here.

    Such a request comes without the cookie (SameSite), and the refusal's own would replace it.
    """
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method == "POST":
        g.keeps_cookie = True
    return response


def init_app(app: Flask) -> None:
    """Check the rule before every request, ahead of the CSRF check."""
    app.before_request(_enforce)
    app.after_request(_keep_cookie)
    _declare(app.view_functions["static"], PUBLIC)
