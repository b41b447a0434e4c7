"""Portraits and signatures: pictures of strangers, made fit for print.

Whatever comes in, only pixels go on: no metadata, no colour profile, no second frame.
"""

import io
import warnings
from bisect import bisect_right
from itertools import accumulate
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from issuer.errors import ProfileError

MAX_FILE: Final = 10 * 2**20
"""Bytes of a picture file."""
MAX_PIXELS: Final = 40_000_000
"""Width times height; checked before any pixel is decoded."""
PORTRAIT_SHAPE: Final = (7, 9)
"""Width to height, as on passports: 35 x 45 mm."""
_LEAST_UNIT: Final = 59
LEAST_PORTRAIT: Final = (7 * _LEAST_UNIT, 9 * _LEAST_UNIT)
"""413 x 531 pixels after cropping: 35 x 45 mm at 300 dpi."""
_STORED_UNIT: Final = 118
"""Twice that: 826 x 1062 pixels, 600 dpi; a larger one is made smaller."""
_LEAST_KEPT: Final = 0.6
"""Share of a picture that cropping must leave; below, it is no portrait."""
_UPPER_THIRD: Final = (0.5, 1 / 3)
"""Faces are above the middle: of what is cut, a third is cut above."""
LEAST_SIGNATURE: Final = (200, 50)
"""Pixels of a signature, with its margin."""
_STORED_SIGNATURE: Final = (1200, 480)
_INK: Final = 96
"""Of 255: how much darker than paper a pixel must be to count as ink."""
_GRAIN: Final = 24
"""Of 255: how uneven paper may be."""

_FORMATS: Final = ("PNG", "JPEG")
_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "CMYK"})
"""8-bit modes, which turn into RGB without loss of meaning."""


def prepare_portrait(data: bytes, *, field: str = "portrait") -> bytes:
    """Turn an uploaded portrait into the one that is stored and printed.

    Orientation as its EXIF data says, transparency on white, cropped to 35:45 around a
    point above the middle, at most 826 x 1062 pixels, and nothing but pixels kept.
    Giving the result again gives the same picture.

    Args:
        data: A PNG or JPEG file of at most 10 MiB and 40 million pixels.
        field: For the error.

    Returns:
        A PNG file, RGB.

    Raises:
        ProfileError: It is no such file, is damaged, would lose more than 40 % to
            the cropping, or has fewer than 413 x 531 pixels after it.

    Not checked: that it shows a face, whose, or how well.
    """
    picture = _read(data, field)
    width, height = picture.size
    shape = PORTRAIT_SHAPE[0] / PORTRAIT_SHAPE[1]
    share = min(width / height / shape, shape / (width / height))
    if share < _LEAST_KEPT:
        raise ProfileError(field, "is far from 35 to 45 in width to height")
    unit = min(width // 7, height // 9)
    if unit < _LEAST_UNIT:
        least = " x ".join(map(str, LEAST_PORTRAIT))
        raise ProfileError(field, f"has fewer than {least} pixels after cropping")
    size = (7 * min(unit, _STORED_UNIT), 9 * min(unit, _STORED_UNIT))
    if picture.size != size:
        picture = ImageOps.fit(
            picture, size, Image.Resampling.LANCZOS, centering=_UPPER_THIRD
        )
    return _png(picture)


def prepare_signature(data: bytes, *, field: str = "signature") -> bytes:
    """Turn an uploaded signature into ink on nothing.

    Args:
        data: A PNG or JPEG file, dark on light, at most 10 MiB and 40 million pixels.
        field: For the error.

    Returns:
        A PNG file, grey: 255 where there is ink, 0 where there is none; cut to the ink
        and at most 1200 x 480 pixels.

    Raises:
        ProfileError: It is no such file, is damaged, has fewer than 200 x 50 pixels,
            or shows nothing dark on light.
    """
    picture = _read(data, field)
    if picture.width < LEAST_SIGNATURE[0] or picture.height < LEAST_SIGNATURE[1]:
        least = " x ".join(map(str, LEAST_SIGNATURE))
        raise ProfileError(field, f"has fewer than {least} pixels")
    ink = _without_paper(ImageOps.invert(picture.convert("L")), field)
    box = ink.point(lambda value: 255 if value >= _INK else 0).getbbox()
    ink = ink.crop(box)
    ink.thumbnail(_STORED_SIGNATURE, Image.Resampling.LANCZOS)
    return _png(ink)


def _without_paper(dark: Image.Image, field: str) -> Image.Image:
    """Spread from the paper, which most pixels show, to the darkest ink."""
    paper = bisect_right(
        list(accumulate(dark.histogram())), dark.width * dark.height // 2
    )
    paper += _GRAIN
    darkest = max(value for value, times in enumerate(dark.histogram()) if times)
    if darkest - paper < _INK:
        raise ProfileError(field, "shows nothing dark on light")
    return dark.point(
        lambda value: max(0, min(255, (value - paper) * 255 // (darkest - paper)))
    )


def load_prepared(data: bytes, mode: str, *, field: str) -> Image.Image:
    """Read back what `prepare_portrait` or `prepare_signature` made.

    Raises:
        ProfileError: It is not one of theirs.
    """
    picture = _open(data, field, formats=("PNG",))
    if picture.mode != mode or picture.width * picture.height > 10**6:
        raise ProfileError(field, "was not prepared for print")
    return picture


def _read(data: bytes, field: str) -> Image.Image:
    """Decode a hostile file into RGB, upright, on white."""
    picture = _open(data, field, formats=_FORMATS)
    if picture.mode in {"LA", "P", "RGBA"}:
        clear = picture.convert("RGBA")
        paper = Image.new("RGBA", clear.size, "white")
        picture = Image.alpha_composite(paper, clear)
    return picture.convert("RGB")


def _open(data: bytes, field: str, *, formats: tuple[str, ...]) -> Image.Image:
    if len(data) > MAX_FILE:
        raise ProfileError(field, "is larger than 10 MiB")
    try:
        with warnings.catch_warnings():
            # Pillow warns of what is refused below anyway, and of odd metadata.
            warnings.simplefilter("ignore")
            return _decode(data, field, formats)
    except UnidentifiedImageError as error:
        raise ProfileError(field, f"is no {' or '.join(formats)} picture") from error
    # Pillow raises these for files that are cut or made up.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ProfileError(field, "is a damaged picture") from error


def _decode(data: bytes, field: str, formats: tuple[str, ...]) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=formats) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise ProfileError(field, "has more than 40 million pixels")
        if picture.mode not in _MODES:
            raise ProfileError(field, "is not a picture of 8 bits a colour")
        return ImageOps.exif_transpose(picture)


def _png(picture: Image.Image) -> bytes:
    """Write pixels only: a fresh picture has no metadata to go along."""
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    file = io.BytesIO()
    bare.save(file, "PNG")
    return file.getvalue()
