"""Documents and portraits from strangers."""

import io
import struct
import warnings
import zipfile
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from issuer.errors import IntakeError
from issuer.intake.problem import ProblemCode
from issuer.intake.uploads import (
    MAX_FILE,
    Crop,
    Upload,
    download_headers,
    read_document,
    read_portrait,
)

PDF = (
    b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
    b"trailer\n<< /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"
)


def picture(
    kind: str = "PNG", size: tuple[int, int] = (700, 900), mode: str = "RGB", **how: Any
) -> bytes:
    image = Image.linear_gradient("L").resize(size).convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


PNG, JPEG = picture("PNG"), picture("JPEG")


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("run.js", "alert(1)")
    return out.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def made_png(width: int, height: int, *chunks: bytes) -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunks)
        + pixels
        + png_chunk(b"IEND", b"")
    )


def refusal(data: bytes, filename: str = "scan.jpg") -> ProblemCode:
    with pytest.raises(IntakeError) as refused:
        read_document(data, filename=filename)
    (problem,) = refused.value.problems
    assert problem.field == "file"
    assert problem.fix
    return problem.code


@pytest.mark.parametrize(
    ("data", "kind", "size"),
    [
        (PNG, "png", (700, 900)),
        (JPEG, "jpeg", (700, 900)),
        (picture("JPEG", progressive=True), "jpeg", (700, 900)),
        (picture("JPEG", mode="CMYK"), "jpeg", (700, 900)),
        (picture(mode="1"), "png", (700, 900)),
        (picture(mode="I;16"), "png", (700, 900)),
        (PDF, "pdf", (None, None)),
        (PDF + b"\n" * 500, "pdf", (None, None)),
    ],
)
def test_documents_are_taken_for_what_they_are(
    data: bytes, kind: str, size: tuple[int | None, int | None]
) -> None:
    """The content decides, whatever the name says, and is kept as it is."""
    upload = read_document(data, filename="anything.docx")
    assert upload.kind == kind
    assert (upload.width, upload.height) == size
    assert data.startswith(upload.content)
    assert upload.display_name == "anything.docx"


def test_the_address_is_that_of_the_content() -> None:
    """The same file under two names is one file."""
    one, two = (read_document(PNG, filename=name) for name in ("a.png", "b.png"))
    assert one.sha256 == two.sha256 != read_document(JPEG, filename="a").sha256
    assert len(one.sha256) == 64


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ProblemCode.UPLOAD_EMPTY),
        (b"hello", ProblemCode.UPLOAD_KIND),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ProblemCode.UPLOAD_KIND),
        (b"<!DOCTYPE html><script>alert(1)</script>", ProblemCode.UPLOAD_KIND),
        (archive(), ProblemCode.UPLOAD_KIND),
        (picture("GIF"), ProblemCode.UPLOAD_KIND),
        (picture("TIFF"), ProblemCode.UPLOAD_KIND),
        (picture("WEBP"), ProblemCode.UPLOAD_KIND),
        (b"\xff\xd8\xff", ProblemCode.UPLOAD_DAMAGED),
        (b"\x89PNG\r\n\x1a\n", ProblemCode.UPLOAD_DAMAGED),
        (PNG[:-20], ProblemCode.UPLOAD_DAMAGED),
        (JPEG[: len(JPEG) // 2], ProblemCode.UPLOAD_DAMAGED),
        (JPEG[:-2], ProblemCode.UPLOAD_DAMAGED),
        (PDF[:-7], ProblemCode.UPLOAD_DAMAGED),
        (b"%PDF-x" + PDF[6:], ProblemCode.UPLOAD_DAMAGED),
        (made_png(100, 100), ProblemCode.UPLOAD_DAMAGED),
        (PDF + bytes(MAX_FILE), ProblemCode.UPLOAD_TOO_LARGE),
        (made_png(30_000, 30_000), ProblemCode.UPLOAD_DIMENSIONS),
        (made_png(2**31 - 1, 2**31 - 1), ProblemCode.UPLOAD_DIMENSIONS),
        (made_png(20_001, 1), ProblemCode.UPLOAD_DIMENSIONS),
        (picture("PNG", size=(6400, 6400), mode="1"), ProblemCode.UPLOAD_DIMENSIONS),
        (
            made_png(9, 9, png_chunk(b"acTL", struct.pack(">II", 2, 0))),
            ProblemCode.UPLOAD_ANIMATED,
        ),
        (
            made_png(9, 9, png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(2**26)))),
            ProblemCode.UPLOAD_DAMAGED,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[:6]!r}",
)
def test_q8_hostile_files_have_a_clear_refusal(data: bytes, code: ProblemCode) -> None:
    """The sender is told in one line; nothing is decoded beyond the bounds."""
    assert refusal(data) is code


