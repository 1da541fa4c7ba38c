"""What is an address, and what becomes of it on the wire."""

from __future__ import annotations

import pytest

import addresses
from addresses import Address, AddressError

INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202a", "\u200e"]


@pytest.mark.parametrize(
    ("text", "shown", "wire"),
    [
        ("a8@straße.de", "a8@straße.de", "a8@xn--strae-oqa.de"),
        ("a8@xn--strae-oqa.de", "a8@straße.de", "a8@xn--strae-oqa.de"),
        ("kari@Blåbær.example", "kari@blåbær.example", "kari@xn--blbr-roah.example"),
        ("kari@bla\u030abær.example", "kari@blåbær.example", "kari@xn--blbr-roah.example"),
        (" Kari.N+x@KS.No ", "Kari.N+x@ks.no", "Kari.N+x@ks.no"),
        ("tracker@localhost", "tracker@localhost", "tracker@localhost"),
    ],
)
def test_a_domain_is_sent_to_as_the_dns_has_it(text: str, shown: str, wire: str) -> None:
    assert addresses.read(text) == Address(shown, wire)


@pytest.mark.parametrize("invisible", INVISIBLE, ids=ascii)
def test_characters_that_nobody_sees_are_left_out(invisible: str) -> None:
    text = f"{invisible}ka{invisible}ri@k{invisible}s.no{invisible}"
    assert addresses.read(text) == Address("kari@ks.no", "kari@ks.no")


@pytest.mark.parametrize("text", ["søren@ks.no", "s.ødegård@ks.no", "so\u0308ren@ks.no", "И@ks.no"])
def test_letters_before_the_at_sign_are_refused_by_their_name(text: str) -> None:
    with pytest.raises(AddressError) as refused:
        addresses.read(text)
    assert refused.value.code == "address_letters"


@pytest.mark.parametrize(
    "text",
    ["", "kari", "@ks.no", "kari@", "k n@ks.no", "å k@ks.no", "kari@ks..no", "k..n@ks.no",
     "kari@a_b.no", "kari@☃.no", "kari@xn--zzzz.no", "kari@ks.no.", "k" * 65 + "@ks.no",
     "k@" + "a." * 130 + "no", "kari@" + "o\u0301\u0323" * 300_000],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError) as refused:
        addresses.read(text)
    assert refused.value.code == "bad_address"
