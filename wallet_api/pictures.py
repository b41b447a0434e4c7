"""Draw what a holder has in the hand: a phone's screen, a plastic card.

Everything is drawn here, with the letters that come with Pillow: no fonts, templates
or other files are needed.  Those letters are the basic Latin ones.  An accented letter
appears without its accent, and one of another script as an empty box.

The pictures are for demonstrations, tests and benchmarks.  They print what they are
given: nothing is checked against the signed code, and no picture says that a card is
good.  Only a scan tells that.
"""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, Literal

import qrcode
from PIL import Image, ImageDraw, ImageFont
from qrcode.exceptions import DataOverflowError
from qrcode.util import ALPHA_NUM, MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

ErrorCorrection = Literal["L", "M", "Q", "H"]
"""Share of a code that may be lost: about 7, 15, 25 or 30 %."""

Theme = Literal["light", "dark"]
"""Look of the phone around the code; the code itself is always black on white."""

SCREEN: Final = (1080, 2340)
"""Width and height of a phone's screen, in pixels."""

CARD: Final = (2022, 1275)
"""Width and height of a plastic card (ID-1, 85.6 x 53.98 mm), in pixels at 600 dpi."""

QUIET_ZONE: Final = 4
"""White modules that ISO/IEC 18004 demands on each side of a code."""

SMALLEST_MODULE: Final = 9
"""Pixels at 600 dpi: 0.38 mm, the least above 0.35 mm."""

MRZ_LINES: Final = 3
"""Machine-readable lines of a card of this size (ICAO Doc 9303, part 5)."""

MRZ_LENGTH: Final = 30
"""Characters in each of them."""

_LEVELS: Final[dict[ErrorCorrection, int]] = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}

_Point = tuple[float, float]
_Box = tuple[int, int, int, int]
"""Left, top, right and bottom edge, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFace:
    """What a person reads on a card or on a phone's screen.

    ``economy_name`` is that of the issuer, as APEC writes it.  Each name has at most
    39 characters; longer ones become too small to read.  ``economies`` holds at most
    21 codes of three letters, in the order they are shown; ``cleared_as_of`` is the
    day they were true.
    """

    economy_name: str
    family_name: str
    given_name: str
    birthdate: date
    nationality: str
    document_number: str
    passport_number: str
    expires_on: date
    economies: tuple[str, ...]
    cleared_as_of: date
    sex: str | None = None


# Codes


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


def _largest_code(text: str, side: int, smallest_module: int = 1) -> Image.Image:
    """Draw a code with its quiet zone as large as whole module pixels allow."""
    modules = 17 + 4 * qr_version(text) + 2 * QUIET_ZONE
    if side // modules < smallest_module:
        raise ValueError(f"{modules} modules do not fit into {side} pixels")
    return qr_image(text, module_pixels=side // modules)


# Paper and ink


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _in_basic_letters(text: str) -> str:
    split = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def _on_date(day: date) -> str:
    """Write ``4 May 2029``; a name of a month can be misread in no economy."""
    return f"{day.day} {day:%B %Y}"


class _Sheet:
    """A picture in the making: text and shapes with smooth edges, in pixels."""

    SMOOTH = 3
    """Shapes are drawn this many times larger, then shrunk: Pillow has hard edges."""

    def __init__(self, size: tuple[int, int], ground: str) -> None:
        self.image = Image.new("RGB", size, ground)
        self._draw = ImageDraw.Draw(self.image)

    def write(
        self,
        at: _Point,
        text: str,
        *,
        size: int,
        ink: str,
        bold: bool = False,
        room: float = math.inf,
        anchor: str = "ls",
    ) -> None:
        """Write one line; a line wider than ``room`` gets smaller letters."""
        shown = _in_basic_letters(text)
        stroke = size / 45 if bold else 0
        while size > 1 and _font(size).getlength(shown) + 2 * stroke > room:
            size -= 1
        self._draw.text(
            at, shown, fill=ink, font=_font(size), anchor=anchor, stroke_width=stroke
        )

    def shape(
        self, box: _Box, ink: str, draw: Callable[[ImageDraw.ImageDraw, int], None]
    ) -> None:
        """Let ``draw`` fill a mask of the size of ``box``, given its scale."""
        size = (box[2] - box[0], box[3] - box[1])
        mask = Image.new("L", (size[0] * self.SMOOTH, size[1] * self.SMOOTH), 0)
        draw(ImageDraw.Draw(mask), self.SMOOTH)
        shrunk = mask.resize(size, Image.Resampling.BOX)
        self.image.paste(Image.new("RGB", size, ink), box[:2], shrunk)

    def panel(self, box: _Box, ink: str, *, radius: int) -> None:
        """Fill a rectangle with round corners."""

        def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
            edge = (
                (box[2] - box[0]) * scale - 1,
                (box[3] - box[1]) * scale - 1,
            )
            mask.rounded_rectangle(((0, 0), edge), radius * scale, fill=255)

        self.shape(box, ink, draw)

    def disc(self, box: _Box, ink: str) -> None:
        """Fill a circle or an ellipse."""

        def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
            edge = ((box[2] - box[0]) * scale, (box[3] - box[1]) * scale)
            mask.ellipse(((0, 0), edge), fill=255)

        self.shape(box, ink, draw)

    def arc(self, box: _Box, ink: str, *, share: float, width: int) -> None:
        """Draw this share of a ring, clockwise from the top."""

        def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
            edge = ((box[2] - box[0]) * scale - 1, (box[3] - box[1]) * scale - 1)
            end = 360 * share - 90
            mask.arc(((0, 0), edge), -90, end, fill=255, width=width * scale)

        self.shape(box, ink, draw)

    def rule(self, box: _Box, ink: str) -> None:
        """Fill a rectangle, such as a thin line."""
        self.image.paste(ink, box)


# The phone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Colours of one theme."""

    page: str
    surface: str
    ink: str
    muted: str
    accent: str
    line: str
    chip: str


