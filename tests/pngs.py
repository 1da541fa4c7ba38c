"""PNG pictures, put together by hand."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 4, height: int = 2, *, extra: bytes = b"", end: bytes = b"") -> bytes:
    """Return a grey picture, with the chunks `extra` in it and `end` after it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * min(width, 10) for _ in range(min(height, 10))))
    parts = chunk(b"IHDR", header), extra, chunk(b"IDAT", rows), chunk(b"IEND", b"")
    return SIGNATURE + b"".join(parts) + end
