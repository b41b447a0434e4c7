"""The syntax: service characters, character sets, bounds.

Source: ISO 9735-1, sections 5 to 8 (versions 1 to 4).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import EdifactError, EdifactFault
from . import _pydifact
from .segments import Segment, trimmed

MAX_BYTES: Final = 3 * 2**19
"""Bytes of one interchange: 1.5 MiB, room for some 8,000 passengers."""
MAX_SEGMENTS: Final = 100_000
"""Segment terminators of one interchange, released ones included."""
_MAX_ELEMENTS: Final = 40
_MAX_COMPONENTS: Final = 20
_MAX_LENGTH: Final = 512
"""Characters of a component: the longest that a directory names."""
USUAL_ADVICE: Final = ":+.? '"
"""What counts where no service string advice is sent."""
_UNA: Final = b"UNA"
_ADVICE_LENGTH: Final = 9
_ENCODINGS: Final = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "latin-1",
    "UNOY": "utf-8",
}
_LEVEL_A: Final = r"A-Z0-9 .,()/='+:?!\"%&*;<>\-"
_ALLOWED: Final = {
    "UNOA": re.compile(f"[{_LEVEL_A}]*"),
    "UNOB": re.compile(f"[a-z{_LEVEL_A}]*"),
}
_HEADER: Final = re.compile(rb"UNB(.)([A-Z]{4})(.)([1-4])(?![0-9])", re.DOTALL)
_TAG: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """How the characters of an interchange are to be read.

    Raises:
        EdifactError: It is a character set that is not read here, another version, or
            an advice with characters that cannot be told apart.
    """

    identifier: str = "UNOA"
    """``UNOA``, ``UNOB``, ``UNOC`` (ISO 8859-1) or ``UNOY`` (UTF-8)."""
    version: str = "4"
    """1 to 4."""
    advice: str = USUAL_ADVICE
    """Component and element separator, decimal mark, release character, repetition
    separator or space, segment terminator. A space for the release character: none."""

    def __post_init__(self) -> None:
        if self.identifier not in _ENCODINGS:
            raise _header_fault(EdifactFault.CHARACTER_SET, "is not read here", 1)
        if self.version not in {"1", "2", "3", "4"}:
            raise _header_fault(EdifactFault.CHARACTER_SET, "is no version", 2)
        if not _is_advice(self.advice):
            raise EdifactError(
                EdifactFault.ADVICE,
                "has characters that cannot be told apart",
                tag="UNA",
            )

    @property
    def encoding(self) -> str:
        """The Python name of the character encoding."""
        return _ENCODINGS[self.identifier]

    @property
    def repeats(self) -> str | None:
        """The repetition separator; None where no element can be repeated."""
        separator = self.advice[4]
        return separator if self.version == "4" and separator != " " else None

    @property
    def inner_advice(self) -> str:
        """The advice as the library takes it."""
        release = self.advice[3]
        if release != " ":
            return self.advice
        return self.advice[:3] + _pydifact.NO_RELEASE + self.advice[4:]


def _is_advice(advice: str) -> bool:
    if len(advice) != 6 or not advice.isascii() or not advice.isprintable():
        return False
    component, element, _, release, repetition, terminator = [*advice]
    optional = [each for each in (release, repetition) if each != " "]
    used = [component, element, terminator, *optional]
    return len({*used}) == len(used) and not any(
        each.isalnum() or each == " " for each in used
    )


def _header_fault(fault: EdifactFault, detail: str, component: int) -> EdifactError:
    return EdifactError(
        fault, detail, position=1, tag="UNB", element=1, component=component
    )


def read_segments(data: bytes) -> tuple[Syntax, tuple[Segment, ...]]:
    """Read the segments of one interchange, its header and trailer included.

    Args:
        data: At most 1.5 MiB. It begins with ``UNA`` or ``UNB``; line breaks may stand
            between segments, and nowhere else.

    Returns:
        How it is written, and at most 100,000 segments.

    Raises:
        EdifactError: It is something else; the error names the segment, and the element
            and component where that says more.
    """
    if len(data) > MAX_BYTES:
        raise EdifactError(EdifactFault.TOO_LARGE, f"has more than {MAX_BYTES} bytes")
    body, advice = _cut_advice(data)
    syntax = _syntax_of(body, advice)
    text = _decoded(body, syntax)
    _check_count(text, syntax)
    return syntax, tuple(
        _segment(found, position, syntax)
        for position, found in enumerate(_split(text, syntax), 1)
    )


def _cut_advice(data: bytes) -> tuple[bytes, str]:
    if not data.startswith(_UNA):
        return data, USUAL_ADVICE
    # Bytes that are no ASCII become what `_is_advice` refuses.
    return data[_ADVICE_LENGTH:].lstrip(b"\r\n"), data[3:_ADVICE_LENGTH].decode(
        "ascii", "replace"
    )


def _syntax_of(body: bytes, advice: str) -> Syntax:
    begin = _HEADER.match(body)
    if begin is None:
        detail = "is no interchange header with a syntax identifier and version"
        raise _fault_at(EdifactFault.ENVELOPE, detail, 1)
    syntax = Syntax(
        identifier=begin[2].decode(), version=begin[4].decode(), advice=advice
    )
    if (begin[1], begin[3]) != (advice[1].encode(), advice[0].encode()):
        raise _header_fault(EdifactFault.ADVICE, "is not separated as advised", 0)
    return syntax


def _decoded(body: bytes, syntax: Syntax) -> str:
    try:
        text = body.decode(syntax.encoding)
    except UnicodeDecodeError as error:
        detail = f"has bytes that are not {syntax.identifier}"
        before = body[: error.start].count(syntax.advice[5].encode())
        raise _fault_at(EdifactFault.CHARACTER, detail, before + 1) from error
    if _pydifact.NO_RELEASE in text:
        raise EdifactError(EdifactFault.CHARACTER, "has a character that is none")
    return text


def _check_count(text: str, syntax: Syntax) -> None:
    # At most as many as there are terminators, released ones included.
    if text.count(syntax.advice[5]) > MAX_SEGMENTS:
        detail = f"has more than {MAX_SEGMENTS} segments"
        raise EdifactError(EdifactFault.TOO_LARGE, detail)


def _split(text: str, syntax: Syntax) -> Iterator[list[str | list[str]]]:
    _check_repeats_nothing(text, syntax)
    try:
        yield from _pydifact.split(text, syntax.inner_advice)
    except _pydifact.TornError as error:
        raise _fault_at(EdifactFault.SYNTAX, str(error), error.position) from error


def _check_repeats_nothing(text: str, syntax: Syntax) -> None:
    if syntax.repeats is None:
        return
    released = re.escape(syntax.inner_advice[3])
    # A released character of any kind is put out of the way, place for place.
    plain = re.sub(f"{released}.", "  ", text, flags=re.DOTALL)
    at = plain.find(syntax.repeats)
    if at >= 0:
        detail = "repeats an element, which no message here does"
        position = plain.count(syntax.advice[5], 0, at) + 1
        raise _fault_at(EdifactFault.SYNTAX, detail, position)


def _segment(found: list[str | list[str]], position: int, syntax: Syntax) -> Segment:
    tag, *rest = found
    if not isinstance(tag, str) or not _TAG.fullmatch(tag):
        raise _fault_at(EdifactFault.SYNTAX, "has no tag of three letters", position)
    if len(rest) > _MAX_ELEMENTS:
        detail = f"has more than {_MAX_ELEMENTS} elements"
        raise EdifactError(EdifactFault.TOO_LARGE, detail, position=position, tag=tag)
    elements = [(each,) if isinstance(each, str) else tuple(each) for each in rest]
    segment = Segment(tag, trimmed(elements), position)
    check_content(segment, syntax)
    return segment


def check_content(segment: Segment, syntax: Syntax) -> None:
    """Check lengths and characters of a segment.

    Raises:
        EdifactError: A component is too long, or has characters of another syntax.
    """
    for number, element in enumerate(segment.elements, 1):
        if len(element) > _MAX_COMPONENTS:
            detail = f"has more than {_MAX_COMPONENTS} components"
            raise segment.fault(EdifactFault.TOO_LARGE, detail, number)
        for place, text in enumerate(element, 1):
            if len(text) > _MAX_LENGTH:
                detail = f"has more than {_MAX_LENGTH} characters"
                raise segment.fault(EdifactFault.TOO_LARGE, detail, number, place)
            if not _is_allowed(text, syntax):
                detail = f"has characters that are not {syntax.identifier}"
                raise segment.fault(EdifactFault.CHARACTER, detail, number, place)


def _is_allowed(text: str, syntax: Syntax) -> bool:
    level = _ALLOWED.get(syntax.identifier)
    if level is not None:
        return level.fullmatch(text) is not None
    return text.isprintable()


def _fault_at(fault: EdifactFault, detail: str, position: int) -> EdifactError:
    return EdifactError(fault, detail, position=position)


def write_segments(segments: Sequence[Segment], syntax: Syntax) -> bytes:
    """Write the segments of one interchange, behind a service string advice.

    Raises:
        EdifactError: A segment has characters that the syntax has not, or cannot keep
            because it has no release character; or the whole is too large.
    """
    numbered = [
        Segment(each.tag, trimmed(each.elements), number)
        for number, each in enumerate(segments, 1)
    ]
    for each in numbered:
        if not _TAG.fullmatch(each.tag):
            raise each.fault(EdifactFault.SYNTAX, "has no tag of three letters")
        check_content(each, syntax)
        _check_releasable(each, syntax)
    rows = ((each.tag, each.elements) for each in numbered)
    # The library writes an advice too, with what stands for no release character.
    text = _pydifact.join(rows, syntax.inner_advice)[_ADVICE_LENGTH:]
    data = f"UNA{syntax.advice}{text}".encode(syntax.encoding)
    if len(data) > MAX_BYTES or len(numbered) > MAX_SEGMENTS:
        raise EdifactError(EdifactFault.TOO_LARGE, "is too large for one interchange")
    return data


def _check_releasable(segment: Segment, syntax: Syntax) -> None:
    barred = {syntax.repeats} if syntax.repeats else set()
    if syntax.advice[3] == " ":
        barred |= {syntax.advice[place] for place in (0, 1, 5)}
    for number, element in enumerate(segment.elements, 1):
        for place, text in enumerate(element, 1):
            if barred & {*text}:
                detail = "has a service character that cannot be released"
                raise segment.fault(EdifactFault.CHARACTER, detail, number, place)