_LOOKS: Final[dict[Theme, _Look]] = {
    "light": _Look(
        page="#EDF1F3",
        surface="#FFFFFF",
        ink="#14222D",
        muted="#566673",
        accent="#0F5C6E",
        line="#D7DFE3",
        chip="#E3EEF0",
    ),
    "dark": _Look(
        page="#0E161C",
        surface="#18242C",
        ink="#EEF3F5",
        muted="#A0B0BA",
        accent="#6CC3D5",
        line="#2E3D47",
        chip="#243741",
    ),
}

_MARGIN = 48
_INNER = 92
"""Left edge of what stands inside the panel of details."""


def phone_screen(
    face: CardFace,
    qr_text: str,
    *,
    seconds_left: int = 7,
    renewal: int = 10,
    theme: Theme = "light",
) -> Image.Image:
    """Draw the wallet's screen that a holder shows to an officer.

    The code is as wide as the screen, black on white in each theme, with its whole
    quiet zone and the same whole number of pixels for each module.  Of the passport
    number only the last three characters appear.

    Args:
        face: What stands below the code.
        qr_text: What the code says; as for `qr_version`.
        seconds_left: Until the next code; 0 to ``renewal``.
        renewal: Seconds that one code is shown; at least 1.
        theme: Look of everything but the code.

    Returns:
        An RGB picture of 1080 x 2340 pixels.

    Raises:
        ValueError: As for `qr_version`, the seconds are out of their bounds, or
            there is no such theme.
    """
    if renewal < 1 or not 0 <= seconds_left <= renewal:
        raise ValueError("seconds_left must be within 0 to renewal, renewal positive")
    if theme not in _LOOKS:
        raise ValueError(f"no theme {theme!r}")
    look = _LOOKS[theme]
    sheet = _Sheet(SCREEN, look.page)
    _draw_status_bar(sheet, look)
    _draw_heading(sheet, look, face)
    _draw_code_panel(sheet, qr_text)
    _draw_countdown(sheet, look, seconds_left, renewal)
    _draw_details(sheet, look, face)
    _draw_hint(sheet, look)
    return sheet.image


