"""Real mail and web servers are tried by `make soak` alone."""

from __future__ import annotations

from tests.extent import SOAK

collect_ignore = [] if SOAK else ["test_mail_servers.py", "test_web_servers.py"]
