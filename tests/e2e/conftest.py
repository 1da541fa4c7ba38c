"""The installation that browsers visit."""

from __future__ import annotations

import pytest

from tests import demonstration
from tests.client import Clock
from tests.conftest import Live
from tracker.db import Database


@pytest.fixture
def demonstrated(live: Live, database: Database, now: Clock) -> Live:
    """A demonstration made on a Friday."""
    demonstration.make(live.app, database, now)
    return live
