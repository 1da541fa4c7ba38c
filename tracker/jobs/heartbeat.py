"""Tells a watcher outside that a run went well; where the calls stop, it raises the alarm."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import threading
from typing import Final
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

TIMEOUT: Final = 10
"""Seconds that a call may take."""


def beat(url: str | None) -> threading.Thread | None:
    """Call `url` (http or https; None: nobody watches) from a thread of its own.

    Nothing waits for it, and it keeps no process from ending, so it can delay no mail.
    """
    if url is None:
        return None
    thread = threading.Thread(target=_call, args=(url,), name="heartbeat", daemon=True)
    thread.start()
    return thread


def _call(url: str) -> None:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    # A server that answers letter by letter would hold the thread for ever.
    ending = threading.Timer(TIMEOUT, _hang_up, args=(connection,))
    ending.daemon = True
    ending.start()
    try:
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        # The rest of the address may be a secret.
        logger.warning("no heartbeat at %s: %s", parts.hostname, type(error).__name__)
    else:
        if status >= 300:
            logger.warning("no heartbeat at %s: it answered %s", parts.hostname, status)
    finally:
        ending.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
