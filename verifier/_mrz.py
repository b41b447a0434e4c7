"""The machine readable zone of travel documents, and its transliteration.

Source: ICAO Doc 9303, eighth edition: part 3 (characters, check digits,
transliteration), part 4 (TD3), part 5 (TD1) and part 6 (TD2).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import cycle

MAX_TEXT = 1024
"""Characters of text looked at: far more than 90 and any white space around."""

MAX_NAME = 39
"""Characters of the widest name field, that of TD3 (part 4, section 4.2.3)."""

MAX_NUMBER = 22
"""Characters of the longest document number: 9, and 13 more in the optional
data of TD1 before the check digit and a filler (part 5, section 4.2.2, note j)."""

_BLANK = " \t\r"
_FOREIGN = re.compile(r"[^A-Za-z0-9<]")
_STATE = re.compile(r"[A-Z]{3}|D<<")
_NAMES = re.compile(r"[A-Z]+(?:<[A-Z]+)*(?:<<[A-Z]+(?:<[A-Z]+)*)?")
_BIRTHDATE = re.compile(r"(?:[0-9]{2}|<<){3}")
_EXPIRY = re.compile(r"[0-9]{6}")

_VALUES = {
    "<": 0,
    **{c: n for n, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")},
}


class MrzError(ValueError):
    """A machine readable zone that cannot be believed as it was read.

    The message is a sentence for the person who typed or scanned it.  It
    quotes at most one character of the document.

    Attributes:
        line: Which line is wrong, from 1; ``None`` if it is the whole text.
        column: Which character of that line is wrong, from 1; ``None`` if it
            is the whole line.
    """

    def __init__(
        self, problem: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        self.line = line
        self.column = column
        place = f"line {line}" if line else ""
        place += f", column {column}" if column else ""
        super().__init__(f"{place}: {problem}" if place else problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where each field stands in the lines put one after another.

    The check digit of a field is the character behind it.
    """

    size: str
    lines: int
    width: int
    first_letters: tuple[str, ...]
    names: slice
    number: slice
    optional: slice
    optional_is_checked: bool
    birthdate: slice
    sex: int
    expiry: slice
    nationality: slice
    composite_over: tuple[slice, ...]


_TD1 = _Layout(
    size="TD1",
    lines=3,
    width=30,
    first_letters=("A", "C", "I"),
    number=slice(5, 14),
    optional=slice(15, 30),
    optional_is_checked=False,
    birthdate=slice(30, 36),
    sex=37,
    expiry=slice(38, 44),
    nationality=slice(45, 48),
    names=slice(60, 90),
    composite_over=(slice(5, 37), slice(38, 45), slice(48, 59)),
)
_TD2 = _Layout(
    size="TD2",
    lines=2,
    width=36,
    first_letters=("A", "C", "I"),
    names=slice(5, 36),
    number=slice(36, 45),
    nationality=slice(46, 49),
    birthdate=slice(49, 55),
    sex=56,
    expiry=slice(57, 63),
    optional=slice(64, 71),
    optional_is_checked=False,
    composite_over=(slice(36, 46), slice(49, 56), slice(57, 71)),
)
_TD3 = _Layout(
    size="TD3",
    lines=2,
    width=44,
    first_letters=("P",),
    names=slice(5, 44),
    number=slice(44, 53),
    nationality=slice(54, 57),
    birthdate=slice(57, 63),
    sex=64,
    expiry=slice(65, 71),
    optional=slice(72, 86),
    optional_is_checked=True,
    composite_over=(slice(44, 54), slice(57, 64), slice(65, 87)),
)
_LAYOUTS = (_TD1, _TD2, _TD3)
_ISSUER = slice(2, 5)


