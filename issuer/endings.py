"""What ends, or stops for a time, together with a card: one place for all routes."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.lifecycle import CARD, CREDENTIAL, PASSPORT_LINK, Side
from issuer.office import Desk
from issuer.store import Card, Credential, PassportLink

LIVE: Final = (lifecycle.Credential.VALID, lifecycle.Credential.SUSPENDED)
OPEN_LINK: Final = (lifecycle.PassportLink.LINKED, lifecycle.PassportLink.REPORTED)
MAX_REASON: Final = 500

_WITH_THE_CARD: Final = {"supersede": "supersede", "expire": "expire"}
"""What becomes of the credentials; for every other ending they are revoked."""


def end_card(
    session: Session,
    desk: Desk,
    card: Card,
    event: str,
    *,
    by: Side,
    reason_code: str | None = None,
    continued_by: int | None = None,
) -> None:
    """End a card for good: its credentials and the link to its passport end with it.

    Args:
        session: Of the desk's transaction.
        desk: Who ends it, and why.
        card: Any card of the desk's economy.
        event: ``cancel``, ``report_lost``, ``supersede`` or ``expire``.
        by: Who causes it.
        reason_code: For the log.
        continued_by: The card that takes its place.

    Raises:
        IllegalTransition: The card is in no state for it.

    Not done: its pre-clearances; they may go on with another card.
    """
    move_card(
        session, desk, card, event, by=by,
        reason_code=reason_code, continued_by=continued_by,
    )  # fmt: skip
    for credential in live_credentials(session, card.id):
        # It follows by the rules, whoever ended the card.
        move_credential(
            session,
            desk,
            credential,
            _WITH_THE_CARD.get(event, "revoke"),
            by=Side.SYSTEM,
            reason=f"the card: {event}",
            reason_code=reason_code,
        )
    # What was lost may be continued by another card, with the same passport.
    for link in open_links(session, card.id) if event != "report_lost" else ():
        link.state = PASSPORT_LINK.after(link.state, "end", by=Side.SYSTEM)
        link.changed_at = desk.now
    session.flush()


def move_card(
    session: Session,
    desk: Desk,
    card: Card,
    event: str,
    *,
    by: Side,
    reason_code: str | None = None,
    continued_by: int | None = None,
) -> None:
    """Bring a card to the state that an event leads to, and log it.

    Raises:
        IllegalTransition: The card is in no state for it.
    """
    before = card.state
    card.state = CARD.after(before, event, by=by)
    card.changed_at = desk.now
    fields = {"reason_code": reason_code, "continued_by": continued_by}
    desk.log(
        session,
        f"card:{event}",
        f"card:{card.id}",
        before=before,
        after=card.state,
        **{name: value for name, value in fields.items() if value is not None},
    )


def move_credential(
    session: Session,
    desk: Desk,
    credential: Credential,
    event: str,
    *,
    by: Side,
    reason: str,
    reason_code: str | None = None,
) -> None:
    """Bring a credential to the state that an event leads to, and log it.

    Args:
        session: Of the desk's transaction.
        desk: Who does it.
        credential: Any credential of the desk's economy.
        event: One of `issuer.lifecycle.CREDENTIAL`.
        by: Who causes it.
        reason: Kept with the credential; lifting a suspension needs another than the
            one that it began with.
        reason_code: For the log.

    Raises:
        IllegalTransition: It is in no state for it.
    """
    before = credential.state
    credential.state = CREDENTIAL.after(before, event, by=by)
    credential.state_reason = reason[:MAX_REASON]
    credential.changed_at = desk.now
    desk.log(
        session,
        f"credential:{event}",
        f"credential:{credential.id}",
        before=before,
        after=credential.state,
        card=credential.card_id,
        form=credential.form,
        list=credential.list_number,
        index=credential.list_index,
        **({"reason_code": reason_code} if reason_code else {}),
    )


def live_credentials(session: Session, card_id: int) -> list[Credential]:
    """Return the credentials of a card that are valid or suspended."""
    query = select(Credential).where(
        Credential.card_id == card_id, Credential.state.in_(LIVE)
    )
    return [*session.scalars(query.order_by(Credential.id))]


def open_links(session: Session, card_id: int) -> list[PassportLink]:
    """Return the link to the passport that a card goes with: one or none."""
    query = select(PassportLink).where(
        PassportLink.card_id == card_id, PassportLink.state.in_(OPEN_LINK)
    )
    return [*session.scalars(query)]
