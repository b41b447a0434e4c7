"""Pictures are read beside the console, and never by it."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from issuer.plastic.codes import qr_image
from tests.verifier.console.conftest import WORLD, Desk
from verifier.console import frames as frames_module
from verifier.console.frames import Frames, PictureError, SlowPictureError

CODE = WORLD.show(WORLD.card())


def png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def frames() -> Iterator[Frames]:
    """One reader for all, as in a console."""
    made = Frames()
    yield made
    made.close()


def post(desk: Desk, data: bytes, kind: str = "image/png", query: str = "") -> Any:
    return desk.browser.post(
        f"/api/frame{query}",
        data=data,
        content_type=kind,
        base_url=desk.origin,
        headers={"Origin": desk.origin},
    )


def test_codes_of_a_frame(desk: Desk, frames: Frames) -> None:
    """From a file and from grey pixels; what is no ABTC code is not returned."""
    desk.console.frames = frames
    picture = qr_image(CODE, module_pixels=4).convert("L")
    assert post(desk, png(picture)).json == {"codes": [CODE]}
    query = f"?width={picture.width}&height={picture.height}"
    kind = "application/octet-stream"
    assert post(desk, picture.tobytes(), kind, query).json == {"codes": [CODE]}
    other = qr_image("https://example.org", module_pixels=4).convert("L")
    assert post(desk, png(other)).json == {"codes": []}


def test_q8_pictures_that_are_none(desk: Desk, frames: Frames) -> None:
    """Each is told in one line; the reader goes on."""
    desk.console.frames = frames
    frames.read(png(Image.new("L", (8, 8))))
    reader = frames._process
    for data in (b"", b"GIF89a", png(Image.new("L", (8, 8)))[:40], bomb(60_000)):
        found = post(desk, data)
        assert (found.status_code, found.json["error"]) == (422, "frame.unreadable")
    for query in ("?width=3&height=3", "?width=0&height=0", "?width=70000&height=1"):
        found = post(desk, b"1234", "application/octet-stream", query)
        assert found.status_code in {400, 422}
    assert post(desk, b"1234", "application/octet-stream").status_code == 400
    assert post(desk, b"<svg/>", "image/svg+xml").status_code == 415
    assert post(desk, bytes(9 * 2**20)).status_code == 413
    assert frames.read(png(qr_image(CODE, module_pixels=4))) == (CODE,)
    assert frames._process is reader


def bomb(side: int) -> bytes:
    """A small file that says it is a picture of 3.6 thousand million pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        size = struct.pack(">I", len(data))
        return size + checked + struct.pack(">I", zlib.crc32(checked))

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_q8_a_picture_made_to_be_slow_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing but finder patterns: the reader is ended, and another one begins."""
    side = bytearray(64)
    for y in range(8):
        for x in range(8):
            is_ring = 1 <= x < 6 and 1 <= y < 6 and not (2 <= x < 5 and 2 <= y < 5)
            side[8 * y + x] = 255 if is_ring or 7 in {x, y} else 0
    row = b"".join(bytes(side[8 * y : 8 * y + 8]) * 400 for y in range(8))
    frames = Frames()
    try:
        good = png(qr_image(CODE, module_pixels=4))
        assert frames.read(good) == (CODE,)
        monkeypatch.setattr(frames_module, "_LONGEST", 0.2)
        with pytest.raises(SlowPictureError):
            frames.read(row * 400, width=3200, height=3200)
        monkeypatch.setattr(frames_module, "_LONGEST", 30.0)
        assert frames.read(good) == (CODE,)
    finally:
        frames.close()


def test_a_reader_that_has_gone_is_begun_anew(frames: Frames) -> None:
    """It ends by itself when nobody asks for a minute, and may be killed."""
    good = png(qr_image(CODE, module_pixels=4))
    assert frames.read(good) == (CODE,)
    process = frames._process
    assert process is not None
    process.kill()
    process.wait()
    assert frames.read(good) == (CODE,)


def test_a_reader_that_dies_over_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for want of memory: that picture is unreadable, and no more."""
    frames = Frames()
    monkeypatch.setattr("sys.executable", "/bin/true")
    with pytest.raises((PictureError, SlowPictureError)):
        frames.read(b"x")
    frames.close()
