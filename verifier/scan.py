"""Read ABTC codes from pictures (extra ``scan``).

A camera at a border sees menus, boarding passes and other people's codes as well. Only
texts that say they are ABTC codes are returned; nothing else is kept, shown or opened.
"""

import io
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError
from zxingcpp import Barcode, BarcodeFormat, BarcodeFormats, read_barcodes

Source: TypeAlias = "str | Path | bytes | bytearray | Any"
"""A path, the bytes of a file, or an array of pixels."""

MAX_FILE = 32 * 2**20
"""Bytes of a picture file."""
MAX_PIXELS = 50_000_000
"""Width times height; checked before any pixel is decoded."""
_FORMATS = ("PNG", "JPEG")
_MARK = "ABTC"
_QUESTION = "ABTCQ"
"""How the code on an officer's screen begins: it is for phones, and no card."""
_QR = BarcodeFormats(BarcodeFormat.QRCode)
_ENLARGEMENTS = ((2, 2, 120), (3, 4, 200))
"""Factor, then radius and strength of the sharpening: found by measuring."""
_MAX_SECONDS = 0.3
_MAX_FIRST_PIXELS = 4_000_000
"""A larger picture is first tried at this size, which is quick."""
_MAX_SIDE = 65_535
"""What the reader can take."""
_MAX_ENLARGED_PIXELS = 24_000_000
"""A picture already this large holds its code in enough pixels."""


class ImageError(ValueError):
    """The picture cannot be read; the message is one line for a person."""


def read_codes(source: Source) -> tuple[str, ...]:
    """Return the ABTC texts of all QR codes in a picture, each once, top to bottom.

    The picture is tried as it is and, if that finds no ABTC code, enlarged and
    sharpened: small codes, at two camera pixels a module and below, are read only then.
    No further try is begun once 0.3 s have gone by.  A picture made up of nothing but
    finder patterns can still hold the first try for about two seconds, and nothing in
    this process can stop it: a gate that reads files of strangers runs this in a
    process of its own that it can end.

    Args:
        source: Path of a PNG or JPEG file; the bytes of one; or an array of 8-bit
            pixels, height x width (grey) or height x width x 3 (red, green, blue). At
            most 32 MiB and 50 million pixels.

    Returns:
        Texts that begin with ``ABTC``, but for the question on an officer's screen;
        empty if there is none. Rotated, mirrored and inverted codes are read. Codes of
        others are ignored.

    Raises:
        ImageError: Not a readable PNG or JPEG picture or array, or too large.

    Not checked: anything about the texts; `verify` does that.
    """
    return _read(source, _MARK)


def _read(source: Source, mark: str) -> tuple[str, ...]:
    picture = _open(source)
    started = time.perf_counter()
    for attempt in _attempts(picture):
        found = _texts(attempt, mark)
        if found or time.perf_counter() - started > _MAX_SECONDS:
            return found
    return ()


def _attempts(picture: Image.Image) -> Iterator[Image.Image]:
    if math.prod(picture.size) > _MAX_FIRST_PIXELS:
        share = math.sqrt(_MAX_FIRST_PIXELS / math.prod(picture.size))
        size = (int(picture.width * share) or 1, int(picture.height * share) or 1)
        yield picture.resize(size, Image.Resampling.BICUBIC)
    yield picture
    for factor, radius, percent in _ENLARGEMENTS:
        size = (picture.width * factor, picture.height * factor)
        if math.prod(size) <= _MAX_ENLARGED_PIXELS:
            enlarged = picture.resize(size, Image.Resampling.BICUBIC)
            yield enlarged.filter(ImageFilter.UnsharpMask(radius, percent, threshold=0))


def _texts(picture: Image.Image, mark: str) -> tuple[str, ...]:
    codes = [
        code
        for code in read_barcodes(picture, formats=_QR)
        if code.text.startswith(mark) and not code.text.startswith(_QUESTION)
    ]
    codes.sort(key=_place)
    return tuple(dict.fromkeys(code.text for code in codes))


def _place(code: Barcode) -> tuple[int, int]:
    corner = code.position.top_left
    return corner.y, corner.x


def _open(source: Source) -> Image.Image:
    if isinstance(source, (str, Path)):
        return _decode(_read_file(Path(source)))
    if isinstance(source, (bytes, bytearray)):
        return _decode(bytes(source))
    return _from_array(source)


def _read_file(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe or a device could block for ever
            raise ImageError("not a file")
        if path.stat().st_size > MAX_FILE:
            raise ImageError("larger than 32 MiB")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError("cannot be opened") from error


def _decode(data: bytes) -> Image.Image:
    if len(data) > MAX_FILE:
        raise ImageError("larger than 32 MiB")
    try:
        with warnings.catch_warnings():
            # Pillow warns of what is refused below anyway, and of odd metadata.
            warnings.simplefilter("ignore")
            return _decode_quietly(data)
    except UnidentifiedImageError as error:
        raise ImageError("neither a PNG nor a JPEG picture") from error
    # Pillow raises these, and more, for files that are cut or made up.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError("the picture is damaged") from error


def _decode_quietly(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
        _check_size(*picture.size)
        return _grey(ImageOps.exif_transpose(picture))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError("more than 50 million pixels")
    if max(width, height) > _MAX_SIDE:
        raise ImageError("a side of more than 65,535 pixels")


def _grey(picture: Image.Image) -> Image.Image:
    if picture.mode in {"RGBA", "LA", "PA", "P"}:
        clear = picture.convert("RGBA")
        paper = Image.new("RGBA", clear.size, "white")
        picture = Image.alpha_composite(paper, clear)
    return picture.convert("L")


def _from_array(pixels: Any) -> Image.Image:
    try:
        view = memoryview(pixels)
    except TypeError as error:
        raise ImageError("neither a path, nor bytes, nor an array") from error
    shape = tuple(view.shape or ())
    is_grey = len(shape) == 2
    is_colour = len(shape) == 3 and shape[2] == 3
    if view.format != "B" or not (is_grey or is_colour) or 0 in shape:
        raise ImageError("an array must be 8-bit, height x width or height x width x 3")
    height, width = shape[:2]
    _check_size(width, height)
    mode = "L" if is_grey else "RGB"
    return Image.frombytes(mode, (width, height), view.tobytes()).convert("L")
