"""Portraits and signatures: uploads of strangers, and what is printed of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from issuer.errors import ProfileError
from issuer.plastic import prepare_portrait, prepare_signature
from tests.issuer.plastic_cards import file_of, photo, scribble


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def refusal(data: bytes) -> str:
    with pytest.raises(ProfileError) as refused:
        prepare_portrait(data)
    assert refused.value.field == "portrait"
    return refused.value.reason


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        ((413, 531), (413, 531)),
        ((900, 1200), (826, 1062)),
        ((1000, 900), (700, 900)),
        ((413, 800), (413, 531)),
        ((4000, 5000), (826, 1062)),
    ],
)
def test_portraits_become_35_to_45(
    size: tuple[int, int], stored: tuple[int, int]
) -> None:
    """What comes out has the shape of a passport portrait, and comes out again."""
    prepared = prepare_portrait(photo(size))
    picture = opened(prepared)
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", stored)
    assert prepare_portrait(prepared) == prepared


@pytest.mark.parametrize("size", [(412, 531), (413, 530), (100, 128)])
def test_small_portraits_are_refused(size: tuple[int, int]) -> None:
    """A face of a few pixels is no use to an officer."""
    assert "fewer than 413 x 531 pixels" in refusal(photo(size))


@pytest.mark.parametrize("size", [(2000, 600), (600, 3000)])
def test_what_is_no_portrait_is_refused(size: tuple[int, int]) -> None:
    """Most of a banner would be cut away."""
    assert "far from 35 to 45" in refusal(photo(size))


def test_faces_stay_above_the_middle() -> None:
    """Of what is too high, more is cut below than above."""
    picture = Image.new("RGB", (700, 1200), "white")
    picture.paste("black", (0, 200, 700, 210))
    rows = np.asarray(opened(prepare_portrait(file_of(picture))).convert("L"))
    assert np.flatnonzero(rows.min(axis=1) < 128)[0] == pytest.approx(100, abs=3)


def test_c_exif_goes_and_its_orientation_is_kept() -> None:
    """A phone's picture is turned upright; where it was taken is nobody's business."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "at home"
    turned = photo((900, 700), exif=exif.tobytes())
    prepared = prepare_portrait(turned)
    assert b"at home" in turned
    assert b"at home" not in prepared
    assert opened(prepared).size == (700, 900)
    assert not opened(prepared).getexif()
    # The light side was on the left, now it is above or below.
    columns = np.asarray(opened(prepared).convert("L"), dtype=float)
    assert abs(columns[:20].mean() - columns[-20:].mean()) > 100


def test_c_nothing_but_pixels_goes_on() -> None:
    """Text, colour profile and further chunks of a PNG stay behind."""
    picture = Image.new("RGB", (700, 900), "grey")
    picture.info["comment"] = "secret"
    data = photo(form="PNG", icc_profile=b"profile" * 9, dpi=(72, 72))
    chunks = prepare_portrait(data)
    names = {chunks[place : place + 4] for place in range(len(chunks) - 4)}
    assert not names & {b"iCCP", b"tEXt", b"eXIf", b"pHYs", b"gAMA"}


def test_transparency_is_white() -> None:
    """A cut-out portrait has a white ground, not a black one."""
    clear = Image.new("RGBA", (700, 900), (0, 0, 0, 0))
    assert opened(prepare_portrait(file_of(clear))).getextrema() == ((255, 255),) * 3


def test_all_kinds_of_8_bit_pictures_are_taken() -> None:
    """Grey, palette, CMYK and black-and-white become RGB."""
    for mode, form in (("L", "PNG"), ("P", "PNG"), ("CMYK", "JPEG"), ("1", "PNG")):
        data = file_of(Image.new(mode, (700, 900)), form)
        assert opened(prepare_portrait(data)).mode == "RGB"


def bomb(width: int, height: int) -> bytes:
    """A small PNG file that says it is huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(10**6), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def test_q8_bombs_are_not_decoded() -> None:
    """The size is asked for before any pixel; also where Pillow itself would stop."""
    for side in (6_400, 9_000):
        assert refusal(bomb(side, side)) == "has more than 40 million pixels"
    assert refusal(bomb(60_000, 60_000)) == "is a damaged picture"
    assert refusal(bomb(700, 900)) == "is a damaged picture"


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "WEBP", "PPM", "PDF"])
def test_q8_other_formats_are_refused(form: str) -> None:
    """Only two decoders ever see what strangers send."""
    assert refusal(photo(form=form)) == "is no PNG or JPEG picture"


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_q8_damaged_files_are_refused(form: str) -> None:
    """Cut anywhere or overwritten, a file is a clear refusal and never a crash."""
    whole = photo(form=form)
    for end in (0, 1, 8, 20, 100, len(whole) // 2, len(whole) * 3 // 4):
        assert refusal(whole[:end]).startswith(("is no ", "is a damaged"))
    for place in range(0, 400, 7):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        try:
            assert opened(prepare_portrait(bytes(changed))).mode == "RGB"
        except ProfileError as error:
            assert error.field == "portrait"  # noqa: PT017  # either will do


def test_q8_large_files_and_deep_colours_are_refused() -> None:
    """10 MiB are enough; 16 bits would be cut in ways that nobody sees."""
    assert refusal(bytes(10 * 2**20 + 1)) == "is larger than 10 MiB"
    deep = file_of(Image.new("I;16", (700, 900)))
    assert "8 bits" in refusal(deep)


def test_signatures_become_ink() -> None:
    """The paper vanishes, white or grey, and what is left is cut to the line."""
    for paper in (255, 250, 190):
        ink = opened(prepare_signature(scribble(paper)))
        pixels = np.asarray(ink)
        assert (ink.mode, pixels.max()) == ("L", 255)
        assert ink.width > 3 * ink.height
        assert np.mean(pixels == 0) > 0.7
        assert min(pixels[0].max(), pixels[:, 0].max()) > 60


@pytest.mark.parametrize(
    "data",
    [
        scribble(paper=20, ink=250),
        scribble(paper=250, ink=240),
        file_of(Image.new("L", (900, 300), 255)),
        file_of(Image.new("L", (900, 300), 0)),
        file_of(Image.new("RGBA", (900, 300), (0, 0, 0, 0))),
    ],
)
def test_what_is_no_signature_is_refused(data: bytes) -> None:
    """Light on dark, too faint, or nothing at all."""
    with pytest.raises(ProfileError, match="signature: shows nothing dark on light"):
        prepare_signature(data)


def test_small_and_hostile_signatures_are_refused() -> None:
    """With the same care as portraits."""
    with pytest.raises(ProfileError, match="fewer than 200 x 50"):
        prepare_signature(file_of(Image.new("L", (199, 50))))
    with pytest.raises(ProfileError, match="signature: is no PNG or JPEG"):
        prepare_signature(b"%!PS")
