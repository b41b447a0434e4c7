"""What holders ask staff for on the pages for applicants: a queue, and what came of it.

A request moves no card.  The only thing that a holder does alone is to suspend what
they have lost, as on their phone; everything else staff do, by the operations that they
always use, and then say here what was done.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import Field
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.card_states import suspend_for_holder
from issuer.endings import live_credentials
from issuer.errors import Conflict
from issuer.mail import queue_mail
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.store import (
    Applicant,
    Card,
    HolderRequest,
    RequestKind,
    RequestState,
    Role,
)

_STAFF: Final = (Role.ISSUING, Role.INTAKE)
_LIVING: Final = (lifecycle.Card.ACTIVE, lifecycle.Card.SUSPENDED)
_RENEWABLE: Final = (*_LIVING, lifecycle.Card.EXPIRED)
_FORMS: Final[Mapping[RequestKind, frozenset[str]]] = {
    RequestKind.LOST_PHONE: frozenset({"app"}),
    RequestKind.LOST_PLASTIC: frozenset({"physical"}),
    RequestKind.LOST_CARD: frozenset({"app", "physical"}),
}
"""What a report of a loss suspends at once."""


def make_request(
    session: Session,
    desk: Desk,
    *,
    card: Card,
    applicant: int,
    kind: RequestKind,
    given: Mapping[str, str],
) -> HolderRequest:
    """Put what a holder asks for into the queue; a loss suspends what was lost.

    Args:
        session: Of a transaction that writes; the desk's economy's log is held.
        desk: The installation's own.
        card: The applicant's: whoever calls this has seen to it.
        applicant: Who asks.
        kind: What for.
        given: What they entered, for staff.

    Raises:
        Conflict: ``card.not_living``: there is nothing to be asked of this card;
            ``request.waiting``: the same was asked already.
    """
    allowed = _RENEWABLE if kind == RequestKind.RENEWAL else _LIVING
    if card.state not in allowed:
        raise Conflict("card.not_living", f"the card is {card.state}")
    if _waits(session, card, kind):
        raise Conflict("request.waiting", "this was asked already, and is looked at")
    row = HolderRequest(
        economy=desk.economy,
        card_id=card.id,
        applicant_id=applicant,
        kind=kind,
        state=RequestState.WAITING,
        given=json.dumps(dict(given), sort_keys=True),
        suspended=_suspend(session, desk, card, kind),
        made_at=desk.now,
    )
    session.add(row)
    session.flush()
    desk.log(
        session,
        "request:made",
        f"request:{row.id}",
        card=card.id,
        kind=kind,
        suspended=row.suspended,
    )
    _write(session, row, desk.now, "request_received")
    if row.suspended:
        _write(session, row, desk.now, "card_suspended")
    return row


def _waits(session: Session, card: Card, kind: RequestKind) -> bool:
    found = exists().where(
        HolderRequest.card_id == card.id,
        HolderRequest.kind == kind,
        HolderRequest.state == RequestState.WAITING,
    )
    return bool(session.scalar(select(found)))


def _suspend(session: Session, desk: Desk, card: Card, kind: RequestKind) -> int:
    lost = [
        each
        for each in live_credentials(session, card.id)
        if each.form in _FORMS.get(kind, frozenset())
        and each.state == lifecycle.Credential.VALID
    ]
    for credential in lost:
        suspend_for_holder(session, desk, credential, desk.reason)
    return len(lost)


def _write(session: Session, row: HolderRequest, now: datetime, kind: str) -> None:
    applicant = session.get_one(Applicant, row.applicant_id)
    key = f"{kind}:{row.id}"
    queue_mail(session, row.economy, applicant.email, kind, {}, now, once_key=key)


def take_back(session: Session, desk: Desk, row: HolderRequest) -> None:
    """Take a request back, for the holder who made it; what was suspended stays so.

    Raises:
        Conflict: ``request.settled``: it has been dealt with.
    """
    _check_waits(row)
    _settle(row, RequestState.TAKEN_BACK, desk.now)
    desk.log(
        session,
        "request:taken_back",
        f"request:{row.id}",
        card=row.card_id,
        kind=row.kind,
    )


def _check_waits(row: HolderRequest) -> None:
    if row.state != RequestState.WAITING:
        raise Conflict("request.settled", f"it is {row.state} already")


def _settle(row: HolderRequest, state: RequestState, now: datetime) -> None:
    row.state, row.settled_at, row.given = state, now, "{}"


# What staff see


class ListRequests(Request):
    """Which requests."""

    state: RequestState = Field(RequestState.WAITING, description="Those in it.")
    after: int | None = Field(None, description="Go on behind this one.")
    limit: int = Field(50, ge=1, le=200, description="How many at most, up to 200.")


class RequestLine(Answer):
    """What a holder has asked for."""

    request: int
    card: int
    kind: RequestKind
    state: RequestState
    suspended: int
    """Credentials that the report has suspended at once."""
    made_at: datetime
    settled_at: datetime | None


class RequestLines(Answer):
    """A page of requests, the oldest first."""

    requests: tuple[RequestLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


class OneRequest(Request):
    """Which request."""

    request: int = Field(description="Its number.")


class RequestView(RequestLine):
    """A request with what the holder entered."""

    given: dict[str, Any]
    answer: str


class SettleRequest(OneRequest):
    """What came of it."""

    outcome: RequestState = Field(description="done or declined.")
    answer: str = Field(
        max_length=500, description="What the holder reads; no reasons of others."
    )


@operation(
    "request.list",
    "List what holders have asked for on their pages.",
    *_STAFF,
    changes=False,
)
def list_requests(desk: Desk, given: ListRequests) -> RequestLines:
    """List requests of this economy's holders."""

    def work(session: Session) -> RequestLines:
        query = (
            select(HolderRequest)
            .where(
                HolderRequest.economy == desk.economy,
                HolderRequest.state == given.state,
            )
            .order_by(HolderRequest.id)
            .limit(given.limit + 1)
        )
        if given.after is not None:
            query = query.where(HolderRequest.id > given.after)
        rows = session.scalars(query).all()
        shown = rows[: given.limit]
        return RequestLines(
            requests=tuple(RequestLine(**_fields(row)) for row in shown),
            after=shown[-1].id if len(rows) > given.limit else None,
        )

    return desk.read(work)


