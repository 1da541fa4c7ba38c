"""The rules of reminding: what applies, and changing it once one has seen what that sends."""

from __future__ import annotations

from http import HTTPStatus

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.reminder_rules import ALL, Rules
from tracker.domain.roles import Role
from tracker.i18n import _
from tracker.services import reminder_rules, reminders, rule_effects
from tracker.services.reminder_rules import KIND_SCOPES, Entry
from tracker.services.rule_effects import Effect
from tracker.web import access, words
from tracker.web.context import db, now, only_read, person, tracker
from tracker.web.forms import attempt
from tracker.web.reminders.blueprint import blueprint
from tracker.web.reminders.rules_form import RestoreForm, RulesForm


@blueprint.get("/reminders/rules")
@access.signed_in
def rules() -> str:
    """Show which rules apply to which tasks."""
    listed = reminder_rules.listed(db(), by=person())
    return render_template(
        "reminders/rules.html",
        entries=listed,
        others=[scope for scope in KIND_SCOPES if scope not in {one.scope for one in listed}],
        may_change=person().is_coordinator,
        name_of=_name,
        scope_name=_scope_name,
    )


@blueprint.route("/reminders/rules/<scope>", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def edit_rules(scope: str) -> ResponseReturnValue:
    """Change the rules for some tasks: first see what that would send, then save."""
    entry = reminder_rules.entry(db(), by=person(), scope=scope)
    form = RulesForm.of(entry)
    effect = None
    if form.is_submitted() and not form.is_confirmed:
        # To foresee takes a while, and nothing is written.
        only_read()
        entry = reminder_rules.entry(db(), by=person(), scope=scope)
        status = HTTPStatus.BAD_REQUEST
        if form.validate():
            effect, status = _effect(scope, form.rules()), HTTPStatus.OK
            form.confirm()
        return _page(entry, form, effect), status
    tried = attempt(
        form,
        lambda: reminder_rules.change(
            db(), by=person(), scope=scope, rules=form.rules(), seen=form.seen_version, now=now()
        ),
    )
    if tried.is_done:
        flash(_("The rules are changed. They apply from the next run on."), "success")
        return redirect(url_for("reminders.rules"), HTTPStatus.SEE_OTHER)
    return _page(entry, form, effect, tried.conflict), tried.status


@blueprint.route("/reminders/rules/<scope>/restore", methods=["GET", "POST"])
@access.role(Role.COORDINATOR)
def restore_rules(scope: str) -> ResponseReturnValue:
    """Take away the rules for some tasks, so that the wider ones apply again."""
    entry = reminder_rules.entry(db(), by=person(), scope=scope)
    form = RestoreForm(version=str(entry.row.version if entry.row else 0))
    tried = attempt(
        form,
        lambda: reminder_rules.change(
            db(), by=person(), scope=scope, rules=None, seen=form.seen_version, now=now()
        ),
    )
    if tried.is_done:
        flash(
            _("The rules are removed, and the more general ones apply. Nothing is sent again."),
            "success",
        )
        return redirect(url_for("reminders.rules"), HTTPStatus.SEE_OTHER)
    html = render_template(
        "reminders/restore.html",
        form=form,
        name=_name(entry),
        effect=_effect(scope, None),
        narrower=_narrower(scope),
        conflict=tried.conflict,
    )
    return html, tried.status


def _narrower(scope: str) -> list[str]:
    """Return the names of what has rules of its own that go before those of `scope`."""
    before = reminder_rules.book(db()).narrower(scope)
    return [_name(one) for one in reminder_rules.listed(db(), by=person()) if one.scope in before]


def _effect(scope: str, rules: Rules | None) -> Effect:
    settings = tracker().settings
    first = reminders.next_run_day(db(), settings=settings, now=now())
    return rule_effects.foresee(
        db(), scope=scope, rules=rules, settings=settings, now=now(), first=first
    )


def _page(entry: Entry, form: RulesForm, effect: Effect | None, conflict: str = "") -> str:
    return render_template(
        "reminders/edit_rules.html",
        entry=entry,
        name=_name(entry),
        form=form,
        effect=effect,
        narrower=_narrower(entry.scope) if effect else [],
        conflict=conflict,
    )


def _name(entry: Entry) -> str:
    if entry.actor is not None:
        return _("Tasks of %(actor)s", actor=entry.actor.name)
    if entry.task is not None:
        return f"{entry.task.ref} {words.title(entry.task)}"
    return _scope_name(entry.scope)


def _scope_name(scope: str) -> str:
    if scope == ALL:
        return _("All tasks")
    return _(words.KINDS_IN_PLURAL[scope.partition(":")[2]])