@dataclass(frozen=True, slots=True)
class Zone:
    """The lines of one document, put one after another; only ``A-Z0-9<``."""

    text: str
    layout: _Layout

    def parse_issuer(self) -> str:
        """Return the alpha-3 code of who issued the document."""
        return self._parse_state("issuing state", _ISSUER)

    def parse_nationality(self) -> str | None:
        """Return the alpha-3 code of the nationality, if one is given.

        Refugees' documents may leave it out (part 4, section 4.2.2, note o).
        """
        if self.text[self.layout.nationality] == "<<<":
            return None
        return self._parse_state("nationality", self.layout.nationality)

    def parse_number(self) -> str:
        """Return the document number without fillers, its check digit checked."""
        place = self.layout.number
        printed = self.text[place]
        if self._number_continues():
            printed += self._parse_rest_of_number()
        else:
            self._check_digit("document number", printed, place.stop)
        if number := printed.replace("<", ""):
            return number
        raise self._error(place.start, "the document number is empty")

    def parse_names(self) -> tuple[str, str]:
        """Return family and given names; the second may be empty."""
        place = self.layout.names
        field = self.text[place].rstrip("<")
        found = _NAMES.match(field)
        if found is None or found.end() < len(field):
            raise self._error(
                place.start + (found.end() if found else 0),
                "names are letters, with one < between names"
                " and one << before the given names",
            )
        family, _, given = field.partition("<<")
        return family.replace("<", " "), given.replace("<", " ")

    def has_full_name_field(self) -> bool:
        """Return whether names reach the last place, so that they may be cut."""
        return self.text[self.layout.names.stop - 1] != "<"

    def parse_birthdate(self) -> str:
        """Return the date of birth as printed, its check digit checked."""
        place = self.layout.birthdate
        field = self.text[place]
        self._check_digit("date of birth", field, place.stop)
        if is_possible_birthdate(field):
            return field
        raise self._error(place.start, "the date of birth is not a date YYMMDD")

    def parse_expiry(self) -> date:
        """Return the date of expiry in this century, its check digit checked."""
        place = self.layout.expiry
        field = self.text[place]
        self._check_digit("date of expiry", field, place.stop)
        expires_on = _read_date(field) if _EXPIRY.fullmatch(field) else None
        if expires_on is None:
            raise self._error(place.start, "the date of expiry is not a date YYMMDD")
        return expires_on

    def parse_sex(self) -> str:
        """Return ``F``, ``M`` or ``X`` for unspecified.

        The standard prints unspecified as a filler here and as X above (part
        4, section 4.2.2, note p); some economies print X in both places.
        """
        field = self.text[self.layout.sex]
        if field not in "FMX<":
            raise self._error(self.layout.sex, "the sex is not F, M, X or <")
        return "X" if field == "<" else field

    def check_document_code(self) -> None:
        """Refuse visas, and codes that this size of document cannot have."""
        if self.text[0] == "V":
            raise self._error(0, "this is a visa, not a passport")
        if self.text[0] not in self.layout.first_letters:
            allowed = " or ".join(self.layout.first_letters)
            raise self._error(
                0, f"the document code of size {self.layout.size} begins with {allowed}"
            )
        if self.text[1].isdigit():
            raise self._error(1, "the document code has a digit")

    def check_optional_data(self) -> None:
        """Check the personal number of TD3; other sizes have no digit for it."""
        if not self.layout.optional_is_checked:
            return
        field = self.text[self.layout.optional]
        place = self.layout.optional.stop
        # An unused field may leave its check digit out.
        if field.strip("<") or self.text[place] != "<":
            self._check_digit("personal number", field, place)

    def check_composite(self) -> None:
        """Check the digit over all fields that have a check digit, and more."""
        covered = "".join(self.text[place] for place in self.layout.composite_over)
        place = self.layout.composite_over[-1].stop
        self._check_digit("whole document", covered, place)

    def _parse_state(self, name: str, place: slice) -> str:
        field = self.text[place]
        if not _STATE.fullmatch(field):
            raise self._error(place.start, f"the {name} is not a three-letter code")
        return expand_state(field.rstrip("<"))

    def _number_continues(self) -> bool:
        # TD3 has no such rule: there a filler is just a wrong check digit.
        return self.layout is not _TD3 and self.text[self.layout.number.stop] == "<"

    def _parse_rest_of_number(self) -> str:
        """Return what did not fit in nine places (part 5, section 4.2.2, note j)."""
        place = self.layout.optional
        rest, filler, _ = self.text[place].partition("<")
        if len(rest) < 2 or not filler:
            raise self._error(
                self.layout.number.stop,
                "check digit of the document number is missing",
            )
        number = self.text[self.layout.number] + rest[:-1]
        self._check_digit("document number", number, place.start + len(rest) - 1)
        return rest[:-1]

    def _check_digit(self, name: str, field: str, place: int) -> None:
        found, right = self.text[place], compute_check_digit(field)
        if found != right:
            raise self._error(
                place, f"check digit of the {name} is {found}, should be {right}"
            )

    def _error(self, place: int, problem: str) -> MrzError:
        line, column = divmod(place, self.layout.width)
        return MrzError(problem, line=line + 1, column=column + 1)


