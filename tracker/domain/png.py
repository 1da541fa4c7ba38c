"""Reads just enough of a PNG picture to know that it is one, whole, still and of a fair size."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
LARGEST: Final = 200_000
"""Bytes: it goes along with every mail."""
WIDEST: Final = 2_000
"""Pixels on a side: a small file can unpack to very many."""


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


class PictureError(ValueError):
    """Not a picture that can be used; the message is a key of the refusal's words."""


def measure(content: bytes) -> Size:
    """Return the size of a PNG; raises PictureError."""
    if len(content) > LARGEST:
        raise PictureError("picture_too_large")
    if not content.startswith(SIGNATURE):
        raise PictureError("picture_no_png")
    chunks = list(_chunks(content))
    kinds = [kind for kind, _data in chunks]
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or b"IDAT" not in kinds:
        raise PictureError("picture_no_png")
    if b"acTL" in kinds:
        raise PictureError("picture_moves")
    header = chunks[0][1]
    if len(header) != struct.calcsize(">IIBBBBB"):
        raise PictureError("picture_no_png")
    width, height = struct.unpack_from(">II", header)
    if not (0 < width <= WIDEST and 0 < height <= WIDEST):
        raise PictureError("picture_too_wide")
    return Size(width, height)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the chunks with their data; nothing may stand after the last."""
    place = len(SIGNATURE)
    while place < len(content):
        if place + 12 > len(content):
            raise PictureError("picture_no_png")
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 8 + length
        if end + 4 > len(content):
            raise PictureError("picture_no_png")
        data = content[place + 8 : end]
        if struct.unpack_from(">I", content, end) != (zlib.crc32(kind + data),):
            raise PictureError("picture_no_png")
        yield kind, data
        place = end + 4
        if kind == b"IEND" and place != len(content):
            raise PictureError("picture_no_png")
