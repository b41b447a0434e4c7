"""CUSRES: what a government answers about a list; and what we say beside it.

Whether somebody is carried is the destination's answer. It stands in ``ERC`` of a
traveller, by codes that the government chose; one public profile is known here by name,
so that a reader can tell a board answer from anything else. We write no ``ERC`` at all:
what an ABTC gives is said as a remark (``FTX+AAI``, general information), under a code
of ours.

Source: UN/EDIFACT D.02B and D.05B, CUSRES; WCO/IATA/ICAO guide for its use in the air.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from ..entry_basis import BasisAnswer, EntryBasis
from ..errors import EdifactFault
from .envelope import Envelope, Message, MessageHeader, read_messages, write_messages
from .paxlst import PassengerList
from .segments import Segment

KIND: Final = "CUSRES"
BOARD_CODES: Final = MappingProxyType(
    {"0Z": "board", "1Z": "no_board", "2Z": "advisory", "4Z": "not_enough_data"}
)
"""Board answers of one government's profile, for readers; other profiles differ."""
_BOARD: Final = re.compile(r"[0-9][0-9A-Z]")
"""How board answers look where they are known: a digit, and what goes with it."""
_INFORMATION: Final = "AAI"
_OWN_LIST: Final = "ZZZ"
"""Code list agreed between the two sides."""
_CODES: Final = MappingProxyType(
    {
        BasisAnswer.GIVES: "ABTC-GIVES",
        BasisAnswer.DOES_NOT_GIVE: "ABTC-NONE",
        BasisAnswer.NO_ANSWER: "ABTC-NO-ANSWER",
    }
)
_SENTENCES: Final = MappingProxyType(
    {
        BasisAnswer.GIVES: "ABTC GIVES AN ENTRY BASIS FOR {}",
        BasisAnswer.DOES_NOT_GIVE: "NO ABTC ENTRY BASIS FOR {}, CHECK VISA AS USUAL",
        BasisAnswer.NO_ANSWER: "NO ANSWER FOR {}, USE THE NORMAL DOCUMENT CHECK",
    }
)
_DISCLAIMER: Final = "INFORMATION ONLY, NO BOARD ANSWER"
_HEAD_TAGS: Final = frozenset(
    {"BGM", "DTM", "FTX", "DOC", "TDT", "LOC", "GEI", "RFF", "NAD", "CNT"}
)
_TRAVELLER_TAGS: Final = frozenset({"ERP", "RFF", "ERC", "FTX", "LOC", "DTM"})


class ResponseKind(StrEnum):
    """What a response is (``BGM``)."""

    RESPONSE = "962"
    """An answer to a list."""
    CHANGE = "132"
    """Unsolicited: an earlier answer has changed."""
    ACKNOWLEDGEMENT = "312"
    """The list was received, and no more is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something to be read, with a code of whoever wrote it."""

    subject: str
    """``AAI`` general information, or another code of the directory."""
    code: str
    lines: tuple[str, ...]
    """At most five."""


