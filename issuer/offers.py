"""Offers of a card to a phone: what an officer makes, and what travels how.

The address of an offer travels as a link or a code to scan.  A one-time code of six
digits travels another way, so that whoever finds the link has nothing yet.  At a
counter the officer sees the phone and hears a number from it instead.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final
from unicodedata import normalize
from urllib.parse import quote

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.chip_readings import check_chip_at_counter
from issuer.endings import live_credentials
from issuer.errors import Conflict
from issuer.installation_key import InstallationKey
from issuer.intents import check_mode
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.store import Card, CounterPhone, Offer, OfferState, Role
from issuer.suspensions import check_second_person, lift_for_another, open_suspensions

LIFE: Final = timedelta(minutes=15)
"""For which an offer can be redeemed."""
_DIGITS: Final = 6
_MOST_PAGE: Final = 200
_OFFERED: Final = (lifecycle.Card.PENDING_HOME, lifecycle.Card.ACTIVE)
_ADDRESS_USE: Final = "offer address"
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""None is mistaken for another; 5 bits each."""
_ALIKE: Final = str.maketrans("OIL", "011")
_LOST_LETTERS: Final = 12

CardNumber = Annotated[int, Field(ge=1, description="Number of the card.")]
OfferNumber = Annotated[int, Field(ge=1, description="Number of the offer.")]


class MakeOffer(Request):
    """Which card is offered."""

    card: CardNumber


class ActivateAtCounter(Request):
    """The phone that stands here, and the card for it."""

    card: CardNumber
    number: str = Field(
        pattern=r"^[0-9]{4} ?[0-9]{4}$",
        description="The eight digits that the holder reads from the phone.",
    )


class CancelOffer(Request):
    """Which offer nobody shall take any more."""

    offer: OfferNumber


class ListOffers(Request):
    """Offers, the newest first."""

    card: int | None = Field(None, ge=1, description="Only of this card.")
    before: int | None = Field(None, ge=1, description="Go on behind this offer.")
    limit: int = Field(50, ge=1, le=_MOST_PAGE, description="How many at most.")


class OfferMade(Answer):
    """What travels to the holder; it is told once and kept nowhere."""

    offer: int
    card: int
    link: str
    """For any wallet: ``openid-credential-offer://`` with the offer's address."""
    wallet_link: str
    """The same for the web wallet."""
    one_time_code: str
    """Six digits, for another way than the link; wrong five times, the offer ends."""
    lost_phone_code: str
    """For the holder to keep away from the phone: suspends the card from any other."""
    ends_at: datetime


class CounterOffer(Answer):
    """What a phone at the counter fetches by itself now."""

    offer: int
    card: int
    lost_phone_code: str
    """For the holder to keep away from the phone: suspends the card from any other."""
    ends_at: datetime


class OfferView(Answer):
    """An offer, without its codes."""

    offer: int
    card: int
    state: OfferState
    at_counter: bool
    wrong_codes: int
    made_at: datetime
    ends_at: datetime


class OfferPage(Answer):
    """Offers, the newest first."""

    offers: tuple[OfferView, ...]
    before: int | None
    """Where the next page begins; None at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What opens an offer."""

    reference: str
    """In its address; 256 random bits."""
    code: str
    """The pre-authorized code: follows from the reference, and only here."""

    @classmethod
    def new(cls, key: InstallationKey) -> "Codes":
        """Draw them."""
        return cls.of(secrets.token_urlsafe(32), key)

    @classmethod
    def of(cls, reference: str, key: InstallationKey) -> "Codes":
        """Return what belongs to a reference."""
        return cls(reference=reference, code=key.mark("offer code", reference))


def hashed(secret: str) -> bytes:
    """Return what is kept of a secret of 256 bits."""
    return sha256(secret.encode()).digest()


def one_time_mark(key: InstallationKey, offer_hash: bytes, digits: str) -> str:
    """Return what is kept of a one-time code; nobody else can search for the code."""
    return key.mark("offer one-time code", f"{offer_hash.hex()}:{digits}")


def key_of(desk: Desk) -> InstallationKey:
    """Return the installation's own key.

    Raises:
        KeyFileError: Others than its owner can read it.
    """
    return InstallationKey.load(desk.office.installation.web_key)


