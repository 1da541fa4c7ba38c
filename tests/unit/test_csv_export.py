"""Exports for spreadsheets: every cell is quoted, and none is taken for a formula."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import re
from io import StringIO

import pytest

from tracker.web import csv_export

SIGNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
BREAKS = ("\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029")
ANY_SEPARATOR = re.compile(r"\r\n|[,;|\t\n\v\f\r\x85\u2028\u2029]")


def written(*cells: object) -> str:
    return csv_export.lines([cells])


def read(text: str) -> list[str]:
    [row] = csv.reader(StringIO(text, newline=""), delimiter=";")
    return row


def test_every_cell_is_quoted() -> None:
    assert written("DIFI-1", None, 3, dt.date(2026, 3, 2), 'Si "ja"') == (
        '"DIFI-1";"";"3";"2026-03-02";"Si ""ja"""\r\n'
    )


def test_only_the_first_line_begins_with_the_mark_that_excel_needs() -> None:
    assert csv_export.head(["Oppgave"]) == '\ufeff"Oppgave"\r\n'
    assert csv_export.lines([["DIFI-1"]]) == '"DIFI-1"\r\n'


@pytest.mark.parametrize("sign", SIGNS)
def test_a_cell_that_begins_like_a_formula_becomes_text(sign: str) -> None:
    assert read(written(f"{sign}1+1")) == [f"'{sign}1+1"]


@pytest.mark.parametrize("sign", [sign for sign in SIGNS if not sign.isspace()])
def test_so_does_a_cell_that_begins_with_spaces_or_quotes_before_a_formula(sign: str) -> None:
    assert read(written(f'  "{sign}1+1')) == [f"'  \"{sign}1+1"]


@pytest.mark.parametrize("sign", [sign for sign in SIGNS if not sign.isspace()])
@pytest.mark.parametrize("separator", [",", ";", "|", "\t", *BREAKS])
def test_so_does_what_begins_like_one_after_a_separator_or_line_break(
    separator: str, sign: str
) -> None:
    assert read(written(f"Ja{separator}{sign}1+1")) == [f"Ja{separator}'{sign}1+1"]
    assert read(written(f"Ja{separator} {sign}1+1")) == [f"Ja{separator}' {sign}1+1"]


def test_no_mixture_of_separators_signs_and_quotes_leaves_a_formula() -> None:
    signs = ("=", "-", "＝", ",", ";", "\n", "\r", "\t", '"', " ", "'", "a")
    for mixed in itertools.product(signs, repeat=4):
        [cell] = read(written("".join(mixed)))
        for piece in ANY_SEPARATOR.split(cell):
            assert piece.lstrip(' "')[:1] not in SIGNS, mixed


@pytest.mark.parametrize(
    "text", ["Nynorsk – og bokmål", "2026-03-02", "a=b", "kari+post@ks.no", ""]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert read(written(text)) == [text]
