"""Fees of applicants: what is due, what they say of it, and what an officer has found.

Money moves elsewhere.  Here are a reference to write on a payment, and a state; no
number of a card is ever taken, and what looks like one is refused.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Protocol

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.dated import in_force
from issuer.economy import Fee
from issuer.errors import Conflict
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.scheme import Scheme
from issuer.store import (
    ApplicationKind,
    OnlineApplication,
    OnlinePayment,
    PaymentState,
    Role,
)

_KINDS: Final = MappingProxyType(
    {ApplicationKind.NEW: "application", ApplicationKind.RENEWAL: "renewal"}
)
"""Kinds of fees by kind of application."""
_NEXT: Final = MappingProxyType(
    {
        (PaymentState.DUE, "tell"): PaymentState.TOLD,
        (PaymentState.TOLD, "tell"): PaymentState.TOLD,
        (PaymentState.DUE, "receive"): PaymentState.RECEIVED,
        (PaymentState.TOLD, "receive"): PaymentState.RECEIVED,
        # Money that comes after all has to be written down, to be given back.
        (PaymentState.CANCELLED, "receive"): PaymentState.RECEIVED,
        (PaymentState.RECEIVED, "refund"): PaymentState.REFUNDED,
        (PaymentState.DUE, "cancel"): PaymentState.CANCELLED,
        (PaymentState.TOLD, "cancel"): PaymentState.CANCELLED,
    }
)
"""What follows what; nothing else does."""
_DIGITS: Final = re.compile(r"(?:[0-9][ .-]?){12,18}[0-9]")
_STAFF: Final = (Role.INTAKE, Role.VETTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """A fee, as its applicant sees it."""

    id: int
    reference: str
    kind: str
    amount: str
    currency: str
    state: PaymentState
    told: str


class PaymentAdapter(Protocol):
    """A way to pay; `ManualReceipt` is the one that needs no partner.

    An adapter to a payment service sends the applicant there and back, and never sees
    what they type there.  What it hears from the service it tells by `settle`.
    """

    def begin(self, due: PaymentView, *, back: str) -> str | None:
        """Return the address where a fee can be paid.

        Args:
            due: The fee.
            back: Where the service shall send the applicant afterwards.

        Returns:
            None: by the economy's own ways, with the reference.
        """


class ManualReceipt:
    """Payment by the economy's own ways; an officer confirms what arrived."""

    def begin(self, due: PaymentView, *, back: str) -> str | None:
        """Send nobody anywhere; see `PaymentAdapter`."""
        return None


def looks_like_card_number(text: str) -> bool:
    """Tell whether a text holds digits that may be a payment card's number."""
    for found in _DIGITS.finditer(_visible(text)):
        digits = [int(each) for each in found[0] if each.isdigit()]
        doubled = [
            sum(divmod(2 * each, 10)) if place % 2 else each
            for place, each in enumerate(reversed(digits))
        ]
        if sum(doubled) % 10 == 0:
            return True
    return False