@operation("offer.make", "Offer a card to a phone.", Role.ISSUING)
def make_offer(desk: Desk, given: MakeOffer) -> OfferMade:
    """Make an offer; an earlier one of the same card ends.

    The answer holds secrets and is therefore not kept for a repeated request: that
    makes another offer, and ends this one.

    Raises:
        Conflict: ``wallet.none``: the settings name no wallet.  ``card.not_active``.
            ``credential.suspended``: no new phone brings it back.
            ``suspension.second_person``: what was suspended has ended since, and who
            suspended it, or a program, does not offer another.
            ``mode.app_not_issued`` or ``mode.unknown``.
        Forbidden: ``ck_offer_four_eyes``: who approved the card does not offer it.
    """
    key = key_of(desk)
    codes, digits, lost = Codes.new(key), new_digits(), new_letters()

    def work(session: Session) -> OfferMade:
        offer = add_offer(session, desk, given.card, codes)
        offer.one_time_mark = one_time_mark(key, offer.code_hash, digits)
        offer.lost_mark = lost_mark(key, offer.card_id, lost)
        session.flush()
        desk.log(session, "offer:made", f"offer:{offer.id}", card=offer.card_id)
        return OfferMade(
            offer=offer.id,
            card=offer.card_id,
            link=link_of(desk, codes.reference),
            wallet_link=wallet_link_of(desk, codes.reference),
            one_time_code=digits,
            lost_phone_code=lost,
            ends_at=offer.ends_at,
        )

    return desk.write(work)


@operation(
    "counter.activate", "Give a card to the phone that is at the counter.", Role.ISSUING
)
def activate(desk: Desk, given: ActivateAtCounter) -> CounterOffer:
    """Make an offer that only the phone can redeem whose number was read aloud.

    Raises:
        Conflict: ``counter.number``: its last digit is wrong.  ``counter.unknown``: no
            phone waits under this number.  ``chip.not_proved``: this economy wants the
            passport's chip read first.  And as for `make_offer`.
        Forbidden: As for `make_offer`.
    """
    number = given.number.replace(" ", "")
    if check_digit(number[:-1]) != number[-1]:
        raise Conflict("counter.number", "a digit is wrong: ask the holder to read it")
    key = key_of(desk)
    codes, lost = Codes.new(key), new_letters()

    def work(session: Session) -> CounterOffer:
        check_chip_at_counter(session, desk, desk.find(session, Card, given.card))
        phone = _waiting_phone(session, desk, number)
        offer = add_offer(session, desk, given.card, codes)
        offer.phone_key = phone.key
        offer.lost_mark = lost_mark(key, offer.card_id, lost)
        session.flush()
        phone.offer_id, phone.ends_at = offer.id, offer.ends_at
        owner = f"phone:{phone.id}"
        phone.sealed_reference = key.seal(_ADDRESS_USE, owner, codes.reference)
        desk.log(
            session,
            "offer:made",
            f"offer:{offer.id}",
            card=offer.card_id,
            at_counter=True,
        )
        return CounterOffer(
            offer=offer.id,
            card=offer.card_id,
            lost_phone_code=lost,
            ends_at=offer.ends_at,
        )

    return desk.write(work)


def _waiting_phone(session: Session, desk: Desk, number: str) -> CounterPhone:
    phone = session.scalars(
        select(CounterPhone)
        .where(
            CounterPhone.economy == desk.economy,
            CounterPhone.number == number,
            CounterPhone.ends_at > desk.now,
            CounterPhone.offer_id.is_(None),
        )
        .with_for_update()
    ).one_or_none()
    if phone is None:
        raise Conflict("counter.unknown", "no phone waits under this number")
    return phone


@operation("offer.cancel", "Let nobody take an offer any more.", Role.ISSUING)
def cancel_offer(desk: Desk, given: CancelOffer) -> OfferView:
    """Cancel an offer that no phone has taken.

    Raises:
        Conflict: ``offer.over``: it was taken, or has ended.
    """

    def work(session: Session) -> OfferView:
        offer = desk.find(session, Offer, given.offer)
        if offer.state != OfferState.OPEN:
            raise Conflict("offer.over", f"the offer is {offer.state} already")
        _end(session, desk, offer)
        return _view(offer)

    return desk.write(work)


@operation("offer.list", "List offers of cards to phones.", Role.ISSUING, changes=False)
def list_offers(desk: Desk, given: ListOffers) -> OfferPage:
    """List offers, without their codes."""

    def work(session: Session) -> OfferPage:
        query = select(Offer).where(Offer.economy == desk.economy)
        if given.card is not None:
            query = query.where(Offer.card_id == given.card)
        if given.before is not None:
            query = query.where(Offer.id < given.before)
        rows = session.scalars(query.order_by(Offer.id.desc()).limit(given.limit)).all()
        desk.log(
            session,
            "offer:read",
            f"card:{given.card}" if given.card else "offers",
            records=[row.id for row in rows],
            count=len(rows),
        )
        return OfferPage(
            offers=tuple(map(_view, rows)),
            before=rows[-1].id if len(rows) == given.limit else None,
        )

    return desk.look(work)


