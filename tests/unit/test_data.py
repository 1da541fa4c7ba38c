"""The starting set is verbatim and complete, and the public layer stays apart from it."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from stdnum.no import orgnr

from tracker.data import (
    DataError,
    SourceFact,
    parse_public_layer,
    parse_starting_set,
    public_layer,
    starting_set,
)

SEEDS = Path(__file__).parent.parent / "seeds"
SOURCES = {source.ref: source for source in starting_set().sources}


def fold(text: str) -> str:
    return " ".join(text.split())


def seed_of(source: SourceFact) -> str:
    [path] = SEEDS.glob(f"{source.seed}_*.txt")
    return fold(path.read_text("utf-8"))


def verbatim() -> Iterator[tuple[str, str]]:
    """Every piece of text that claims to stand in a document, with the document's reference."""
    found = starting_set()
    for actor in found.actors:
        assert actor.source is not None
        for name in (actor.name, *actor.aliases):
            yield actor.source, name
    yield found.forum.source, found.forum.quote
    yield found.forum.source, found.forum.purpose
    for source in found.sources:
        texts = [source.title, source.publisher, source.author, source.date_text]
        texts += [note.quote for note in source.notes]
        for entry in source.timeline:
            texts += [entry.quote, entry.date_text, entry.body]
        texts += [task.quote for task in source.tasks]
        for text in texts:
            if text is not None:
                yield source.ref, text


@pytest.mark.parametrize(("ref", "text"), list(verbatim()))
def test_each_quote_name_and_date_stands_word_for_word_in_its_document(ref: str, text: str) -> None:
    assert fold(text) in seed_of(SOURCES[ref])


def test_the_set_holds_what_the_documents_hold() -> None:
    found = starting_set()
    assert len(found.sources) == 5
    assert [task.ref for task in found.tasks if task.kind == "recommendation"] == [
        f"DIFI-{n}" for n in range(1, 7)
    ]
    assert [task.ref for task in found.tasks if task.kind == "goal"] == [
        f"MELDST-{n}" for n in range(1, 4)
    ]
    assert len(found.forum.seats) == 6
    assert len({name for seat in found.forum.seats for name in seat}) == 7
    assert found.forum.seats[-1] == ("Helsedirektoratet", "Direktoratet for e-helse")
    seated = {name for seat in found.forum.seats for name in seat}
    assert {actor.name for actor in found.actors} - seated == {
        "Kommunal- og moderniseringsdepartementet",
        "Partnerforum",
    }


@pytest.mark.parametrize(
    ("ref", "kind", "count"),
    [
        ("DIFI", "mandate", 1),
        ("DIFI", "weakness", 3),
        ("PARTNERFORUM", "theme", 5),
        ("KS-2012", "obstacle", 5),
        ("KS-2012", "proposal", 7),
    ],
)
def test_context_is_kept_on_its_source(ref: str, kind: str, count: int) -> None:
    assert sum(note.kind == kind for note in SOURCES[ref].notes) == count


def test_only_the_undated_page_has_no_date_and_no_publisher() -> None:
    assert [s.ref for s in starting_set().sources if s.sort_date is None] == ["MELDST"]
    assert [s.ref for s in starting_set().sources if s.publisher is None] == ["MELDST"]


def test_the_list_with_body_and_time_keeps_its_words() -> None:
    assert [(e.body, e.date_text, e.precision) for e in SOURCES["KS-2012"].timeline] == [
        ("Hdir", "juni 2012", "month"),
        ("HOD", "våren 2013", "season"),
        ("HOD", "vinter 2012", "season"),
        ("KRD", "våren 2013", "season"),
        ("NHD", "des 2012", "month"),
        ("NFR", "vinter 2013", "season"),
    ]


def test_the_milestone_of_2020_is_history_with_the_precision_of_a_year() -> None:
    [milestone] = [e for e in SOURCES["LOFT"].timeline if e.date_text == "2020"]
    assert milestone.precision == "year"
    assert SOURCES["LOFT"].tasks == ()


def test_the_derived_day_says_that_it_is_derived_and_is_the_only_one() -> None:
    derived = [e for s in starting_set().sources for e in s.timeline if e.text_nb]
    assert [(e.date_text, e.sort_date) for e in derived] == [("Mandag", date(2018, 3, 19))]


def test_what_difi_calls_tiltak_is_explained_once() -> None:
    remarks = [n for s in starting_set().sources for n in s.notes if n.text_nb]
    assert len(remarks) == 1
    assert "konkrete tiltak" in remarks[0].quote


def test_no_mail_address_is_carried_over_from_a_document() -> None:
    assert "@" not in repr(starting_set())
    assert "@" not in repr(public_layer())


def test_every_organisation_number_has_its_check_digit_and_doga_has_none() -> None:
    numbers = {row.actor: row.number for row in public_layer().organisation_numbers}
    assert all(orgnr.is_valid(number) for number in numbers.values())
    assert len(numbers) == 7
    assert "DogA" not in numbers


def test_successions_are_dated_as_the_public_record_dates_them() -> None:
    found = {(row.predecessor, row.successor): row.date for row in public_layer().successions}
    assert len(found) == 5
    assert found["Difi", "Digitaliseringsdirektoratet"] == date(2020, 1, 1)
    assert found["Direktoratet for e-helse", "Helsedirektoratet"] == date(2024, 1, 1)


def test_the_white_paper_is_in_the_public_layer_only() -> None:
    assert "Meld. St. 30" not in repr(starting_set())
    assert [e.sort_date for e in public_layer().timeline] == [date(2020, 6, 23), date(2021, 2, 4)]


MINIMAL = """
[[actors]]
name = "KS"
source = "A"
[forum]
source = "A"
seats = [["KS"]]
quote = "q"
purpose = "p"
[purpose]
nb = "a"
nn = "b"
en = "c"
[forum_name]
nb = "d"
nn = "e"
en = "f"
[[sources]]
ref = "A"
seed = "001"
title = "t"
language = "nb"
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('seats = [["KS"]]', 'seats = [["Norad"]]'), "unknown actor: Norad"),
        (('language = "nb"', ""), "language"),
        (('title = "t"', 'title = "t"\ncolour = "red"'), "colour"),
        (
            (
                'language = "nb"',
                'language = "nb"\n[[sources.notes]]\nkind = "gossip"\nquote = "q"',
            ),
            "unknown kind of note: gossip",
        ),
        (
            (
                'language = "nb"',
                """language = "nb"
                [[sources.timeline]]
                date_text = "2020"
                precision = "year"
                sort_date = 2020-01-01
                quote = "q"
                """,
            ),
            "2020: only a day or a month has a date",
        ),
    ],
)
def test_a_mistake_in_the_file_is_refused_by_name(change: tuple[str, str], message: str) -> None:
    parse_starting_set(MINIMAL)
    with pytest.raises(DataError, match=message):
        parse_starting_set(MINIMAL.replace(*change))


def test_the_public_layer_may_only_speak_of_known_bodies() -> None:
    text = '[[aliases]]\nactor = "Norad"\nalias = "N"'
    with pytest.raises(DataError, match="unknown actor: Norad"):
        parse_public_layer(text, starting_set())
