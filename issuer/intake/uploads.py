"""Documents and portraits that strangers send: taken by what they are, or refused.

What is kept is a PDF, PNG or JPEG and nothing behind it.  Nothing is ever opened by the
name that the sender gave it.
"""

import hashlib
import io
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from PIL import Image, ImageOps

from issuer.errors import IntakeError
from issuer.intake.names import find_hidden
from issuer.intake.problem import Problem, ProblemCode

Kind = Literal["pdf", "png", "jpeg"]

MAX_FILE: Final = 10 * 2**20
"""Bytes of one file."""
MAX_PIXELS: Final = 40_000_000
"""Width times height; an A4 page at 600 dpi has 35 million."""
MAX_SIDE: Final = 20_000
MAX_SCANS: Final = 32
"""Layers of a JPEG.  Each is work over all pixels; real ones have about ten."""
MAX_DISPLAY_NAME: Final = 120
PORTRAIT_RATIO: Final = (35, 45)
"""Width to height of a passport photograph (ICAO Doc 9303, part 3)."""
MIN_PORTRAIT: Final = (413, 531)
"""Pixels of 35 x 45 mm at 300 dpi, as the crop has to have them."""
MAX_PORTRAIT_SIDE: Final = 3000
"""Pixels; of a larger picture squares of 2, 3 or more become one pixel."""