def _draw_status_bar(sheet: _Sheet, look: _Look) -> None:
    sheet.write((_MARGIN + 12, 76), "9:41", size=40, ink=look.ink, bold=True)
    for step in range(4):
        left = 858 + 15 * step
        sheet.panel((left, 66 - 8 * step, left + 10, 76), look.ink, radius=3)
    sheet.panel((938, 42, 1006, 76), look.ink, radius=10)
    sheet.panel((941, 45, 1003, 73), look.page, radius=8)
    sheet.panel((945, 49, 989, 69), look.ink, radius=5)
    sheet.panel((1009, 53, 1014, 65), look.ink, radius=2)


def _draw_heading(sheet: _Sheet, look: _Look, face: CardFace) -> None:
    room = SCREEN[0] - 2 * _MARGIN
    title = "APEC Business Travel Card"
    sheet.write((_MARGIN, 206), title, size=64, ink=look.ink, bold=True, room=room)
    issuer = face.economy_name
    sheet.write((_MARGIN, 272), issuer, size=44, ink=look.accent, room=room)


def _draw_code_panel(sheet: _Sheet, qr_text: str) -> None:
    panel = (16, 314, 1064, 1362)
    sheet.panel(panel, "#FFFFFF", radius=24)
    # The round corners stay clear of the quiet zone.
    code = _largest_code(qr_text, panel[2] - panel[0] - 16)
    start = (SCREEN[0] - code.width) // 2
    sheet.image.paste(code, (start, panel[1] + start - panel[0]))


def _draw_countdown(sheet: _Sheet, look: _Look, left: int, renewal: int) -> None:
    ring = (356, 1392, 444, 1480)
    sheet.arc(ring, look.line, share=1, width=10)
    sheet.arc(ring, look.accent, share=left / renewal, width=10)
    sheet.write((400, 1436), str(left), size=36, ink=look.ink, bold=True, anchor="mm")
    text = f"New code in {left} s"
    sheet.write((472, 1450), text, size=42, ink=look.ink)


def _draw_details(sheet: _Sheet, look: _Look, face: CardFace) -> None:
    sheet.panel((_MARGIN, 1512, SCREEN[0] - _MARGIN, 2168), look.surface, radius=36)
    room = SCREEN[0] - 2 * _INNER
    sheet.write((_INNER, 1572), "Holder", size=32, ink=look.muted)
    name = face.family_name
    sheet.write((_INNER, 1634), name, size=56, ink=look.ink, bold=True, room=room)
    sheet.write((_INNER, 1692), face.given_name, size=48, ink=look.ink, room=room)
    sheet.write((_INNER, 1762), "Passport", size=32, ink=look.muted)
    _write_masked(sheet, look, face.passport_number)
    sheet.write((560, 1762), "Card ends", size=32, ink=look.muted)
    ends = _on_date(face.expires_on)
    sheet.write((560, 1814), ends, size=44, ink=look.ink, room=room + _INNER - 560)
    sheet.rule((_INNER, 1848, SCREEN[0] - _INNER, 1850), look.line)
    as_of = f"Economies as of {_on_date(face.cleared_as_of)}"
    sheet.write((_INNER, 1904), as_of, size=32, ink=look.muted)
    if face.economies:
        _draw_chips(sheet, look, face.economies)
    else:
        sheet.write((_INNER, 1972), "None yet", size=44, ink=look.ink)


def _write_masked(sheet: _Sheet, look: _Look, number: str) -> None:
    """Write five bullets, whatever the length, and the last three characters."""
    for place in range(5):
        left = _INNER + 28 * place
        sheet.disc((left, 1790, left + 18, 1808), look.ink)
    sheet.write((_INNER + 150, 1814), number[-3:], size=44, ink=look.ink)


def _draw_chips(sheet: _Sheet, look: _Look, codes: Iterable[str]) -> None:
    width, height, gap = 116, 60, 14
    for place, code in enumerate(codes):
        row, column = divmod(place, 7)
        left, top = _INNER + column * (width + gap), 1930 + row * (height + gap)
        sheet.panel((left, top, left + width, top + height), look.chip, radius=16)
        centre = (left + width / 2, top + height / 2)
        sheet.write(centre, code, size=36, ink=look.accent, anchor="mm", room=width)


