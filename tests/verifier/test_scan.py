"""Reading codes from pictures: ours only, from far away, and never a crash."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qrcode
from PIL import Image, ImageOps
from qrcode.util import MODE_ALPHA_NUM, QRData

import verifier
from examples.camera import CASUAL, photograph
from tests.simulator import World
from verifier.scan import ImageError, read_codes

WORLD = World(economies=["AUS"])
CODE = WORLD.show(WORLD.card())
PRINTED = WORLD.show(WORLD.card(form="physical"))


def drawn(text: str, module_pixels: int = 4) -> Image.Image:
    code = qrcode.QRCode(error_correction=1, border=4, box_size=module_pixels)
    is_ours = text.startswith("ABTC")
    code.add_data(QRData(text, mode=MODE_ALPHA_NUM) if is_ours else text)
    code.make()
    picture: Image.Image = code.make_image().get_image()
    return picture.convert("RGB")


def beside(*pictures: Image.Image) -> Image.Image:
    width = sum(picture.width for picture in pictures)
    joined = Image.new("RGB", (width, max(each.height for each in pictures)), "white")
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width
    return joined


def stored(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


PICTURE = drawn(CODE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_its_bytes_and_its_pixels(tmp_path: Path, kind: str) -> None:
    """The same picture reads from a path, from bytes and from an array."""
    data = stored(PICTURE, kind)
    path = tmp_path / "photo"
    path.write_bytes(data)
    sources = [
        path,
        str(path),
        data,
        np.asarray(PICTURE),
        np.asarray(PICTURE.convert("L")),
    ]
    for source in sources:
        assert read_codes(source) == (CODE,)


@pytest.mark.parametrize(
    "change",
    [
        ImageOps.mirror,
        ImageOps.flip,
        ImageOps.invert,
        lambda picture: picture.rotate(90, expand=True),
        lambda picture: picture.rotate(37, expand=True, fillcolor="white"),
        lambda picture: picture.convert("1"),
        lambda picture: picture.convert("P"),
        lambda picture: picture.convert("RGBA"),
    ],
)
def test_q8_turned_and_inverted(change: Any) -> None:
    """A mirrored, inverted or turned code, in any kind of PNG, is read."""
    assert read_codes(stored(change(PICTURE))) == (CODE,)


def test_orientation_of_a_camera() -> None:
    """A JPEG that says it lies on its side is read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_codes(stored(PICTURE, "JPEG", exif=exif.tobytes())) == (CODE,)


def test_clear_ground() -> None:
    """A code on a transparent ground, as screenshots have it, is read."""
    clear = Image.new("RGBA", PICTURE.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=ImageOps.invert(PICTURE.convert("L")))
    assert read_codes(stored(clear)) == (CODE,)


def test_q4_other_peoples_codes_are_ignored() -> None:
    """A link, another scheme's code, an officer's question and a card: the card."""
    question = drawn(verifier.challenge_text("A" * 22))
    others = drawn("https://example.org"), drawn("HC1:NCF"), question
    assert read_codes(stored(beside(PICTURE, *others))) == (CODE,)
    assert read_codes(stored(drawn("https://example.org"))) == ()


def test_two_cards_in_one_picture() -> None:
    """Each ABTC code is returned once."""
    assert set(read_codes(stored(beside(PICTURE, drawn(PRINTED), PICTURE)))) == {
        CODE,
        PRINTED,
    }


def test_newer_versions_are_returned() -> None:
    """A code of a version to come is the verifier's to judge."""
    assert read_codes(stored(drawn("ABTC2:ABC"))) == ("ABTC2:ABC",)


@pytest.mark.parametrize(
    ("pixels", "conditions"),
    [
        (1.5, {}),
        (1.5, {"blur": 0.6}),
        (1.5, {"noise": 0.04}),
        (1.5, {"screen_grid": 0.12, "blur": 0.4}),
        (1.75, {"tilt": 25.0}),
        (2.0, {"motion": 1.5}),
        (2.0, CASUAL),
        (4.0, {"glare": 0.8}),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_codes_are_read(pixels: float, conditions: Any, seed: int) -> None:
    """A code that covers few camera pixels a module is read all the same."""
    modules = PICTURE.width / 4
    photo = photograph(
        PICTURE,
        width=round(pixels * modules),
        seed=seed,
        frame=(640, 480),
        **conditions,
    )
    assert read_codes(np.asarray(photo)) == (CODE,)


@pytest.mark.parametrize("seed", range(5))
def test_q8_heavy_noise(seed: int) -> None:
    """Under 30 % noise a code is read or not; nothing else comes out."""
    photo = photograph(PICTURE, width=300, seed=seed, frame=(640, 480), noise=0.3)
    assert read_codes(np.asarray(photo)) in {(), (CODE,)}


def chunk(kind: bytes, data: bytes) -> bytes:
    return (
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
    )


def png_of_size(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


GOOD = stored(PICTURE)
BAD_FILES = {
    "empty": b"",
    "text": b"ABTC1:" * 9,
    "GIF": stored(PICTURE, "GIF"),
    "BMP": stored(PICTURE, "BMP"),
    "TIFF": stored(PICTURE, "TIFF"),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "cut PNG": GOOD[: len(GOOD) // 2],
    "cut JPEG header": stored(PICTURE, "JPEG")[:30],
    "flipped PNG": GOOD[:60] + bytes([GOOD[60] ^ 255]) + GOOD[61:],
    "huge header": png_of_size(2**31 - 1, 2**31 - 1),
    "bomb": png_of_size(100_000, 100_000),
    "50 million and one": png_of_size(50_000_001, 1),
    "no pixels": png_of_size(0, 0),
    "too long": b"\x89PNG\r\n\x1a\n" + bytes(32 * 2**20),
}


@pytest.mark.parametrize("data", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_q8_bad_files(data: bytes) -> None:
    """A file that is no sound PNG or JPEG is refused in one line."""
    with pytest.raises(ImageError) as caught:
        read_codes(data)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros(16, np.uint8),
        np.zeros((0, 4), np.uint8),
        None,
        7,
        [[0]],
    ],
)
def test_bad_arrays(pixels: Any) -> None:
    """Only 8-bit grey or colour pixels are a picture."""
    with pytest.raises(ImageError):
        read_codes(pixels)


def test_q8_long_sides() -> None:
    """A side that the reader cannot take is refused like any other picture."""
    with pytest.raises(ImageError, match="65,535"):
        read_codes(np.zeros((1, 65_536), np.uint8))


def test_q8_nothing_but_finder_patterns() -> None:
    """A picture made to be slow ends with the first try, and with nothing."""
    side = np.zeros((8, 8), np.uint8)
    side[7] = side[:, 7] = 255
    side[1:6, 1:6] = 255
    side[2:5, 2:5] = 0
    assert read_codes(np.tile(side, (200, 200))) == ()


def test_bad_paths(tmp_path: Path) -> None:
    """A folder, a pipe, a missing or a large file is refused; nothing blocks."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(33 * 2**20)
    for path in (tmp_path, pipe, large, tmp_path / "none", "nul\0"):
        with pytest.raises(ImageError):
            read_codes(path)


def test_arrays_that_are_not_contiguous() -> None:
    """Every second pixel of a larger picture is a picture too."""
    doubled = np.asarray(PICTURE.convert("L")).repeat(2, axis=0).repeat(2, axis=1)
    assert read_codes(doubled[::2, ::2]) == (CODE,)