_MEDIA_TYPES: Final[Mapping[Kind, str]] = MappingProxyType(
    {"pdf": "application/pdf", "png": "image/png", "jpeg": "image/jpeg"}
)
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PDF = b"%PDF-"
_PDF_HEADER = re.compile(rb"%PDF-[12]\.[0-9][\r\n \t]")
_HEAD = 1024
"""Bytes in which readers look for what a file is."""
_WEB = re.compile(rb"<(?:!doctype|html|script|svg|iframe|body)", re.IGNORECASE)
_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 22 + 0xFFFF
_FORMATS = ("PNG", "JPEG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that may be stored, addressed by its content."""

    kind: Kind
    content: bytes
    sha256: str
    """Of ``content``, 64 hexadecimal digits: its address in the store."""
    display_name: str
    """For people; escape it like any text, and never use it as a path."""
    width: int | None = None
    """Pixels; ``None`` for a PDF, which is not decoded."""
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A part of a picture, in pixels from the upper left corner."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A picture without metadata, and the part that is proposed for the card.

    Nobody has looked for a face in it: an officer compares it with the passport.
    """

    upload: Upload
    crop: Crop


def read_document(data: bytes, *, filename: str) -> Upload:
    """Take a document that was uploaded with an application.

    Pictures are decoded once, as a proof that they can be; a JPEG loses what follows
    its end.  A PDF is looked at from outside only.

    Args:
        data: The file, at most 10 MiB; cap the request before reading it.
        filename: As the sender gave it; only the part behind the last slash counts.

    Returns:
        What to store.

    Raises:
        IntakeError: One problem at ``file`` with a code ``upload.*``.

    Not checked: what a PDF holds (scripts, links, encryption), so it leaves this
    machine as an attachment only (`download_headers`); viruses; the metadata of
    documents, which is kept; that the document is what it should be.
    """
    name = _display_name(filename)
    kind = _kind_of(data)
    if kind == "pdf":
        _check_pdf(data)
        return _upload("pdf", data, name)
    content = _cut(data, kind)
    picture = _decode(content)
    return _upload(kind, content, name, size=picture.size)


def read_portrait(data: bytes, *, filename: str) -> Portrait:
    """Take an applicant's photograph.

    The pixels are written anew as JPEG, upright and on white, so that no metadata
    (place, time, device, comments, preview) survives.  A colour profile goes too.  A
    side of more than 3,000 pixels is made smaller.

    Args:
        data: A PNG or JPEG file, at most 10 MiB.
        filename: As for `read_document`.

    Returns:
        The picture and a crop of 35 to 45 from its middle.

    Raises:
        IntakeError: As for `read_document`, or the crop would have fewer than
            413 x 531 pixels.

    Not checked: that there is a face, whose it is, its size, light or background.
    """
    name = _display_name(filename)
    kind = _kind_of(data)
    if kind == "pdf":
        raise _refuse(ProblemCode.UPLOAD_KIND, "A portrait is a PNG or JPEG picture.")
    picture = _decode(_cut(data, kind))
    with _strangers_picture():
        picture = _upright(picture)
    crop = _propose_crop(*picture.size)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95, subsampling=0)
    return Portrait(
        upload=_upload("jpeg", out.getvalue(), name, size=picture.size), crop=crop
    )


def download_headers(upload: Upload) -> dict[str, str]:
    """Return the headers under which an upload may leave the server.

    Always as an attachment, under a name of our own, and never sniffed: whatever a file
    turns out to be, no browser runs it in our name.
    """
    ending = "jpg" if upload.kind == "jpeg" else upload.kind
    name = f"document-{upload.sha256[:12]}.{ending}"
    return {
        "Content-Type": _MEDIA_TYPES[upload.kind],
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "no-store",
    }


def _refuse(code: ProblemCode, message: str) -> IntakeError:
    return IntakeError((Problem(field="file", code=code, message=message),))


def _upload(
    kind: Kind, content: bytes, name: str, *, size: tuple[int, int] | None = None
) -> Upload:
    width, height = size or (None, None)
    return Upload(
        kind=kind,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        display_name=name,
        width=width,
        height=height,
    )


def _display_name(filename: str) -> str:
    name = re.split(r"[/\\]", filename)[-1].strip()
    if hidden := find_hidden(name):
        message = f"The file's name holds {hidden[1]}, which cannot be seen."
        raise _refuse(ProblemCode.UPLOAD_NAME, message)
    if len(name) > MAX_DISPLAY_NAME:
        message = f"The file's name has more than {MAX_DISPLAY_NAME} characters."
        raise _refuse(ProblemCode.UPLOAD_NAME, message)
    return "document" if name in {"", ".", ".."} else name


def _kind_of(data: bytes) -> Kind:
    if not data:
        raise _refuse(ProblemCode.UPLOAD_EMPTY, "The file is empty.")
    if len(data) > MAX_FILE:
        raise _refuse(ProblemCode.UPLOAD_TOO_LARGE, "The file is larger than 10 MiB.")
    kind = _kind_by_start(data)
    _check_single(data, kind)
    return kind


def _kind_by_start(data: bytes) -> Kind:
    if data.startswith(_PNG):
        return "png"
    if data.startswith(_JPEG):
        return "jpeg"
    if data.startswith(_PDF):
        return "pdf"
    message = "The file is no PDF, PNG or JPEG, whatever its name says."
    if _WEB.search(data[:_HEAD]):
        message = "The file is a web page or a drawing with code, not a document."
    raise _refuse(ProblemCode.UPLOAD_KIND, message)


def _check_single(data: bytes, kind: Kind) -> None:
    """Refuse a file that another program would take for something else."""
    head = data[:_HEAD]
    other = "a PDF" if kind != "pdf" and _PDF in head else ""
    other = "a web page" if _WEB.search(head) else other
    other = "a ZIP archive" if _ends_as_zip(data) else other
    if other:
        raise _refuse(
            ProblemCode.UPLOAD_POLYGLOT, f"The file is at the same time {other}."
        )


def _ends_as_zip(data: bytes) -> bool:
    """Tell whether the file ends with a ZIP directory, whose comment fills the rest."""
    place = data.find(_ZIP_END, max(0, len(data) - _ZIP_TAIL))
    while place >= 0:
        comment = data[place + 20 : place + 22]
        end = place + 22 + int.from_bytes(comment, "little")
        if len(comment) == 2 and end == len(data):
            return True
        place = data.find(_ZIP_END, place + 1)
    return False


def _check_pdf(data: bytes) -> None:
    tail = data[-_HEAD:]
    whole = _PDF_HEADER.match(data) and b"startxref" in tail and b"%%EOF" in tail
    if not whole:
        raise _damaged("The PDF is cut off or damaged.")


def _damaged(message: str = "The picture is cut off or damaged.") -> IntakeError:
    return _refuse(ProblemCode.UPLOAD_DAMAGED, message)


def _cut(data: bytes, kind: Kind) -> bytes:
    """Return the picture alone.

    Phones put a second picture or zeros behind a JPEG; these are left out.  Anything
    else behind a picture is no accident.
    """
    end = _png_end(data) if kind == "png" else _jpeg_end(data)
    rest = data[end:].rstrip(b"\0\r\n")
    if rest and not (kind == "jpeg" and rest.startswith(_JPEG)):
        message = "The file goes on after the end of the picture."
        raise _refuse(ProblemCode.UPLOAD_POLYGLOT, message)
    return data[:end]


def _png_end(data: bytes) -> int:
    """Walk over the chunks: length, type, content and check value each."""
    place = len(_PNG)
    while place + 12 <= len(data):
        kind = data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        if kind == b"acTL":
            raise _refuse(ProblemCode.UPLOAD_ANIMATED, "The picture moves.")
        if kind == b"IEND" and place <= len(data):
            return place
    raise _damaged()


def _jpeg_end(data: bytes) -> int:
    """Walk over the segments; scans have no length and end at the next marker."""
    place, scans = 2, 0
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # a filler before a marker
            place += 1
            continue
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xDA:
            place, scans = _scan_end(data, place), scans + 1
        if scans > MAX_SCANS:
            raise _damaged("The picture has too many layers to be a photograph.")
        if data[place : place + 2] == b"\xff\xd9":
            return place + 2
    raise _damaged()


_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""A marker, as opposed to a stuffed zero, a restart or a filler."""


def _scan_end(data: bytes, place: int) -> int:
    found = _SCAN_END.search(data, place)
    if found is None:
        raise _damaged()
    return found.start()


def _decode(data: bytes) -> Image.Image:
    """Decode every pixel once, within bounds that are checked before any is."""
    with _strangers_picture():
        picture = Image.open(io.BytesIO(data), formats=_FORMATS)
        _check_size(*picture.size)
        picture.load()
    return picture


@contextmanager
def _strangers_picture() -> Iterator[None]:
    """Turn what Pillow raises for files that are cut or made up into a refusal."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of what is refused here anyway, and of odd metadata.
            warnings.simplefilter("ignore")
            yield
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except (OSError, SyntaxError, ValueError, TypeError, struct.error) as error:
        raise _damaged() from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _too_many_pixels()


def _too_many_pixels() -> IntakeError:
    message = "The picture has more than 40 million pixels, or a side over 20,000."
    return _refuse(ProblemCode.UPLOAD_DIMENSIONS, message)


def _upright(picture: Image.Image) -> Image.Image:
    """Return red, green and blue only, upright, on white, and no larger than needed."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip
        picture = picture.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    elif picture.mode in {"P", "PA"}:  # colours by number cannot be averaged
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    # Before anything else, as each step below takes four bytes for a pixel.
    factor = -(-max(picture.size) // MAX_PORTRAIT_SIDE)
    turned = ImageOps.exif_transpose(picture.reduce(factor))
    if turned.mode in {"RGBA", "LA"}:
        clear = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    plain = Image.new("RGB", turned.size)
    plain.paste(turned.convert("RGB"))
    return plain


def _propose_crop(width: int, height: int) -> Crop:
    across, down = PORTRAIT_RATIO
    crop_width = min(width, height * across // down)
    crop_height = min(height, crop_width * down // across)
    if crop_width < MIN_PORTRAIT[0] or crop_height < MIN_PORTRAIT[1]:
        message = (
            f"The picture gives {crop_width} x {crop_height} pixels;"
            f" the card needs {MIN_PORTRAIT[0]} x {MIN_PORTRAIT[1]}."
        )
        raise _refuse(ProblemCode.PORTRAIT_SMALL, message)
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return Crop(left=left, top=top, right=left + crop_width, bottom=top + crop_height)
