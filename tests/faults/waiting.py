"""Waits for what other processes do; nothing here depends on how fast they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

DEADLINE: Final = 120.0
"""Seconds after which what has not happened counts as broken, however busy the machine is."""
LOOK_EVERY: Final = 0.02


def wait_until(happened: Callable[[], object], what: str) -> None:
    """Return as soon as `happened` says so."""
    deadline = time.monotonic() + DEADLINE
    while not happened():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(LOOK_EVERY)
