"""Interchange, group and message: headers and trailers that belong together.

Source: ISO 9735-1 and -2: UNB, UNG, UNH, UNT, UNE, UNZ.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ..errors import EdifactError, EdifactFault
from .edifact import Syntax, read_segments, write_segments
from .segments import Segment

MAX_MESSAGES: Final = 200
"""Messages of one interchange."""
DIRECTORIES: Final = frozenset(
    {f"{year:02}{half}" for year in range(2, 22) for half in "AB"}
)
"""Releases of directory D whose PAXLST and CUSRES are built alike: 02A to 21B."""
_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,5}")
_IS_TEST: Final = "1"
_SERVICE: Final = frozenset({"UNB", "UNG", "UNH", "UNT", "UNE", "UNZ", "UNA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What one interchange says of itself."""

    sender: str
    recipient: str
    reference: str
    """Of the interchange; its trailer repeats it."""
    prepared: tuple[str, str] = ("", "")
    """Day and time as written, such as ``300115`` and ``1200``; of no known zone."""
    group: Segment | None = None
    """``UNG`` where messages travel in a group."""
    header: Segment | None = None
    """``UNB`` as it was read, with what is not named here."""
    syntax: Syntax = field(default_factory=Syntax)

    @property
    def is_test(self) -> bool:
        """Whether the sender marks it as a test."""
        return self.header is not None and self.header.get(11) == _IS_TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeader:
    """What one message says of itself."""

    reference: str
    """Unique in its interchange; the trailer repeats it."""
    directory: str = "05B"
    """Release of directory D."""
    association: str = "IATA"
    access: str = ""
    """Common access reference: a response repeats that of its list."""
    part: tuple[str, str] = ("", "")
    """Which of several messages it is, and ``C`` or ``F`` for first or last."""
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message, without header and trailer."""

    header: MessageHeader
    segments: tuple[Segment, ...]


def read_messages(data: bytes, kind: str) -> tuple[Envelope, tuple[Message, ...]]:
    """Read the messages of one interchange, all of one kind.

    Args:
        data: At most 1.5 MiB.
        kind: ``PAXLST`` or ``CUSRES``.

    Returns:
        The envelope, and 1 to 200 messages.

    Raises:
        EdifactError: The syntax is broken; headers and trailers do not belong together;
            there are several groups; or a message is of another kind or directory.
    """
    syntax, segments = read_segments(data)
    last = segments[-1]
    if last.tag != "UNZ":
        raise last.fault(EdifactFault.ENVELOPE, "is the last, and no UNZ")
    inner = segments[1:-1]
    group = inner[0] if inner and inner[0].tag == "UNG" else None
    if group is not None:
        inner = _ungrouped(group, inner, kind)
    messages = _messages(inner, kind, last)
    envelope = _envelope(segments[0], group, syntax)
    _check_trailer(last, 1 if group else len(messages), envelope.reference)
    return envelope, messages


def _envelope(header: Segment, group: Segment | None, syntax: Syntax) -> Envelope:
    return Envelope(
        sender=header.need(2),
        recipient=header.need(3),
        reference=header.need(5),
        prepared=(header.get(4, 1), header.get(4, 2)),
        group=group,
        header=header,
        syntax=syntax,
    )


def _ungrouped(
    group: Segment, inner: tuple[Segment, ...], kind: str
) -> tuple[Segment, ...]:
    end = inner[-1]
    if end.tag != "UNE":
        raise end.fault(EdifactFault.ENVELOPE, "ends the group, and is no UNE")
    if group.get(1) != kind:
        raise group.fault(EdifactFault.MESSAGE, f"is no group of {kind}", 1)
    count = sum(each.tag == "UNH" for each in inner)
    _check_trailer(end, count, group.need(5))
    return inner[1:-1]


def _messages(inner: Sequence[Segment], kind: str, end: Segment) -> tuple[Message, ...]:
    messages: list[Message] = []
    start: int | None = None
    for place, each in enumerate(inner):
        if (each.tag == "UNH") == (start is not None) or (
            each.tag in _SERVICE and each.tag not in {"UNH", "UNT"}
        ):
            raise each.fault(EdifactFault.ENVELOPE, "is not in its place")
        if each.tag == "UNH":
            start = place
        elif each.tag == "UNT" and start is not None:
            messages.append(_message(inner[start : place + 1], kind))
            start = None
    if start is not None:
        raise inner[start].fault(EdifactFault.ENVELOPE, "begins what has no UNT")
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise end.fault(EdifactFault.TOO_LARGE, f"has not 1 to {MAX_MESSAGES} messages")
    return tuple(messages)


def _message(segments: Sequence[Segment], kind: str) -> Message:
    head, *body, end = segments
    said = tuple(head.get(2, place) for place in (1, 2, 4))
    if said != (kind, "D", "UN") or head.get(2, 3) not in DIRECTORIES:
        detail = f"is no {kind} of directory D.02A to D.21B"
        raise head.fault(EdifactFault.MESSAGE, detail, 2)
    header = MessageHeader(
        reference=head.need(1),
        directory=head.get(2, 3),
        association=head.get(2, 5),
        access=head.get(3),
        part=(head.get(4, 1), head.get(4, 2)),
        position=head.position,
    )
    _check_trailer(end, len(segments), header.reference)
    return Message(header=header, segments=tuple(body))


def _check_trailer(trailer: Segment, count: int, reference: str) -> None:
    said = trailer.need(1)
    if not _COUNT.fullmatch(said) or int(said) != count:
        raise trailer.fault(EdifactFault.COUNT, f"counts what is not {count}", 1)
    if trailer.get(2) != reference:
        detail = "has another reference than its header"
        raise trailer.fault(EdifactFault.ENVELOPE, detail, 2)


def write_messages(envelope: Envelope, messages: Sequence[Message], kind: str) -> bytes:
    """Write messages of one kind as one interchange.

    Raises:
        EdifactError: There are not 1 to 200; or a character cannot be written.
    """
    if not 1 <= len(messages) <= MAX_MESSAGES:
        detail = f"has not 1 to {MAX_MESSAGES} messages"
        raise EdifactError(EdifactFault.TOO_LARGE, detail)
    segments = [_header_of(envelope)]
    group = envelope.group
    if group is not None:
        segments.append(group)
    for each in messages:
        segments += _written(each, kind)
    if group is not None:
        segments.append(Segment.of("UNE", str(len(messages)), group.need(5)))
    count = 1 if group is not None else len(messages)
    segments.append(Segment.of("UNZ", str(count), envelope.reference))
    return write_segments(segments, envelope.syntax)


def _header_of(envelope: Envelope) -> Segment:
    if envelope.header is not None:
        return envelope.header
    syntax = envelope.syntax
    return Segment.of(
        "UNB",
        (syntax.identifier, syntax.version),
        envelope.sender,
        envelope.recipient,
        envelope.prepared,
        envelope.reference,
    )


def _written(message: Message, kind: str) -> list[Segment]:
    header = message.header
    head = Segment.of(
        "UNH",
        header.reference,
        (kind, "D", header.directory, "UN", header.association),
        header.access,
        header.part,
    )
    count = len(message.segments) + 2
    return [
        head,
        *message.segments,
        Segment.of("UNT", str(count), header.reference),
    ]


def prepared_at(moment: datetime) -> tuple[str, str]:
    """Return day and time as a header writes them, in UTC."""
    at = moment.astimezone(UTC)
    return at.strftime("%y%m%d"), at.strftime("%H%M")