def add_offer(session: Session, desk: Desk, card_id: int, codes: Codes) -> Offer:
    """Add an offer to a session; its one-time mark or its phone's key is still to come.

    Raises:
        Conflict: ``card.not_active``, ``credential.suspended``,
            ``suspension.second_person``, ``mode.*`` or ``wallet.none``.
    """
    card = desk.find(session, Card, card_id)
    if card.state not in _OFFERED:
        raise Conflict("card.not_active", f"the card is {card.state}")
    if any(
        each.form == "app" and each.state == lifecycle.Credential.SUSPENDED
        for each in live_credentials(session, card.id)
    ):
        raise Conflict(
            "credential.suspended",
            "its credential is suspended: report the phone lost, or let a second person"
            " lift it",
        )
    check_mode(desk.office.scheme(session), desk.economy, "app", desk.now)
    wallet_url(desk)
    _settle_suspensions(session, desk, card)
    end_offers(session, desk, card.id)
    session.flush()  # one is open at a time
    offer = Offer(
        economy=desk.economy,
        card_id=card.id,
        state=OfferState.OPEN,
        reference_hash=hashed(codes.reference),
        code_hash=hashed(codes.code),
        made_by=desk.actor.account_id,
        approved_by=card.approved_by,
        made_at=desk.now,
        ends_at=desk.now + LIFE,
        changed_at=desk.now,
    )
    session.add(offer)
    return offer


def end_offers(
    session: Session, desk: Desk, card_id: int, *, by: int | None = None
) -> None:
    """End the open offers of a card; only those that one account has made, or all."""
    rows = select(Offer).where(Offer.card_id == card_id, Offer.state == OfferState.OPEN)
    if by is not None:
        rows = rows.where(Offer.made_by == by)
    for each in session.scalars(rows.with_for_update()):
        _end(session, desk, each)


def _settle_suspensions(session: Session, desk: Desk, card: Card) -> None:
    """Let who offers a card answer for what was suspended of it and has ended since.

    The phone that takes the offer is signed for by the installation, which is nobody
    to lift anything.
    """
    rows = [
        row
        for row in open_suspensions(session, [card.id]).get(card.id, ())
        if row.is_about("app", None)
    ]
    check_second_person(rows, desk)
    lift_for_another(session, desk, rows, at=desk.now)


def new_digits() -> str:
    """Draw a one-time code."""
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"


def new_letters() -> str:
    """Draw a code of 60 bits, to be copied from paper by hand."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LOST_LETTERS))
    return "-".join(letters[at : at + 4] for at in range(0, _LOST_LETTERS, 4))


def plain_letters(code: str) -> str:
    """Return such a code as it was drawn, whatever its case, spacing and dashes."""
    typed = normalize("NFKC", code).upper()
    return "".join(each for each in typed.translate(_ALIKE) if each.isalnum())


def lost_mark(key: InstallationKey, card_id: int, code: str) -> str:
    """Return what is kept of a lost-phone code."""
    return key.mark("lost-phone code", f"{card_id}:{plain_letters(code)}")


def reference_of(key: InstallationKey, phone: CounterPhone) -> str:
    """Return the reference of the offer that was made for a phone at a counter."""
    return key.unseal(_ADDRESS_USE, f"phone:{phone.id}", phone.sealed_reference or "")


def wallet_url(desk: Desk) -> str:
    """Return where wallets ask.

    Raises:
        Conflict: ``wallet.none``.
    """
    url = desk.office.installation.wallet.url
    if url is None:
        raise Conflict("wallet.none", "the settings do not say where wallets ask")
    return url


def address_of(desk: Desk, reference: str) -> str:
    """Return where the offer with a reference is fetched."""
    return f"{wallet_url(desk)}/{desk.economy}/offer/{reference}"


def link_of(desk: Desk, reference: str) -> str:
    """Return the link of an offer for any wallet."""
    return f"openid-credential-offer://?{_query(desk, reference)}"


def wallet_link_of(desk: Desk, reference: str) -> str:
    """Return the link of an offer for the web wallet: no server sees what it offers."""
    return f"{wallet_url(desk)}/wallet/#offer?{_query(desk, reference)}"


def _query(desk: Desk, reference: str) -> str:
    return f"credential_offer_uri={quote(address_of(desk, reference), safe='')}"


def check_digit(digits: str) -> str:
    """Return the digit that checks others (ISO/IEC 7812-1, annex B: Luhn).

    It finds each single wrong digit, and two neighbours that changed places but for 0
    and 9.
    """
    doubled = (
        sum(divmod(2 * int(digit), 10)) if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(digits))
    )
    return str(-sum(doubled) % 10)


def _end(session: Session, desk: Desk, offer: Offer) -> None:
    offer.state = OfferState.CANCELLED
    offer.changed_at = desk.now
    desk.log(session, "offer:cancelled", f"offer:{offer.id}", card=offer.card_id)


def _view(offer: Offer) -> OfferView:
    return OfferView(
        offer=offer.id,
        card=offer.card_id,
        state=offer.state,
        at_counter=offer.phone_key is not None,
        wrong_codes=offer.wrong,
        made_at=offer.made_at,
        ends_at=offer.ends_at,
    )
