"""Cards that are approved and that no phone has fetched yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field
from sqlalchemy import ColumnElement, Select, exists, func, select, tuple_
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.dated import in_force
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.preclearances import Limit
from issuer.scheme import Scheme
from issuer.store import (
    Account,
    Application,
    Card,
    Credential,
    Offer,
    OfferState,
    Person,
    Role,
)

NEVER_SIGNED: Final = (lifecycle.Credential.PREPARED, lifecycle.Credential.VOID)
"""States of a credential that no phone has had."""
_OLDEST: Final = 36_600
_SINCE: Final = func.coalesce(Application.decided_at, Card.created_at)
"""When it was approved; what continues a lost card, when it was made."""


class Offered(StrEnum):
    """Whether anybody has offered a card to a phone."""

    NEVER = "never"
    BEFORE = "before"
    """And no phone took it."""


class ListPhoneWaits(Request):
    """Which of them, and where to go on."""

    days: int = Field(0, ge=0, le=_OLDEST, description="Approved this long ago.")
    offered: Offered | None = Field(None, description="Only those never, or before.")
    after: int | None = Field(None, description="Go on behind this card.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class PhoneWait(Answer):
    """A card that waits for a phone."""

    card: int
    family_name: str
    given_name: str
    days: int
    """Since it was approved."""
    approved_by: str | None
    """Who approved it, by their name; that person cannot offer it."""
    approved_by_you: bool
    has_email: bool
    """There is an address to which its holder could be written."""
    offered_at: datetime | None
    """When it was last offered."""
    is_open: bool
    """That offer can still be taken."""


class PhoneWaits(Answer):
    """A page of them, the longest wait first."""

    cards: tuple[PhoneWait, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "queue.phones",
    "List cards that are approved and that no phone has fetched.",
    Role.ISSUING,
    changes=False,
)
def list_phone_waits(desk: Desk, given: ListPhoneWaits) -> PhoneWaits:
    """List them; none where this economy issues no cards to phones now."""

    def work(session: Session) -> PhoneWaits:
        if not issues_to_phones(desk.office.scheme(session), desk.economy, desk.now):
            return PhoneWaits(cards=(), after=None)
        rows = session.execute(_page(session, desk, given)).all()
        here = rows[: given.limit]
        offers = _last_offers(session, [card.id for card, *_ in here])
        shown = tuple(
            _line(desk, card, person, approver, since, offers.get(card.id))
            for card, person, approver, since in here
        )
        desk.log(
            session,
            "queue:read",
            "queue:phones",
            queue="phones",
            records=[each.card for each in shown],
            count=len(shown),
        )
        more = len(rows) > given.limit
        return PhoneWaits(cards=shown, after=shown[-1].card if more else None)

    return desk.look(work)


def issues_to_phones(scheme: Scheme, economy: str, at: datetime) -> bool:
    """Tell whether an economy issues cards to phones."""
    forms = in_force(scheme.economy(economy).issues_forms, at)
    return forms is not None and forms.value != "physical"


def is_fetched_online(session: Session, desk: Desk) -> bool:
    """Tell whether holders of this economy put cards on their phones themselves now."""
    settings = desk.office.installation
    return (
        desk.economy in settings.portal.phones
        and settings.wallet.url is not None
        and issues_to_phones(desk.office.scheme(session), desk.economy, desk.now)
    )


def waiting(economy: str) -> Select[int]:
    """Return the question for the cards of an economy that wait for a phone."""
    return select(Card.id).where(
        Card.economy == economy,
        Card.state == lifecycle.Card.ACTIVE,
        Card.told_to.is_(None),
        ~fetched(),
    )


def fetched() -> ColumnElement[bool]:
    """Return the condition that a phone has had the card once, whatever came then."""
    return exists().where(
        Credential.card_id == Card.id,
        Credential.form == "app",
        Credential.state.not_in(NEVER_SIGNED),
    )


def _page(
    session: Session, desk: Desk, given: ListPhoneWaits
) -> Select[Card, Person, str, datetime]:
    query = (
        waiting(desk.economy)
        .join(Person, Person.id == Card.person_id)
        .outerjoin(Application, Application.id == Card.application_id)
        .outerjoin(Account, Account.id == Card.approved_by)
        .where(desk.now - timedelta(days=given.days) >= _SINCE)
        .with_only_columns(Card, Person, Account.display_name, _SINCE)
        .order_by(_SINCE, Card.id)
        .limit(given.limit + 1)
    )
    if given.offered is not None:
        was_offered = exists().where(Offer.card_id == Card.id)
        wanted = given.offered is Offered.BEFORE
        query = query.where(was_offered if wanted else ~was_offered)
    begun = _place(session, desk, given.after)
    return query if begun is None else query.where(tuple_(_SINCE, Card.id) > begun)


def _place(
    session: Session, desk: Desk, after: int | None
) -> tuple[datetime, int] | None:
    """Return where a card stands in the queue; another economy's stands nowhere."""
    if after is None:
        return None
    since = session.scalar(
        select(_SINCE)
        .select_from(Card)
        .outerjoin(Application, Application.id == Card.application_id)
        .where(Card.id == after, Card.economy == desk.economy)
    )
    return None if since is None else (since, after)


def _last_offers(session: Session, cards: Sequence[int]) -> Mapping[int, Offer]:
    rows = session.scalars(
        select(Offer).where(Offer.card_id.in_(cards)).order_by(Offer.id)
    )
    return {row.card_id: row for row in rows}


def _line(  # noqa: PLR0917  # a row of the question, and the offer beside it
    desk: Desk,
    card: Card,
    person: Person,
    approver: str | None,
    since: datetime,
    offer: Offer | None,
) -> PhoneWait:
    is_open = offer is not None and offer.state == OfferState.OPEN
    return PhoneWait(
        card=card.id,
        family_name=person.family_name,
        given_name=person.given_name,
        days=(desk.now - since).days,
        approved_by=approver,
        approved_by_you=card.approved_by == desk.actor.account_id,
        has_email=person.email is not None,
        offered_at=offer.made_at if offer else None,
        is_open=is_open and offer is not None and offer.ends_at > desk.now,
    )
