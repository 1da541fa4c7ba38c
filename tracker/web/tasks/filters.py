"""The list's filters as they stand in its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from flask import url_for
from wtforms import BooleanField, DateField, SelectField, StringField
from wtforms.validators import Optional

from tracker import i18n
from tracker.i18n import N_, _, _l
from tracker.services.task_list import EVERY_STATUS, NOT_SETTLED, Filters, Sort
from tracker.web import words
from tracker.web.forms import AddressForm, Longest

SORTS: Final[dict[str, str]] = {
    Sort.DEADLINE: N_("Deadline"),
    Sort.REFERENCE: N_("Reference"),
    Sort.NEWEST: N_("Last changed"),
}
ORDINARY_SORT: Final = Sort.DEADLINE


class FilterForm(AddressForm):
    """What the address of the list asks for."""

    q = StringField(_l("Search in the tasks"), [Longest(100)])
    owner = SelectField(_l("Owner"), default="")
    kind = SelectField(_l("Kind"), default="")
    status = SelectField(_l("Status"), default="")
    theme = SelectField(_l("Theme"), default="")
    due_from = DateField(_l("Deadline from"), [Optional()])
    due_to = DateField(_l("Deadline to"), [Optional()])
    mine = BooleanField(_l("I am responsible"))
    overdue = BooleanField(_l("Overdue"))
    unsettled = BooleanField(_l("Something is to be decided"))
    sort = SelectField(_l("Sort by"), default=ORDINARY_SORT)

    def __init__(self, owners: dict[int, str], themes: list[str]) -> None:
        """Take the actors by their id and the themes to choose among."""
        super().__init__()
        everything = _("All")
        self.owner.choices = {"": everything} | {str(key): name for key, name in owners.items()}
        self.kind.choices = words.choices(words.KINDS, {"": everything})
        self.status.choices = words.choices(
            words.STATUSES,
            {"": _("Open"), EVERY_STATUS: everything, NOT_SETTLED: _("To be decided")},
        )
        self.theme.choices = {"": everything} | {theme: theme for theme in themes}
        self.sort.choices = words.choices(SORTS)

    def filters(self, *, under_id: int | None, goal_id: int | None) -> Filters:
        """Return the filters that are valid."""
        owner = self.valid("owner")
        return Filters(
            text=self.valid("q") or "",
            owner_id=int(owner) if owner else None,
            kind=self.valid("kind") or "",
            status=self.valid("status") or "",
            theme=self.valid("theme") or "",
            due_from=self.valid("due_from"),
            due_to=self.valid("due_to"),
            overdue=bool(self.valid("overdue")),
            unsettled=bool(self.valid("unsettled")),
            mine=bool(self.valid("mine")),
            under_id=under_id,
            goal_id=goal_id,
        )

    def order(self) -> Sort:
        """Return the valid order, or the ordinary one."""
        return Sort(self.valid("sort") or ORDINARY_SORT)

    def address(self) -> dict[str, str]:
        """Return the parameters of an address that shows the same list."""
        args = {}
        for field in self:
            value = self.valid(field.name)
            if value is None or (field.name == "sort" and value == ORDINARY_SORT):
                continue
            args[field.name] = "1" if value is True else str(value)
        return args

    def chosen(self, args: dict[str, str]) -> list[tuple[str, str]]:
        """Return each filter in force as its words and the address of the list without it."""
        return [
            (self._words(name), address_without(args, name))
            for name in self._fields
            if name in args and name != "sort"
        ]

    def _words(self, name: str) -> str:
        field = self[name]
        match field:
            case BooleanField():
                return str(field.label.text)
            case DateField():
                value = i18n.format_date_short(field.data)
            case SelectField():
                value = field.choices[field.data]
            case _:
                return _("Contains “%(text)s”", text=field.data)
        return f"{field.label.text}: {value}"


def list_address(args: Mapping[str, str]) -> str:
    """Return the address of the list with these parameters."""
    return url_for("tasks.index") + ("?" + urlencode(args) if args else "")


def address_without(args: Mapping[str, str], name: str) -> str:
    """Return the address of the same list without one parameter."""
    return list_address({key: value for key, value in args.items() if key != name})
