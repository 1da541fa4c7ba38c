"""Pages keep to the strict content policy and to the one frame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tracker.web import templating

TEMPLATES = Path(__file__).parents[2] / "templates"
STYLES = TEMPLATES.parent / "tracker" / "static" / "app.css"
PAGES = sorted(path for path in TEMPLATES.rglob("*.html") if path.parent.name != "emails")


def _markup(path: Path) -> str:
    return re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_template_has_inline_style_or_script(path: Path) -> None:
    markup = _markup(path)
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", markup)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", markup))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_template_imports_what_it_does_not_use(path: Path) -> None:
    markup = _markup(path)
    imported = re.findall(r'{% from "[^"]+" import ([^%]+?)(?: with context)? %}', markup)
    names = [name.strip() for names in imported for name in names.split(",")]
    assert [name for name in names if len(re.findall(rf"\b{name}\b", markup)) < 2] == []


def test_what_is_kept_for_everybody_holds_nobodys_form() -> None:
    app = Flask(__name__)
    templating.init_app(app)
    form, row = (lambda: '<input name="csrf_token" value="1">'), (lambda: "<tr></tr>")
    with app.test_request_context():
        for name in ("once", "chart_once"):
            once: Any = app.jinja_env.globals[name]
            assert once(row) == "<tr></tr>"
            with pytest.raises(ValueError, match="one person"):
                once(form)


def test_every_class_of_our_own_is_styled_and_every_style_is_used() -> None:
    css = re.sub(r"/\*.*?\*/", "", STYLES.read_text(), flags=re.DOTALL)
    styled = set(re.findall(r"\.(app-[\w-]+)", css))
    used = set(re.findall(r"\bapp-[\w-]+", "\n".join(map(_markup, PAGES))))
    # The end of such a name is put together by the template: `app-bar--{{ status }}`.
    made = {name.partition("--")[0] + "--" for name in styled if "--" in name}
    assert {name for name in used - styled if name not in made} == set()
    assert {name for name in styled - used if name.partition("--")[0] + "--" not in used} == set()
