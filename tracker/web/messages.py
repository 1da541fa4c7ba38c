"""The words for what services refuse: the codes of domain errors, in English for translation."""

from __future__ import annotations

from typing import Any

from tracker.i18n import N_, gettext

MESSAGES = {
    "actor_name_taken": N_("There is an organisation with this name already."),
    "address_taken": N_(
        "Somebody already has this address. The administrator can give that person more roles."
    ),
    "answered_meanwhile": N_(
        "Somebody else has said something new about the task while you were writing. Read it, and "
        "send yours again if it still holds."
    ),
    "address_letters": N_(
        "E-mail can only be sent to addresses with a to z, digits and signs such as . and - before "
        "the @. Write another address of theirs."
    ),
    "bad_address": N_("Write the whole address, such as kari.nordmann@example.no."),
    "bad_filter": N_(
        "The address asks for something that the list cannot be filtered by. "
        "Choose the filters again."
    ),
    "bad_name": N_("Write a name of at most %(longest)s characters."),
    "bad_page": N_("The address names a page that we cannot read."),
    "name_has_address": N_(
        "A name cannot contain a web address. Write a space after each full stop."
    ),
    "name_has_directions": N_(
        "The name contains invisible characters. Type it again instead of pasting it."
    ),
    "other_host": N_("This page has another address. Go to %(address)s."),
    "cannot_repeat": N_(
        "There is no earlier answer that can still hold. Open the form and say how it is going."
    ),
    "changed_meanwhile": N_(
        "Somebody else changed this while you were writing. Go back, load the page again and "
        "compare before you save."
    ),
    "choose_progress": N_("Choose one of the answers."),
    "contributor_sets_no_status": N_("Only the owner of the task can change its status."),
    "absence_ends_before_start": N_("The last day cannot be before the first."),
    "absence_is_over": N_("These days have passed. Choose a last day ahead."),
    "absence_overlaps": N_(
        "An absence is registered for some of these days already. Take it back first."
    ),
    "absence_too_far": N_("The first day has to be within a year."),
    "absence_too_long": N_("The absence can last a year at most."),
    "address_not_failing": N_("This address is no longer marked as failing."),
    "csrf": N_("The form was too old or did not come from this site. Go back and try once more."),
    "date_missing": N_("Write a date, or choose “No deadline needed”."),
    "date_past": N_("The date has passed. Choose one ahead."),
    "date_too_far": N_("Choose a date before the end of %(year)s."),
    "deadline_already_asked": N_(
        "A new deadline has already been asked for. It has to be decided first."
    ),
    "deadline_decided_meanwhile": N_(
        "The request for a new deadline has been decided or withdrawn. Nothing is waiting now."
    ),
    "deadline_same": N_("That is the deadline already. Choose another date."),
    "decide_request_first": N_(
        "A new deadline has been asked for on %(ref)s. Decide on that first."
    ),
    "done_needs_no_date": N_("Leave this empty when the task is done."),
    "evidence_no_link": N_(
        "“%(link)s” is no address of a page. It has to begin with https:// or http://."
    ),
    "evidence_too_many": N_("No more than %(most)s addresses fit."),
    "has_role_already": N_("The person has this role already."),
    "illegal_step": N_(
        "The status of the task does not allow this now. Somebody may have changed it meanwhile."
    ),
    "last_admin": N_(
        "Somebody must remain who can run users. Give another person that role first."
    ),
    "link_not_expired": N_(
        "The link still works, or it has been withdrawn. There is no new one to send."
    ),
    "for_the_administrator": N_("Only the administrator can do this."),
    "no_logo": N_("There is no logo."),
    "own_roles": N_("Somebody else has to change your own roles."),
    "needs_no_invitation": N_(
        "The person has signed in already, or is deactivated, and needs no invitation."
    ),
    "bad_contact": N_("Write an e-mail address, or an address that begins with https://."),
    "no_https_address": N_("Write an address that begins with https://."),
    "picture_too_large": N_("The file is larger than 200 kB. Save the picture smaller."),
    "picture_too_wide": N_("The picture is larger than 2000 pixels on a side. Make it smaller."),
    "picture_moves": N_("The picture moves. Choose one that stands still."),
    "picture_no_png": N_("This is no whole PNG picture. Save the logo as PNG and choose it again."),
    "link_not_open": N_(
        "The link no longer works: it has expired or the task was given to somebody else."
    ),
    "look_again_missing": N_("Say when to look at it again."),
    "look_again_needs_on_hold": N_(
        "Choose “On hold”, or leave the date to look at it again empty."
    ),
    "look_again_past": N_("Choose a day after today."),
    "mail_not_waiting": N_("This e-mail does not wait any more."),
    "no_access_rule": N_("Nobody may use this page."),
    "no_demonstration": N_("This is possible on a demonstration only."),
    "no_such_absence": N_("There is no such absence, or it has been taken back."),
    "no_such_actor": N_("Choose an organisation in the list."),
    "no_such_actor_page": N_("There is no such organisation."),
    "no_such_goal": N_("Choose among the goals in the list."),
    "no_such_language": N_("Choose one of the languages in the list."),
    "no_such_link": N_(
        "We do not know this link. Check that the whole address was copied from the e-mail."
    ),
    "no_such_mail": N_("There is no such e-mail, or it is not yours."),
    "no_such_meeting": N_("There is no such meeting, or it has been called off."),
    "no_such_note": N_("Choose among the notes in the list."),
    "no_such_person": N_("There is no such person."),
    "no_such_role": N_("The person does not have this role any more."),
    "no_such_rules": N_("There are no such rules."),
    "no_such_source": N_("There is no such source."),
    "no_such_task": N_("There is no such task."),
    "no_task_chosen": N_("Choose at least one task."),
    "not_for_your_role": N_(
        "This is done by somebody with another role than yours. If it should be you, ask the "
        "secretariat."
    ),
    "not_of_owner": N_("Choose somebody who works for the owner of %(ref)s."),
    "not_under_measure": N_(
        "A measure stands under a recommendation or a goal, not under another measure."
    ),
    "not_your_task": N_(
        "Only the owner of the task, those who contribute and the secretariat can do this."
    ),
    "note_is_empty": N_("Write a quote, or a text in bokmål."),
    "nothing_settled": N_("Choose what is to be decided."),
    "only_measures_under": N_("Only a measure stands under something else."),
    "organisation_number_check": N_(
        "The last digit does not fit the others. Check the number in Enhetsregisteret."
    ),
    "organisation_number_form": N_("An organisation number has nine digits."),
    "organisation_number_taken": N_("%(name)s has this organisation number."),
    "overdue_needs_date": N_(
        "The task is over its deadline. Give a new expected date, or choose another answer."
    ),
    "own_deadline_request": N_("You asked for this yourself, so somebody else has to decide."),
    "own_report": N_(
        "Somebody else has to confirm this: not the person who reported it, "
        "and nobody from the same organisation."
    ),
    "owner_first": N_(
        "%(ref)s has no owner. Choose one first; the responsible person is somebody there."
    ),
    "owner_is_no_contributor": N_("The owner cannot be a contributor as well."),
    "password_guessable": N_(
        "This password is too easy to guess: it is a common one, repeats itself, or is made of "
        "your name or address. Take a few words in a row that have nothing to do with you."
    ),
    "password_too_short": N_(
        "A password needs at least %(shortest)s characters. A few words in a row are easy to "
        "remember."
    ),
    "pause_too_long": N_("Choose a day within %(most)s days."),
    "precision_missing": N_("Say how precise the date is."),
    "quote_needs_source": N_("Choose the source that the quote is from."),
    "ref_malformed": N_("Write letters, a hyphen and a number, such as DIFI-7."),
    "ref_missing": N_("Write a reference, or choose where the task belongs."),
    "ref_taken": N_("There is a task with the reference %(ref)s already."),
    "role_needs_actor": N_("Choose the organisation that this role is in."),
    "rules_changed_meanwhile": N_(
        "Somebody has changed these rules meanwhile. Look at them again before you change them."
    ),
    "say_risk": N_("Say what the risk is of not doing it."),
    "say_why": N_("Say why."),
    "say_why_deadline": N_("Say why a new deadline is needed."),
    "say_why_on_hold": N_("Say why it is on hold."),
    "say_why_ongoing": N_("Say why it is a lasting duty, or no longer is."),
    "say_why_other_date": N_("Say why it is another date than the one asked for."),
    "say_why_rejected": N_("Say why the deadline stays."),
    "sign_in_first": N_("Sign in first."),
    "source_key_malformed": N_(
        "Write up to 20 letters and digits that begin with a letter, such as DIFI."
    ),
    "source_key_taken": N_("There is a source with the abbreviation %(key)s already."),
    "state_your_name": N_("Write your name."),
    "no_such_substitute": N_("Choose a colleague in the list."),
    "substitutes_in_circle": N_(
        "This would go in a circle: the substitute is away too, and this person stands in. Choose "
        "somebody else."
    ),
    "text_too_long": N_("The text has %(length)s characters, and %(most)s is the most that fits."),
    "too_many_tasks": N_("Choose no more than %(most)s tasks at once."),
    "wrong_current_password": N_("This is not your present password."),
    "wrong_password": N_(
        "The address or the password is not right. You can have a link sent instead."
    ),
}


def words(code: str, **details: Any) -> str:
    """Return the explanation of `code` in the person's language; empty where there is none."""
    message = MESSAGES.get(code)
    return gettext(message, **details) if message else ""
