"""QR codes, black on white."""

from typing import Final, Literal

import qrcode
from PIL import Image
from qrcode.exceptions import DataOverflowError
from qrcode.util import ALPHA_NUM, MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

ErrorCorrection = Literal["L", "M", "Q", "H"]
"""Share of a code that may be lost: about 7, 15, 25 or 30 %."""

QUIET_ZONE: Final = 4
"""White modules that ISO/IEC 18004 demands on each side of a code."""

_TERMINAL_ZONE: Final = 2
"""White modules around a code in a terminal, where room is scarce; readers manage."""
_HALVES: Final = {
    (False, False): "\N{FULL BLOCK}",
    (False, True): "\N{UPPER HALF BLOCK}",
    (True, False): "\N{LOWER HALF BLOCK}",
    (True, True): " ",
}
"""Letters are light on dark: a block is white."""
_LEVELS: Final[dict[ErrorCorrection, int]] = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}


def qr_version(text: str, error_correction: ErrorCorrection = "L") -> int:
    """Return the smallest QR version that holds a text.

    Args:
        text: Packed in alphanumeric mode (5.5 bits a character) if every character
            allows it, otherwise as UTF-8 in byte mode; never empty.
        error_correction: Level of redundancy.

    Returns:
        1 to 40; the code has ``17 + 4 * version`` modules a side.

    Raises:
        ValueError: ``text`` is empty, no UTF-8 can express it, or no code holds it.
    """
    return int(_code(text, error_correction).version)


def qr_side(text: str, error_correction: ErrorCorrection = "L") -> int:
    """Return the modules along a side of the code with its quiet zone.

    Raises:
        ValueError: As for `qr_version`.
    """
    return 17 + 4 * qr_version(text, error_correction) + 2 * QUIET_ZONE


def qr_image(
    text: str,
    *,
    module_pixels: int,
    quiet_zone: int = QUIET_ZONE,
    error_correction: ErrorCorrection = "L",
) -> Image.Image:
    """Draw the smallest QR code for a text, black on white.

    Args:
        text: As for `qr_version`.
        module_pixels: Pixels along the side of one module; at least 1.
        quiet_zone: White modules on each side; 0 or more.
        error_correction: Level of redundancy.

    Returns:
        A square of mode "L" with the values 0 and 255 only and
        ``(17 + 4 * version + 2 * quiet_zone) * module_pixels`` pixels a side.

    Raises:
        ValueError: As for `qr_version`, or a number is out of its bounds.
    """
    if module_pixels < 1 or quiet_zone < 0:
        raise ValueError("module_pixels must be positive, quiet_zone not negative")
    code = _code(text, error_correction)
    code.make()
    dark = code.get_matrix()
    side = len(dark)
    modules = bytes(0 if module else 255 for row in dark for module in row)
    drawn = Image.frombytes("L", (side, side), modules)
    framed = Image.new("L", (side + 2 * quiet_zone,) * 2, 255)
    framed.paste(drawn, (quiet_zone, quiet_zone))
    return framed.resize((framed.width * module_pixels,) * 2, Image.Resampling.NEAREST)


def qr_lines(text: str) -> list[str]:
    """Draw the smallest QR code for a text in letters, for a dark terminal.

    Two rows of modules make a line, and each module is as wide as a letter.

    Raises:
        ValueError: As for `qr_version`.
    """
    code = _code(text, "L")
    code.make()
    rows = code.get_matrix()
    empty = [False] * (len(rows) + 2 * _TERMINAL_ZONE)
    framed = [
        *[empty] * _TERMINAL_ZONE,
        *([*[False] * _TERMINAL_ZONE, *row, *[False] * _TERMINAL_ZONE] for row in rows),
        *[empty] * (_TERMINAL_ZONE + 1),
    ]
    return [
        "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(framed[::2], framed[1::2], strict=False)
    ]


def _code(text: str, error_correction: ErrorCorrection) -> qrcode.QRCode:
    """Choose the version; the modules are not laid out yet, which takes far longer."""
    if not text:
        raise ValueError("a QR code holds at least one character")
    content = text.encode()
    mode = MODE_8BIT_BYTE if content.strip(ALPHA_NUM) else MODE_ALPHA_NUM
    code = qrcode.QRCode(error_correction=_LEVELS[error_correction], border=0)
    code.add_data(QRData(content, mode=mode))
    try:
        code.best_fit()
    except DataOverflowError as error:
        raise ValueError("the text is too long for any QR code") from error
    return code