@dataclass(frozen=True, slots=True)
class TravellerResponse:
    """What is said about one traveller: an ``ERP`` and what belongs to it."""

    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, *, reference: str, remark: Remark, booking: str = "") -> Self:
        """Make what we say about a traveller: a remark, and no code."""
        segments = [Segment.of("ERP", "2")]
        if booking:
            segments.append(Segment.of("RFF", ("AVF", booking)))
        if reference:
            segments.append(Segment.of("RFF", ("ABO", reference)))
        text = Segment.of(
            "FTX", remark.subject, "", (remark.code, "", _OWN_LIST), remark.lines
        )
        return cls((*segments, text))

    @property
    def reference(self) -> str:
        """What the carrier calls this traveller (``RFF+ABO``)."""
        return _reference(self.segments, "ABO")

    @property
    def booking(self) -> str:
        """The carrier's booking reference (``RFF+AVF``)."""
        return _reference(self.segments, "AVF")

    @property
    def codes(self) -> tuple[str, ...]:
        """The government's codes (``ERC``), in order; see `BOARD_CODES`."""
        return tuple(each.get(1) for each in self.segments if each.tag == "ERC")

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What is said in words."""
        return tuple(
            Remark(
                subject=each.get(1),
                code=each.get(3),
                lines=each.elements[3] if len(each.elements) > 3 else (),
            )
            for each in self.segments
            if each.tag == "FTX"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomsResponse:
    """One message: what is answered about a list."""

    header: MessageHeader
    heading: tuple[Segment, ...]
    """``BGM`` and what follows it, such as references and times of the flight."""
    travellers: tuple[TravellerResponse, ...]

    @classmethod
    def to(
        cls,
        asked: PassengerList,
        *,
        kind: ResponseKind,
        travellers: Sequence[TravellerResponse],
    ) -> Self:
        """Make a response to a list: under its references, about its flight."""
        flight = [
            each
            for leg in asked.legs
            for each in leg.segments
            if each.tag in {"DTM", "LOC"}
        ]
        heading = [Segment.of("BGM", kind.value)]
        if asked.transaction:
            heading.append(Segment.of("RFF", ("TN", asked.transaction)))
        if asked.legs[0].flight:
            heading.append(Segment.of("RFF", ("AF", asked.legs[0].flight)))
        # The directory has times before places.
        heading += sorted(flight, key=lambda each: each.tag)
        return cls(
            header=asked.header, heading=tuple(heading), travellers=tuple(travellers)
        )

    @property
    def kind(self) -> ResponseKind:
        """What it is."""
        return ResponseKind(self.heading[0].get(1))

    @property
    def transaction(self) -> str:
        """The carrier's transaction that it answers (``RFF+TN``)."""
        return _reference(self.heading, "TN")

    @property
    def flight(self) -> str:
        """Carrier's code and number, as written (``RFF+AF``)."""
        return _reference(self.heading, "AF")

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All of it, in order."""
        people = [each for one in self.travellers for each in one.segments]
        return (*self.heading, *people)


def is_board_code(code: str) -> bool:
    """Tell whether a code is, or has the form of, an answer whether to carry somebody.

    >>> is_board_code("0Z"), is_board_code("ABTC-GIVES")
    (True, False)
    """
    return code.upper() in BOARD_CODES or _BOARD.fullmatch(code.upper()) is not None


def remark_of(basis: EntryBasis, reference: str) -> Remark:
    """Return what an answer of ours is beside a government's: a remark.

    Args:
        basis: The answer.
        reference: Under which it can be asked about again.
    """
    answered = basis.answered_at.astimezone(UTC)
    where = f"{basis.destination} ON {basis.arrival.isoformat()}"
    return Remark(
        subject=_INFORMATION,
        code=_CODES[basis.answer],
        lines=(
            _SENTENCES[basis.answer].format(where),
            f"AS OF {answered:%Y-%m-%d %H:%M} UTC, REFERENCE {reference}",
            _DISCLAIMER,
        ),
    )


def read_cusres(data: bytes) -> tuple[Envelope, tuple[CustomsResponse, ...]]:
    """Read the responses of one interchange, a government's with its codes.

    Args:
        data: At most 1.5 MiB.

    Returns:
        The envelope, and its 1 to 200 messages.

    Raises:
        EdifactError: It is something else; has a segment that the air profile of CUSRES
            has not, or not there; or its kind is none of `ResponseKind`.
    """
    envelope, messages = read_messages(data, KIND)
    return envelope, tuple(_response_of(each) for each in messages)


def write_cusres(envelope: Envelope, responses: Sequence[CustomsResponse]) -> bytes:
    """Write responses of ours as one interchange.

    Raises:
        EdifactError: One has an ``ERC``, or a remark whose code or line is a board
            answer: that is the destination's to give (``board_answer``); or a character
            cannot be written.
    """
    for response in responses:
        for each in response.segments:
            _check_is_ours(each)
    messages = [
        Message(header=each.header, segments=each.segments) for each in responses
    ]
    return write_messages(envelope, messages, KIND)


def _check_is_ours(segment: Segment) -> None:
    if segment.tag == "ERC":
        detail = "is a code about a traveller, which only the destination gives"
        raise segment.fault(EdifactFault.BOARD_ANSWER, detail)
    for number, element in enumerate(segment.elements, 1):
        for place, text in enumerate(element, 1):
            is_remark = segment.tag in {"FTX", "GEI"}
            if is_remark and number > 2 and is_board_code(text.strip()):
                detail = "has the form of a board answer"
                raise segment.fault(EdifactFault.BOARD_ANSWER, detail, number, place)


def _response_of(message: Message) -> CustomsResponse:
    segments = message.segments
    begin = Segment("UNH", (), message.header.position)
    if not segments or segments[0].tag != "BGM":
        raise begin.fault(EdifactFault.MISSING, "is not followed by a BGM")
    if segments[0].get(1) not in {*ResponseKind}:
        raise segments[0].fault(EdifactFault.VALUE, "is no kind of response", 1)
    heading: list[Segment] = []
    people: list[list[Segment]] = []
    for each in segments:
        allowed = _TRAVELLER_TAGS if people or each.tag == "ERP" else _HEAD_TAGS
        is_second = each.tag == "BGM" and bool(heading)
        if each.tag not in allowed or is_second:
            detail = f"is no segment of a {KIND}, or not in this place"
            raise each.fault(EdifactFault.SEGMENT, detail)
        if each.tag == "ERP":
            people.append([])
        (people[-1] if people else heading).append(each)
    return CustomsResponse(
        header=message.header,
        heading=tuple(heading),
        travellers=tuple(TravellerResponse(tuple(each)) for each in people),
    )


def _reference(segments: Iterable[Segment], qualifier: str) -> str:
    for each in segments:
        if each.tag == "RFF" and each.get(1) == qualifier:
            return each.get(1, 2)
    return ""