@operation(
    "request.show",
    "Show what a holder has asked for; the reading is logged.",
    *_STAFF,
    changes=False,
)
def show_request(desk: Desk, given: OneRequest) -> RequestView:
    """Show a request with what was entered.

    Raises:
        NotFound: There is no such request.
    """

    def work(session: Session) -> RequestView:
        row = desk.find(session, HolderRequest, given.request)
        subject = f"request:{row.id}"
        desk.log(session, "request:read", subject, card=row.card_id, kind=row.kind)
        return _view(row)

    return desk.look(work)


@operation("request.settle", "Say what came of a holder's request.", *_STAFF)
def settle_request(desk: Desk, given: SettleRequest) -> RequestView:
    """Settle a request, and tell the holder; the card itself is not touched.

    Raises:
        NotFound: There is no such request.
        Conflict: ``request.settled``: it was settled or taken back;
            ``request.outcome``: nobody but the holder takes it back.
    """
    if given.outcome not in (RequestState.DONE, RequestState.DECLINED):
        raise Conflict("request.outcome", "the outcome is done or declined")

    def work(session: Session) -> RequestView:
        row = desk.find(session, HolderRequest, given.request)
        _check_waits(row)
        _settle(row, given.outcome, desk.now)
        row.settled_by, row.answer = desk.actor.account_id, given.answer
        desk.log(
            session,
            "request:settled",
            f"request:{row.id}",
            card=row.card_id,
            kind=row.kind,
            after=row.state,
        )
        _write(session, row, desk.now, "request_settled")
        return _view(row)

    return once(desk, given, RequestView, work)


def _fields(row: HolderRequest) -> dict[str, Any]:
    return {
        "request": row.id,
        "card": row.card_id,
        "kind": row.kind,
        "state": row.state,
        "suspended": row.suspended,
        "made_at": row.made_at,
        "settled_at": row.settled_at,
    }


def _view(row: HolderRequest) -> RequestView:
    return RequestView(**_fields(row), given=json.loads(row.given), answer=row.answer)
