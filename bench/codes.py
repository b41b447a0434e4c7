"""QR codes: the smallest version that holds a text, and its picture."""

from typing import Final, Literal

import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError
from qrcode.util import MODE_ALPHA_NUM, QRData

Level = Literal["L", "M"]
QUIET_ZONE: Final = 4
"""Modules of white on each side."""
_LEVELS: Final[dict[Level, int]] = {"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M}
_SEGMENT: Final = 20
"""Shortest run of one kind of characters that gets a segment of its own."""
_TOO_LARGE: Final = 41


def smallest(text: str, level: Level) -> "qrcode.QRCode | None":
    """Return the smallest code that holds ``text``, or None if none does.

    Text outside the alphanumeric mode is tried whole and split into segments.
    """
    codes = [_code(text, level, segment) for segment in (0, _SEGMENT)]
    return min(
        (code for code in codes if code),
        key=lambda code: int(code.version or _TOO_LARGE),
        default=None,
    )


def modules(code: "qrcode.QRCode") -> int:
    """Return the width of a code in modules, without the quiet zone."""
    return 17 + 4 * int(code.version or 0)


def picture(code: "qrcode.QRCode", *, module_pixels: int) -> Image.Image:
    """Draw a code with its quiet zone, dark on light."""
    rows = code.get_matrix()
    side = len(rows)
    pixels = bytes(0 if dark else 255 for row in rows for dark in row)
    drawn = Image.frombytes("L", (side, side), pixels)
    return drawn.resize((side * module_pixels,) * 2, Image.Resampling.NEAREST)


def _code(text: str, level: Level, segment: int) -> "qrcode.QRCode | None":
    code = qrcode.QRCode(error_correction=_LEVELS[level], border=QUIET_ZONE)
    try:
        data = QRData(text, mode=MODE_ALPHA_NUM)
    except ValueError:
        code.add_data(text, optimize=segment)
    else:
        code.add_data(data)
    try:
        code.make()
    except (DataOverflowError, ValueError):
        return None
    return code
