"""What passes for a logo."""

from __future__ import annotations

import pytest

from tests.pngs import SIGNATURE, chunk, png
from tracker.domain.png import LARGEST, PictureError, measure


def test_a_whole_picture_tells_its_size() -> None:
    assert measure(png(240, 80)) == (240, 80)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "picture_no_png"),
        (b"GIF89a" + png(), "picture_no_png"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "picture_no_png"),
        (SIGNATURE, "picture_no_png"),
        (SIGNATURE + b"x", "picture_no_png"),
        (SIGNATURE + chunk(b"IEND", b""), "picture_no_png"),
        (png()[:-5], "picture_no_png"),
        (png().replace(b"IDAT", b"IDAX"), "picture_no_png"),
        (png(end=b"<script>"), "picture_no_png"),
        (SIGNATURE + chunk(b"IHDR", b"short") + png()[33:], "picture_no_png"),
        (png(0, 10), "picture_too_wide"),
        (png(2001, 10), "picture_too_wide"),
        (png(10, 60_000), "picture_too_wide"),
        (png(extra=chunk(b"acTL", b"\0" * 8)), "picture_moves"),
        (png(extra=chunk(b"tEXt", b"x" * LARGEST)), "picture_too_large"),
    ],
)
def test_what_is_no_whole_still_and_small_png_is_refused_by_its_content(
    content: bytes, reason: str
) -> None:
    with pytest.raises(PictureError, match=reason):
        measure(content)
