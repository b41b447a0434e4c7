"""What destinations answer whose back office is elsewhere, as their letters say it.

Nothing of it is signed: the home economy vouches for having read it right, in its log.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import Conflict, IllegalTransition
from issuer.incoming import Event
from issuer.lifecycle import PRECLEARANCE, Side
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import (
    State,
    card_reference,
    locked,
    move,
    next_seqs,
    own_lane,
)
from issuer.store import Card, HostedEconomy, Preclearance, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer: who gave it, about which card, and what it says."""

    destination: str
    reference: str
    """What the destination was told to call the card, as ``card-17``."""
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What this economy has asked of the destinations of some answers."""

    hosted: frozenset[str]
    lanes: Mapping[tuple[str, str], Preclearance]
    """By destination and reference."""


def read_questions(
    session: Session, desk: Desk, answers: Collection[Told]
) -> Questions:
    """Read them; at most some thousands."""
    cards = {
        card.id: card_reference(card)
        for card in session.scalars(
            select(Card).where(
                Card.economy == desk.economy, Card.id.in_(_numbers(answers))
            )
        )
    }
    lanes = session.scalars(
        select(Preclearance).where(
            Preclearance.card_id.in_(cards),
            Preclearance.destination.in_({each.destination for each in answers}),
        )
    )
    return Questions(
        hosted=frozenset(session.scalars(select(HostedEconomy.code))),
        lanes={(each.destination, cards[each.card_id]): each for each in lanes},
    )


def _numbers(answers: Collection[Told]) -> set[int]:
    numbers = (each.reference.removeprefix("card-") for each in answers)
    # A longer one is no card's, and too long for a database.
    return {
        int(text) for text in numbers if text.isascii() and text.isdigit()
        if len(text) <= 18
    }  # fmt: skip


def refusal(told: Told, asked: Questions) -> Conflict | IllegalTransition | None:
    """Say why an answer cannot be recorded; None if it can."""
    if told.destination in asked.hosted:
        return _hosted(told.destination)
    lane = asked.lanes.get((told.destination, told.reference))
    if lane is None:
        text = f"{told.destination} was never asked about this card"
        return Conflict("preclearance.not_asked", text)
    try:
        PRECLEARANCE.after(lane.state, told.event, by=Side.DESTINATION)
    except IllegalTransition as error:
        return error
    return None


def _hosted(destination: str) -> Conflict:
    return Conflict(
        "preclearance.hosted_here",
        f"{destination} is hosted here: it decides, and signs, itself",
    )


def record_all(
    session: Session, desk: Desk, answers: Sequence[Told], *, note: str = ""
) -> None:
    """Record answers in one transaction; whatever way they came in.

    Args:
        session: Of the transaction; it holds this economy's audit log.
        desk: Of the economy that asked.
        answers: No two of one destination about one card; at most some thousands.
        note: Internal; where the answers were read.

    Raises:
        Conflict, IllegalTransition: As for `record`; for the first that is refused.
    """
    asked = read_questions(session, desk, answers)
    numbers = [lane.id for lane in asked.lanes.values()]
    locked(session, Preclearance.id.in_(numbers))  # as they are now
    seqs = next_seqs(session, asked.lanes.values())
    for each in answers:
        refused = refusal(each, asked)
        if refused is not None:
            raise refused
        lane = asked.lanes[each.destination, each.reference]
        move(session, desk, lane, each.event, by=Side.DESTINATION, note=note,
             seq=seqs[lane.id])  # fmt: skip


class Record(Request):
    """What a destination answered."""

    preclearance: int = Field(description="Number of the pre-clearance.")
    event: Event = Field(description="What the destination decided.")
    note: str = Field(
        "",
        max_length=2000,
        description="Internal: where it was read, such as a letter.",
    )


class Recorded(Answer):
    """What became of it."""

    preclearance: int
    state: State


@operation(
    "preclearance.record",
    "Record what a destination answered that is hosted elsewhere.",
    Role.VETTING,
    Role.ISSUING,
)
def record(desk: Desk, given: Record) -> Recorded:
    """Record one answer about one of this economy's cards.

    Raises:
        NotFound: There is no such pre-clearance.
        Conflict: ``preclearance.hosted_here``.
        IllegalTransition: It is in no state for this.
    """

    def work(session: Session) -> Recorded:
        lane = own_lane(session, desk, given.preclearance)
        told = Told(
            destination=lane.destination,
            reference=card_reference(session.get_one(Card, lane.card_id)),
            event=given.event,
        )
        record_all(session, desk, [told], note=given.note)
        return Recorded(preclearance=lane.id, state=lane.state)

    return once(desk, given, Recorded, work)
