"""PAXLST: who travels on which flight, with which documents.

What was read is kept as it was, segment by segment, so that it is written again without
loss; what is asked about is read from it. A segment that the message has not, or has
elsewhere, is an error that names it.

Source: UN/EDIFACT D.02B and D.05B, PAXLST; WCO/IATA/ICAO guide for its use in the air.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from ..errors import EdifactError, EdifactFault
from ..passport import Passport
from .envelope import Envelope, Message, MessageHeader, read_messages, write_messages
from .moments import LocalTime, day_text, moment_text, parse_day, parse_moment
from .segments import Segment

KIND: Final = "PAXLST"
MAX_TRAVELLERS: Final = 5_000
"""In one interchange."""
PASSENGERS: Final = "745"
"""``BGM`` of a list of passengers."""
DEPARTURE: Final = "125"
"""Role of the place from which a flight comes to the border."""
ARRIVAL: Final = "87"
"""Role of the place where it comes over the border."""
PASSPORT: Final = "P"
"""Kind of a document that is a passport."""
_TIMES: Final = {DEPARTURE: "189", ARRIVAL: "232"}
"""Which time goes with which place: scheduled departure and arrival."""
_BORN, _EXPIRES = "329", "36"
_EMBARKS, _DISEMBARKS, _ISSUER = "178", "179", "91"
_BOOKING, _OWN_REFERENCE, _TRANSACTION = "AVF", "ABO", "TN"
_HOLDS: Final = "2"
"""Sex among attributes, current nationality among nationalities."""
_TOTAL: Final = "42"
_ORDER: Final = ("heading", "legs", "people", "trailer")
_TAGS: Final[Mapping[str, frozenset[str]]] = {
    "heading": frozenset({"BGM", "RFF", "DTM", "LOC", "NAD", "CTA", "COM"}),
    "legs": frozenset({"TDT", "DTM", "LOC"}),
    "people": frozenset(
        {
            *("NAD", "ATT", "DTM", "MEA", "GEI", "FTX", "LOC", "COM", "EMP", "NAT"),
            *("RFF", "DOC", "CPI", "QTY"),
        }
    ),
    "trailer": frozenset({"CNT", "AUT"}),
}
_OPENS: Final = {"TDT": "legs", "CNT": "trailer", "AUT": "trailer"}


@dataclass(frozen=True, slots=True)
class TravelDocument:
    """A document of a traveller: a ``DOC`` and what belongs to it.

    Raises:
        EdifactError: Its end is no day.
    """

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        _ = self.expires_on

    @classmethod
    def of(
        cls, *, number: str, issuer: str, expires_on: date | None, kind: str = PASSPORT
    ) -> Self:
        """Make a document to be written."""
        segments = [Segment.of("DOC", kind, number)]
        if expires_on is not None:
            segments.append(Segment.of("DTM", (_EXPIRES, day_text(expires_on))))
        return cls((*segments, Segment.of("LOC", _ISSUER, issuer)))

    @property
    def kind(self) -> str:
        """``P`` for a passport."""
        return self.segments[0].get(1)

    @property
    def number(self) -> str:
        """As written."""
        return self.segments[0].get(2)

    @property
    def issuer(self) -> str:
        """Alpha-3 code, as written; empty if it is not said."""
        return _place(self.segments, _ISSUER)

    @property
    def expires_on(self) -> date | None:
        """Its last day."""
        found = _qualified(self.segments, "DTM", _EXPIRES)
        return None if found is None else parse_day(found)


@dataclass(frozen=True, slots=True)
class Traveller:
    """One person of a list: a ``NAD`` and what belongs to it.

    Raises:
        EdifactError: A document's end is no day.
    """

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        _ = self.documents

    @classmethod
    def of(
        cls,
        *,
        family_name: str,
        given_names: str,
        nationality: str,
        reference: str,
        documents: Sequence[TravelDocument],
        booking: str = "",
        role: str = "FL",
    ) -> Self:
        """Make a traveller to be written."""
        segments = [Segment.of("NAD", role, "", "", (family_name, given_names))]
        segments.append(Segment.of("NAT", _HOLDS, nationality))
        if booking:
            segments.append(Segment.of("RFF", (_BOOKING, booking)))
        segments.append(Segment.of("RFF", (_OWN_REFERENCE, reference)))
        papers = [each for document in documents for each in document.segments]
        return cls((*segments, *papers))

    @property
    def role(self) -> str:
        """``FL`` passenger, ``FM`` crew, or another code of the directory."""
        return self.segments[0].get(1)

    @property
    def names(self) -> tuple[str, ...]:
        """Family name, then given names, as written."""
        elements = self.segments[0].elements
        return elements[3] if len(elements) > 3 else ()

    @property
    def nationality(self) -> str:
        """Alpha-3 code, as written."""
        found = _qualified(self._own, "NAT", _HOLDS)
        return "" if found is None else found.get(2)

    @property
    def birthdate(self) -> str:
        """As written: six digits, or eight with the century."""
        found = _qualified(self._own, "DTM", _BORN)
        return "" if found is None else found.get(1, 2)

    @property
    def booking(self) -> str:
        """The carrier's booking reference (``RFF+AVF``)."""
        return _reference(self._own, _BOOKING)

    @property
    def reference(self) -> str:
        """What the carrier calls them (``RFF+ABO``): a response repeats it."""
        return _reference(self._own, _OWN_REFERENCE)

    @property
    def disembarks(self) -> str:
        """Where the traveller leaves the flight."""
        return _place(self._own, _DISEMBARKS)

    @property
    def embarks(self) -> str:
        """Where the traveller comes aboard."""
        return _place(self._own, _EMBARKS)

    @property
    def documents(self) -> tuple[TravelDocument, ...]:
        """In the order of the list."""
        papers = self.segments[len(self._own) :]
        return tuple(TravelDocument(each) for each in _groups(papers, "DOC"))

    @property
    def _own(self) -> tuple[Segment, ...]:
        for place, each in enumerate(self.segments):
            if each.tag == "DOC":
                return self.segments[:place]
        return self.segments

    def passport(self) -> Passport | None:
        """Return country and number of the one passport, and its end.

        Returns:
            None where the list has no passport of this traveller, or several, or one
            without an issuer or with a number that no passport has.
        """
        found = [each for each in self.documents if each.kind == PASSPORT]
        if len(found) != 1:
            return None
        try:
            read = Passport.parse(f"{found[0].issuer}:{found[0].number}")
        except ValueError:
            return None
        expires_on = found[0].expires_on
        return Passport(country=read.country, number=read.number, expires_on=expires_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A place of a flight, and when, by the clocks there."""

    role: str
    """``125`` departure, ``87`` arrival, or another code of the directory."""
    place: str
    """As written: an airport's code in the air."""
    at: LocalTime | None


@dataclass(frozen=True, slots=True)
class Leg:
    """A flight with its stops: a ``TDT`` and what belongs to it.

    Raises:
        EdifactError: A time is none.
    """

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        _ = self.stops

    @classmethod
    def of(
        cls,
        *,
        flight: str,
        carrier: str,
        leaves: tuple[str, LocalTime],
        arrives: tuple[str, LocalTime],
    ) -> Self:
        """Make a flight to be written, from one place to another."""
        segments = [Segment.of("TDT", "20", flight, "", "", carrier)]
        for role, (place, at) in ((DEPARTURE, leaves), (ARRIVAL, arrives)):
            segments.append(Segment.of("LOC", role, place))
            time = (_TIMES[role], moment_text(at), "201")
            segments.append(Segment.of("DTM", time))
        return cls(tuple(segments))

    @property
    def flight(self) -> str:
        """Carrier's code and number, as written."""
        return self.segments[0].get(2)

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Its places, each with the time that follows it."""
        return tuple(
            Stop(role=loc.get(1), place=loc.get(2), at=_time_of(loc.get(1), times))
            for loc, *times in _groups(self.segments[1:], "LOC")
            if loc.tag == "LOC"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PassengerList:
    """One message: a flight and its travellers."""

    header: MessageHeader
    heading: tuple[Segment, ...]
    """``BGM`` and what follows it up to the flight, such as who reports."""
    legs: tuple[Leg, ...]
    travellers: tuple[Traveller, ...]
    trailer: tuple[Segment, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        header: MessageHeader,
        transaction: str,
        leg: Leg,
        travellers: Sequence[Traveller],
    ) -> Self:
        """Make a list of passengers to be written."""
        reference = Segment.of("RFF", (_TRANSACTION, transaction))
        return cls(
            header=header,
            heading=(Segment.of("BGM", PASSENGERS), reference),
            legs=(leg,),
            travellers=tuple(travellers),
            trailer=(Segment.of("CNT", (_TOTAL, str(len(travellers)))),),
        )

    @property
    def document(self) -> str:
        """``745`` passengers, ``250`` crew, or another code of the directory."""
        return self.heading[0].get(1)

    @property
    def transaction(self) -> str:
        """The carrier's transaction (``RFF+TN``): a response repeats it."""
        return _reference(self.heading, _TRANSACTION)

    @property
    def arrival(self) -> Stop | None:
        """Where and when the flight comes over the border; None if it is not said."""
        stops = (stop for leg in self.legs for stop in leg.stops)
        return next((each for each in stops if each.role == ARRIVAL), None)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All of it, in order."""
        legs = [each for leg in self.legs for each in leg.segments]
        people = [each for one in self.travellers for each in one.segments]
        return (*self.heading, *legs, *people, *self.trailer)


def read_paxlst(data: bytes) -> tuple[Envelope, tuple[PassengerList, ...]]:
    """Read the passenger lists of one interchange.

    Args:
        data: At most 1.5 MiB, in UNOA, UNOB, UNOC or UNOY.

    Returns:
        The envelope, and its 1 to 200 messages with at most 5,000 travellers together.

    Raises:
        EdifactError: It is something else, or has a segment that PAXLST has not, or not
            there. The error names segment, element and component, and quotes nothing.

    Not checked: that codes are assigned, that numbers of passports exist, that a
    traveller is there once only, and that ``CNT`` counts rightly: where a list comes in
    several messages it counts them all.
    """
    envelope, messages = read_messages(data, KIND)
    lists = tuple(_list_of(each) for each in messages)
    if sum(len(each.travellers) for each in lists) > MAX_TRAVELLERS:
        detail = f"has more than {MAX_TRAVELLERS} travellers"
        raise EdifactError(EdifactFault.TOO_LARGE, detail)
    return envelope, lists


def write_paxlst(envelope: Envelope, lists: Sequence[PassengerList]) -> bytes:
    """Write passenger lists as one interchange.

    Raises:
        EdifactError: A character cannot be written in the envelope's syntax, or there
            are not 1 to 200 lists.
    """
    messages = [Message(header=each.header, segments=each.segments) for each in lists]
    return write_messages(envelope, messages, KIND)


def _list_of(message: Message) -> PassengerList:
    begin = Segment("UNH", (), message.header.position)
    if not message.segments or message.segments[0].tag != "BGM":
        raise begin.fault(EdifactFault.MISSING, "is not followed by a BGM")
    parts = _parts(message.segments)
    if not parts["legs"]:
        raise begin.fault(EdifactFault.MISSING, "begins a list without a TDT")
    return PassengerList(
        header=message.header,
        heading=tuple(parts["heading"]),
        legs=tuple(Leg(each) for each in _groups(parts["legs"], "TDT")),
        travellers=tuple(Traveller(each) for each in _groups(parts["people"], "NAD")),
        trailer=tuple(parts["trailer"]),
    )


def _parts(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """Cut a message into heading, legs, people and trailer."""
    parts: dict[str, list[Segment]] = {name: [] for name in _ORDER}
    now = "heading"
    for each in segments:
        opens = _OPENS.get(each.tag, now)
        if each.tag == "NAD" and now == "legs":
            opens = "people"
        is_back = _ORDER.index(opens) < _ORDER.index(now)
        is_second = each.tag == "BGM" and bool(parts[now])
        if is_back or is_second or each.tag not in _TAGS[opens]:
            detail = f"is no segment of a {KIND}, or not in this place"
            raise each.fault(EdifactFault.SEGMENT, detail)
        now = opens
        parts[now].append(each)
    return parts


def _groups(segments: Iterable[Segment], opener: str) -> Iterator[tuple[Segment, ...]]:
    group: list[Segment] = []
    for each in segments:
        if each.tag == opener and group:
            yield tuple(group)
            group = []
        group.append(each)
    if group:
        yield tuple(group)


def _time_of(role: str, times: Sequence[Segment]) -> LocalTime | None:
    wanted = _TIMES.get(role)
    found = _qualified(times, "DTM", wanted) if wanted else None
    return None if found is None else parse_moment(found)


def _qualified(segments: Iterable[Segment], tag: str, qualifier: str) -> Segment | None:
    return next(
        (each for each in segments if each.tag == tag and each.get(1) == qualifier),
        None,
    )


def _reference(segments: Iterable[Segment], qualifier: str) -> str:
    found = _qualified(segments, "RFF", qualifier)
    return "" if found is None else found.get(1, 2)


def _place(segments: Iterable[Segment], qualifier: str) -> str:
    found = _qualified(segments, "LOC", qualifier)
    return "" if found is None else found.get(2)
