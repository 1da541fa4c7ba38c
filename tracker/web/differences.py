"""Two versions of the same thing side by side, field by field, as people read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wtforms import SelectField

from tracker import i18n
from tracker.domain.versions import version_of
from tracker.web.forms import Attempt, BaseForm

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Change:
    """One field; an empty text where there was or is nothing."""

    label: str
    before: str
    after: str


Changes = list[Change]


def between(form: BaseForm, saved: Any, typed: Any) -> list[Change]:
    """Return the fields of `form` in which what is saved now differs from what was typed.

    `saved` and `typed` have attributes of the fields' names.
    """
    return [
        Change(str(field.label.text), _text(field, before), _text(field, after))
        for field in form
        if hasattr(saved, field.name)
        and (before := getattr(saved, field.name)) != (after := getattr(typed, field.name))
    ]


def newer(
    form: Any, tried: Attempt[Any], present: DataclassInstance, differences: Callable[[], Changes]
) -> Changes:
    """Return the `differences` to show where somebody else saved `present` meanwhile, else none.

    `form` carries its `version`: who saves next has seen the newer one and writes over it
    knowingly.
    """
    if not tried.conflict:
        return []
    form.version.data = version_of(present)
    return differences()


def _text(field: Any, value: Any) -> str:
    match value:
        case None:
            return ""
        case dt.date():
            return i18n.format_date_short(value)
        case tuple():
            return ", ".join(value)
        case _ if isinstance(field, SelectField):
            return str(field.choices.get(value, value))
        case _:
            return str(value)
