"""The commands of `flask --app tracker`; each works on both databases."""

from __future__ import annotations

import importlib
import pkgutil

import click


def commands() -> list[click.Command]:
    """Return all commands and groups."""
    found: list[click.Command] = []
    for module in pkgutil.iter_modules(__path__):
        if module.name != "common":
            found += getattr(importlib.import_module(f"{__name__}.{module.name}"), "COMMANDS", [])
    return found
