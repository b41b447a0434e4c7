"""A carrier's own messages: a passenger list in, and what we say of it beside CUSRES.

The answers are the same as to any other question. In a CUSRES they are remarks: whether
somebody is carried is the destination's to say, and no code of that kind is written
here (docs/decisions/0033-a-remark-and-no-board-answer.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from pydantic import ValidationError

from issuer.carriers.service import Ask, Row, Told
from issuer.errors import Invalid
from issuer.operations import problems_of
from verifier import EntryBasis
from verifier.carriers import (
    CustomsResponse,
    EdifactError,
    Envelope,
    PassengerList,
    ResponseKind,
    Syntax,
    Traveller,
    TravellerResponse,
    read_paxlst,
    remark_of,
    write_cusres,
)

MEDIA_TYPE: Final = "application/edifact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A passenger list, and the questions in it."""

    envelope: Envelope
    lists: tuple[PassengerList, ...]
    rows: tuple[Ask | Invalid, ...]
    """One for each traveller, in the order of the lists."""


def read_list(
    data: bytes, destination: str, *, watch: bool, everybody: bool = False
) -> Asked:
    """Read a passenger list as questions about one destination.

    The destination is asked for by name: which economy an airport belongs to is the
    carrier's to know. The day is that of the flight's arrival there.

    Args:
        data: PAXLST; see `verifier.carriers.read_paxlst`.
        destination: Alpha-3.
        watch: Whether to tell of flips.
        everybody: Whether to ask about the cards of all economies.

    Raises:
        Invalid: It is no passenger list; the error names the segment.
    """
    try:
        envelope, lists = read_paxlst(data)
    except EdifactError as error:
        raise Invalid([("", f"edifact.{error.fault}", str(error))]) from error
    rows = tuple(
        _question(traveller, _day(each), destination, watch=watch, everybody=everybody)
        for each in lists
        for traveller in each.travellers
    )
    return Asked(envelope=envelope, lists=lists, rows=rows)


def write_answers(
    asked: Asked,
    rows: Sequence[Row],
    *,
    kind: ResponseKind = ResponseKind.RESPONSE,
    now: datetime,
) -> bytes:
    """Write what was answered as one CUSRES interchange, back to who sent the list.

    Each traveller has a remark with one of the three answers, and no code.

    Args:
        asked: The lists.
        rows: What was answered, as `service.ask_all` returns it.
        kind: What the response is.
        now: When it is written.

    Raises:
        Invalid: A reference cannot be written in the list's own characters.
    """
    said = iter(rows)
    responses = [
        CustomsResponse.to(each, kind=kind, travellers=list(_remarks(each, said)))
        for each in asked.lists
    ]
    envelope = Envelope(
        sender=asked.envelope.recipient,
        recipient=asked.envelope.sender,
        reference=asked.envelope.reference,
        prepared=(f"{now:%y%m%d}", f"{now:%H%M}"),
        syntax=Syntax(
            identifier=asked.envelope.syntax.identifier,
            version=asked.envelope.syntax.version,
        ),
    )
    try:
        return write_cusres(envelope, responses)
    except EdifactError as error:
        raise Invalid([("", f"edifact.{error.fault}", str(error))]) from error


def _remarks(asked: PassengerList, said: Iterator[Row]) -> Iterator[TravellerResponse]:
    for traveller in asked.travellers:
        row = next(said)
        # A traveller without a question has no remark: nothing is known, or said.
        if row.answer is not None:
            yield TravellerResponse.of(
                reference=traveller.reference,
                booking=traveller.booking,
                remark=remark_of(_basis(row.answer), row.answer.reference),
            )


def _basis(told: Told) -> EntryBasis:
    return EntryBasis(
        answer=told.answer,
        destination=told.destination,
        arrival=told.arrival,
        answered_at=told.answered_at,
        data_as_of=told.data_as_of,
    )


def _day(asked: PassengerList) -> date | None:
    stop = asked.arrival
    return stop.at.day if stop is not None and stop.at is not None else None


def _question(
    traveller: Traveller,
    arrival: date | None,
    destination: str,
    *,
    watch: bool,
    everybody: bool,
) -> Ask | Invalid:
    passport = traveller.passport()
    if passport is None:
        return Invalid([("passport", "missing", "is not there exactly once")])
    if arrival is None:
        return Invalid([("arrival", "missing", "is not said of this flight")])
    said: Mapping[str, object] = {
        "passport": {"country": passport.country, "number": passport.number},
        "destination": destination,
        "arrival": arrival,
        "watch": watch,
        "everybody": everybody,
        "row": traveller.reference[:64],
    }
    try:
        return Ask.model_validate(said)
    except ValidationError as error:
        return Invalid(problems_of(error))