@pytest.mark.parametrize(
    "data",
    [
        PNG + archive(),
        JPEG + archive(),
        PDF + archive(),
        JPEG + JPEG + archive(),
        PNG + b"<script>alert(1)</script>",
        JPEG + b"<?php evil(); ?>",
        JPEG + PDF,
        picture("JPEG", comment=b"%PDF-1.7 " + PDF),
        picture("JPEG", comment=b"<html><script>alert(1)</script>"),
        PDF.replace(b"endobj", b"<script>alert(1)</script>", 1),
        made_png(9, 9, png_chunk(b"tEXt", b"Comment\0<svg onload=alert(1)>")),
    ],
    ids=range(11),
)
def test_q8_a_file_that_is_two_things_is_refused(data: bytes) -> None:
    """What is a picture here and a program elsewhere is no accident."""
    assert refusal(data) is ProblemCode.UPLOAD_POLYGLOT


@pytest.mark.parametrize("rest", [b"PK\x05\x06", b"PK\x05\x06" + bytes(40)])
def test_bytes_that_look_like_an_archive_by_chance_are_taken(rest: bytes) -> None:
    """Compressed data has any four bytes; an archive also ends where it says."""
    by_chance = PDF.replace(b"endobj", rest + b" endobj")
    assert read_document(by_chance, filename="a.pdf").kind == "pdf"
    assert refusal(by_chance + archive()) is ProblemCode.UPLOAD_POLYGLOT


def test_the_second_picture_of_a_phone_is_left_out() -> None:
    """Phones append a preview or a brightness map; only the photograph is kept."""
    upload = read_document(JPEG + JPEG, filename="a.jpg")
    assert upload.content == JPEG
    assert read_document(JPEG + bytes(64), filename="a.jpg").content == JPEG


def test_q8_a_jpeg_of_many_layers_is_refused_before_it_is_decoded() -> None:
    """Each layer is work over all pixels; real photographs have about ten."""
    layered = picture("JPEG", progressive=True)
    start = layered.index(b"\xff\xda")
    end = layered.index(b"\xff", start + 14)
    while layered[end + 1] == 0:
        end = layered.index(b"\xff", end + 2)
    scan = layered[start:end]
    bomb = layered[:start] + scan * 40 + layered[start:]
    assert refusal(bomb) is ProblemCode.UPLOAD_DAMAGED
    assert read_document(layered, filename="a.jpg").content == layered


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\anna\\scan.pdf", "scan.pdf"),
        ("", "document"),
        ("..", "document"),
        ("dir/", "document"),
        ("<b>&\"'.pdf", "<b>&\"'.pdf"),
        ("\u8b77\u7167.pdf", "\u8b77\u7167.pdf"),
    ],
)
def test_c2_a_file_name_is_for_showing_only(given_name: str, shown: str) -> None:
    """No folder survives; markup is text, for the page to escape."""
    assert read_document(PDF, filename=given_name).display_name == shown


@pytest.mark.parametrize(
    "name", ["scan\u202egpj.exe", "a\x00.pdf", "a\n.pdf", "a\u200b.pdf", "a" * 121]
)
def test_q9_a_file_name_that_hides_something_is_refused(name: str) -> None:
    """A name that reads backwards is not kept for officers to click on."""
    assert refusal(PDF, name) is ProblemCode.UPLOAD_NAME


