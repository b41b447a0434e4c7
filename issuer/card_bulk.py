"""Ending many cards or credentials at once: what one bad account or batch has made.

Proposed by one person and released by another, as every bulk change.
"""

from typing import Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.bulk import (
    BulkAction,
    CardFilter,
    add_action,
    cards_matching,
    look_at_each,
    one_by_one,
)
from issuer.endings import LIVE, end_card, move_credential
from issuer.lifecycle import CARD, CREDENTIAL, Side
from issuer.office import Desk
from issuer.operations import Request
from issuer.preclearances import lapse_all
from issuer.store import Card, Credential, Issue, Plastic, Role

_ISSUING: Final = frozenset({Role.ISSUING})


class CredentialFilter(Request):
    """Credentials for a bulk change: by who had them signed, when, or by batch."""

    issued_by: int | None = Field(None, description="The account that had them signed.")
    issued_since: AwareDatetime | None = Field(None, description="From then on.")
    batch: str | None = Field(
        None, max_length=64, description="The batch of plastic that holds them."
    )


def _credentials(desk: Desk, wanted: CredentialFilter) -> Any:
    query = select(Credential.id).where(
        Credential.economy == desk.economy, Credential.state.in_(LIVE)
    )
    signed = select(Issue.credential_id).where(Issue.economy == desk.economy)
    if wanted.issued_by is not None:
        signed = signed.where(Issue.requested_by == wanted.issued_by)
    if wanted.issued_since:
        signed = signed.where(Issue.intended_at >= wanted.issued_since)
    query = query.where(Credential.id.in_(signed))
    if wanted.batch:
        printed = select(Plastic.credential_id).where(
            Plastic.economy == desk.economy, Plastic.batch == wanted.batch
        )
        query = query.where(Credential.id.in_(printed))
    return query.order_by(Credential.id)


def _look_at_credential(session: Session, desk: Desk, record: int, _: Any) -> None:
    credential = desk.find(session, Credential, record)
    CREDENTIAL.after(credential.state, "revoke", by=Side.HOME)


def _revoke(session: Session, desk: Desk, record: int, _: Any, bulk: int) -> None:
    credential = desk.find(session, Credential, record)
    move_credential(
        session,
        desk,
        credential,
        "revoke",
        by=Side.HOME,
        reason=f"bulk change {bulk}: {desk.reason}",
        reason_code=f"bulk_{bulk}",
    )


def _look_at_card(session: Session, desk: Desk, record: int, _: Any) -> None:
    CARD.after(desk.find(session, Card, record).state, "cancel", by=Side.HOME)


def _cancel(session: Session, desk: Desk, record: int, _: Any, bulk: int) -> None:
    card = desk.find(session, Card, record)
    code = f"bulk_{bulk}"
    end_card(session, desk, card, "cancel", by=Side.HOME, reason_code=code)
    lapse_all(session, desk, card, "cancelled")


add_action(
    BulkAction(
        name="credential.revoke",
        summary="Revoke credentials for good; their cards go on",
        roles=_ISSUING,
        select=_credentials,
        preview=look_at_each(_look_at_credential),
        change=one_by_one(_revoke),
        filter=CredentialFilter,
    )
)
add_action(
    BulkAction(
        name="card.cancel",
        summary="Cancel cards for good, with everything that belongs to them",
        roles=_ISSUING,
        select=cards_matching,
        preview=look_at_each(_look_at_card),
        change=one_by_one(_cancel),
        filter=CardFilter,
    )
)
