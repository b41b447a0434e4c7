"""Notes what destinations elsewhere must hear of, in the transaction that changes it.

Every door of the back office writes through `Store.write`, and every flush of it comes
by here: an operation can neither forget to tell, nor tell what was not committed.  What
is noted is which question has something to tell.  What exactly is worked out when it is
sent (`issuer.link.messages`), so that ten changes in a minute are one message.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Update,
    case,
    func,
    insert,
    inspect,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.store.cards import Card, Credential, PassportLink
from issuer.store.cases import Preclearance
from issuer.store.link import LinkPartner, LinkQuestion

ASKED: Final = frozenset(
    {
        lifecycle.Preclearance.PENDING,
        lifecycle.Preclearance.APPROVED,
        lifecycle.Preclearance.NOT_APPROVED,
        lifecycle.Preclearance.SUSPENDED,
    }
)
"""A pre-clearance in one of these is the destination's to speak about; one that a
replacement took over as withdrawn is not asked about again."""
TOLD: Final = frozenset(
    {
        lifecycle.Credential.VALID,
        lifecycle.Credential.SUSPENDED,
        lifecycle.Credential.REVOKED,
        lifecycle.Credential.SUPERSEDED,
        lifecycle.Credential.EXPIRED,
    }
)
"""A destination hears of a credential once it is signed."""


def note_changes(session: Session, _: object) -> None:
    """Note what one flush has changed; a listener of ``after_flush``."""
    changed = [*session.new, *session.dirty]
    lanes = [each for each in changed if isinstance(each, Preclearance)]
    if lanes:
        _note_lanes(session.connection(), lanes)
        _note_reminders(session.connection(), lanes)
    cards = _cards_changed(changed)
    if cards:
        _note_cards(session.connection(), cards)


def ask(connection: Connection, lanes: Collection[Preclearance]) -> None:
    """Note a new question about each lane; an earlier one about it ends.

    Args:
        connection: Of the transaction.
        lanes: Of cards of an economy hosted here, to destinations with which it has a
            link; each was asked (``asked_at``).
    """
    keys = [lane.id for lane in lanes]
    _end(connection, lanes)
    counts: dict[int, int] = {
        row[0]: row[1]
        for row in connection.execute(
            select(LinkQuestion.preclearance_id, func.count())
            .where(LinkQuestion.preclearance_id.in_(keys))
            .group_by(LinkQuestion.preclearance_id)
        )
    }
    rows = [_question(lane, counts.get(lane.id, 0) + 1) for lane in lanes]
    connection.execute(insert(LinkQuestion), rows)


def _question(lane: Preclearance, number: int) -> dict[str, Any]:
    again = "" if number == 1 else f".{number}"
    return {
        "economy": lane.issuer,
        "destination": lane.destination,
        "card_id": lane.card_id,
        "preclearance_id": lane.id,
        "reference": f"card-{lane.card_id}{again}",
        "asked_at": lane.asked_at,
        "changed_at": lane.changed_at,
        "next_at": lane.changed_at,
    }


def _note_lanes(connection: Connection, lanes: Iterable[Preclearance]) -> None:
    asked = [lane for lane in lanes if lane.state in ASKED and _is_asked(lane)]
    lapsed = [
        lane
        for lane in lanes
        if lane.state == lifecycle.Preclearance.LAPSED and _has_changed(lane, "state")
    ]
    linked = _linked(connection, {(each.issuer, each.destination) for each in asked})
    mine = [each for each in asked if (each.issuer, each.destination) in linked]
    if mine:
        ask(connection, mine)
    if lapsed:
        _end(connection, lapsed)


def _note_reminders(connection: Connection, lanes: Iterable[Preclearance]) -> None:
    """Let reminders be told, as far as the destination has been asked."""
    reminded = {
        lane.id: lane.changed_at
        for lane in lanes
        if lane.reminded_at is not None and _has_changed(lane, "reminded_at")
    }
    if reminded:
        connection.execute(
            _noted(reminded).where(
                LinkQuestion.preclearance_id.in_(reminded), ~LinkQuestion.has_ended
            )
        )


def _linked(
    connection: Connection, pairs: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    if not pairs:
        return set()
    key = tuple_(LinkPartner.economy, LinkPartner.destination)
    rows = connection.execute(
        select(LinkPartner.economy, LinkPartner.destination).where(key.in_(pairs))
    )
    return {(row[0], row[1]) for row in rows}


def _end(connection: Connection, lanes: Collection[Preclearance]) -> None:
    connection.execute(
        _noted({lane.id: lane.changed_at for lane in lanes})
        .where(
            LinkQuestion.preclearance_id.in_([lane.id for lane in lanes]),
            ~LinkQuestion.has_ended,
        )
        .values(has_ended=True)
    )


def _note_cards(connection: Connection, cards: Mapping[int, datetime]) -> None:
    connection.execute(_noted(cards).where(LinkQuestion.card_id.in_(cards)))


def _noted(moments: Mapping[int, datetime]) -> Update:
    """Count up; what had nothing to tell waits from now on."""
    waits_from = case(
        (LinkQuestion.told == LinkQuestion.changed, max(moments.values())),
        else_=LinkQuestion.changed_at,
    )
    return update(LinkQuestion).values(
        changed=LinkQuestion.changed + 1, changed_at=waits_from
    )


def _cards_changed(changed: Iterable[object]) -> dict[int, datetime]:
    cards = {}
    for each in changed:
        match each:
            case Card() if _has_changed(each, "state", "expires_at"):
                cards[each.id] = each.changed_at
            case PassportLink() if _is_new(each):
                cards[each.card_id] = each.linked_at
            case Credential() if each.state in TOLD and _has_changed(each, "state"):
                cards[each.card_id] = each.changed_at
            case _:
                pass
    return cards


def _is_asked(lane: Preclearance) -> bool:
    """Whether this flush asks: for the first time, or anew."""
    is_pending = lane.state == lifecycle.Preclearance.PENDING
    return lane.asked_at is not None and (
        _has_changed(lane, "asked_at") or (is_pending and _has_changed(lane, "state"))
    )


def _is_new(row: PassportLink) -> bool:
    return bool(inspect(row).attrs["card_id"].history.added)


def _has_changed(row: Any, *names: str) -> bool:
    return any(inspect(row).attrs[name].history.has_changes() for name in names)
