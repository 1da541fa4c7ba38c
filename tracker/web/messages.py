"""The words for what services refuse: the codes of domain errors, in English for translation."""

from __future__ import annotations

from typing import Any

from tracker.i18n import N_, gettext

MESSAGES = {
    "changed_meanwhile": N_(
        "Somebody else changed this while you were writing. Go back, load the page again and "
        "compare before you save."
    ),
    "csrf": N_("The form was too old or did not come from this site. Go back and try once more."),
    "no_access_rule": N_("Nobody may use this page."),
    "not_for_your_role": N_("This is done by somebody with another role than yours."),
    "sign_in_first": N_("Sign in first."),
}


def words(code: str, **details: Any) -> str:
    """Return the explanation of `code` in the person's language; empty where there is none."""
    message = MESSAGES.get(code)
    return gettext(message, **details) if message else ""