def _visible(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _no_card(text: str) -> str:
    if looks_like_card_number(text):
        sentence = "looks like the number of a payment card, which is never kept here"
        raise PydanticCustomError("card_number", "{text}", {"text": sentence})
    return text


def fee_of(
    scheme: Scheme, economy: str, kind: ApplicationKind, at: datetime
) -> Fee | None:
    """Return what an application costs at a moment; None: nobody has said so."""
    return in_force(scheme.economy(economy).fees, at, subject=_KINDS[kind])


def ask(
    session: Session, row: OnlineApplication, scheme: Scheme, now: datetime
) -> None:
    """Make the payment of an application, if its fee is known."""
    fee = fee_of(scheme, row.economy, row.kind, now)
    if fee is None:
        return
    session.add(
        OnlinePayment(
            economy=row.economy,
            online_id=row.id,
            reference=f"P-{row.reference}",
            kind=fee.kind,
            amount=str(fee.amount),
            currency=fee.currency,
            state=PaymentState.DUE,
            created_at=now,
            changed_at=now,
        )
    )
    session.flush()


def of_application(session: Session, online: int) -> PaymentView | None:
    """Return the payment of an application."""
    row = session.scalars(
        select(OnlinePayment).where(OnlinePayment.online_id == online)
    ).one_or_none()
    if row is None:
        return None
    return PaymentView(
        id=row.id,
        reference=row.reference,
        kind=row.kind,
        amount=row.amount,
        currency=row.currency,
        state=row.state,
        told=row.told,
    )


def tell(session: Session, online: int, told: str, now: datetime) -> None:
    """Keep what an applicant says of how they paid.

    Raises:
        Conflict: ``payment.card_number``, or as for `payment.confirm`.
    """
    row = session.scalars(
        select(OnlinePayment).where(OnlinePayment.online_id == online).with_for_update()
    ).one_or_none()
    if row is None:
        raise Conflict("payment.none", "nothing is due")
    # Officers read it: nothing that cannot be seen, or that turns a line round.
    shown = _visible(told)
    if looks_like_card_number(shown):
        raise Conflict("payment.card_number", "numbers of cards are never kept here")
    _move(row, "tell", now)
    row.told = shown[:100]


def leave(session: Session, online: int, now: datetime) -> None:
    """Take a payment from its application: what was received stays on file."""
    row = session.scalars(
        select(OnlinePayment).where(OnlinePayment.online_id == online).with_for_update()
    ).one_or_none()
    if row is None:
        return
    if row.state == PaymentState.DUE:
        session.delete(row)
    else:
        row.online_id, row.changed_at = None, now
    session.flush()


# For officers


class ListPayments(Request):
    """Which payments."""

    state: PaymentState | None = Field(None, description="Only those in this state.")
    after: int | None = Field(None, description="Go on behind this one.")
    limit: int = Field(50, ge=1, le=200, description="How many at most, up to 200.")


class PaymentLine(Answer):
    """A payment of an applicant online."""

    payment: int
    reference: str
    kind: str
    amount: str
    currency: str
    state: PaymentState
    told: str
    """In the applicant's words."""
    receipt: str
    application: int | None
    """None: not handed in yet, or deleted."""
    age_days: int


class PaymentLines(Answer):
    """A page of payments, the oldest first."""

    payments: tuple[PaymentLine, ...]
    after: int | None


class ConfirmPayment(Request):
    """Which payment, and where the money was found."""

    payment: int = Field(description="Number of the payment.")
    receipt: Annotated[str, AfterValidator(_no_card)] = Field(
        min_length=1,
        max_length=100,
        description="Where it was found, such as the number of a receipt; never a"
        " card's number.",
    )


class OnePayment(Request):
    """Which payment."""

    payment: int = Field(description="Number of the payment.")


@operation(
    "portal.payments",
    "List what applicants online have to pay, the oldest first.",
    *_STAFF,
    changes=False,
)
def list_payments(desk: Desk, given: ListPayments) -> PaymentLines:
    """List payments of this economy; names are not in it."""
    state = (OnlinePayment.state == given.state,) if given.state else ()
    query = (
        select(OnlinePayment, OnlineApplication.application_id)
        .outerjoin(OnlineApplication, OnlineApplication.id == OnlinePayment.online_id)
        .where(OnlinePayment.economy == desk.economy, *state)
        .where(OnlinePayment.id > (given.after or 0))
        .order_by(OnlinePayment.id)
        .limit(given.limit + 1)
    )
    rows = desk.read(lambda session: session.execute(query).all())
    lines = [_line(row, application, desk.now) for row, application in rows]
    shown = lines[: given.limit]
    return PaymentLines(
        payments=tuple(shown),
        after=shown[-1].payment if len(lines) > given.limit else None,
    )


@operation("payment.confirm", "Record that a payment was received.", *_STAFF)
def confirm(desk: Desk, given: ConfirmPayment) -> PaymentLine:
    """Confirm that the money is there.

    Raises:
        NotFound: There is no such payment here.
        Conflict: ``payment.state``: it was received or given back already.
    """
    return _settle(desk, given, "receive", "payment:received", receipt=given.receipt)


@operation("payment.refund", "Record that a payment was given back.", *_STAFF)
def refund(desk: Desk, given: OnePayment) -> PaymentLine:
    """Record that the money went back.

    Raises:
        NotFound: There is no such payment here.
        Conflict: ``payment.state``: nothing was received.
    """
    return _settle(desk, given, "refund", "payment:refunded")


@operation("payment.cancel", "Record that nothing is due any more.", *_STAFF)
def cancel(desk: Desk, given: OnePayment) -> PaymentLine:
    """Record that nothing is due any more, such as for a fee that is waived.

    Raises:
        NotFound: There is no such payment here.
        Conflict: ``payment.state``: it was received already.
    """
    return _settle(desk, given, "cancel", "payment:cancelled")


def _settle(
    desk: Desk,
    given: ConfirmPayment | OnePayment,
    event: str,
    tag: str,
    *,
    receipt: str = "",
) -> PaymentLine:
    def work(session: Session) -> PaymentLine:
        row = desk.find(session, OnlinePayment, given.payment)
        session.refresh(row, with_for_update=True)
        before = row.state
        _move(row, event, desk.now)
        row.receipt = receipt or row.receipt
        row.settled_by, row.settled_at = desk.actor.account_id, desk.now
        online = (
            session.get(OnlineApplication, row.online_id) if row.online_id else None
        )
        fields: dict[str, Any] = {"before": before, "after": row.state}
        desk.log(session, tag, f"payment:{row.id}", payment=row.id, **fields)
        return _line(row, online.application_id if online else None, desk.now)

    return once(desk, given, PaymentLine, work)


def _move(row: OnlinePayment, event: str, now: datetime) -> None:
    after = _NEXT.get((row.state, event))
    if after is None:
        raise Conflict("payment.state", f"the payment is {row.state}")
    row.state, row.changed_at = after, now


def _line(row: OnlinePayment, application: int | None, now: datetime) -> PaymentLine:
    return PaymentLine(
        payment=row.id,
        reference=row.reference,
        kind=row.kind,
        amount=row.amount,
        currency=row.currency,
        state=row.state,
        told=row.told,
        receipt=row.receipt,
        application=application,
        age_days=(now - row.changed_at).days,
    )
