"""References sort by their numbers and are found in lower case."""

from tracker.domain.references import search_text, sort_key


def test_the_tenth_measure_sorts_after_the_second() -> None:
    refs = ["DIFI-1.10", "DIFI-1.2", "DIFI-1", "DIFI-2", "MELDST-1"]
    assert sorted(refs, key=sort_key) == ["DIFI-1", "DIFI-1.2", "DIFI-1.10", "DIFI-2", "MELDST-1"]


def test_search_looks_in_everything_that_is_written_and_skips_what_is_not() -> None:
    assert search_text("DIFI-1", "Nasjonal Ærlighet", "", None) == "difi-1\nnasjonal ærlighet"