def _draw_hint(sheet: _Sheet, look: _Look) -> None:
    hint = "Show this to the officer together with your passport"
    middle = SCREEN[0] / 2
    sheet.write((middle, 2240), hint, size=38, ink=look.muted, anchor="ms", room=984)
    sheet.panel((380, 2306, 700, 2316), look.muted, radius=5)


# The plastic card

_INK = "#14222D"
_MUTED = "#566673"
_DEEP = "#0F5C6E"
_PALE = "#F4F8F8"
_LINES = "#CFE1E3"

_EDGE = 90
"""Margin of a card's print, in pixels: 3.8 mm."""

_CODE_PITCH = 164
"""Pixels from one economy code to the next."""


def card_front(face: CardFace) -> Image.Image:
    """Draw the front of a plastic card, with a silhouette for a portrait.

    Returns:
        An RGB picture of 2022 x 1275 pixels (600 dpi), the round corners on white.
    """
    sheet = _Sheet(CARD, _PALE)
    _draw_waves(sheet, (0, 0, *CARD), _LINES)
    sheet.rule((0, 0, CARD[0], 236), _DEEP)
    _draw_waves(sheet, (0, 0, CARD[0], 236), "#1C6B7D")
    room = CARD[0] - 2 * _EDGE
    title = "APEC BUSINESS TRAVEL CARD"
    issuer = face.economy_name
    sheet.write((_EDGE, 118), title, size=78, ink="#FFFFFF", bold=True, room=room)
    sheet.write((_EDGE, 194), issuer, size=58, ink="#D5E8EB", room=room)
    _draw_portrait(sheet, (_EDGE, 306, _EDGE + 486, 306 + 624))
    sheet.rule((_EDGE, 1140, _EDGE + 486, 1143), _MUTED)
    signed = "Holder's signature"
    sheet.write((_EDGE, 1186), signed, size=36, ink=_MUTED)
    _write_person(sheet, face)
    return _cut_round(sheet.image)


def _write_person(sheet: _Sheet, face: CardFace) -> None:
    left, right = 660, CARD[0] - _EDGE
    middle, last = 1104, 1548
    _write_field(sheet, (left, 340), "Family name", face.family_name, right)
    _write_field(sheet, (left, 570), "Given names", face.given_name, right)
    born, ends = _on_date(face.birthdate), _on_date(face.expires_on)
    _write_field(sheet, (left, 800), "Date of birth", born, last - 40, size=64)
    if face.sex is not None:
        _write_field(sheet, (1330, 800), "Sex", face.sex, last - 40, size=64)
    _write_field(sheet, (last, 800), "Nationality", face.nationality, right, size=64)
    _write_field(sheet, (left, 1030), "Date of expiry", ends, middle + 400, size=64)
    number = face.document_number
    _write_field(sheet, (1330, 1030), "Card number", number, right, size=64)


def _write_field(
    sheet: _Sheet, at: _Point, label: str, value: str, right: int, *, size: int = 76
) -> None:
    """Write a value below its label, no further than to ``right``."""
    left, top = at
    sheet.write((left, top), label, size=38, ink=_MUTED)
    room = right - left
    sheet.write((left, top + 88), value, size=size, ink=_INK, bold=True, room=room)


def _draw_portrait(sheet: _Sheet, box: _Box) -> None:
    sheet.panel(box, "#C3D3D8", radius=20)
    inside = (box[0] + 4, box[1] + 4, box[2] - 4, box[3] - 4)
    sheet.panel(inside, "#E6EEF0", radius=16)
    width, height = inside[2] - inside[0], inside[3] - inside[1]

    def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
        def ellipse(*box: float) -> None:
            mask.ellipse(
                [
                    edge * scale * (height if place % 2 else width)
                    for place, edge in enumerate(box)
                ],
                fill=255,
            )

        ellipse(0.29, 0.17, 0.71, 0.60)
        ellipse(0.08, 0.68, 0.92, 1.50)

    sheet.shape(inside, "#9DB2BA", draw)


