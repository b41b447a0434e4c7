"""What a renewal does to the card that it renews."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.basis import KnownCard
from issuer.endings import end_card
from issuer.lifecycle import CARD, Side
from issuer.office import Desk
from issuer.preclearances import lapse_all
from issuer.store import Application, Card


def finish_renewals(session: Session, begun: Sequence[tuple[KnownCard, Desk]]) -> None:
    """End the cards that some cards renew, in the transaction of their first signature.

    Args:
        session: Of that transaction.
        begun: Cards of which a new credential lives, and who issues it.
    """
    new = {card.application_id: (card, desk) for card, desk in begun}
    new.pop(None, None)
    if not new:
        return
    renewed = session.execute(
        select(Application.id, Card)
        .join(Card, Card.id == Application.renews_card_id)
        .where(Application.id.in_(new))
    )
    for application, old in renewed.all():
        if CARD.is_final(old.state):
            continue
        card, desk = new[application]
        end_card(
            session, desk, old, "supersede",
            by=Side.SYSTEM, continued_by=card.id,
        )  # fmt: skip
        lapse_all(session, desk, old, "renewed")
