"""The words for what services refuse: the codes of domain errors, in English for translation."""

from __future__ import annotations

from typing import Any

from tracker.i18n import N_, gettext

MESSAGES = {
    "address_taken": N_(
        "Somebody already has this address. The administrator can give that person more roles."
    ),
    "bad_address": N_("Write the whole address, such as kari.nordmann@example.no."),
    "bad_name": N_("Write a name of at most %(longest)s characters."),
    "changed_meanwhile": N_(
        "Somebody else changed this while you were writing. Go back, load the page again and "
        "compare before you save."
    ),
    "csrf": N_("The form was too old or did not come from this site. Go back and try once more."),
    "has_role_already": N_("The person has this role already."),
    "last_admin": N_(
        "Somebody must remain who can run users. Give another person that role first."
    ),
    "no_access_rule": N_("Nobody may use this page."),
    "no_demonstration": N_("This is possible on a demonstration only."),
    "no_such_actor": N_("Choose an organisation in the list."),
    "no_such_language": N_("Choose one of the languages in the list."),
    "no_such_person": N_("There is no such person."),
    "no_such_role": N_("The person does not have this role any more."),
    "not_for_your_role": N_("This is done by somebody with another role than yours."),
    "password_too_short": N_(
        "A password needs at least %(shortest)s characters. A few words in a row are easy to "
        "remember."
    ),
    "role_needs_actor": N_("Choose the organisation that this role is in."),
    "sign_in_first": N_("Sign in first."),
    "wrong_current_password": N_("This is not your present password."),
    "wrong_password": N_(
        "The address or the password is not right. You can have a link sent instead."
    ),
}


def words(code: str, **details: Any) -> str:
    """Return the explanation of `code` in the person's language; empty where there is none."""
    message = MESSAGES.get(code)
    return gettext(message, **details) if message else ""
