"""What every form promises: our words, limits on text, and nothing that a database refuses."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from wtforms import (
    EmailField,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, NumberRange

from tracker import i18n
from tracker.domain.errors import InvalidError
from tracker.web.forms import BaseForm, Longest


class Example(BaseForm):
    name = StringField("Name", validators=[DataRequired()])
    short = StringField("Short", validators=[Longest(3)])
    comment = TextAreaField("Comment")
    email = EmailField("Address", validators=[Longest(254)])
    password = PasswordField("Password")
    color = SelectField("Color", choices={"red": "Red"})
    number = IntegerField("Number", validators=[NumberRange(1, 9)])


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="test", WTF_CSRF_ENABLED=False)
    return app


@pytest.fixture
def locale() -> Iterator[None]:
    with i18n.use_locale("en"):
        yield


def posted(app: Flask, **fields: Any) -> Example:
    complete = {"name": "Kari", "color": "red", "number": "1"} | fields
    with app.test_request_context(method="POST", data=complete):
        form = Example()
        form.validate()
        return form


def test_builtin_messages_are_ours(app: Flask, locale: None) -> None:
    form = posted(app, name="", color="green", number="x")
    assert form.errors == {
        "name": ["Fill in this field."],
        "color": ["Choose one of the alternatives."],
        "number": ["Write a whole number.", "Write a number between 1 and 9."],
    }


def test_a_number_out_of_range_is_told_the_range(app: Flask, locale: None) -> None:
    assert posted(app, number="10").errors == {"number": ["Write a number between 1 and 9."]}


def test_a_long_comment_is_refused_at_its_field_and_kept(app: Flask, locale: None) -> None:
    form = posted(app, comment="å" * 100_000)
    assert form.comment.errors == [
        "The text has 100000 characters, and 10000 is the most that fits."
    ]
    assert form.comment.data == "å" * 100_000


def test_every_text_field_has_a_limit(app: Flask) -> None:
    form = posted(app, name="x" * 501, short="xxxx", password="x" * 201)
    assert set(form.errors) == {"name", "short", "password"}


def test_text_is_cleaned_of_what_databases_refuse(app: Flask) -> None:
    form = posted(app, name=" Ka\0ri\x1b ", comment="one\r\ntwo\ttabbed ", short="A\u030a")
    assert form.name.data == "Kari"
    assert form.comment.data == "one\ntwo\ttabbed"
    assert form.short.data == "Å"


def test_a_name_of_spaces_only_is_missing(app: Flask) -> None:
    assert set(posted(app, name="   ").errors) == {"name"}


def test_a_password_is_taken_as_it_is_typed(app: Flask) -> None:
    assert posted(app, password=" secret ").password.data == " secret "


def test_what_a_service_refuses_stands_at_its_field(app: Flask) -> None:
    form = posted(app)
    form.refuse(InvalidError("name", "no_access_rule"))
    assert len(form.errors["name"]) == 1


def test_what_has_no_field_stands_above_them(app: Flask) -> None:
    form = posted(app)
    form.refuse(InvalidError("elsewhere", "no_access_rule"))
    assert len(form.errors[""]) == 1


BOMB = "a" + "\u0315\u0300" * 122_500


class Hidden(BaseForm):
    version = HiddenField()
    carried = HiddenField(validators=[Longest(1_000)])


@pytest.mark.parametrize("field", ["name", "short", "comment", "email"])
def test_a_text_is_measured_before_any_work_is_done_on_it(
    app: Flask, locale: None, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    normalised: list[int] = []
    normalize = unicodedata.normalize

    def watched(form: Any, text: str) -> str:
        normalised.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr("tracker.domain.text.unicodedata.normalize", watched)
    form = posted(app, **{field: BOMB})
    assert "fits" in str(form.errors[field])
    assert form[field].data == BOMB, "what was typed is kept"
    assert max(normalised, default=0) < 100


def test_a_hidden_field_that_is_too_long_counts_as_missing(app: Flask) -> None:
    sent = {"version": "1" * 501, "carried": "x" * 1_001}
    with app.test_request_context(method="POST", data=sent):
        form = Hidden()
        assert (form.version.data, form.carried.data) == (None, None)
    with app.test_request_context(method="POST", data={"version": "7", "carried": "x" * 1_000}):
        assert (Hidden().version.data, Hidden().carried.data) == ("7", "x" * 1_000)


def test_a_text_with_two_signs_for_a_line_break_may_be_as_long_as_the_limit(app: Flask) -> None:
    lines = "\r\n".join("x" * 9 for _ in range(1_000))
    form = posted(app, comment=lines)
    assert form.errors == {}
    assert len(form.comment.data) == 9_999
