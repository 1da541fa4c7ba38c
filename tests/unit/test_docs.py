"""What the documentation names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_proves_a_wish_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "users-ask.md").read_text()))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert named - there == set()
    assert len(named) > 40


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    settings = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', (ROOT / "config.py").read_text()))
    assert {name for name in settings if f"TRACKER_{name}`" not in readme} == set()


# What is made while the product runs is no file of the repository.
NAMED = re.compile(r"`(?!instance/|\.test/)([\w/.-]+/[\w.-]+\.\w+)`")


def test_every_file_that_the_documentation_names_exists() -> None:
    missing = [
        f"{document.name}: {name}"
        for document in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        for name in NAMED.findall(document.read_text())
        if not ((ROOT / name).exists() or (ROOT / "tracker" / name).exists())
    ]
    assert missing == []


def test_every_picture_is_shown_in_words_too() -> None:
    shown = re.findall(r"!\[(.*)\]\((.+)\)", (ROOT / "docs" / "pictures.md").read_text())

    assert all(words.endswith(".") for words, _ in shown)
    assert sorted(name for _, name in shown) == sorted(
        f"pictures/{path.name}" for path in (ROOT / "docs" / "pictures").iterdir()
    )
