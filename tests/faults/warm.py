"""Done once in the process that all workers are forked from, so that none of them starts cold.

A first round reads templates, words and tables; without this each worker would do so again, which
is most of what it takes.
"""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

from config import Settings
from tests.client import Clock
from tests.databases import in_memory, migrate
from tests.factories import NOW
from tests.faults import installations
from tracker.db import Database
from tracker.jobs import deliver, plan


def _run_once() -> None:
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        url = f"sqlite:///{Path(folder) / 'warm.db'}"
        settings = Settings(database_url=url, secret_key="a key for tests only, never elsewhere")
        migrate(url)
        database = Database(url)
        installations.make_people(database, 1)
        plan.tick(database, settings=settings, now=Clock(NOW))
        deliver.send_due(database, settings=settings, now=Clock(NOW), stopping=lambda: False)
        assert not installations.waiting(database)
        database.dispose()


_run_once()
# What exists by now is never looked at again, so that the memory stays shared.
gc.freeze()