def parse_zone(text: str) -> Zone:
    """Split hostile text into a zone of a known size and of lawful characters.

    Raises:
        MrzError: ``text`` has no size of TD1, TD2 or TD3, or a foreign
            character.
    """
    if len(text) > MAX_TEXT:
        raise MrzError("the text is much longer than a machine readable zone")
    lines = [line.strip(_BLANK) for line in text.strip(_BLANK + "\n").split("\n")]
    layout = _find_layout(lines)
    joined = "".join(lines)
    if foreign := _FOREIGN.search(joined):
        line, column = divmod(foreign.start(), layout.width)
        raise MrzError(
            f"{_name_of(foreign[0])} is not A to Z, 0 to 9 or <",
            line=line + 1,
            column=column + 1,
        )
    return Zone(joined.upper(), layout)


def compute_check_digit(field: str) -> str:
    """Return the check digit of ``field``, which has only ``A-Z0-9<``.

    Source: ICAO Doc 9303, part 3, section 4.9.
    """
    weighted = zip(field, cycle((7, 3, 1)), strict=False)
    return str(sum(_VALUES[character] * weight for character, weight in weighted) % 10)


def is_possible_birthdate(text: str) -> bool:
    """Return whether ``text`` is ``YYMMDD`` with any unknown part as ``<<``.

    The century is unknown, so 29 February only needs a year divisible by four.
    """
    if not _BIRTHDATE.fullmatch(text):
        return False
    # Year 2000 and January are long enough for every known part.
    year, month, day = text[:2], text[2:4], text[4:]
    whole = year.replace("<<", "00") + (month + day).replace("<<", "01")
    return _read_date(whole) is not None


def expand_state(code: str) -> str:
    """Return the alpha-3 code: Germany's is ``D`` (part 3, section 5, part A)."""
    return "DEU" if code == "D" else code


def _read_date(digits: str) -> date | None:
    try:
        return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        return None


def _find_layout(lines: Sequence[str]) -> _Layout:
    if len(lines) == 1:
        return _find_joined_layout(lines[0])
    layout = _nearest_layout(lines)
    for number, line in enumerate(lines, start=1):
        if len(line) != layout.width:
            raise MrzError(
                f"{len(line)} characters, should be {layout.width}", line=number
            )
    return layout


def _find_joined_layout(text: str) -> _Layout:
    for layout in _LAYOUTS:
        if len(text) == layout.lines * layout.width:
            return layout
    raise MrzError(
        f"one line of {len(text)} characters is not a machine readable zone:"
        " three lines of 30, two of 36 or two of 44"
    )


def _nearest_layout(lines: Sequence[str]) -> _Layout:
    if len(lines) == 3:
        return _TD1
    if len(lines) == 2:
        # Halfway between the widths: a missing character is the usual slip.
        return _TD3 if max(map(len, lines)) > 40 else _TD2
    raise MrzError(f"a machine readable zone has two or three lines, not {len(lines)}")


def _name_of(character: str) -> str:
    return f"U+{ord(character):04X}"


