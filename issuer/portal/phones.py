"""Holders who put their approved card on their first phone themselves.

What opens the offer goes two ways: its address is shown on the page of whoever has
signed in, the code of six digits goes by mail.  A mail that is read, forwarded or kept
is worth nothing alone.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer.chip_readings import check_chip_at_counter
from issuer.errors import Conflict
from issuer.offers import (
    LIFE,
    Codes,
    add_offer,
    key_of,
    link_of,
    lost_mark,
    new_digits,
    new_letters,
    one_time_mark,
    wallet_link_of,
)
from issuer.office import Desk
from issuer.phone_waits import is_fetched_online, waiting
from issuer.portal.post import QueueMail
from issuer.portal.tracking import card_of, has_handed_in
from issuer.store import Applicant, Card, Offer, Person

OFFERS_A_DAY: Final = 6
"""For one card; each sends a mail."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOffer:
    """What the page shows, once; the code is not among it."""

    link: str = field(repr=False)
    """For any wallet."""
    wallet_link: str = field(repr=False)
    """The same for the web wallet."""
    lost_phone_code: str = field(repr=False)
    ends_at: datetime


def may_fetch(session: Session, desk: Desk, card: Card, applicant: int) -> bool:
    """Tell whether a holder may put a card on a phone themselves.

    That is where the economy has it so (``[portal] phones``), the card is approved and
    in use, and no phone has ever had it: a second phone is for an officer, or for the
    first one.  Who follows it by a letter needs an address on file: an officer who
    makes a letter for themselves shall not have the card.
    """
    if not is_fetched_online(session, desk):
        return False
    if _address(session, card, applicant) is None:
        return False
    return session.scalar(waiting(desk.economy).where(Card.id == card.id)) is not None


def offer_own(desk: Desk, *, applicant: int, card: int, queue: QueueMail) -> OwnOffer:
    """Offer a card to its holder's phone; an earlier offer ends.

    Args:
        desk: Of the installation itself.
        applicant: Who has signed in.
        card: The card's number.
        queue: Sends the code, to the address on file, else to where they sign in.

    Raises:
        NotFound: It is no card of this applicant.
        Conflict: ``phone.not_here``: see `may_fetch`.  ``phone.too_often``: it was
            offered six times within a day.  ``chip.not_proved``: this economy wants the
            passport's chip read first.  And as for `issuer.offers.add_offer`.
    """
    key = key_of(desk)
    codes, digits, lost = Codes.new(key), new_digits(), new_letters()

    def work(session: Session) -> OwnOffer:
        row = card_of(session, desk.economy, applicant, card)
        if not may_fetch(session, desk, row, applicant):
            raise Conflict("phone.not_here", "this card is not fetched online")
        check_chip_at_counter(session, desk, row)
        _check_pace(session, row, desk.now)
        offer = add_offer(session, desk, row.id, codes)
        offer.one_time_mark = one_time_mark(key, offer.code_hash, digits)
        offer.lost_mark = lost_mark(key, row.id, lost)
        session.flush()
        desk.log(session, "offer:made", f"offer:{offer.id}", card=row.id, online=True)
        queue(
            session,
            economy=desk.economy,
            to=_address(session, row, applicant),
            kind="phone_code",
            words={
                "code": f"{digits[:3]} {digits[3:]}",
                "minutes": LIFE // timedelta(minutes=1),
            },
            now=desk.now,
            ends_at=offer.ends_at,
        )
        return OwnOffer(
            link=link_of(desk, codes.reference),
            wallet_link=wallet_link_of(desk, codes.reference),
            lost_phone_code=lost,
            ends_at=offer.ends_at,
        )

    return desk.write(work)


def _address(session: Session, card: Card, applicant: int) -> str | None:
    on_file = session.get_one(Person, card.person_id).email
    if on_file is not None or not has_handed_in(session, card, applicant):
        return on_file
    return session.get_one(Applicant, applicant).email


def _check_pace(session: Session, card: Card, now: datetime) -> None:
    made = session.scalar(
        select(func.count()).where(Offer.card_id == card.id, Offer.made_at > now - _DAY)
    )
    if (made or 0) >= OFFERS_A_DAY:
        raise Conflict("phone.too_often", "it was offered too often today")
