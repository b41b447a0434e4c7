"""One design of a card: what stands where, in which colours and letters.

A design is a TOML file; ``docs/plastic.md`` explains its keys.  All measures are
millimetres from the left and the upper edge of the card, but for the sizes of letters,
which are points.
"""

import tomllib
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, Strict, ValidationError

from issuer.dated import Mark, Model, Moment, Rows
from issuer.errors import DesignError
from issuer.plastic.codes import ErrorCorrection
from issuer.plastic.letters import DPI, Letters
from issuer.plastic.mrz import LENGTH, LINES
from issuer.plastic.sheet import find_unprintable

WIDTH: Final = 85.60
HEIGHT: Final = 53.98
"""Millimetres of a card of size ID-1 (ISO/IEC 7810)."""
LARGEST_CODE: Final = 65
"""Modules, with its quiet zone, of the code of a card with names of 39 and numbers of
22 characters, at the lowest error correction and with addresses like the scheme's."""
LEAST_MODULE: Final = 0.35
"""Millimetres of a module that an ordinary camera still reads."""

Weight = Literal["regular", "bold"]
FONT_OF: Final[Mapping[Weight, str]] = {
    "regular": "NotoSans-Regular",
    "bold": "NotoSans-Bold",
}
EntryField = Literal[
    "issuer_name",
    "family_name",
    "given_name",
    "sex",
    "birthdate",
    "nationality",
    "expires_on",
    "document_number",
    "passport_number",
    "cleared_as_of",
]
_ON_FRONT: Final[tuple[EntryField, ...]] = (
    "issuer_name",
    "family_name",
    "given_name",
    "sex",
    "birthdate",
    "expires_on",
    "document_number",
)
"""What every card shows on its front, beside portrait and signature."""

_Mm = Annotated[float, Field(ge=0, le=WIDTH, allow_inf_nan=False)]
BoxMm = Annotated[tuple[_Mm, _Mm, _Mm, _Mm], Strict(strict=False)]
"""Left, top, width and height."""
_Points = Annotated[float, Field(ge=4, le=24, allow_inf_nan=False)]
_Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
_Label = Annotated[str, Field(max_length=60)]
_REASONS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is no known key",
    "timezone_aware": "must carry a UTC offset",
}


class Panel(Model):
    """A filled area under everything else; panels may overlap."""

    box: BoxMm
    colour: str
    radius: _Mm = 0.0
    waves: str | None = None
    """Colour of decorative lines on it."""


class Text(Model):
    """Words that are the same on every card, in one line."""

    text: Annotated[str, Field(min_length=1, max_length=120)]
    box: BoxMm
    size: _Points
    weight: Weight = "regular"
    colour: str = "ink"


class Entry(Model):
    """Something about the holder or the card, below its label.

    What is too wide at ``size`` is written on up to ``lines`` lines, then smaller.
    """

    field: EntryField
    label: _Label = ""
    box: BoxMm
    size: _Points
    label_size: _Points = 5.0
    weight: Weight = "bold"
    lines: Annotated[int, Field(ge=1, le=3)] = 1
    colour: str = "ink"
    label_colour: str = "muted"


class Portrait(Model):
    """Where the portrait is: a box of 35 to 45."""

    box: BoxMm
    radius: _Mm = 0.0


class Signature(Model):
    """Where the signature is, above a line and its label."""

    box: BoxMm
    label: _Label
    label_size: _Points = 5.0
    label_colour: str = "muted"
    colour: str = "ink"


class Economies(Model):
    """The codes of the economies, in rows from the left; nothing if there are none."""

    box: BoxMm
    label: _Label
    columns: Annotated[int, Field(ge=1, le=12)]
    size: _Points
    label_size: _Points = 5.0
    colour: str = "ink"
    label_colour: str = "muted"


class Code(Model):
    """The signed code, black on white, as large as whole pixels a module allow.

    The first level that fits with modules of ``module`` is taken.
    """

    box: BoxMm
    levels: Annotated[Rows[ErrorCorrection], Field(min_length=1)]
    module: Annotated[float, Field(ge=LEAST_MODULE, le=2)] = LEAST_MODULE


class Said(Model):
    """A code of the machine-readable lines, with how sure it is and who says so."""

    value: str
    mark: Mark
    source: Annotated[str, Field(min_length=1)]


class DocumentCode(Said):
    """``A``, ``C`` or ``I``, and perhaps a second letter."""

    value: Annotated[str, Field(pattern=r"^[ACI][A-UW-Z<]?$")]


class IssuingState(Said):
    """Alpha-3 code."""

    value: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Mrz(Model):
    """The machine-readable lines: a white zone with three lines in its middle.

    ``document_code`` is for economies of which the scheme knows none.  Without
    ``issuing_state`` the lines name the economy by its own code.
    """

    box: BoxMm
    pitch: Annotated[float, Field(ge=2.5, le=2.6)] = 2.54
    line_pitch: Annotated[float, Field(ge=4, le=8)] = 6.35
    document_code: DocumentCode
    issuing_state: IssuingState | None = None


class Side(Model):
    """What both sides can have."""

    panels: Rows[Panel] = ()
    texts: Rows[Text] = ()
    entries: Rows[Entry] = ()


class Front(Side):
    """The side with the holder."""

    portrait: Portrait
    signature: Signature


class Reverse(Side):
    """The side with passport number, economies, code and machine-readable lines."""

    economies: Economies
    code: Code
    mrz: Mrz


