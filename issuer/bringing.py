"""Bring a phone its credential: the first, the same again, or the newest.

Whatever a phone asks and however often, it gets one card: the request to
`issuer.signing` is named after the phone, its key and what was signed before.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.card_issuing import order_for_phone
from issuer.errors import Conflict, Forbidden, IllegalTransition, SigningError
from issuer.holder_views import credential_of, is_due, newest_issue
from issuer.intents import Order
from issuer.jws import public_key_from_jwk
from issuer.office import Desk
from issuer.signing import issue, recover_economy
from issuer.store import (
    Account,
    AccountKind,
    Card,
    Issue,
    IssueState,
    Offer,
    Phone,
    PhoneState,
)

_TRIES: Final = 3
_LEFT: Final = timedelta(minutes=1)
"""After which whoever began a signature is taken to have stopped."""
_RESTORED: Final = ("tr_issue_after_restore", "tr_issue_signed_after_restore")
"""Nothing is signed until a database that was put back has caught up."""
_PASSING: Final = ("log.ahead", "key.unpublished", "card.issue_open", "issue.void")
"""What another look may find otherwise; the phone asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A credential for the phone."""

    text: str
    """Issuer JWT and ``~``."""
    issue_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The credential is not ready; its phone asks again."""

    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToSign:
    """Something has to be signed."""

    key: str
    """Names the request, so that it is done once."""
    current: Ready | None
    """What the phone gets where that is refused."""


def bring(desk: Desk, phone_id: int) -> Ready | None:
    """Bring a phone its credential; None where it cannot be signed yet.

    Args:
        desk: Of the installation itself.
        phone_id: A phone that has shown its holder's key.

    Raises:
        Conflict: Refused for good; ``credential.suspended`` and other states where it
            has ended, ``phone.overtaken`` where a newer phone has come.
        Forbidden: ``ck_offer_four_eyes``: who approved the card has offered it.
        StoreDown: The database does not answer.
    """
    for _ in range(_TRIES):
        found = desk.read(lambda session: _look(session, desk, phone_id))
        if not isinstance(found, _ToSign):
            return found
        try:
            return _signed(desk, phone_id, found.key)
        except SigningError:
            return None
        except Forbidden as error:
            if error.rule not in _RESTORED:
                raise
            return found.current
        except (Conflict, IllegalTransition) as error:
            code = error.code if isinstance(error, Conflict) else error.reason
            if code not in _PASSING:
                if found.current is not None:
                    return found.current
                raise
            if code == "card.issue_open" and not _complete_old(desk, phone_id):
                return None
    return None


def _complete_old(desk: Desk, phone_id: int) -> bool:
    """Complete what somebody else began for this card and left; False where they may
    still be at it.
    """
    left = (
        select(Issue.id)
        .join(Phone, Phone.card_id == Issue.card_id)
        .where(
            Phone.id == phone_id,
            Issue.state == IssueState.INTENDED,
            Issue.intended_at <= desk.now - _LEFT,
        )
    )
    if desk.read(lambda session: session.scalars(left).first()) is None:
        return False
    recover_economy(desk)
    return True


def _look(session: Session, desk: Desk, phone_id: int) -> Ready | _ToSign | None:
    phone = _open_phone(session, phone_id)
    card = session.get_one(Card, phone.card_id)
    credential = credential_of(session, phone)
    if credential is None:
        if card.state == lifecycle.Card.PENDING_HOME:
            return None
        return _ToSign(key=_request_key(session, phone), current=None)
    if credential.state != lifecycle.Credential.VALID:
        raise Conflict(f"credential.{credential.state}", "it is not valid any more")
    last = newest_issue(session, credential)
    current = Ready(text=last.text or "", issue_id=last.id)
    if not is_due(session, desk, credential, last):
        return current
    return _ToSign(key=_request_key(session, phone), current=current)


def _open_phone(session: Session, phone_id: int) -> Phone:
    phone = session.get_one(Phone, phone_id)
    if phone.state in (PhoneState.DECLINED, PhoneState.ENDED):
        raise Conflict("phone.overtaken", "this phone has said no, or a newer one came")
    return phone


def _request_key(session: Session, phone: Phone) -> str:
    """Name what a phone asks for: the same until something was signed, or voided."""
    settled = session.scalar(
        select(func.max(Issue.id)).where(
            Issue.card_id == phone.card_id,
            Issue.state.in_((IssueState.SIGNED, IssueState.VOID)),
        )
    )
    key = sha256((phone.holder_key or "").encode()).hexdigest()[:32]
    return f"phone:{phone.id}:{settled or 0}:{key}"


def _signed(desk: Desk, phone_id: int, key: str) -> Ready:
    def plan(session: Session) -> Order:
        # Asked again: a newer phone may have come while this one waited for its turn.
        phone = _open_phone(session, phone_id)
        card = desk.find(session, Card, phone.card_id)
        # The database compares: who approved the card is not who has offered it.
        offer = session.get_one(Offer, phone.offer_id)
        offer.approved_by = card.approved_by
        session.flush()
        kind = session.get_one(Account, offer.made_by).kind
        holder_key = public_key_from_jwk(json.loads(phone.holder_key or "{}"))
        return order_for_phone(
            session, desk, card, holder_key, by_person=kind != AccountKind.SYSTEM
        )

    done = issue(replace(desk, request_key=key), {"is": "phone", "key": key}, plan)
    return Ready(text=done.text, issue_id=done.issue_id)
