"""Reading the product's HTML as a browser does, and refusing what is malformed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

import html5lib

NOT_TYPED_IN: Final = frozenset({"submit", "button", "reset", "image", "file"})


def parse(html: str) -> ET.Element:
    """Return the document's root (no namespace); fails on any error the standard names.

    An error summary that leads nowhere, or leads up and down the page, is an error as well.
    """
    parser: Any = html5lib.HTMLParser(namespaceHTMLElements=False)
    root: ET.Element = parser.parse(html)
    lines = html.splitlines()
    errors = [
        f"line {line}: {code} {details}: {lines[min(line, len(lines)) - 1].strip()[:120]}"
        for (line, _), code, details in parser.errors
    ]
    assert not errors, "malformed HTML: " + "; ".join(errors)
    ids = [element.get("id") for element in root.iter()]
    for summary in root.iterfind(".//div[@class='ds-error-summary']"):
        places = [
            ids.index((link.get("href") or "").removeprefix("#")) for link in summary.iter("a")
        ]
        assert places == sorted(places), (
            f"the errors are not in the order of the fields: {text(summary)}"
        )
    return root


def text(element: ET.Element) -> str:
    """Return what the element shows, with single spaces."""
    return " ".join(" ".join(element.itertext()).split())


@dataclass
class Form:
    """A form on a page with what a browser would send if nothing were typed."""

    action: str
    method: str
    fields: dict[str, list[str]]

    def filled(self, **typed: str | list[str]) -> dict[str, list[str]]:
        """Return the fields with what a person typed; only fields that exist can be typed in."""
        unknown = set(typed) - set(self.fields)
        assert not unknown, f"the form {self.action} has no {sorted(unknown)}: {list(self.fields)}"
        changes = {
            name: value if isinstance(value, list) else [value] for name, value in typed.items()
        }
        return {name: values for name, values in (self.fields | changes).items() if values}


def forms(root: ET.Element, page: str) -> list[Form]:
    """Return the forms in the main part of the page whose address (path) is `page`.

    What every page has around it (language, sign-out) is not what a test fills in.
    """
    return [
        Form(
            action=urljoin(page, form.get("action") or page),
            method=(form.get("method") or "get").lower(),
            fields=_fields(form),
        )
        for main in root.iter("main")
        for form in main.iter("form")
    ]


def _fields(form: ET.Element) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for element in form.iter():
        name = element.get("name")
        if name is None or element.tag not in {"input", "select", "textarea", "button"}:
            continue
        values = fields.setdefault(name, [])
        kind = (element.get("type") or "text").lower()
        if element.tag == "textarea":
            values.append("".join(element.itertext()))
        elif element.tag == "select":
            values.extend(_chosen(element))
        elif element.tag == "button" or kind in NOT_TYPED_IN:
            continue  # sent only when it is the one that is pressed
        elif kind not in {"checkbox", "radio"}:
            values.append(element.get("value") or "")
        elif element.get("checked") is not None:
            values.append(element.get("value") or "on")
    return fields


def _chosen(select: ET.Element) -> list[str]:
    options = list(select.iter("option"))
    chosen = [option for option in options if option.get("selected") is not None]
    if not chosen and select.get("multiple") is None:
        chosen = options[:1]
    return [option.get("value", text(option)) for option in chosen]
