"""How the tests start processes: forked from one that has imported the product already.

Starting Python anew for each of some hundred workers would take most of the time.
"""

from __future__ import annotations

import multiprocessing
from typing import Final

FORKED: Final = multiprocessing.get_context("forkserver")
# The first keeps each process from importing pytest's own program.
FORKED.set_forkserver_preload(
    ["__main__", "tests.faults.mail_server", "tests.faults.schedulers", "tests.faults.warm"]
)
