"""Draw a card after its design: front and reverse at 600 dpi, and a PDF of both."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from PIL import Image, ImageDraw

from issuer.errors import ProfileError
from issuer.plastic import design as designs
from issuer.plastic.card import PlasticCard
from issuer.plastic.codes import qr_image, qr_side
from issuer.plastic.design import FONT_OF, HEIGHT, WIDTH, BoxMm, Design
from issuer.plastic.letters import DPI, LEADING, Fitting, Letters, Line
from issuer.plastic.mrz import LINES
from issuer.plastic.pdf import pdf_of
from issuer.plastic.portrait import load_prepared
from issuer.plastic.sheet import Box, Sheet, find_unprintable, font

SIZE: Final = (2022, 1275)
"""Width and height of a side in pixels: 85.60 x 53.98 mm at 600 dpi."""

_ASCENT: Final = 0.76
"""From a line's upper edge to its base, in sizes of the letters."""
_OCRB_ADVANCE: Final = 0.723
"""Width of each letter of the OCR-B font, in sizes of the letters."""
_OCRB_HEIGHT: Final = 0.70
"""Height of its capitals, the same."""
_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What a bureau prints for one card.  Equal cards give equal bytes.

    The sides have square corners and reach to the edge; the plastic cuts them.
    """

    front: bytes
    """PNG, RGB, 2022 x 1275 pixels, 600 dpi."""
    reverse: bytes
    """The same."""
    pdf: bytes
    """Both on two pages of 85.60 x 53.98 mm."""
    mrz_lines: tuple[str, str, str]


class Press:
    """Prints cards of one design; what is the same on all is drawn once."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self._front = self._ground(design.front).image
        self._reverse = self._ground(design.reverse).image
        _white(self._reverse, design.reverse.mrz.box)

    def print(self, card: PlasticCard) -> Printed:
        """Print one card.

        Raises:
            ProfileError: The card was gathered for another design, a name has a
                letter that cannot be printed, a text or the code does not fit, or
                portrait or signature was not prepared.
        """
        front, reverse = _png(self.front(card)), _png(self.reverse(card))
        pdf = pdf_of([front, reverse], width=WIDTH, height=HEIGHT)
        return Printed(front=front, reverse=reverse, pdf=pdf, mrz_lines=card.mrz_lines)

    def front(self, card: PlasticCard) -> Image.Image:
        """Draw the front; RGB, 2022 x 1275 pixels.

        Raises:
            ProfileError: As for `print`.
        """
        sheet = self._begin(card, self._front)
        side = self.design.front
        self._place_portrait(sheet, side.portrait, card)
        self._place_signature(sheet, side.signature, card)
        for entry in side.entries:
            self._write_entry(sheet, entry, card)
        return sheet.image

    def reverse(self, card: PlasticCard) -> Image.Image:
        """Draw the reverse; RGB, 2022 x 1275 pixels.

        Raises:
            ProfileError: As for `print`.
        """
        sheet = self._begin(card, self._reverse)
        side = self.design.reverse
        for entry in side.entries:
            if entry.field != "cleared_as_of" or card.economies:
                self._write_entry(sheet, entry, card)
        self._write_economies(sheet, side.economies, card)
        _place_code(sheet, side.code, card)
        _write_mrz(sheet, side.mrz, card)
        return sheet.image

    def _begin(self, card: PlasticCard, ground: Image.Image) -> Sheet:
        if card.design_id != self.design.id:
            raise ProfileError("design", f"is {card.design_id}, not {self.design.id}")
        sheet = Sheet((1, 1), "#FFFFFF")
        sheet.image = ground.copy()
        return sheet

    def _ink(self, name: str) -> str:
        return self.design.colours[name]

    def _ground(self, side: designs.Side) -> Sheet:
        sheet = Sheet(SIZE, self._ink("ground"))
        for panel in side.panels:
            box = _pixels(panel.box)
            ink, radius = self._ink(panel.colour), _length(panel.radius)
            if radius:
                sheet.panel(box, ink, radius=radius)
            else:
                sheet.rule(box, ink)
            if panel.waves:
                sheet.waves(box, self._ink(panel.waves))
        for text in side.texts:
            letters = Letters(FONT_OF[text.weight], text.size)
            line = Line(text.text, letters)
            _write_lines(sheet, _pixels(text.box), [line], self._ink(text.colour))
        return sheet

    def _place_portrait(
        self, sheet: Sheet, place: designs.Portrait, card: PlasticCard
    ) -> None:
        picture = load_prepared(card.portrait, "RGB", field="portrait")
        box = _pixels(place.box)
        size = (box[2] - box[0], box[3] - box[1])
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        mask = Sheet(size, "#000000")
        mask.panel((0, 0, *size), "#FFFFFF", radius=_length(place.radius))
        sheet.image.paste(picture, box[:2], mask.image.convert("L"))

    def _place_signature(
        self, sheet: Sheet, place: designs.Signature, card: PlasticCard
    ) -> None:
        box = _pixels(place.box)
        letters = Letters(FONT_OF["regular"], place.label_size)
        line = box[3] - round(1.5 * letters.pixels)
        sheet.rule((box[0], line, box[2], line + 2), self._ink(place.label_colour))
        at = (box[0], line + round(1.2 * letters.pixels))
        ink = self._ink(place.label_colour)
        sheet.text(at, place.label, font=letters.font, ink=ink)
        if card.signature is None:
            return
        drawn = load_prepared(card.signature, "L", field="signature")
        room = (box[2] - box[0], line - box[1])
        scale = min(room[0] / drawn.width, room[1] / drawn.height)
        size = (max(1, int(drawn.width * scale)), max(1, int(drawn.height * scale)))
        drawn = drawn.resize(size, Image.Resampling.LANCZOS)
        corner = (box[0] + (room[0] - size[0]) // 2, line - size[1])
        sheet.image.paste(
            self._ink(place.colour), (*corner, *_add(corner, size)), drawn
        )

    def _write_entry(
        self, sheet: Sheet, entry: designs.Entry, card: PlasticCard
    ) -> None:
        box = _pixels(entry.box)
        value = _VALUES[entry.field](card)
        if entry.label:
            box = self._write_label(sheet, entry, box)
        name = FONT_OF[entry.weight]
        if letter := find_unprintable(name, value):
            reason = f"has a letter that cannot be printed, U+{ord(letter):04X}"
            raise ProfileError(entry.field, reason)
        fitting = Fitting(
            Letters(name, entry.size), box[2] - box[0], box[3] - box[1], entry.lines
        )
        try:
            lines = fitting.fit(value)
        except ValueError as error:
            raise ProfileError(entry.field, str(error)) from error
        _write_lines(sheet, box, lines, self._ink(entry.colour))

    def _write_label(
        self, sheet: Sheet, item: designs.Entry | designs.Economies, box: Box
    ) -> Box:
        """Write a label; return what is left below it."""
        letters = Letters(FONT_OF["regular"], item.label_size)
        at = (box[0], box[1] + _ASCENT * letters.pixels)
        ink = self._ink(item.label_colour)
        sheet.text(at, item.label, font=letters.font, ink=ink)
        return box[0], box[1] + round(1.25 * letters.pixels), box[2], box[3]

    def _write_economies(
        self, sheet: Sheet, place: designs.Economies, card: PlasticCard
    ) -> None:
        if not card.economies:
            return
        box = self._write_label(sheet, place, _pixels(place.box))
        letters = Letters(FONT_OF["bold"], place.size)
        across = (box[2] - box[0]) / place.columns
        down = letters.pixels * 1.35
        rows = -(-len(card.economies) // place.columns)
        widest = max(map(letters.width, card.economies))
        if rows * down > box[3] - box[1] or widest > across:
            raise ProfileError("economies", "do not fit into their box")
        for number, code in enumerate(card.economies):
            row, column = divmod(number, place.columns)
            at = (box[0] + column * across, box[1] + row * down + letters.pixels)
            sheet.text(at, code, font=letters.font, ink=self._ink(place.colour))


def _day(day: date) -> str:
    """Write ``04 MAY 1984``: no two economies read it differently."""
    return f"{day.day:02} {_MONTHS[day.month - 1]} {day.year}"


_VALUES: Final[dict[designs.EntryField, Callable[[PlasticCard], str]]] = {
    "issuer_name": lambda card: card.issuer_name,
    "family_name": lambda card: card.printed_family_name,
    "given_name": lambda card: card.printed_given_name,
    "sex": lambda card: card.sex,
    "birthdate": lambda card: _day(card.birthdate),
    "nationality": lambda card: card.nationality,
    "expires_on": lambda card: _day(card.expires_on),
    "document_number": lambda card: card.document_number,
    "passport_number": lambda card: card.passport_number,
    "cleared_as_of": lambda card: _day(card.cleared_as_of),
}


def _write_lines(sheet: Sheet, box: Box, lines: list[Line], ink: str) -> None:
    top = float(box[1])
    for line in lines:
        at = (box[0], top + _ASCENT * line.letters.pixels * 1.2)
        sheet.text(at, line.text, font=line.letters.font, ink=ink)
        top += LEADING * line.letters.pixels


# What machines read


def _place_code(sheet: Sheet, place: designs.Code, card: PlasticCard) -> None:
    """Set the code into the upper right corner of its box, on whole pixels."""
    box = _pixels(place.box)
    side = min(box[2] - box[0], box[3] - box[1])
    least = -(-place.module * DPI // 25.4)
    for level in place.levels:
        try:
            module = side // qr_side(card.qr_text, level)
        except ValueError as error:
            raise ProfileError("qr_text", str(error)) from error
        if module >= least:
            code = qr_image(card.qr_text, module_pixels=module, error_correction=level)
            spare = side - code.width
            sheet.rule(box, "#FFFFFF")
            sheet.image.paste(code, (box[0] + spare // 2, box[1] + spare // 2))
            return
    raise ProfileError("qr_text", f"does not fit with modules of {place.module} mm")


def _write_mrz(sheet: Sheet, place: designs.Mrz, card: PlasticCard) -> None:
    """Write the lines in OCR-B, each letter on its own place (9303, part 3)."""
    pitch = place.pitch * DPI / 25.4
    down = place.line_pitch * DPI / 25.4
    box = _pixels(place.box)
    letters = font("OCRB", pitch / _OCRB_ADVANCE)
    half = _OCRB_HEIGHT * pitch / _OCRB_ADVANCE / 2
    middle = (box[1] + box[3]) / 2
    draw = ImageDraw.Draw(sheet.image)
    for row, line in enumerate(card.mrz_lines):
        base = round(middle + (row - (LINES - 1) / 2) * down + half)
        start = (box[0] + box[2] - pitch * len(line)) / 2
        for column, letter in enumerate(line):
            at = (round(start + column * pitch), base)
            draw.text(at, letter, fill="#000000", font=letters, anchor="ls")


# Measures


def _length(mm: float) -> int:
    return round(mm * DPI / 25.4)


def _pixels(box: BoxMm) -> Box:
    left, top, width, height = box
    edges = _length(left), _length(top), _length(left + width), _length(top + height)
    return edges[0], edges[1], min(edges[2], SIZE[0]), min(edges[3], SIZE[1])


def _add(corner: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    return corner[0] + size[0], corner[1] + size[1]


def _white(image: Image.Image, box: BoxMm) -> None:
    image.paste("#FFFFFF", _pixels(box))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", dpi=(DPI, DPI), compress_level=_COMPRESSION)
    return file.getvalue()