def card_back(
    face: CardFace, qr_text: str, *, mrz_lines: Sequence[str] = ()
) -> Image.Image:
    """Draw the reverse of a plastic card, with its signed code.

    The code is as large as fits, with its whole quiet zone.  Where a holder has no
    pre-cleared economy, the card says nothing in their place.

    Args:
        face: Of which the reverse shows passport number and economies.
        qr_text: What the code says; as for `qr_version`.
        mrz_lines: At most 3 machine-readable lines of at most 30 characters.

    Returns:
        An RGB picture of 2022 x 1275 pixels (600 dpi), the round corners on white.

    Raises:
        ValueError: As for `qr_version`, modules would be smaller than 9 pixels
            (0.38 mm), or there are too many or too long ``mrz_lines``.
    """
    if len(mrz_lines) > MRZ_LINES or any(len(line) > MRZ_LENGTH for line in mrz_lines):
        raise ValueError(f"a card has {MRZ_LINES} lines of {MRZ_LENGTH} characters")
    sheet = _Sheet(CARD, _PALE)
    _draw_waves(sheet, (0, 0, *CARD), _LINES)
    bottom = CARD[1] - _write_mrz(sheet, mrz_lines)
    room = bottom - 2 * 44
    code = _largest_code(qr_text, room, SMALLEST_MODULE)
    side = code.width
    top = (bottom - side) // 2
    left = CARD[0] - side - max(top, 60)
    sheet.panel(
        (left - 8, top - 8, left + side + 8, top + side + 8), "#FFFFFF", radius=24
    )
    sheet.image.paste(code, (left, top))
    _write_reverse(sheet, face, top, left - 60)
    return _cut_round(sheet.image)


def _write_reverse(sheet: _Sheet, face: CardFace, top: int, right: int) -> None:
    first = top + 44
    _write_field(sheet, (_EDGE, first), "Passport number", face.passport_number, right)
    if not face.economies:
        return
    sheet.write((_EDGE, first + 186), "Pre-cleared economies", size=38, ink=_MUTED)
    columns = (right - _EDGE) // _CODE_PITCH
    for place, code in enumerate(face.economies):
        row, column = divmod(place, columns)
        at = (_EDGE + _CODE_PITCH * column, first + 262 + 76 * row)
        sheet.write(at, code, size=58, ink=_INK, bold=True, room=150)
    end = first + 262 + 76 * ((len(face.economies) - 1) // columns)
    as_of = f"As of {_on_date(face.cleared_as_of)}"
    sheet.write((_EDGE, end + 72), as_of, size=38, ink=_MUTED)


def _write_mrz(sheet: _Sheet, lines: Sequence[str]) -> int:
    """Write the lines on a white strip at the foot; return how high that is."""
    if not lines:
        return 0
    pitch, spacing = 61, 100
    height = len(lines) * spacing + 84
    top = CARD[1] - height
    sheet.rule((0, top, *CARD), "#FFFFFF")
    start = (CARD[0] - MRZ_LENGTH * pitch) / 2
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            at = (start + (column + 0.5) * pitch, top + 96 + row * spacing)
            sheet.write(at, letter, size=66, ink="#000000", bold=True, anchor="ms")
    return height


def _draw_waves(sheet: _Sheet, box: _Box, ink: str) -> None:
    """Draw the fine crossing lines that make a card hard to retouch."""
    width, height = box[2] - box[0], box[3] - box[1]

    def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
        for line in range(-4, height // 22 + 4):
            for turn in (0.0, math.pi):
                points = [
                    (x * scale, (line * 22 + _wave(x, line, turn)) * scale)
                    for x in range(0, width + 12, 12)
                ]
                mask.line(points, fill=255, width=scale + 1, joint="curve")

    sheet.shape(box, ink, draw)


def _wave(x: int, line: int, turn: float) -> float:
    swell = 30 + 26 * math.sin(x / 340 + line / 9)
    return swell * math.sin(x / 118 + turn + line / 14)


def _cut_round(card: Image.Image) -> Image.Image:
    """Cut the corners to a radius of 3.18 mm, and mark the edge on the white ground."""
    cut = _Sheet(CARD, "#FFFFFF")
    cut.panel((0, 0, *CARD), "#B9C6CB", radius=75)
    inner = _Sheet(CARD, "#000000")
    inner.panel((3, 3, CARD[0] - 3, CARD[1] - 3), "#FFFFFF", radius=72)
    cut.image.paste(card, (0, 0), inner.image.convert("L"))
    return cut.image