@pytest.mark.parametrize("data", [PDF, PNG, JPEG], ids=["pdf", "png", "jpeg"])
def test_c2_what_leaves_the_server_is_never_run(data: bytes) -> None:
    """Attachment, no sniffing, a name of our own."""
    upload = read_document(data, filename='x"; filename="evil.html')
    headers = download_headers(upload)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith(
        f'attachment; filename="document-{upload.sha256[:12]}.'
    )
    assert "evil" not in str(headers)
    assert headers["Content-Type"] in {"application/pdf", "image/png", "image/jpeg"}


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "I;16"])
def test_a_large_portrait_of_any_mode_is_made_smaller(mode: str) -> None:
    """And still stands upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    data = picture(size=(3100, 3500), mode=mode, exif=exif)
    portrait = read_portrait(data, filename="me.png")
    assert decoded(portrait.upload).size == (1750, 1550)


def decoded(upload: Upload) -> Image.Image:
    image = Image.open(io.BytesIO(upload.content))
    image.load()
    return image


def test_a_portrait_keeps_its_pixels_and_loses_its_metadata() -> None:
    """No place, no device, no comment leaves with the picture; it stands upright."""
    exif = Image.Exif()
    exif[0x010F] = "SECRET-CAMERA"
    exif[0x0112] = 6  # lies on its side
    exif.get_ifd(0x8825)[1] = "SECRET-PLACE"
    data = picture("JPEG", size=(900, 700), exif=exif, comment=b"SECRET-COMMENT")
    assert b"SECRET" in data
    portrait = read_portrait(data, filename="me.jpg")
    assert b"SECRET" not in portrait.upload.content
    image = decoded(portrait.upload)
    assert image.size == (700, 900)
    assert not image.getexif()
    assert portrait.upload.kind == "jpeg"


def test_a_transparent_portrait_stands_on_white() -> None:
    """Clear pixels would be black on the card."""
    clear = Image.new("RGBA", (700, 900), (0, 0, 0, 0))
    out = io.BytesIO()
    clear.save(out, "PNG")
    portrait = read_portrait(out.getvalue(), filename="me.png")
    assert decoded(portrait.upload).getpixel((350, 450)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_portrait_of_any_png_mode_is_taken(mode: str) -> None:
    """However a program has saved it, a middle grey stays a middle grey."""
    grey = Image.new("L", (700, 900), 128)
    image = grey.convert("I").point(lambda v: v * 256) if mode == "I;16" else grey
    out = io.BytesIO()
    image.convert(mode).save(out, "PNG")
    picture_of_it = decoded(read_portrait(out.getvalue(), filename="me.png").upload)
    assert picture_of_it.mode == "RGB"
    assert picture_of_it.getpixel((350, 450)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("size", "crop"),
    [
        ((700, 900), Crop(left=0, top=0, right=700, bottom=900)),
        ((413, 531), Crop(left=0, top=0, right=413, bottom=531)),
        ((1900, 900), Crop(left=600, top=0, right=1300, bottom=900)),
        ((700, 1900), Crop(left=0, top=500, right=700, bottom=1400)),
    ],
)
def test_the_crop_is_the_largest_of_the_cards_shape(
    size: tuple[int, int], crop: Crop
) -> None:
    """35 to 45, from the middle; the officer moves it."""
    assert read_portrait(picture(size=size), filename="me.png").crop == crop


@pytest.mark.parametrize("size", [(412, 531), (413, 530), (2000, 400)])
def test_a_portrait_too_small_for_the_card_is_refused(size: tuple[int, int]) -> None:
    """300 dpi on the card, or it is asked for again."""
    with pytest.raises(IntakeError, match=r"portrait\.small"):
        read_portrait(picture(size=size), filename="me.png")


def test_q8_a_portrait_with_broken_metadata_is_no_surprise() -> None:
    """Its orientation cannot be read: no warning, no exception, a picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture("JPEG", exif=exif)
    place = data.index(b"Exif") + 6
    broken = data[: place + 8] + b"\xff\xff" + data[place + 10 :]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_portrait(broken, filename="me.jpg").upload.kind == "jpeg"


def test_a_portrait_is_no_larger_than_a_card_needs() -> None:
    """A camera's 30 million pixels are not kept for every applicant."""
    portrait = read_portrait(picture(size=(5000, 6000)), filename="me.png")
    assert (portrait.upload.width, portrait.upload.height) == (2500, 3000)
    assert decoded(portrait.upload).size == (2500, 3000)
    assert portrait.crop.bottom <= 3000


def test_a_portrait_is_no_pdf() -> None:
    """Nobody can crop a PDF."""
    with pytest.raises(IntakeError, match=r"upload\.kind"):
        read_portrait(PDF, filename="me.pdf")


def sideways(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    return picture(kind, size=(24, 24), exif=exif)


SMALL = {
    "png": picture(size=(24, 24)),
    "jpeg": picture("JPEG", size=(24, 24)),
    "layers": picture("JPEG", size=(24, 24), progressive=True),
    "turned jpeg": sideways("JPEG"),
    "turned png": sideways("PNG"),
    "pdf": PDF,
}


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(SMALL)),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=6)), max_size=4),
    st.integers(0, 2000),
)
def test_q8_a_damaged_file_is_an_upload_or_one_problem(
    kind: str, changes: list[tuple[int, bytes]], cut: int
) -> None:
    """Whatever is changed, nothing else comes out, and no warning."""
    data = bytearray(SMALL[kind])
    for place, new in changes:
        data[place : place + len(new)] = new
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (read_document, read_portrait):
            with suppress(IntakeError):
                read(bytes(data[: len(data) - cut % 50]), filename="x")
