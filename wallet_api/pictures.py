"""Draw what a holder has in the hand: a phone's screen.

The picture is for demonstrations, tests and benchmarks.  It shows what it is given:
nothing is checked against the signed code, and no picture says that a card is good.
Only a scan tells that.  `issuer.plastic` prints cards.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from PIL import Image

from issuer.plastic.codes import qr_image, qr_side
from issuer.plastic.sheet import Point, Sheet, font

Theme = Literal["light", "dark"]
"""Look of the phone around the code; the code itself is always black on white."""

SCREEN: Final = (1080, 2340)
"""Width and height of a phone's screen, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFace:
    """What a person reads on a phone's screen.

    ``economy_name`` is that of the issuer, as APEC writes it.  Each name has at most
    39 characters; longer ones become too small to read.  ``economies`` holds at most
    21 codes of three letters, in the order they are shown; ``cleared_as_of`` is the
    day they were true.
    """

    economy_name: str
    family_name: str
    given_name: str
    passport_number: str
    expires_on: date
    economies: tuple[str, ...]
    cleared_as_of: date


def _largest_code(text: str, side: int) -> Image.Image:
    """Draw a code with its quiet zone as large as whole module pixels allow."""
    modules = qr_side(text)
    if side < modules:
        raise ValueError(f"{modules} modules do not fit into {side} pixels")
    return qr_image(text, module_pixels=side // modules)


def _on_date(day: date) -> str:
    """Write ``4 May 2029``; a name of a month can be misread in no economy."""
    return f"{day.day} {day:%B %Y}"


class _Page(Sheet):
    """A screen in the making."""

    def write(
        self,
        at: Point,
        text: str,
        *,
        size: int,
        ink: str,
        bold: bool = False,
        room: float = math.inf,
        anchor: str = "ls",
    ) -> None:
        """Write one line; a line wider than ``room`` gets smaller letters."""
        name = "NotoSans-Bold" if bold else "NotoSans-Regular"
        while size > 1 and font(name, size).getlength(text) > room:
            size -= 1
        self.text(at, text, font=font(name, size), ink=ink, anchor=anchor)


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
    sheet = _Page(SCREEN, look.page)
    _draw_status_bar(sheet, look)
    _draw_heading(sheet, look, face)
    _draw_code_panel(sheet, qr_text)
    _draw_countdown(sheet, look, seconds_left, renewal)
    _draw_details(sheet, look, face)
    _draw_hint(sheet, look)
    return sheet.image


def _draw_status_bar(sheet: _Page, look: _Look) -> None:
    sheet.write((_MARGIN + 12, 76), "9:41", size=40, ink=look.ink, bold=True)
    for step in range(4):
        left = 858 + 15 * step
        sheet.panel((left, 66 - 8 * step, left + 10, 76), look.ink, radius=3)
    sheet.panel((938, 42, 1006, 76), look.ink, radius=10)
    sheet.panel((941, 45, 1003, 73), look.page, radius=8)
    sheet.panel((945, 49, 989, 69), look.ink, radius=5)
    sheet.panel((1009, 53, 1014, 65), look.ink, radius=2)


def _draw_heading(sheet: _Page, look: _Look, face: CardFace) -> None:
    room = SCREEN[0] - 2 * _MARGIN
    title = "APEC Business Travel Card"
    sheet.write((_MARGIN, 206), title, size=64, ink=look.ink, bold=True, room=room)
    issuer = face.economy_name
    sheet.write((_MARGIN, 272), issuer, size=44, ink=look.accent, room=room)


def _draw_code_panel(sheet: _Page, qr_text: str) -> None:
    panel = (16, 314, 1064, 1362)
    sheet.panel(panel, "#FFFFFF", radius=24)
    # The round corners stay clear of the quiet zone.
    code = _largest_code(qr_text, panel[2] - panel[0] - 16)
    start = (SCREEN[0] - code.width) // 2
    sheet.image.paste(code, (start, panel[1] + start - panel[0]))


def _draw_countdown(sheet: _Page, look: _Look, left: int, renewal: int) -> None:
    ring = (356, 1392, 444, 1480)
    sheet.arc(ring, look.line, share=1, width=10)
    sheet.arc(ring, look.accent, share=left / renewal, width=10)
    sheet.write((400, 1436), str(left), size=36, ink=look.ink, bold=True, anchor="mm")
    text = f"New code in {left} s"
    sheet.write((472, 1450), text, size=42, ink=look.ink)


def _draw_details(sheet: _Page, look: _Look, face: CardFace) -> None:
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


def _write_masked(sheet: _Page, look: _Look, number: str) -> None:
    """Write five bullets, whatever the length, and the last three characters."""
    for place in range(5):
        left = _INNER + 28 * place
        sheet.disc((left, 1790, left + 18, 1808), look.ink)
    sheet.write((_INNER + 150, 1814), number[-3:], size=44, ink=look.ink)


def _draw_chips(sheet: _Page, look: _Look, codes: Iterable[str]) -> None:
    width, height, gap = 116, 60, 14
    for place, code in enumerate(codes):
        row, column = divmod(place, 7)
        left, top = _INNER + column * (width + gap), 1930 + row * (height + gap)
        sheet.panel((left, top, left + width, top + height), look.chip, radius=16)
        centre = (left + width / 2, top + height / 2)
        sheet.write(centre, code, size=36, ink=look.accent, anchor="mm", room=width)


def _draw_hint(sheet: _Page, look: _Look) -> None:
    hint = "Show this to the officer together with your passport"
    middle = SCREEN[0] / 2
    sheet.write((middle, 2240), hint, size=38, ink=look.muted, anchor="ms", room=984)
    sheet.panel((380, 2306, 700, 2316), look.muted, radius=5)