_LATIN = {
    "A": "ÀÁÂÃĀĂĄ",
    "AA": "Å",
    "AE": "ÄÆ",
    "C": "ÇĆĈĊČ",
    "D": "ÐĎĐ",
    "E": "ÈÉÊËĒĔĖĘĚ",
    "G": "ĜĞĠĢ",
    "H": "ĤĦ",
    "I": "ÌÍÎÏĨĪĬĮİ",
    "IJ": "Ĳ",
    "J": "Ĵ",
    "K": "Ķ",
    "L": "ĹĻĽĿŁ",
    "N": "ÑŃŅŇŊ",
    "O": "ÒÓÔÕŌŎŐ",
    "OE": "ÖØŒ",
    "R": "ŔŖŘ",
    "S": "ŚŜŞŠ",
    "SS": "ẞ",
    "T": "ŢŤŦ",
    "TH": "Þ",
    "U": "ÙÚÛŨŪŬŮŰŲ",
    "UE": "Ü",  # codespell:ignore ue
    "W": "Ŵ",
    "Y": "ÝŶŸ",
    "Z": "ŹŻŽ",
}
"""Part 3, section 6, table A, the first form where it allows several.

The row of the dotless i, U+0131, is missing because its capital is I.
"""

_RUSSIAN_ALPHABET = (
    "A B V G D E ZH Z I I K L M N O P R S T U F KH TS CH SH SHCH IE Y - E IU IA"
)
"""Part 3, section 6, table B, from U+0410 to U+042F in order.

The table has no row for the soft sign, U+042C: passports leave it out.
"""

_OTHER_CYRILLIC = {
    0x0401: "E",
    0x0402: "D",
    0x0404: "IE",
    0x0405: "DZ",
    0x0406: "I",
    0x0407: "I",
    0x0408: "J",
    0x0409: "LJ",
    0x040A: "NJ",
    0x040C: "K",
    0x040E: "U",
    0x040F: "DZ",
    0x046A: "U",
    0x0474: "Y",
    0x0490: "G",
    0x0492: "G",
    0x04BA: "C",
}
"""The other rows of table B, without the exceptions for single languages."""

_APOSTROPHES = "`\u00b4\u02bb\u02bc"
"""Signs typed as apostrophes that Unicode does not count as punctuation."""

TRANSLITERATION = {
    **{letter: letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{source: target for target, sources in _LATIN.items() for source in sources},
    **{
        chr(0x0410 + offset): target.strip("-")
        for offset, target in enumerate(_RUSSIAN_ALPHABET.split())
    },
    **{chr(code): target for code, target in _OTHER_CYRILLIC.items()},
    **dict.fromkeys(_APOSTROPHES, ""),
    ",": " ",
}
"""What each capital letter becomes, and signs with a rule of their own."""


def transliterate(name: str) -> str:
    """Write a name as a machine readable zone would.

    Takes Latin letters with any diacritical marks, and Cyrillic letters.
    Where the standard allows several forms the first is used: AE for A with
    diaeresis, N for N with tilde.  Letters of neither table that carry marks,
    as in Vietnamese, become their base letter.  Hyphens and commas become
    spaces; apostrophes and other punctuation vanish.

    Args:
        name: One name field, family or given, in either case.

    Returns:
        Words of ``A`` to ``Z`` joined by single spaces; empty if ``name`` has
        no letters.  Not cut to any length.

    Raises:
        ValueError: A character is in neither table, for example a digit or
            a letter of another script; the message names its code point.

    Not checked: the language.  The standard's exceptions for Belarusian,
    Bulgarian, Macedonian, Serbian and Ukrainian are not applied, nor what
    an economy prefers among permitted forms.  What the passport shows wins.

    Source: ICAO Doc 9303, part 3, sections 4.6 and 6 (tables A and B).
    """
    # Upper case comes first: it can split one letter into a letter and a mark.
    capitals = unicodedata.normalize("NFC", name.upper())
    return " ".join("".join(map(_transliterate_character, capitals)).split())


def _transliterate_character(character: str) -> str:
    known = TRANSLITERATION.get(_strip_marks(character))
    if known is not None:
        return known
    category = unicodedata.category(character)
    if category in {"Zs", "Pd"}:
        return " "
    if category.startswith("P") or "\u0300" <= character <= "\u036f":
        return ""
    msg = f"{_name_of(character)} has no transliteration"
    raise ValueError(msg)


def _strip_marks(character: str) -> str:
    """Take marks off one by one, until the tables know what is left."""
    while character not in TRANSLITERATION:
        parts = unicodedata.decomposition(character)
        if not parts or parts.startswith("<"):  # Such as a ligature: another letter.
            break
        character = chr(int(parts.split()[0], 16))
    return character
