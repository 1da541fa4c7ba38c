"""What people write is made safe before it is stored, and bounded before any work is done on it."""

from __future__ import annotations

import unicodedata

import pytest

from tracker.domain.errors import InvalidError
from tracker.domain.text import LONGEST_NAME, MOST_MARKS, one_line, paragraphs, person_name

# Word's soft line break, form feed, NEL, and the separators of lines and paragraphs.
BREAKS = ["\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("sign", BREAKS, ids=ascii)
def test_every_line_break_of_a_word_processor_is_a_new_line(sign: str) -> None:
    assert paragraphs(f"one{sign}two") == "one\ntwo"


@pytest.mark.parametrize("sign", [*BREAKS, "\n", "\t"], ids=ascii)
def test_a_field_of_one_line_holds_a_space_instead_of_a_line_break(sign: str) -> None:
    assert one_line(f"one{sign}two") == "one two"


def test_other_controls_are_removed() -> None:
    assert paragraphs("a\0b\x1b[c\x7f") == "ab[c"


def test_a_run_of_combining_marks_is_cut_to_thirty_before_it_is_normalised() -> None:
    text = "a" + "\u0315\u0300" * 1000 + "b"
    kept = unicodedata.normalize("NFD", paragraphs(text))
    assert len(kept) == len("a") + MOST_MARKS + len("b")
    assert paragraphs("A\u030a") == "Å"


@pytest.mark.parametrize("name", ["J. R. R. Tolkien", "J.Hansen", "Anne-Lise O'Brien", "Åse"])
def test_names_of_people_are_taken(name: str) -> None:
    assert person_name("name", f"  {name} ") == name


@pytest.mark.parametrize(
    "name", ["Eve https://evil.example", "Eve evil.example", "www.evil", "Eve EVIL.EXAMPLE/x"]
)
def test_a_name_with_a_web_address_is_refused(name: str) -> None:
    with pytest.raises(InvalidError) as refused:
        person_name("stated_name", name)
    assert (refused.value.field, refused.value.code) == ("stated_name", "name_has_address")


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u200f", "\u061c"], ids=ascii)
def test_a_name_that_turns_the_writing_round_is_refused(sign: str) -> None:
    with pytest.raises(InvalidError) as refused:
        person_name("name", f"Kari{sign}")
    assert refused.value.code == "name_has_directions"


def test_the_length_of_a_name_is_checked_before_anything_else() -> None:
    with pytest.raises(InvalidError) as refused:
        person_name("name", "www.x\u202e" * LONGEST_NAME)
    assert refused.value.code == "bad_name"


def test_a_name_has_one_line() -> None:
    assert person_name("name", "Eve\n\nURGENT:\tsign in") == "Eve URGENT: sign in"