class Design(Model):
    """One design, read and checked.

    It is for cards personalised from ``starts_at`` until ``ends_at`` (exclusive;
    ``None`` leaves that side open) and stays known afterwards, because such cards stay
    in people's hands.  ``economy`` is ``None`` for a design that any economy may use.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
    title: Annotated[str, Field(min_length=1, max_length=120)]
    economy: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    starts_at: Annotated[Moment | None, Field(alias="from")] = None
    ends_at: Annotated[Moment | None, Field(alias="until")] = None
    colours: Annotated[Mapping[str, _Colour], Field(max_length=32)]
    front: Front
    reverse: Reverse

    @classmethod
    def from_toml(cls, text: str, *, file: str) -> Self:
        """Read a design from the text of a file; ``file`` names it in messages.

        Raises:
            DesignError: It is not TOML, has an unknown, missing or malformed key,
                leaves out what every card shows, or lets things overlap or stick out.
        """
        try:
            data = tomllib.loads(text)
        except RecursionError as error:
            raise DesignError(file=file, reason="is nested too deep") from error
        except ValueError as error:
            raise DesignError(file=file, reason=str(error)) from error
        try:
            design = cls.model_validate(data)
        except ValidationError as error:
            raise _design_error(file, error) from error
        for key, reason in _find_problems(design):
            raise DesignError(file=file, key=key, reason=reason)
        return design

    def overlaps(self, other: "Design") -> bool:
        """Tell whether some moment lies inside the time of both."""
        return not _ends_before(self, other) and not _ends_before(other, self)


def _ends_before(first: Design, second: Design) -> bool:
    return bool(
        first.ends_at and second.starts_at and first.ends_at <= second.starts_at
    )


def _design_error(file: str, error: ValidationError) -> DesignError:
    first = error.errors(include_url=False)[0]
    reason = _REASONS.get(first["type"], first["msg"].removeprefix("Value error, "))
    key = ""
    for part in first["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    return DesignError(file=file, key=key.removeprefix("."), reason=reason)


def _find_problems(design: Design) -> Iterator[tuple[str, str]]:
    if design.starts_at and design.ends_at and design.ends_at <= design.starts_at:
        yield "until", "must be later than from"
    for name in ("ground", "ink", "muted"):
        if name not in design.colours:
            yield f"colours.{name}", "is missing"
    for side in ("front", "reverse"):
        yield from _find_side_problems(design, side, getattr(design, side))
    yield from _find_missing(design)
    yield from _find_unfit(design)


def _find_side_problems(
    design: Design, name: str, side: Side
) -> Iterator[tuple[str, str]]:
    placed = list(_placed(name, side))
    for key, item in placed:
        left, top, width, height = item.box
        if not width or not height:
            yield f"{key}.box", "has no area"
        # Half a unit of the last place that anybody writes.
        if left + width > WIDTH + 0.005 or top + height > HEIGHT + 0.005:
            yield f"{key}.box", "sticks out of the card"
        for colour in ("colour", "label_colour", "waves"):
            used = getattr(item, colour, None)
            if used is not None and used not in design.colours:
                yield f"{key}.{colour}", f"is no colour of this design: {used}"
    for (first_key, first), (key, second) in combinations(placed, 2):
        panels = isinstance(first, Panel) or isinstance(second, Panel)
        if not panels and _touch(first.box, second.box):
            yield f"{key}.box", f"overlaps {first_key}"


def _placed(name: str, side: Side) -> Iterator[tuple[str, Any]]:
    """Yield everything that has a box, with its key."""
    for key, value in side:
        if isinstance(value, tuple):
            for place, item in enumerate(value):
                yield f"{name}.{key}[{place}]", item
        else:
            yield f"{name}.{key}", value


def _touch(first: BoxMm, second: BoxMm) -> bool:
    return all(
        first[axis] < second[axis] + second[axis + 2] - 0.005
        and second[axis] < first[axis] + first[axis + 2] - 0.005
        for axis in (0, 1)
    )


def _find_missing(design: Design) -> Iterator[tuple[str, str]]:
    front = [entry.field for entry in design.front.entries]
    for field in _ON_FRONT:
        if field not in front:
            yield "front.entries", f"show no {field}"
    if "passport_number" in front:
        yield "front.entries", "show the passport_number, which is for the reverse"
    if "passport_number" not in [entry.field for entry in design.reverse.entries]:
        yield "reverse.entries", "show no passport_number"


def _find_unfit(design: Design) -> Iterator[tuple[str, str]]:
    _, _, width, height = design.front.portrait.box
    if abs(width / height - 35 / 45) > 0.01:
        yield "front.portrait.box", "is not 35 to 45 in width to height"
    mrz = design.reverse.mrz
    if mrz.box[2] < LENGTH * mrz.pitch or mrz.box[3] < LINES * mrz.line_pitch:
        yield "reverse.mrz.box", "is too small for three lines of 30 characters"
    code = design.reverse.code
    if min(code.box[2:]) < LARGEST_CODE * code.module or "L" not in code.levels:
        yield "reverse.code", f"does not hold {LARGEST_CODE} modules at level L"
    for key, item in (
        *_placed("front", design.front),
        *_placed("reverse", design.reverse),
    ):
        words = getattr(item, "text", getattr(item, "label", ""))
        if letter := find_unprintable(FONT_OF["regular"], words):
            yield key, f"has a letter that the font lacks, U+{ord(letter):04X}"
        if not _fits(item):
            yield f"{key}.box", "is too narrow for its words"


def _fits(item: Any) -> bool:
    """Tell whether words that are the same on every card have room for one line."""
    if isinstance(item, Text):
        letters = Letters(FONT_OF[item.weight], item.size)
        words = item.text
    elif words := getattr(item, "label", ""):
        letters = Letters(FONT_OF["regular"], item.label_size)
    else:
        return True
    room: float = item.box[2] * DPI / 25.4
    return letters.width(words) <= room
